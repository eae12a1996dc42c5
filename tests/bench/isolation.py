"""A place of the run's own: namespaces in which nothing survives it and only it is on the wire, and a folder in memory.

In a PID namespace every process ends with the first one, however that ends; in a network namespace the loopback's
counters are this run's alone; in a mount namespace a file system in memory goes when the run goes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Optional

INSIDE = "BENCH_FOLDER"  # set for the process inside: the folder that the one outside made
INODES = 4_000_000  # with a limit the file system counts them
_IFF_UP, _SIOCSIFFLAGS = 1, 0x8914
_UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def inside() -> Optional[Path]:
    """The folder, when this process was started by `enter`."""
    folder = os.environ.get(INSIDE)
    return Path(folder) if folder else None


def enter(argv: list[str], folder: Optional[Path]) -> Optional[int]:
    """Run this program again, in namespaces; its exit status, or None where the kernel allows no namespaces.

    `folder`: where its own folder is made, if not in the system's place for temporary files.
    """
    command = next((one for one in (_UNSHARE, [*_UNSHARE, "--user", "--map-root-user"]) if _works(one)), None)
    if command is None:
        return None
    own = tempfile.mkdtemp(prefix="bench-", dir=folder)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    # A session of its own: Ctrl-C is for this process, which has the kernel end everything inside at once.
    child = subprocess.Popen([*command, sys.executable, *argv], env={**os.environ, INSIDE: own}, start_new_session=True)
    try:
        return child.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        child.kill()
        child.wait()
        _remove(Path(own))


def _remove(folder: Path) -> None:
    """The last of those inside may still be ending."""
    for _turn in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def may_change_user() -> bool:
    """Whether this is a root who can become others: the one of a user namespace made by a user cannot."""
    return os.geteuid() == 0 and Path("/proc/self/setgroups").read_text().strip() == "allow"


def loopback_up() -> None:
    """A new network namespace has its loopback down.  netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        fcntl.ioctl(channel, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def mount_memory(folder: Path, size: int) -> bool:
    """A file system in memory over this folder, if that much memory is free: `size` in bytes."""
    if memory_free() < size * 1.2:
        return False
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={INODES},mode=0755", "bench", str(folder)],
        check=False,
        capture_output=True,
    )
    return mounted.returncode == 0


def roomy(size: int) -> Optional[Path]:
    """The system's own folder in memory, where there is one with so many bytes free."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() and shutil.disk_usage(shared).free > size else None


def memory_free() -> int:
    """Bytes that programs can still get.  proc_meminfo(5)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def wire_bytes() -> Optional[int]:
    """What has gone over this namespace's loopback, headers and both directions; None where it is not ours alone."""
    if inside() is None:
        return None
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _colon, counts = line.partition(":")
        if name.strip() == "lo":
            return int(counts.split()[0])
    return None
