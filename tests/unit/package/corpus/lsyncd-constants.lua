#!/usr/bin/lsyncd
--[[ All that this host mirrors.
     sync { default.rsync, source = "/not", target = "read::this" } ]]
local host = "172.16.1." .. 41
base = [[/srv/]] .. 'data' -- not /srv alone
excludes = {
    "*.bak";
    [2] = "*.old",
}
sync { default.rsync, source = base, target = host .. "::" .. "backup", exclude = excludes }
