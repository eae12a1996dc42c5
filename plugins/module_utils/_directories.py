# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many directories a tree has: inotify needs one watch for each."""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional


class Count(NamedTuple):
    """Directories of one tree, its root included, and those of them whose content could not be listed."""

    directories: int
    unreadable: int


def count(path: str, exclude: Optional[re.Pattern[bytes]] = None) -> Count:
    """Walk the tree below a directory; symbolic links are not followed, mounts are (rsync crosses them too).

    What vanishes during the walk is no error. Raises OSError if the root itself is not there or not a directory.
    """
    root = os.path.join(os.fsencode(path), b"")
    os.scandir(root).close()
    directories, unreadable = 1, 0
    todo = [root]
    while todo:
        folder = todo.pop()
        try:
            with os.scandir(folder) as entries:
                below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            continue
        except OSError:
            unreadable += 1
            continue
        if exclude is not None:
            below = [name for name in below if not exclude.fullmatch(name, len(root))]
        directories += len(below)
        todo += below
    return Count(directories, unreadable)


def pattern(excludes: list[str]) -> Optional[re.Pattern[bytes]]:
    """rsync's exclude patterns as one expression for a path relative to the root (rsync(1), PATTERN MATCHING RULES).

    Without a slash a pattern matches the last component anywhere; with a leading one it counts from the root; with one
    inside it matches the end of a path. C(*) stops at a slash, C(**) does not.
    """
    parts = []
    for text in excludes:
        body = text.rstrip("/")
        anchored = body.startswith("/")
        expression = _glob(body.lstrip("/"))
        parts.append(expression if anchored else f"(?:.*/)?{expression}")
    return re.compile(os.fsencode("|".join(parts)), re.DOTALL) if parts else None


def _glob(text: str) -> str:
    tokens = re.findall(r"\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|\\.|.", text, re.DOTALL)
    return "".join(_token(token) for token in tokens)


def _token(token: str) -> str:
    if token == "**":
        return ".*"
    if token == "*":
        return "[^/]*"
    if token == "?":
        return "[^/]"
    if len(token) > 1 and token.startswith("["):
        negated = token[1] in "!^"
        inner = token[2 if negated else 1 : -1].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
        return f"[{'^' if negated else ''}{inner}]"
    return re.escape(token[-1])
