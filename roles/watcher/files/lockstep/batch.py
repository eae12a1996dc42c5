"""What one rsync takes in one go, and what nobody else may touch meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from lockstep.changes import PERMITTED, Change, ancestors, parent_of
from lockstep.transfer.command import Lane


@dataclass(eq=False)
class Batch:
    """Names that one rsync takes: `items` are confirmed with it, `listed` is what goes over the pipe.

    `listed` says of each name whether it is more than a directory's attributes, so that nothing above or below it may
    be under way elsewhere.
    """

    lane: Lane
    bulk: bool = False
    backlog: bool = False  # found by a reconcile, not by an event
    trees: bool = False  # of a REMOVE: a directory may go with all below it
    replaces: bool = False  # what stands at its one name now stood as a directory before: that goes with all below it
    items: dict[bytes, Change] = field(default_factory=dict)
    listed: dict[bytes, bool] = field(default_factory=dict)
    above: set[bytes] = field(default_factory=set)  # every directory above what is listed
    covered: set[bytes] = field(default_factory=set)  # paths that another one in `items` stands for
    stale: set[bytes] = field(default_factory=set)  # directories whose times are to be sent again when it has ended
    size: int = 0
    started: float = 0.0  # seconds, monotonic
    in_arguments: bool = False  # not on a list that a waiting process reads
    link: Optional[tuple[bytes, bytes]] = None  # the directory of what is listed, and where the target has its data
    reserved: set[bytes] = field(default_factory=set)  # names on the target that must stay as they are, with all below
    _below: dict[bytes, bool] = field(default_factory=dict)  # directory → is it, or one above it, listed as a whole?

    def add(self, path: bytes, whole: bool = False) -> None:
        if path not in self.listed:
            self.listed[path] = whole
            if path and parent_of(path) not in self.above:
                for above in ancestors(path):
                    if above in self.above:  # and with it everything above it
                        break
                    self.above.add(above)
        elif whole:
            self.listed[path] = True
        if whole and self._below.get(path) is False:  # what is known of no path at all has nothing known below it
            self._below.clear()

    def take(self, path: bytes, change: Change, whole: bool = True) -> None:
        known = self.items.get(path)
        if known is None:
            self.items[path] = change
        else:
            permitted = known.flags & change.flags & PERMITTED
            known.flags = (known.flags | change.flags) & ~PERMITTED | permitted
            known.since = min(known.since, change.since)
        self.add(path, whole)

    def touches(self, path: bytes, whole: bool = True) -> bool:
        """May this path not be under way elsewhere meanwhile?"""
        if path in self.listed or (whole and path in self.above):
            return True
        for name in self.reserved:
            if path == name or path.startswith(name + b"/") or (whole and name.startswith(path + b"/")):
                return True
        return path != b"" and self._is_below(parent_of(path))

    def _is_below(self, directory: bytes) -> bool:
        """Asked for every change while this is under way, and most changes share their directory with others."""
        known = self._below.get(directory)
        if known is not None:
            return known
        at, passed = directory, [directory]
        below = self.listed.get(at, False)
        while not below and at:
            at = parent_of(at)
            known = self._below.get(at)
            if known is not None:
                below = known
                break
            passed.append(at)
            below = self.listed.get(at, False)
        self._below.update(dict.fromkeys(passed, below))
        return below

    @property
    def parents(self) -> set[bytes]:
        """The directories whose times on the target this batch changes."""
        return {parent_of(path) for path, whole in self.listed.items() if path and (whole or path in self.items)}

    def oldest(self) -> float:
        return min(change.since for change in self.items.values())
