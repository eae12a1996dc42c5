"""Renames: where what has a new name at the source still stands on the target, so that it need not be sent again.

A hint like every event: what is made of it is checked against size, times and modes by rsync, and wherever something
unconfirmed, deleted or exchanged could be taken for the old content the name is forgotten, and the data are sent.
Plain data: nothing here asks the disk or the target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Optional

from lockstep.changes import (
    CONTENT,
    DIRECTORY_GONE,
    GONE,
    MOVED,
    STRUCTURE,
    SUBTREE,
    SUSPECT,
    Change,
    ancestors,
    parent_of,
)
from lockstep.transfer.command import Lane

WORTH = 1 << 20  # bytes from which data are better not sent again: an rsync of its own costs as much as sending these
MANY = 10_000  # changes among which nobody searches at each rename
_STRUCTURE_GONE = GONE | DIRECTORY_GONE | SUBTREE
_UNKNOWN = _STRUCTURE_GONE | SUSPECT  # flags of a name on whose data nobody knows whether the target agrees


@dataclass
class Group:
    """Files that can be made in one go of what the target has, and the lane for it.

    What is now below the directory `new` is below `old` there; `whole`: the directory itself was renamed.  `olds` are
    the names on the target, by path.
    """

    lane: Lane
    whole: bool
    new: bytes
    old: bytes
    olds: dict[bytes, bytes] = field(default_factory=dict)
    size: int = 0


class Renames:
    """`stands_at(path)`: the name on the target of what has this name at the source now; None when it must be sent."""

    def __init__(self) -> None:
        self._old: dict[bytes, Optional[bytes]] = {}  # by new name; None: came here by other ways

    def __bool__(self) -> bool:
        return bool(self._old)

    def _nearest(self, path: bytes) -> Optional[bytes]:
        """The renamed name at or above a path."""
        if path in self._old:
            return path
        return next((above for above in ancestors(path) if above in self._old), None)

    def stands_at(self, path: bytes) -> Optional[bytes]:
        top = self._nearest(path)
        old = None if top is None else self._old[top]
        return None if top is None or old is None else old + path[len(top) :]

    def renamed(self, old: bytes, new: bytes, pending: Iterable[tuple[bytes, Change]]) -> Optional[list[bytes]]:
        """`old` is `new` from now on.  What is to be sent below `new` because it was not confirmed below `old`; None
        when nothing is known of what stands on the target, and all of it is to be sent.

        `pending`: every path with its change that the target has not confirmed.
        """
        waiting = list(pending)
        here = [(path, change) for path, change in waiting if path == old or path.startswith(old + b"/")]
        # what came by a rename that is forgotten: what stands on the target under this name is of something else
        lost = {path for path, change in here if change.flags & MOVED and self.stands_at(path) is None}
        covered = self._nearest(old) is not None
        known = self.stands_at(old) if covered else old
        inside = self._take_below(old)
        self._take_below(new)
        if self._nearest(new) is not None:
            self._old[new] = None  # until it is proven otherwise
        if known is None or not self._apart(new, [known, *inside.values()]) or len(self._old) > MANY:
            return None
        for path, change in here:
            # of what stands under a third name, the going of this one says nothing: `noted` has seen what matters
            if change.flags & (SUBTREE if covered else _UNKNOWN & ~SUSPECT if change.flags & MOVED else _UNKNOWN):
                return None
            if path == known and change.flags & STRUCTURE:
                return None  # which the target has not got yet
        for path, change in waiting:
            if change.flags & _STRUCTURE_GONE and (_related(path, new) or not path or old.startswith(path + b"/")):
                return None
        unconfirmed = [new + path[len(old) :] for path, change in here if change.flags & CONTENT or path in lost]
        self._old[new] = known
        self._old.update((new + path[len(old) :], at) for path, at in inside.items())
        self._old.update(dict.fromkeys(unconfirmed))
        return unconfirmed

    def _apart(self, new: bytes, needed: Iterable[Optional[bytes]]) -> bool:
        """Do the data that other names need, and these, stay clear of the new one?"""
        return not any(old is not None and _related(old, new) for old in (*needed, *self._old.values()))

    def noted(self, path: bytes, flags: int) -> bool:
        """A change was noted.  True when the data under an old name cannot be trusted any more, so that `forget()` is
        due: something came to stand there."""
        if flags & GONE:
            self._old.pop(path, None)
        if flags & (CONTENT | DIRECTORY_GONE):
            self._take_below(path)
            if self._nearest(path) is not None:
                self._old[path] = None
        if flags & ~(GONE | DIRECTORY_GONE | MOVED):
            return any(old is not None and (path == old or path.startswith(old + b"/")) for old in self._old.values())
        return False

    def deleted(self, path: bytes) -> None:
        """The target has nothing at and below this name any more: all that was to be made of it is made."""
        for new in [new for new, old in self._old.items() if old == path or (old or b"").startswith(path + b"/")]:
            del self._old[new]

    def _take_below(self, path: bytes) -> dict[bytes, Optional[bytes]]:
        """Take out the new names at and below a path."""
        found = [name for name in self._old if name == path or name.startswith(path + b"/")]
        return {name: self._old.pop(name) for name in found}

    def forget(self) -> None:
        """Everything is to be sent."""
        self._old.clear()

    def needed(self, moved: Iterable[bytes]) -> set[bytes]:
        """The names on the target, with every directory above them, that must stay until these paths are made."""
        olds = {old for old in map(self.stands_at, moved) if old is not None}
        return olds | {above for old in olds for above in ancestors(old)}

    def made_of(self, path: bytes) -> list[bytes]:
        """The new names of what the target has at, below or above a name."""
        return [new for new, old in self._old.items() if old is not None and _related(old, path)]

    def groups(self, sizes: Mapping[bytes, int]) -> Iterator[Group]:
        """The moved files (path → bytes) by how they came; what must be sent is in none."""
        found: dict[tuple[Lane, bool, bytes, bytes], Group] = {}
        for path, size in sizes.items():
            top = self._nearest(path)
            old = None if top is None else self._old[top]
            if top is None or old is None:
                continue
            if top != path:
                key = (Lane.LINK, True, top, old)
            elif _base(path) == _base(old):
                key = (Lane.LINK, False, parent_of(path), parent_of(old))
            elif parent_of(path) == parent_of(old):
                key = (Lane.FUZZY, False, b"", b"")
            else:
                key = (Lane.FUZZY_ELSEWHERE, False, parent_of(path), parent_of(old))
            group = found.setdefault(key, Group(*key))
            group.olds[path] = old + path[len(top) :]
            group.size += size
        yield from found.values()


def _base(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def _related(one: bytes, other: bytes) -> bool:
    """Is it the same path, or one above the other?"""
    return not one or not other or one == other or one.startswith(other + b"/") or other.startswith(one + b"/")
