# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What should be on a target, and what was fetched from it, compared."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Optional

from ansible_collections.lockstep.realtime.plugins.module_utils import _rsync


@dataclass(frozen=True)
class Want:
    """One name's wanted state: a file with this content (and mode), a link to this place, or nothing at all."""

    content: Optional[bytes] = None
    mode: Optional[int] = None
    link: Optional[bytes] = None

    @property
    def absent(self) -> bool:
        return self.content is None and self.link is None


def show(name: bytes) -> str:
    """A name as people can read it: what is not printable is escaped."""
    return "".join(
        char if char.isprintable() else repr(char)[1:-1] for char in name.decode("utf-8", "backslashreplace")
    )


def judge(wants: dict[bytes, Want], folder: bytes, returncode: Optional[int], stderr: bytes) -> Optional[str]:
    """None if the fetched folder is as wanted, else the reason.

    A name counts as absent only if the target itself reported it missing (exit 23 with nothing but "No such file"):
    a daemon that failed has proved nothing.
    """
    missing = 0
    if returncode == 23:
        missing = _rsync.only_missing(stderr)
    if returncode != 0 and not missing:
        return _rsync.failure(returncode, stderr)
    found = {name: os.path.join(folder, name) for name in wants}
    unseen = [name for name, path in found.items() if not os.path.lexists(path)]
    if len(unseen) != missing:
        return f"rsync fetched {len(found) - len(unseen)} of {len(found)} names and reported {missing} missing"
    for name, want in wants.items():
        reason = _difference(want, found[name])
        if reason is not None:
            return f"{show(os.path.basename(name))} {reason}"
    return None


def _difference(want: Want, path: bytes) -> Optional[str]:
    if not os.path.lexists(path):
        return None if want.absent else "is not there"
    if want.absent:
        return "is still there"
    mode = os.lstat(path).st_mode
    if want.link is not None:
        if not stat.S_ISLNK(mode):
            return "is not a symbolic link"
        target = os.readlink(path)
        return None if target == want.link else f"points to {show(target)}, wanted {show(want.link)}"
    if not stat.S_ISREG(mode):
        return "is not a file"
    if want.mode is not None and stat.S_IMODE(mode) != want.mode:
        return f"has mode {stat.S_IMODE(mode):04o}, wanted {want.mode:04o}"
    os.chmod(path, 0o600)  # the mode under test may forbid us to read our own copy
    with open(path, "rb") as file:
        content = file.read()
    if content != want.content:
        return f"holds other content ({len(content)} bytes, wanted {len(want.content or b'')})"
    return None
