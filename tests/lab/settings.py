"""What the environment says: folders, names, and the hosts with their addresses."""

import functools
import ipaddress
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

from system import alive, child

NAME = os.environ.get("LAB_NAME", "lab")
DIR = Path(os.environ.get("LAB_DIR", f"/var/tmp/lockstep-lab/{NAME}"))
CACHE = Path(os.environ.get("LAB_CACHE", "/var/cache/lockstep-lab"))
RELEASE = os.environ.get("LAB_RELEASE", "bookworm")
USER = os.environ.get("LAB_USER", "root")
DISKS = os.environ.get("LAB_DISKS", "/srv").split()
PORT = 3142  # of the apt proxy, on the lab's own address
CTL = f"{NAME}-ctl"
INOTIFY = Path("/proc/sys/fs/inotify")
LAB = Path(__file__).with_name("lab.py")


@functools.cache
def mirror():
    """The Debian mirror: the one given, or that which this machine itself uses."""
    if given := os.environ.get("LAB_MIRROR"):
        return given
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        check=False,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout.split()
    hosts = [urllib.parse.urlsplit(uri).hostname for uri in found if uri.rstrip("/").endswith("/debian")]
    return next(filter(None, hosts), None) or sys.exit("lab: apt names no Debian mirror; set LAB_MIRROR")


class Host:
    def __init__(self, spec):
        self.name, _, rest = spec.partition("=")
        address, group, release = [*rest.split(":"), "", ""][:3]
        self.address = ipaddress.ip_address(address)
        self.group, self.release = group or "hosts", release or RELEASE
        self.dir = DIR / "hosts" / self.name
        self.netns = f"{NAME}-{self.name}"
        self.veth = f"v-{self.name}"[:15]
        self.cgroup = f"{NAME}/{self.name}"

    def pid(self):
        """The shell that keeps the host, if it is ours and alive."""
        return alive(self.dir / "pid")

    def leader(self):
        """The host's PID 1, as this machine numbers it: the shell's child is nspawn, whose child it is."""
        return child(child(self.pid()))


HOSTS = {
    h.name: h
    for h in map(Host, os.environ.get("LAB_HOSTS", "nfs01=172.16.1.31:nfs backup01=172.16.1.41:backup").split())
}
GATE = next(iter(ipaddress.ip_network(f"{next(iter(HOSTS.values())).address}/24", strict=False).hosts()))
