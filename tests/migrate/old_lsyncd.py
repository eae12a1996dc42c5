"""lsyncd and an rsync daemon as people have them, on the lab's hosts."""

from __future__ import annotations

import json

from machines import Machines
from playing import Player
from polling import wait_for
from trees import differences

HOSTS = {"nfs01": "172.16.1.31:nfs:bookworm", "backup01": "172.16.1.41:backup:bookworm"}
PASSWORD = "as-in-the-guides-0815"
LSYNCD = """\
settings { logfile = "/var/log/lsyncd.log", statusFile = "/run/lsyncd.stat" }
sync {
    default.rsync,
    source = "/srv/data",
    target = "rsync_backup@172.16.1.41::backup",
    delay = 1,
    exclude = { "*.swp" },
    rsync = { archive = true, password_file = "/etc/rsync.password", one_file_system = true },
}
"""
RSYNCD = """\
uid = root
gid = root
use chroot = no
[backup]
path = /srv/copies
read only = no
auth users = rsync_backup
secrets file = /etc/rsync.password
"""
INSTALL = "export DEBIAN_FRONTEND=noninteractive; apt-get -qq -o DPkg::Lock::Timeout=60 update && apt-get -qq \
-o DPkg::Lock::Timeout=60 -o Dpkg::Options::=--force-confold install --yes --no-install-recommends"
CONFXML = """\
<head version="2.5"><sersync>
<localpath watch="/srv/data"><remote ip="172.16.1.41" name="backup"/></localpath>
<rsync><commonParams params="-artuz"/>
<auth start="true" users="rsync_backup" passwordfile="/etc/rsync.password"/></rsync>
</sersync></head>
"""
# systemd.journal-fields(7), `journalctl --catalog`
STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
STARTED = "39f53479d3a045ac8e11786248231fbf"
STOPPED = "9d1aaa27d60140bd96365438aad20286"
LIMIT = "echo 500000 > /proc/sys/fs/inotify/max_user_watches"


class Old:
    def __init__(self, machines: Machines, player: Player) -> None:
        self.machines = machines
        self.player = player
        self.source = machines.disk("nfs01", "/srv/data")
        self.copy = machines.disk("backup01", "/srv/copies")

    def install(self) -> None:
        self.machines.run(
            "backup01",
            f"set -e; mkdir -p /srv/copies; {INSTALL} rsync >/dev/null\ncat > /etc/rsyncd.conf <<'END'\n{RSYNCD}END\n"
            f"echo rsync_backup:{PASSWORD} > /etc/rsync.password; chmod 600 /etc/rsync.password\n"
            "systemctl enable --now rsync",
        )
        self.machines.run(
            "nfs01",
            f"set -e; mkdir -p /srv/data/d /etc/lsyncd; echo old > /srv/data/d/old\n"
            f"echo {PASSWORD} > /etc/rsync.password; chmod 600 /etc/rsync.password\n"
            f"cat > /etc/lsyncd/lsyncd.conf.lua <<'END'\n{LSYNCD}END\n"
            f"printf '#!/bin/sh\\n%s\\n' '{LIMIT}' > /etc/rc.local; chmod 755 /etc/rc.local\n"
            f"{INSTALL} lsyncd rsync >/dev/null\nsystemctl enable lsyncd; systemctl restart lsyncd",
        )
        self.become_equal()

    def unequal(self) -> list[str]:
        try:
            return differences(self.source, self.copy)
        except (FileNotFoundError, NotADirectoryError) as error:
            return [f"{error} while being compared"]  # it moved under our eyes

    def become_equal(self, seconds: float = 60) -> None:
        wait_for(lambda: not self.unequal(), seconds, lambda: "equal trees, but\n" + "\n".join(self.unequal()[:20]))

    def service(self, name: str) -> tuple[str, str]:
        """Is it active, and enabled?"""
        words = self.machines.run("nfs01", f"systemctl is-active {name}; systemctl is-enabled {name}", check=False)
        active, enabled = [line for line in words.splitlines() if line][:2]
        return active, enabled

    def moment(self, service: str, message: str) -> int:
        """When the journal has this message of a service last, in microseconds: systemd itself forgets a unit that is
        stopped and disabled."""
        asked = f"journalctl --output json UNIT={service}.service MESSAGE_ID={message}"
        entries = self.machines.run("nfs01", asked).splitlines()
        assert entries, f"the journal has no message {message} of {service}"
        return int(json.loads(entries[-1])["__MONOTONIC_TIMESTAMP"])
