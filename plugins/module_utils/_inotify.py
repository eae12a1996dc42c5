# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's inotify limits, and who uses how much of them, read from /proc (inotify(7), proc_pid_fdinfo(5))."""

from __future__ import annotations

import os
import pwd
from typing import Any, Optional

LIMITS = ("max_user_watches", "max_queued_events", "max_user_instances")


class InotifyError(Exception):
    """The kernel does not tell what was asked for."""


def limits(proc: str = "/proc") -> dict[str, int]:
    """The three limits in force now. Raises InotifyError where the kernel has none."""
    found = {}
    for name in LIMITS:
        path = os.path.join(proc, "sys/fs/inotify", name)
        try:
            with open(path, encoding="ascii") as file:
                found[name] = int(file.read())
        except (OSError, ValueError) as error:
            raise InotifyError(f"{path}: {error}; a Linux kernel with inotify and a mounted /proc is needed") from error
    return found


def usage(proc: str = "/proc") -> dict[str, Any]:
    """Instances and watches in use, per user and per process; C(unreadable) counts the processes that we may not see.

    An instance that several processes inherited is counted for each of them: /proc does not tell them apart.
    """
    processes = []
    unreadable = 0
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        try:
            process = _process(proc, pid)
        except PermissionError:
            unreadable += 1
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        else:
            if process is not None:
                processes.append(process)
    users: dict[int, dict[str, Any]] = {}
    for process in processes:
        uid = process["uid"]
        total = users.setdefault(uid, {"uid": uid, "user": _user_name(uid), "watches": 0, "instances": 0})
        total["watches"] += process["watches"]
        total["instances"] += process["instances"]
    return {"users": [users[uid] for uid in sorted(users)], "processes": processes, "unreadable": unreadable}


def _process(proc: str, pid: int) -> Optional[dict[str, Any]]:
    """What one process holds, or None where it holds no instance."""
    folder = os.path.join(proc, str(pid))
    instances = watches = 0
    for descriptor in os.listdir(os.path.join(folder, "fd")):
        try:
            # "anon_inode:inotify"; before Linux 2.6.32 plain "inotify"
            if os.readlink(os.path.join(folder, "fd", descriptor)) not in ("anon_inode:inotify", "inotify"):
                continue
            watches += _watches(os.path.join(folder, "fdinfo", descriptor))
        except FileNotFoundError:
            continue  # closed while we looked
        instances += 1
    if not instances:
        return None
    # comm and not cmdline: a command line may hold what is nobody's business
    with open(os.path.join(folder, "comm"), encoding="utf-8", errors="backslashreplace") as file:
        command = file.read().rstrip("\n")
    return {
        "pid": pid,
        "command": command,
        "uid": os.stat(folder).st_uid,
        "watches": watches,
        "instances": instances,
    }


def _watches(fdinfo: str) -> int:
    """One line a watch, perhaps hundreds of thousands of them: counted without keeping them."""
    with open(fdinfo, "rb") as file:
        return sum(line.startswith(b"inotify wd:") for line in file)


def _user_name(uid: int) -> str:
    """The user's name, or the number where the user database has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
