----
-- User configuration file for lsyncd.
--
-- Simple example for default rsync.
--
settings {
	logfile    = "/var/log/lsyncd/lsyncd.log",
	statusFile = "/var/log/lsyncd/lsyncd.status",
	statusInterval = 20,
	nodaemon   = false
}

sync {
	default.rsync,
	source = "/tmp/src",
	target = "/tmp/dst",
}
