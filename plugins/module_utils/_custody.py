# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold before an audit mends anything: the source is the one that it was, and nothing is held.

The watcher remembers the source's identity in its state folder and tells over its socket what it holds. Neither is used
for more than to refuse; where the watcher does not run, what it remembered still counts.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import uuid
from typing import Any, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils import _in_step, _status
from ansible_collections.lockstep.realtime.plugins.module_utils._mirror import Mirror

MARKER = ".lockstep/identity"
# _IOR(0x15, 0, struct fsuuid2), linux/fs.h: a length byte and 16 bytes. Kernel 6.9 and later.
FS_IOC_GETFSUUID = 0x80111500
# where statvfs(3) tells the file system's own id; elsewhere it is often the device's number
STABLE_FSID = ("ext2", "ext3", "ext4", "btrfs")


class Custody:
    """Reasons not to mend; each is None where there is none. Asks once, when it is made."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        told = _told(mirror)
        self.source = _other_source(mirror) or _held_source(mirror, told)
        self._targets = {str(target.get("url")): target for target in told.get("targets") or []}

    def deletions(self, url: str) -> Optional[str]:
        """Why nothing may be deleted on this target."""
        if not self._mirror.deletes:
            return "the mirror has delete: false"
        held = self._targets.get(url, {}).get("held")
        if isinstance(held, dict):
            return (
                f"the watcher holds {held.get('deletions')} deletions there; let them go with: "
                f"{held.get('command') or 'lockstep release ' + self._mirror.name}"
            )
        with os.scandir(self._mirror.source) as entries:
            if next(entries, None) is None:
                return f"the source {self._mirror.source} is empty; is its file system mounted?"
        return None


def _told(mirror: Mirror) -> dict[str, Any]:
    """What the watcher says of this mirror; nothing where it does not run. Raises StatusError where it will not say."""
    if mirror.socket is None:
        return {}
    try:
        status = _status.from_socket(mirror.socket)
    except _status.NotRunning:
        return {}
    return next(iter(_in_step.select(status, [mirror.name])), {})


def _held_source(mirror: Mirror, told: dict[str, Any]) -> Optional[str]:
    for target in told.get("targets") or []:
        # held without held deletions: the source itself
        if target.get("state") == _in_step.HELD and target.get("held") is None:
            return (
                f"the watcher holds the mirror: {target.get('reason')}; mend that, or accept it with: "
                f"lockstep release {mirror.name}"
            )
    return None


def _other_source(mirror: Mirror) -> Optional[str]:
    """Why the source is not the one that the watcher remembers."""
    if mirror.state_dir is None:
        return None
    path = os.path.join(mirror.state_dir, f"{mirror.name}.json")
    try:
        with open(path, encoding="ascii") as file:
            known = json.load(file)
        identity, nested = known["identity"] or {}, list(known["nested"])
    except FileNotFoundError:
        return None  # the watcher has not seen this source yet
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{path}, what the watcher remembers of the source, cannot be read: {error}"
    mounts = _mounts()
    differs = _differences(identity, _identity(mirror.source, mounts))
    below = os.path.realpath(mirror.source).rstrip("/") + "/"
    differs += [f"{name} below it is not mounted" for name in nested if below + name not in mounts]
    if not differs:
        return None
    return (
        f"the source {mirror.source} is not the one it was: {'; '.join(differs)}; mend that, or accept it with: "
        f"lockstep release {mirror.name}"
    )


def _differences(known: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """A value that only one has says nothing (a newer kernel tells more), but a marker does not go by itself."""
    names = {"fstype": "file system's type", "uuid": "UUID", "fsid": "file system's id", "inode": "root's inode"}
    texts = [
        f"the {text} was {known[key]} and is {now[key]}"
        for key, text in names.items()
        if known.get(key) is not None and now[key] is not None and known[key] != now[key]
    ]
    if known.get("marker") is not None and known["marker"] != now["marker"]:
        texts.append(f"the marker {MARKER} was {known['marker']} and is {now['marker'] or 'gone'}")
    return texts


def _identity(source: str, mounts: dict[str, str]) -> dict[str, Any]:
    """What the source is known by. Raises OSError."""
    root = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fstype = _fstype(os.path.realpath(source), mounts)
        fsid = os.fstatvfs(root).f_fsid if fstype in STABLE_FSID else 0
        return {
            "fstype": fstype,
            "uuid": _uuid(root),
            "fsid": f"{fsid:016x}" if fsid else None,
            "inode": os.fstat(root).st_ino,
            "marker": _marker(root),
        }
    finally:
        os.close(root)


def _mounts() -> dict[str, str]:
    """Mount point to file system type; of several at one place the last, which is the one that is seen."""
    found = {}
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            before, separator, after = line.partition(b" - ")
            fields = before.split(b" ")
            if separator and len(fields) > 5:
                point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8) & 0xFF]), fields[4])
                found[os.fsdecode(point)] = os.fsdecode(after.split(b" ")[0])
    return found


def _fstype(path: str, mounts: dict[str, str]) -> Optional[str]:
    while path not in mounts and path != "/":
        path = os.path.dirname(path)
    return mounts.get(path)


def _uuid(root: int) -> Optional[str]:
    answer = bytearray(17)
    try:
        fcntl.ioctl(root, FS_IOC_GETFSUUID, answer)
    except OSError:
        return None  # an older kernel, or a file system without one
    value = bytes(answer[1 : 1 + min(answer[0], 16)])
    if not any(value):
        return None
    return str(uuid.UUID(bytes=value)) if len(value) == 16 else value.hex()


def _marker(root: int) -> Optional[str]:
    try:
        # not through a link, and without waiting for a FIFO's other end: whoever may write to the source made it
        marker = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return os.read(marker, 256).decode("utf-8", "backslashreplace").strip() or None
    finally:
        os.close(marker)
