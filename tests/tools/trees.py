"""Compare two directory trees, knowing nothing of the watcher: `python3 tests/tools/trees.py A B`.

Compared for each path: type, mode, size, mtime in nanoseconds, link target, SHA-256, device number; the owner with
`--owners`, extended attributes (ACLs are among them) with `--xattrs`.  A link target that the daemon has munged is
compared as it was.  With `--fake-super` B is read as a daemon with `fake super = yes` keeps it: type, mode, owner and
device number are in an extended attribute, and a link is a file that holds its target.  Names are bytes.
Exit 0 when equal, 1 with the differences printed, 2 on wrong use.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MUNGED = b"/rsyncd-munged/"
FAKE_SUPER = (
    "user.rsync.%stat"  # rsync(1), --fake-super: "MODE MAJOR,MINOR UID:GID", where these differ from the file's
)


@dataclass
class Status:
    """Of a file: its own, or what is kept in its extended attribute."""

    mode: int
    owner: tuple[int, int]
    device: int
    kept: bool = False  # in the attribute


def status_of(full: bytes, real: os.stat_result, fake_super: bool) -> Status:
    if fake_super and not stat.S_ISLNK(real.st_mode):
        with contextlib.suppress(OSError):  # there is none
            mode, device, owner = os.getxattr(full, FAKE_SUPER).decode().split()
            user, group = map(int, owner.split(":"))
            return Status(int(mode, 8), (user, group), os.makedev(*map(int, device.split(","))), kept=True)
    return Status(real.st_mode, (real.st_uid, real.st_gid), real.st_rdev)


def entries(root: bytes) -> Iterator[bytes]:
    """Every path at and below root, relative to it; the root itself is b"."."""
    yield b"."
    left = [b""]
    while left:
        below = left.pop()
        with os.scandir(os.path.join(root, below) if below else root) as found:
            for entry in found:
                path = os.path.join(below, entry.name) if below else entry.name
                yield path
                if entry.is_dir(follow_symlinks=False):
                    left.append(path)


def digest(path: bytes) -> str:
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def describe(root: bytes, path: bytes, owners: bool, xattrs: bool, fake_super: bool = False) -> dict[str, object]:
    full = os.path.join(root, path)
    real = os.lstat(full)
    status = status_of(full, real, fake_super)
    known: dict[str, object] = {"type": stat.S_IFMT(status.mode)}
    if owners:
        known["owner"] = status.owner
    if xattrs:
        names = sorted(os.listxattr(full, follow_symlinks=False))
        known["xattrs"] = {name: os.getxattr(full, name, follow_symlinks=False) for name in names}
    if stat.S_ISLNK(status.mode):
        target = Path(os.fsdecode(full)).read_bytes() if status.kept else os.readlink(full)
        known["target"] = target[len(MUNGED) :] if target.startswith(MUNGED) else target
        return known
    known["mode"] = stat.S_IMODE(status.mode)
    if stat.S_ISREG(status.mode):
        known["size"] = real.st_size
        known["sha256"] = digest(full)
        known["mtime"] = real.st_mtime_ns
    elif stat.S_ISDIR(status.mode):
        known["mtime"] = real.st_mtime_ns
    elif stat.S_ISCHR(status.mode) or stat.S_ISBLK(status.mode):
        known["device"] = status.device
    return known


def survey(
    root: bytes,
    owners: bool = False,
    leave_out: frozenset[bytes] = frozenset(),
    xattrs: bool = False,
    fake_super: bool = False,
) -> dict[bytes, dict[str, object]]:
    return {
        path: describe(root, path, owners, xattrs, fake_super)
        for path in entries(root)
        if not any(path == out or path.startswith(out + b"/") for out in leave_out)
    }


def differences(
    one: Path | str,
    other: Path | str,
    owners: bool = False,
    leave_out: frozenset[bytes] = frozenset(),
    xattrs: bool = False,
    fake_super: bool = False,
) -> list[str]:
    """What differs, a line each; empty when the trees are equal.  `fake_super`: how the other one is kept."""
    left = survey(os.fsencode(one), owners, leave_out, xattrs)
    right = survey(os.fsencode(other), owners, leave_out, xattrs, fake_super)
    lines = [f"only in {one}: {path!r}" for path in sorted(left.keys() - right.keys())]
    lines += [f"only in {other}: {path!r}" for path in sorted(right.keys() - left.keys())]
    for path in sorted(left.keys() & right.keys()):
        for key in left[path].keys() | right[path].keys():
            if left[path].get(key) != right[path].get(key):
                lines.append(f"{path!r}: {key} {left[path].get(key)!r} and {right[path].get(key)!r}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare two trees.")
    parser.add_argument("one")
    parser.add_argument("other")
    parser.add_argument("--owners", action="store_true")
    parser.add_argument("--xattrs", action="store_true")
    parser.add_argument("--fake-super", action="store_true")
    given = parser.parse_args()
    found = differences(given.one, given.other, given.owners, xattrs=given.xattrs, fake_super=given.fake_super)
    print("\n".join(found) or "equal")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
