sync {
    default.rsync,
    source = "/data",
    target = "172.16.1.41::backup",
    rsync = {
        owner = false, group = false, perms = true, times = true,
        bwlimit = 1500, chmod = "Dg+s,ug+w,Fo-w", chown = "www-data:www-data", temp_dir = "/tmp",
        update = true, inplace = true, backup = true, backup_dir = "/old", sparse = true, one_file_system = true,
        protect_args = true, copy_links = true, numeric_ids = true, cvs_exclude = false,
    },
}
