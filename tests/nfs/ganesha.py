"""nfs-ganesha on a host, which exports a directory to versions 3 and 4 (the kernel's own server needs the kernel)."""

from __future__ import annotations

from machines import Machines

# Graceless: for 90 seconds after its start it would wait for clients that reclaim what they had open before.
CONFIG = """\
NFS_CORE_PARAM {{ Protocols = 3, 4; }}
NFSv4 {{ Graceless = true; }}
EXPORT {{
  Export_Id = 1; Path = {path}; Pseudo = {path}; Protocols = 3, 4; Transports = TCP; SecType = sys;
  Access_Type = RW; Squash = No_Root_Squash;
  FSAL {{ Name = VFS; }}
}}
"""
INSTALL = """\
set -e
mkdir -p /etc/ganesha {path}
cat > /etc/ganesha/ganesha.conf <<'END'
{config}END
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=60 update
apt-get -qq -o DPkg::Lock::Timeout=60 -o Dpkg::Options::=--force-confold install --yes --no-install-recommends \
  nfs-ganesha nfs-ganesha-vfs >/dev/null
"""
ANSWERS = "ss -ltn | grep -q ':2049 ' && grep -q 'NFS SERVER INITIALIZED' /var/log/ganesha/ganesha.log"
RESTART = "systemctl stop nfs-ganesha; : > /var/log/ganesha/ganesha.log; systemctl start nfs-ganesha"


def install(machines: Machines, host: str, path: str) -> None:
    machines.run(host, INSTALL.format(path=path, config=CONFIG.format(path=path)))
    restart(machines, host)


def restart(machines: Machines, host: str) -> None:
    """Start it anew: what it had open is closed, and clients of version 3 go on as if nothing had been."""
    machines.run(host, f"{RESTART}; for _ in $(seq 100); do {ANSWERS} && exit 0; sleep 0.1; done; exit 1")
