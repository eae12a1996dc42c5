settings = {
    logfile = "/var/log/lsyncd.log",
    statusIntervall = 20,
    onepass = true;
}
sync{default.rsync, source="/home/", target="backup1::home/all/"}
