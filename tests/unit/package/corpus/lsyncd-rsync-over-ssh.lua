sync {
    default.rsync,
    source = "/data",
    target = "root@172.16.1.41:/srv/backup/data/",
    rsync = { archive = true, rsh = "/usr/bin/ssh -p 22 -o StrictHostKeyChecking=no" }
}
