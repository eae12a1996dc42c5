sync {
    default.direct,
    source = "/data/work",
    target = "/backup/work",
    delay = 1,
    maxProcesses = 4,
}
