"""Is this still the same file system, and the same root of it?

An empty mount point looks like a source of which everything was deleted. So before anything is deleted on a target, the
source must be the one that it was: told from what survives a reboot, which device numbers do not.
Every descriptor is closed at once: one kept open would keep the source from being unmounted.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import uuid
from dataclasses import asdict, dataclass
from typing import NamedTuple

from lockstep.source.network import NETWORK_FILESYSTEMS, is_network

__all__ = [
    "MARKER",
    "NETWORK_FILESYSTEMS",
    "RESERVED",
    "Identity",
    "Mount",
    "differences",
    "is_network",
    "mount_of",
    "parse_mountinfo",
    "quick",
    "read",
]

RESERVED = b".lockstep"
MARKER = RESERVED + b"/identity"
MAX_MARKER = 256
# _IOR(0x15, 0, struct fsuuid2), linux/fs.h: a length byte and 16 bytes. Kernel 6.9 and later.
FS_IOC_GETFSUUID = 0x80111500
# Where statfs(2)'s f_fsid comes from the file system's UUID; elsewhere it is often the device number.
STABLE_FSID = frozenset({"ext2", "ext3", "ext4", "btrfs"})
UDEV = b"/run/udev/data"
BY_UUID = b"/dev/disk/by-uuid"


class Mount(NamedTuple):
    """One line of /proc/self/mountinfo. `source` is a device, an export (host:/path) or a mere word."""

    mountpoint: bytes
    fstype: str
    source: bytes
    device: str  # major:minor


@dataclass(frozen=True)
class Identity:
    """What a source is known by. A value is None where this kernel or file system does not tell it.

    `uuid` is what the kernel says, `udev_uuid` what was read from the device; kept apart, for they can differ in form.
    """

    fstype: str
    uuid: str | None
    udev_uuid: str | None
    fsid: str | None
    inode: int
    marker: str | None

    def to_json(self) -> dict[str, object]:
        """Plain data for json.dump."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Identity:
        """The reverse of to_json. Raises ValueError when `data` is anything else."""
        if not isinstance(data, dict):
            raise ValueError("an identity is a mapping")
        fstype, inode = data.get("fstype"), data.get("inode")
        if not isinstance(fstype, str) or not isinstance(inode, int) or isinstance(inode, bool):
            raise ValueError("an identity has a fstype and an inode")
        texts: list[str | None] = []
        for name in ("uuid", "udev_uuid", "fsid", "marker"):
            text = data.get(name)
            if text is not None and not isinstance(text, str):
                raise ValueError(f"{name} of an identity is text or null")
            texts.append(text)
        return cls(fstype, texts[0], texts[1], texts[2], inode, texts[3])


def read(source: bytes) -> Identity:
    """The identity of a source directory. Raises OSError (NotADirectoryError, FileNotFoundError, …)."""
    root = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mount = _mount_of_descriptor(root)
        fsid = os.fstatvfs(root).f_fsid if mount.fstype in STABLE_FSID else 0
        return Identity(
            fstype=mount.fstype,
            uuid=_kernel_uuid(root),
            udev_uuid=_udev_uuid(mount),
            fsid=f"{fsid:016x}" if fsid else None,
            inode=os.fstat(root).st_ino,
            marker=_marker(root),
        )
    finally:
        os.close(root)


def differences(old: Identity, new: Identity) -> list[str]:
    """What tells that `new` is not what `old` was, for people to read; empty when they are the same source.

    A value that only one of them knows says nothing (a newer kernel tells more), but a marker does not go by itself.
    """
    found = []
    if old.fstype != new.fstype:
        found.append(f"the file system's type was {old.fstype} and is {new.fstype}")
    for name, before, now in (
        ("UUID", old.uuid, new.uuid),
        ("UUID on the device", old.udev_uuid, new.udev_uuid),
        ("id", old.fsid, new.fsid),
    ):
        if before is not None and now is not None and before != now:
            found.append(f"the file system's {name} was {before} and is {now}")
    if old.inode != new.inode:
        found.append(f"the root's inode was {old.inode} and is {new.inode}")
    if old.marker is not None and new.marker is None:
        found.append(f"the marker {os.fsdecode(MARKER)} ({old.marker}) is gone")
    elif old.marker is not None and old.marker != new.marker:
        found.append(f"the marker {os.fsdecode(MARKER)} was {old.marker} and is {new.marker}")
    return found


def quick(source: bytes) -> tuple[int, int]:
    """Device and inode of the root: equal as long as nothing was mounted, unmounted or swapped. Raises OSError."""
    found = os.stat(source)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fsdecode(source))
    return found.st_dev, found.st_ino


def mount_of(path: bytes) -> Mount:
    """The mount on which `path` lies, links followed. Raises OSError."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        return _mount_of_descriptor(descriptor)
    finally:
        os.close(descriptor)


def parse_mountinfo(text: bytes) -> dict[int, Mount]:
    """/proc/PID/mountinfo by mount id; proc_pid_mountinfo(5)."""
    mounts = {}
    for line in text.splitlines():
        before, separator, after = line.partition(b" - ")
        fields, types = before.split(b" "), after.split(b" ")
        if separator and len(fields) >= 6 and len(types) >= 2:
            mounts[int(fields[0])] = Mount(
                _unescape(fields[4]), os.fsdecode(_unescape(types[0])), _unescape(types[1]), fields[2].decode("ascii")
            )
    return mounts


def _unescape(field: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8) & 0xFF]), field)


def _mount_of_descriptor(descriptor: int) -> Mount:
    # By the mount's id and not by comparing paths: mounts can hide one another, and a path can be bound twice.
    with open(f"/proc/self/fdinfo/{descriptor}", "rb") as file:
        match = re.search(rb"^mnt_id:\s*(\d+)$", file.read(), re.MULTILINE)
    with open("/proc/self/mountinfo", "rb") as file:
        mounts = parse_mountinfo(file.read())
    mount = mounts.get(int(match[1])) if match else None
    if mount is None:
        raise FileNotFoundError(errno.ENOENT, "its mount is not in /proc/self/mountinfo (it was just unmounted?)")
    return mount


def _kernel_uuid(descriptor: int) -> str | None:
    answer = bytearray(17)
    try:
        fcntl.ioctl(descriptor, FS_IOC_GETFSUUID, answer)
    except OSError:
        # An older kernel, or a file system without one: both say ENOTTY, some file systems something else.
        return None
    value = bytes(answer[1 : 1 + min(answer[0], 16)])
    if not any(value):
        return None
    return str(uuid.UUID(bytes=value)) if len(value) == 16 else value.hex()


def _udev_uuid(mount: Mount) -> str | None:
    device = mount.device
    if device.startswith("0:"):
        # btrfs and others of several devices show a number of no device; their source is one of the devices.
        try:
            found = os.stat(mount.source) if mount.source.startswith(b"/dev/") else None
        except OSError:
            return None
        if found is None or not stat.S_ISBLK(found.st_mode):
            return None
        device = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    try:
        with open(UDEV + b"/b" + device.encode("ascii"), "rb") as file:
            match = re.search(rb"^E:ID_FS_UUID=(.+)$", file.read(), re.MULTILINE)
    except OSError:
        match = None
    return match[1].decode("utf-8", "backslashreplace") if match else _linked_uuid(device)


def _linked_uuid(device: str) -> str | None:
    try:
        names = sorted(os.listdir(BY_UUID))
    except OSError:
        return None
    for name in names:
        try:
            number = os.stat(BY_UUID + b"/" + name).st_rdev
        except OSError:
            continue
        if f"{os.major(number)}:{os.minor(number)}" == device:
            return name.decode("utf-8", "backslashreplace")
    return None


def _marker(root: int) -> str | None:
    try:
        # Not through a link, and without waiting for a FIFO's other end: whoever may write to the source made it.
        descriptor = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        content = os.read(descriptor, MAX_MARKER)
    finally:
        os.close(descriptor)
    return content.decode("utf-8", "backslashreplace").strip() or None
