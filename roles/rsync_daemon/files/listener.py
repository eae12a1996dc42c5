"""Whether an address and port are free for the daemon of a configuration, as JSON: {"problem": null or why not}.

Runs alone, before anything of the role is on the host. proc(5): /proc/net/tcp, /proc/PID/fd, /proc/PID/cmdline.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import socket
import sys
from typing import Optional


def problem(address: str, port: int, config: str) -> Optional[str]:
    """`address` "" is every address of the host; `config` is the configuration file of the daemon that may listen."""
    try:
        if not _in_use(address, port):
            return None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return f"{address} is no address of this host; correct rsync_daemon_address"
        return f"nobody can listen at port {port} of {address or 'this host'}: {error.strerror}"
    pids = _owners(port)
    strangers = [pid for pid in pids if not is_daemon_of(_argv(pid), config)]
    if pids and not strangers:
        return None
    who = " and ".join(f"{_name(pid)} (process {pid})" for pid in strangers) or "a process of another user"
    return f"port {port} is taken by {who}; stop that, or set rsync_daemon_port or rsync_daemon_address"


def is_daemon_of(argv: list[str], config: str) -> bool:
    """Whether a command line is that of an rsync daemon which reads `config`."""
    if not argv or os.path.basename(argv[0]) != "rsync" or "--daemon" not in argv:
        return False
    configs = [word.partition("=")[2] for word in argv if word.startswith("--config=")] or ["/etc/rsyncd.conf"]
    return configs[-1] == config


def _in_use(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # as the daemon does: connections that just ended do not count
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False


def _owners(port: int) -> list[int]:
    """Processes that listen at the port and can be seen."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as stream:
                rows = [line.split() for line in stream.readlines()[1:]]
        except OSError:
            continue
        # 0A is LISTEN
        inodes |= {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    pids = set()
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:[") and target[8:-1] in inodes:
            pids.add(int(link.split("/")[2]))
    return sorted(pids)


def _argv(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return [os.fsdecode(word) for word in stream.read().split(b"\0")[:-1]]
    except OSError:
        return []


def _name(pid: int) -> str:
    # not its command line, which may hold what is not ours to print
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="backslashreplace") as stream:
            return stream.read().strip()
    except OSError:
        return "a process that just ended"


if __name__ == "__main__":
    json.dump({"problem": problem(sys.argv[1], int(sys.argv[2]), sys.argv[3])}, sys.stdout)
