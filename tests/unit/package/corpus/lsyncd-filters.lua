sync {
    default.rsync,
    source = "/data",
    target = "172.16.1.41::backup",
    exclude = { "a b", "[ab]?.txt", "**/node_modules/**", 'quo"te\\s', "Größe\t" },
    filter = { "- *.iso", "- /tmp/" },
}
