settings {
    logfile = "/var/log/lsyncd.log",
    pidfile = "/var/run/lsyncd.pid",
    statusFile = "/tmp/lsyncd.stat",
    inotifyMode = "CloseWrite or Modify",
    maxProcesses = 8,
    insist = true,
}
sync {
    default.rsync,
    source = "/data",
    target = "rsync_backup@172.16.1.41::backup",
    delete = true,
    delay = 5,
    maxDelays = 500,
    exclude = { ".*", ".svn", ".git/***", "*.tmp", "/cache/" },
    rsync = {
        binary = "/usr/bin/rsync",
        archive = true,
        compress = true,
        verbose = true,
        password_file = "/etc/rsync.password",
        _extra = { "--bwlimit=2000" },
    },
}
