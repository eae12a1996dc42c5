"""One base image per Debian release, built once and shared by all hosts of all labs."""

import fcntl
import hashlib
import shutil
import time

from settings import CACHE, mirror
from system import need, out, say, sh

VERSION = "1"
PACKAGES = [
    "systemd",
    "systemd-sysv",
    "libpam-systemd",
    "libnss-systemd",
    "dbus",
    "udev",
    "openssh-server",
    "sudo",
    "python3",
    "python3-apt",
    "iproute2",
    "iputils-ping",
    "procps",
    "ca-certificates",
    "less",
    "logrotate",
    "cron",
    "netbase",
]  # what a small Debian server has

SETUP = r"""
set -e
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/var/lib/dbus/machine-id
: > "$1"/etc/machine-id; : > "$1"/etc/resolv.conf
mkdir -p "$1"/var/log/journal
# Ansible takes this folder's date for that of the last `apt update`, and it is empty
touch -d 2000-01-01 "$1"/var/lib/apt/lists
chroot "$1" useradd -m -s /bin/bash ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' > "$1"/etc/sudoers.d/ops
# nothing upgrades itself in the middle of a test
chroot "$1" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer
# no login on a console that is not there
chroot "$1" systemctl -q mask console-getty.service
# nspawn mounts /proc/sys read-only; let the host set the inotify limits (which are the kernel's, not the host's own)
cat > "$1"/etc/systemd/system/lab-inotify.service <<'E'
[Unit]
Description=Make /proc/sys/fs/inotify writable
DefaultDependencies=no
Before=systemd-sysctl.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mount --bind /proc/sys/fs/inotify /proc/sys/fs/inotify
ExecStart=mount -o remount,bind,rw /proc/sys/fs/inotify
[Install]
WantedBy=sysinit.target
E
chroot "$1" systemctl -q enable lab-inotify.service
"""


def recipe(release):
    text = " ".join([VERSION, release, mirror(), *PACKAGES, SETUP])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def image(release):
    """The release's base image, built if missing; another lab may want it at the same time."""
    base = CACHE / "images" / f"{release}-{recipe(release)}"
    if base.is_dir():
        return base
    need()
    base.parent.mkdir(parents=True, exist_ok=True)
    with open(base.parent / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        return base if base.is_dir() else build(release, base)


def build(release, base):
    for unfinished in base.parent.glob(f"{release}-*.new"):
        shutil.rmtree(unfinished)
    new, began = base.with_suffix(".new"), time.time()
    say(f"building the {release} image (once)")
    sources = "".join(
        f"deb http://{mirror()}/{path} {suite} main\n"
        for path, suite in (
            ("debian", release),
            ("debian", f"{release}-updates"),
            ("debian-security", f"{release}-security"),
        )
    )
    with open(base.with_suffix(".log"), "w") as log:
        sh(
            "mmdebstrap",
            "--mode=root",
            "--variant=apt",
            "--include=" + ",".join(PACKAGES),
            '--aptopt=APT::Install-Recommends "false"',
            release,
            new,
            "-",
            input=sources,
            text=True,
            stdout=log,
            stderr=log,
        )
        sh("sh", "-c", SETUP, "sh", new, stdout=log, stderr=log)
    new.rename(base)
    say(f"{release} image: {time.time() - began:.0f} s, {out('du', '-sh', base).split()[0]}")
    return base
