# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How rsync tells what differs (rsync(1), --itemize-changes and --out-format), read into plain data."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

# Every line that is read here comes from this format.
FORMAT = "--out-format=%i %l %n"

MISSING = "missing"
DIFFERENT = "different"
EXTRA = "extra"
EQUAL = "equal"

_LINE = re.compile(rb"(\*deleting  |[<>ch.][fdLDS][cstTpoguaxbn.+? ]{9}) +(-?\d+) ")
_KEPT = re.compile(rb"cannot delete non-empty directory: (.*)")
_IN_THE_WAY = re.compile(rb"could not make way for new [^:]*: (.*)")
_ESCAPE = re.compile(rb"\\#([0-7]{3})")
# the places of the letters behind the first two, and what they are called
_WHY = ("content", "size", "time", "mode", "owner", "group", "access time", "acl", "xattr")


class Entry(NamedTuple):
    """One line: what the path is (missing, different, extra, equal), why, and the bytes that would be sent.

    C(length) is the file's size at the source whether it would be sent or not.
    """

    kind: str
    path: bytes
    why: tuple[str, ...] = ()
    size: int = 0
    is_directory: bool = False
    length: int = 0


def parse(line: bytes) -> Optional[Entry]:
    """A line of FORMAT; None for what is no entry."""
    match = _LINE.match(line)
    if match is None:
        return None
    item, length, name = match[1], max(0, int(match[2])), line[match.end() :].rstrip(b"\n")
    path = clean(name)
    if item.startswith(b"*"):
        return Entry(EXTRA, path, is_directory=name.endswith(b"/"))
    is_directory, is_file = item[1:2] == b"d", item[1:2] == b"f"
    length = length if is_file else 0
    size = length if item[:1] in b"<>" else 0
    letters = item[2:].decode("ascii")
    if letters.startswith("+"):
        return Entry(MISSING, path, (), size, is_directory, length)
    why = tuple(word for word, letter in zip(_WHY, letters) if letter not in ". ?")
    # a content that is to be sent because of size or time is told by these
    return Entry(DIFFERENT if why else EQUAL, path, why, size, is_directory, length)


def clean(name: bytes) -> bytes:
    """The name that rsync prints, as a path relative to the source; the source itself is empty."""
    path = _ESCAPE.sub(lambda octal: bytes([int(octal[1], 8) & 0xFF]), name).rstrip(b"/")
    return b"" if path == b"." else path[2:] if path.startswith(b"./") else path


def kept(line: bytes) -> Optional[bytes]:
    """The directory that rsync would leave on the target because of what is excluded in it."""
    match = _KEPT.match(line)
    return None if match is None else clean(match[1].rstrip(b"\n"))


def in_the_way(line: bytes) -> Optional[bytes]:
    """The path at which the target has a directory that holds something excluded, and the source something else."""
    match = _IN_THE_WAY.match(line)
    return None if match is None else clean(match[1].rstrip(b"\n"))


def show(path: bytes) -> str:
    """A path for programs: what is not UTF-8 is shown escaped, the source itself as a dot."""
    return path.decode("utf-8", "backslashreplace") or "."


def printable(text: str) -> str:
    """A path for people, in one line."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
