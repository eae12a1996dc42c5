"""nfs-ganesha on a host, which the role nfs_export installs (the kernel's own server needs the kernel)."""

from __future__ import annotations

from machines import Machines

# Graceless: for 90 seconds after its start it would wait for clients that reclaim what they had open before.
CONFIG = """\
NFS_CORE_PARAM { Protocols = 3, 4; }
NFSv4 { Graceless = true; }
"""
CONFIGURE = f"mkdir -p /etc/ganesha\ncat > /etc/ganesha/ganesha.conf <<'END'\n{CONFIG}END\n"
ANSWERS = "ss -ltn | grep -q ':2049 ' && grep -q 'NFS SERVER INITIALIZED' /var/log/ganesha/ganesha.log"
RESTART = "systemctl stop nfs-ganesha; : > /var/log/ganesha/ganesha.log; systemctl start nfs-ganesha"


def configure(machines: Machines, host: str) -> None:
    """What is its owner's, and there before the role is; the role only adds to it."""
    machines.run(host, CONFIGURE)


def exports(name: str, path: str, host: str = "172.16.1.0/24", **more: object) -> dict[str, object]:
    """An entry of nfs_exports for one client, whose root is root there too."""
    return {"name": name, "path": path, "clients": [{"host": host, "squash": "none", **more}]}


def restart(machines: Machines, host: str) -> None:
    """Start it anew: what it had open is closed, and clients of version 3 go on as if nothing had been."""
    machines.run(host, f"{RESTART}; for _ in $(seq 600); do {ANSWERS} && exit 0; sleep 0.1; done; exit 1")
