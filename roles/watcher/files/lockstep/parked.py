"""Deletions that are kept back from a target, and how many entries there they stand for: each counted once.

A directory's name can stand for a million entries, and comes before, after or without the names below it: by an event
of its own, from a comparison, again with every `resync` of something above it.  Plain data, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Optional

from lockstep.changes import Change, ancestors

SOME = 2_000


class Parked:
    def __init__(self) -> None:
        self.changes: dict[bytes, Change] = {}
        self._own: dict[bytes, int] = {}  # entries that a name stands for, those apart that names below it stand for
        self._below: dict[bytes, int] = {}  # entries that names below a directory stand for
        self._sum = 0
        self._announced = 0

    @property
    def count(self) -> int:
        """Entries on the target that would be deleted."""
        return max(self._sum, self._announced)

    def announce(self, count: int) -> None:
        """So many are about to be added, what is here already among them; 0: all of them have been."""
        self._announced = count

    def covers(self, path: bytes) -> bool:
        """Is it kept back with what is here?"""
        return path in self.changes or any(top in self.changes for top in ancestors(path))

    def add(self, path: bytes, change: Change, entries: Optional[int] = None) -> None:
        """`entries`: at and below it on the target; None: itself, and what below it was added right before it."""
        own, below = 1, path + b"/"
        # rsync tells what is in a directory right before the directory itself, and its name stands for all of it
        while self.changes and next(reversed(self.changes)).startswith(below):
            last = next(reversed(self.changes))
            own += self._forget(last)
            del self.changes[last]
        if entries is not None:
            own = max(0, entries - self._below.get(path, 0))
        elif path in self.changes:
            own = max(own, self._own.get(path, 1))
        if path in self.changes:
            self._forget(path)
        self.changes[path] = change
        self._count(path, own)

    def some(self) -> list[bytes]:
        """A bounded number of them, other ones each time."""
        some = list(islice(self.changes, SOME))
        for path in some:
            self.changes[path] = self.changes.pop(path)
        return some

    def take(self, paths: Iterable[bytes]) -> list[tuple[bytes, Change]]:
        """Take out these, with all that they stand for."""
        taken = []
        for path in paths:
            self._forget(path)
            taken.append((path, self.changes.pop(path)))
        return taken

    def clear(self) -> dict[bytes, Change]:
        taken, self.changes = self.changes, {}
        self._own, self._below, self._sum, self._announced = {}, {}, 0, 0
        return taken

    def _count(self, path: bytes, entries: int) -> None:
        if entries != 1:
            self._own[path] = entries
        self._sum += entries
        for top in ancestors(path):
            self._below[top] = self._below.get(top, 0) + entries

    def _forget(self, path: bytes) -> int:
        entries = self._own.pop(path, 1)
        self._sum -= entries
        for top in ancestors(path):
            left = self._below.get(top, 0) - entries
            if left:
                self._below[top] = left
            else:
                self._below.pop(top, None)
        return entries
