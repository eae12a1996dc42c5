local source = "/data"
sync { default.rsync, source = source, target = "172.16.1.41::backup", exclude = "*.swp" }
sync { default.rsync, source = source, target = "172.16.1.42::backup", exclude = "*.swp" }
sync { default.rsync, source = "/etc", target = "172.16.1.42::backup-etc" }
