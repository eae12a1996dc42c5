"""Commands, processes and cgroups of this machine, with no word of the lab's hosts."""

import shlex
import subprocess
import sys
from pathlib import Path

NEEDS = ("iproute2", "mmdebstrap", "nftables", "openssh-client", "systemd-container", "util-linux")


def sh(*args, check=True, quiet=False, **kw):
    if quiet:
        kw.update(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return subprocess.run([str(a) for a in args], check=check, **kw)


def out(*args):
    return subprocess.run(
        [str(a) for a in args], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout.strip()


def say(*words):
    print("lab:", *words, file=sys.stderr, flush=True)


def started(pid):
    """When a process began, in clock ticks: tells it from a later one with the same number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def alive(file):
    try:
        pid, start = file.read_text().split()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return int(pid) if state[19] == start and state[0] not in "ZX" else None


def child(parent):
    for stat in Path("/proc").glob("[0-9]*/stat") if parent else ():
        try:
            state, ppid = stat.read_text().rpartition(")")[2].split()[:2]
            if int(ppid) == parent and state not in "ZX":
                return int(stat.parent.name)
        except (OSError, ValueError):
            pass
    return None


def need():
    """Install what the lab calls, where it is missing."""
    sh(Path(__file__).parents[1] / "install-needs", *NEEDS)


def cgroups(script):
    """Run a shell script that sees the cgroup v2 tree at /sys/fs/cgroup, whatever is mounted there outside."""
    return out(
        "unshare",
        "-m",
        "--propagation",
        "private",
        "sh",
        "-c",
        "mount -t cgroup2 cgroup2 /sys/fs/cgroup && cd /sys/fs/cgroup || exit 1\n" + script,
    )


def kill_cgroup(*groups):
    """Kill all that runs in these cgroups of ours, wait, remove them."""
    cgroups(
        "\n".join(
            f"""
g={shlex.quote(g)}
if [ -d "$g" ]; then
  echo 1 > "$g/cgroup.kill"; n=0
  while grep -q 'populated 1' "$g/cgroup.events" && [ $n -lt 200 ]; do sleep 0.02; n=$((n+1)); done
  find "$g" -depth -type d -exec rmdir {{}} +
fi"""
            for g in groups
        )
    )


def spawn(cgroup, log, *cmd):
    """Start cmd in a cgroup of ours and in a private mount namespace, on its own."""
    script = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir -p "/sys/fs/cgroup/$0" &&
echo $$ > "/sys/fs/cgroup/$0/cgroup.procs" && umount /sys/fs/cgroup && exec "$@"
"""
    with open(log, "ab") as f:
        p = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", script, cgroup, *map(str, cmd)],
            stdin=subprocess.DEVNULL,
            stdout=f,
            stderr=f,
            start_new_session=True,
        )
    return p.pid
