settings { logfile = "/var/log/lsyncd.log", insist = true }
sync {
    default.rsyncssh,
    source = "/srv/www",
    host = "deploy@web2.example.org",
    targetdir = "/srv/www",
    delete = false,
    rsync = { archive = true, compress = false, whole_file = false },
    ssh = { port = 2222, identityFile = "/root/.ssh/id_ed25519" },
}
