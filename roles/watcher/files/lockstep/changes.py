"""The set of changed paths of one target: what is not confirmed there yet, oldest first.

A set, not a log: a path that changes a thousand times before it is sent is there once, with all that was seen of it and
the time of its oldest unconfirmed change.  Too many paths collapse into subtrees, so memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

ATTRIBUTES = 1  # mode, owner, times; or closed without a write: sent if size or time differ
CONTENT = 2  # sent whatever size and time say
GONE = 4  # seen to go: look whether it is still missing
DIRECTORY_GONE = 8  # a directory went: what was below it is unknown
STRUCTURE = 16  # a directory came: nothing below it may be sent before it
SUBTREE = 32  # everything below may have changed: compare, do not send blindly
SUSPECT = 64  # came with a moved directory, so even its ctime is old: once collapsed, only contents tell
PERMITTED = 128  # a deletion that the guard has let through already
MOVED = 256  # came here by a rename: without CONTENT, the target may have its data under the old name (renames.py)
FULL = 512  # of what is to be compared: leave out nothing, as it makes up for changes that nobody saw
SPARING = 1024  # a deletion found by a comparison that left something out, which is to stay

LIMIT = 50_000


class Change:
    """What is known of one path (flags above) and since when (seconds, monotonic)."""

    __slots__ = ("flags", "since")

    def __init__(self, flags: int, since: float) -> None:
        self.flags = flags
        self.since = since

    def __repr__(self) -> str:
        return f"Change({self.flags}, {self.since})"


def parent_of(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def ancestors(path: bytes) -> Iterator[bytes]:
    """Every directory above a path, nearest first, the source itself (b"") last; nothing for the source itself."""
    while path:
        path = path.rpartition(b"/")[0]
        yield path


def stands_in(changes: Mapping[bytes, Change], path: bytes) -> bool:
    """Is it there by its own name, or with a directory above that went, or of which everything may have changed?"""
    whole = SUBTREE | GONE | DIRECTORY_GONE
    return path in changes or any(changes[top].flags & whole for top in ancestors(path) if top in changes)


class Changes:
    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.paths: dict[bytes, Change] = {}
        self.collapsed = 0

    def __len__(self) -> int:
        return len(self.paths)

    def note(self, path: bytes, flags: int, since: float) -> None:
        change = self.paths.get(path)
        if change is None:
            self.paths[path] = Change(flags, since)
            if len(self.paths) > self._limit:
                self._collapse()
        else:
            change.flags |= flags
            if since < change.since:
                change.since = since

    def put_back(self, items: Iterable[tuple[bytes, Change]]) -> None:
        """What was taken and not confirmed comes first again, together with what has happened to it since."""
        paths = dict(items)
        for path, change in self.paths.items():
            earlier = paths.get(path)
            if earlier is None:
                paths[path] = change
            else:
                earlier.flags |= change.flags
                earlier.since = min(earlier.since, change.since)
        self.paths = paths
        if len(paths) > self._limit:
            self._collapse()

    def oldest(self) -> Optional[float]:
        """Since when the oldest waits: not always the first noted, for a file still written is noted late."""
        return min((change.since for change in self.paths.values()), default=None)

    def has_structure(self, path: bytes) -> bool:
        """Does a new directory wait here to be made on the target?"""
        change = self.paths.get(path)
        return change is not None and bool(change.flags & STRUCTURE)

    def _collapse(self) -> None:
        """Fold the deepest paths into their directories, level by level, until half of the limit is free."""
        self.collapsed += 1
        kept = _level_that_leaves(self._limit // 2, self.paths)
        folded: dict[bytes, Change] = {}
        for path, change in self.paths.items():
            if _level(path) > kept:
                path = b"/".join(path.split(b"/", kept + 1)[: kept + 1])
                change = Change(SUBTREE | (change.flags & SUSPECT), change.since)
            known = folded.get(path)
            if known is None:
                folded[path] = change
            else:
                known.flags |= change.flags
                known.since = min(known.since, change.since)
        self.paths = folded


def _level(path: bytes) -> int:
    """-1 for the source itself, 0 for what is in it."""
    return path.count(b"/") if path else -1


def _level_that_leaves(most: int, paths: Iterable[bytes]) -> int:
    """The deepest level of which no more than so many names are left when all below is folded into it."""
    levels: dict[int, set[bytes]] = {}
    for path in paths:
        levels.setdefault(_level(path), set()).add(path)
    left = sum(map(len, levels.values()))
    level = max(levels, default=-1)
    while left > most and level >= 0:
        folded = levels.pop(level, set())
        level -= 1
        above = levels.setdefault(level, set())
        left -= len(folded) + len(above)
        above.update(map(parent_of, folded))
        left += len(above)
    return level
