"""One host: its own part of the file system, its start, and waiting until it is up."""

import os
import sys
import time

from network import inside
from settings import CTL, DIR, DISKS, GATE, HOSTS, NAME, PORT
from system import out, sh, spawn, started

BOOT = r"""
set -e
dir=$1 base=$2 name=$3 netns=$4; shift 4
rm -rf "$dir/work"; mkdir -p "$dir/up" "$dir/work" "$dir/root"
mount -t overlay lab -o "lowerdir=$base,upperdir=$dir/up,workdir=$dir/work,volatile" "$dir/root"
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd; mount -t tmpfs tmpfs /run/systemd
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
set +e
# 133 is nspawn's word for a reboot
while systemd-nspawn --quiet --boot --register=no --keep-unit --directory="$dir/root" \
  --machine="$name" --hostname="$name" --network-namespace-path="/run/netns/$netns" \
  --resolv-conf=off --timezone=off --link-journal=no --console=read-only \
  --capability=CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON --system-call-filter=bpf \
  --system-call-filter=name_to_handle_at --system-call-filter=open_by_handle_at "$@"; [ $? = 133 ]; do :; done
"""


def write(root, path, text, mode=0o644):
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def keys():
    ssh = DIR / "ssh"
    if not (ssh / "id_ed25519").exists():
        ssh.mkdir(mode=0o700, parents=True, exist_ok=True)
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", NAME, "-f", ssh / "id_ed25519")
    for host in HOSTS.values():
        if not (ssh / f"host_{host.name}").exists():
            sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", ssh / f"host_{host.name}")
    known = "".join(f"{h.address},{h.name} {(ssh / f'host_{h.name}.pub').read_text()}" for h in HOSTS.values())
    (ssh / "known_hosts").write_text(known)
    return ssh


def boot(host, base):
    """Lay out the host's own part of the file system, and start it."""
    up, ssh = host.dir / "up", keys()
    if not up.exists():
        write(up, "/etc/hostname", host.name + "\n")
        write(
            up,
            "/etc/hosts",
            "127.0.0.1 localhost\n::1 localhost\n" + "".join(f"{h.address} {h.name}\n" for h in HOSTS.values()),
        )
        write(up, "/etc/apt/apt.conf.d/01lab", f'Acquire::http::Proxy "http://{GATE}:{PORT}";\n')
        for name, mode in ((f"host_{host.name}", 0o600), (f"host_{host.name}.pub", 0o644)):
            key = (ssh / name).read_text()
            write(up, "/etc/ssh/ssh_host_ed25519_key" + ("" if mode == 0o600 else ".pub"), key, mode)
        for home in ("root", "home/ops"):
            st = (base / home).stat()
            file = write(up, f"/{home}/.ssh/authorized_keys", (ssh / "id_ed25519.pub").read_text(), 0o600)
            for part in (up / home, file.parent, file):
                os.chown(part, st.st_uid, st.st_gid)
            (up / home).chmod(st.st_mode & 0o777)
            file.parent.chmod(0o700)
    binds = []
    for disk in DISKS:
        real = host.dir / "disks" / disk.strip("/").replace("/", "-")
        real.mkdir(parents=True, exist_ok=True)
        binds.append(f"--bind={real}:{disk}")
    pid = spawn(
        host.cgroup, host.dir / "console.log", "sh", "-c", BOOT, "sh", host.dir, base, host.name, host.netns, *binds
    )
    (host.dir / "pid").write_text(f"{pid} {started(pid)}\n")


def banner(host):
    """Does sshd answer?"""
    code = f"import socket; s=socket.create_connection(('{host.address}',22),1); s.recv(4)"
    return inside(CTL, sys.executable, "-c", code, check=False, quiet=True).returncode == 0


def wait(host, since):
    while time.time() - since < 180:
        leader = host.leader()
        if not host.pid():
            break
        if leader:
            state = out("nsenter", "-t", leader, "-a", "systemctl", "is-system-running")
            if state in ("running", "degraded") and banner(host):
                return state
        time.sleep(0.05)
    sys.stderr.write((host.dir / "console.log").read_text(errors="replace")[-3000:])
    sys.exit(f"lab: {host.name} did not come up, see {host.dir}/console.log")
