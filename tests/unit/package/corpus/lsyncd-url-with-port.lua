sync {
    default.rsync,
    source = "/data",
    target = "rsync://mirror@backup.example.org:8730/data/nfs01/",
    rsync = { archive = true, password_file = "/etc/lsyncd.password", timeout = 60, hard_links = true, xattrs = true, acls = true },
}
