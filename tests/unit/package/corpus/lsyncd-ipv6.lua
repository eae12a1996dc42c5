sync { default.rsync, source = "/data", target = "rsync://[fd00::41]/backup", crontab = "0 3 * * *" }
