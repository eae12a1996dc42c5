sync {
    default.rsync,
    source = "/data",
    target = "172.16.1.41::backup",
    delete = 'startup',
    init = false,
}
