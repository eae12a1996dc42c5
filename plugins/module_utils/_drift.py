# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between a source and a target: found in one look, confirmed in a second one."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils._difference import (
    DIFFERENT,
    MISSING,
    Entry,
    printable,
    show,
)

HERE, GONE, IN_THE_WAY = "here", "gone", "in the way"


class Tally:
    """Of one kind of difference: how many, how many bytes, and the first of them by name."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.count = 0
        self.bytes: Optional[int] = 0
        self.first: list[Entry] = []

    def add(self, entry: Entry) -> None:
        self.count += 1
        if self.bytes is not None:
            self.bytes += entry.size
        if len(self.first) < self._limit:
            self.first.append(entry)

    def answer(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "bytes": self.bytes,
            "paths": [show(entry.path) for entry in self.first],
            "truncated": self.count > len(self.first),
        }


@dataclass
class Drift:
    """What a look has confirmed. C(changing): what differs and was changed at the source since the audit began."""

    limit: int
    missing: Tally = field(init=False)
    different: Tally = field(init=False)
    extra: Tally = field(init=False)
    changing: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.missing, self.different, self.extra, self.changing = (Tally(self.limit) for _kind in range(4))

    def note(self, entry: Entry) -> None:
        {MISSING: self.missing, DIFFERENT: self.different}.get(entry.kind, self.extra).add(entry)

    @property
    def count(self) -> int:
        return self.missing.count + self.different.count + self.extra.count

    def lines(self) -> list[str]:
        """The first ones of each kind, a line each, for people and for a diff."""
        found = [f"missing    {printable(show(entry.path))}" for entry in self.missing.first]
        found += [
            f"different  {printable(show(entry.path))} ({', '.join(entry.why)})" for entry in self.different.first
        ]
        found += [f"extra      {printable(show(entry.path))}" for entry in self.extra.first]
        more = self.count - len(found)
        return [*found, f"and {more} more"] if more > 0 else found


class SourceView:
    """What the source has at a path, looked at without following any link. Good for one moment: it remembers."""

    def __init__(self, source: str) -> None:
        self._root = os.fsencode(source)
        self._directories: dict[bytes, str] = {b"": HERE}

    def state(self, path: bytes) -> str:
        """HERE; GONE; or IN_THE_WAY, where something that is no directory stands above it. Raises OSError."""
        above = self._directory(os.path.dirname(path))
        if above != HERE:
            return above
        return GONE if self.status(path) is None else HERE

    def blocker(self, path: bytes) -> bytes:
        """Of a path whose state is IN_THE_WAY: what stands there, the topmost that is no directory."""
        while self._directory(os.path.dirname(path)) != HERE:
            path = os.path.dirname(path)
        return path

    def is_directory(self, path: bytes) -> bool:
        return self._directory(path) == HERE

    def status(self, path: bytes) -> Optional[os.stat_result]:
        try:
            return os.lstat(os.path.join(self._root, path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def changed_since(self, path: bytes, moment: float) -> bool:
        """Whether it was changed later than this (epoch, seconds)."""
        status = self.status(path)
        return status is not None and status.st_ctime > moment

    def _directory(self, path: bytes) -> str:
        known = self._directories.get(path)
        if known is None:
            known = self._directory(os.path.dirname(path))
            if known == HERE:
                status = self.status(path)
                if status is None:
                    known = GONE
                elif not stat.S_ISDIR(status.st_mode):
                    known = IN_THE_WAY
            self._directories[path] = known
        return known
