"""Real systemd hosts on one machine, for testing what configures hosts.

Every host is a Debian root folder (one cached base image per release, shared
through overlayfs) booted by systemd-nspawn in a private mount namespace, with
its own network namespace, address and cgroup.  Nothing is mounted outside the
private mount namespaces; what is left of a host after `down` is nothing.

  lab up [HOST...]          build the base image if missing, boot the hosts
  lab down [HOST...]        kill the hosts (only their own cgroups), remove them
  lab exec HOST CMD...      run CMD as a transient service on HOST (one word: sh -c)
  lab shell HOST            ssh to HOST
  lab run CMD...            run CMD on this machine, in the lab's network (172.16.1.1)
  lab inventory             print the path of the Ansible inventory (ini)
  lab cut|heal HOST         pull or plug HOST's cable; heal ends every fault
  lab loss HOST PERCENT     drop packets at random, both ways
  lab rate HOST RATE        limit HOST's link, both ways (tc's notation: 1mbit)
  lab delay HOST MS         delay HOST's packets, both ways
  lab reboot HOST           orderly reboot, waits until HOST is up again
  lab off|on HOST           pull the power plug; boot again from the same disk
  lab status                what runs, and where
  lab image [RELEASE]       only build the base image
  lab clean                 down, and remove the images and caches too, for all labs

`lab` stands for `python3 tests/lab/lab.py`, run as root.

Environment: LAB_NAME (default lab: several labs can run at once, each with its
own name), LAB_DIR (state; default /var/tmp/lockstep-lab/LAB_NAME), LAB_CACHE
(images and .debs, shared by all labs; default /var/cache/lockstep-lab),
LAB_RELEASE (bookworm, trixie; default bookworm), LAB_HOSTS (default
"nfs01=172.16.1.31:nfs backup01=172.16.1.41:backup", NAME=ADDRESS[:GROUP[:RELEASE]]),
LAB_USER (the inventory's ansible_user: root, or ops, who has sudo; default root),
LAB_DISKS (folders on a real file system, not on overlayfs; default "/srv"),
LAB_MIRROR (default: the Debian mirror that this machine's apt uses),
LAB_OFFLINE=1 (the apt proxy answers from its cache only).
"""

import os
import shutil
import sys

import faults
import hosts
from image import image
from proxy import proxy
from relay import relay
from settings import CACHE, CTL, DIR, HOSTS, RELEASE, USER


def named(args):
    """The hosts that the words name, all of them known."""
    for name in args:
        if name not in HOSTS:
            sys.exit(f"lab: {name} is no host of this lab: {' '.join(HOSTS)}")
    return [HOSTS[name] for name in args]


def enter(*cmd):
    os.execvp("nsenter", ["nsenter", f"--net=/run/netns/{CTL}", *cmd])


def shell(host, *words):
    known = f"UserKnownHostsFile={DIR}/ssh/known_hosts"
    enter("ssh", "-i", str(DIR / "ssh/id_ed25519"), "-o", known, f"{USER}@{host.address}", *words)


def clean():
    hosts.down(list(HOSTS.values()))
    shutil.rmtree(DIR)
    if CACHE.exists():
        shutil.rmtree(CACHE)


WHOLE = {  # of the lab, or of any number of hosts
    "up": lambda *names: hosts.up(named(names) or list(HOSTS.values())),
    "down": lambda *names: hosts.down(named(names) or list(HOSTS.values())),
    "run": enter,
    "inventory": lambda: print(hosts.inventory()),
    "status": hosts.status,
    "image": lambda release=RELEASE: print(image(release)),
    "clean": clean,
    "_proxy": proxy,
    "_relay": relay,
}
ONE = {  # host, and what goes with it
    "exec": lambda host, *cmd: hosts.execute(host, list(cmd[1:] if cmd[:1] == ("--",) else cmd)),
    "shell": shell,
    "reboot": hosts.reboot,
    "off": hosts.off,
    "on": hosts.on,
    "cut": faults.cut,
    "heal": faults.heal,
    "loss": faults.loss,
    "rate": faults.rate,
    "delay": faults.delay,
}


def main(argv):
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(__doc__)
        return
    cmd, *args = argv
    if cmd not in WHOLE and cmd not in ONE:
        sys.exit(f"lab: no command {cmd}; see lab --help")
    if os.geteuid():
        sys.exit("lab: needs root")
    if cmd in WHOLE:
        WHOLE[cmd](*args)
    elif not args:
        sys.exit(f"lab: {cmd} needs a host: {' '.join(HOSTS)}")
    else:
        ONE[cmd](*named(args[:1]), *args[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
