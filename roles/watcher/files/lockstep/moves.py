"""Moves: how much that seems to go has another name by now, so that it counts as no deletion.

Whether the target has these data under the old name, and whether they can be made of that, is a matter of `renames`;
this knows only that nothing was deleted.  What came along with a renamed directory is counted when it is found there.
That count is given once, to names that were renamed away, in the order in which they ask.  Plain data, no clock.
"""

from __future__ import annotations

from typing import Optional

from lockstep.changes import ancestors

KEPT = 60.0  # seconds for which a rename is remembered while something waits
MANY = 2_000  # renames at once: beyond, the oldest are forgotten, and what went with them counts as deleted


class _Arrival:
    """What has come along to one name, and from within which other such name.

    `entries` were found here; `before` as many under names of before, which the target may have as well, and nothing
    that was deleted has been put down to them.
    """

    __slots__ = ("at", "before", "entries", "within")

    def __init__(self, at: float, before: int, within: Optional[bytes]) -> None:
        self.at = at
        self.before = before
        self.entries = 0
        self.within = within

    @property
    def left(self) -> int:
        return self.before + self.entries

    def give(self, wanted: int) -> int:
        """So many of them, or as many as there are; the older ones first."""
        older = min(wanted, self.before)
        newer = min(wanted - older, self.entries)
        self.before -= older
        self.entries -= newer
        return older + newer


class Moves:
    """`renamed()`, then `found()`, `stands()` or `gone()` for each path; `take()` when something is to be deleted."""

    def __init__(self) -> None:
        self._came: dict[bytes, _Arrival] = {}  # by new name
        self._went: dict[bytes, float] = {}  # old names at which nothing has come to stand since, and when they went
        self._concerned: Optional[set[bytes]] = None  # these with all that is above them, when somebody has asked

    def __bool__(self) -> bool:
        return bool(self._went)

    def renamed(self, old: bytes, new: bytes, now: float) -> None:
        """To be told before anything is noted or found at either name."""
        self._expire(now)
        self._leave(new)
        here = self._came.get(old)
        before = self._leave(old)  # what is there will be found once more
        if here is not None and new in self._went:
            before -= here.entries  # it goes back to where the target had it, and that name is not to go any more
        for name in [name for name in self._went if _at_or_below(name, new)]:
            self.stands(name)
        self._came[new] = _Arrival(now, before, self._nearest(old))
        self._went[old] = now
        self._concerned = None

    def found(self, path: bytes) -> None:
        """Something that may have come along stands here."""
        self.stands(path)
        top = self._nearest(path)
        if top is None:
            return
        arrival = self._came[top]
        arrival.entries += 1
        if arrival.within is not None and arrival.within in self._came:
            arrival.before += self._came[arrival.within].give(1)  # it was counted there

    def stands(self, path: bytes) -> None:
        """Something was made or changed here: when this goes it is deleted."""
        if self._went.pop(path, None) is not None:
            self._concerned = None

    def gone(self, path: bytes, is_dir: bool) -> None:
        """Nothing is here any more, neither what came along nor anything else."""
        if path in self._went:
            return
        if is_dir:
            self._leave(path)
        top = self._nearest(path)
        if top is not None:
            self._came[top].give(1)

    def take(self, path: bytes, entries: int) -> int:
        """How many of so many entries at and below `path` on the target have another name; told once."""
        if self._concerned is None:
            self._concerned = {name for old in self._went for name in (old, *ancestors(old))}
        if path not in self._concerned:
            return 0
        wanted = entries
        for arrival in self._came.values():
            wanted -= arrival.give(wanted)
        return entries - wanted

    def all_is_confirmed(self) -> None:
        """Nothing waits any more: what was counted and not asked for concerns no deletion to come."""
        self._came.clear()
        self._went.clear()
        self._concerned = None

    def _expire(self, now: float) -> None:
        while self._went and (len(self._went) >= MANY or next(iter(self._went.values())) < now - KEPT):
            self.stands(next(iter(self._went)))
        while self._came and (len(self._came) >= MANY or next(iter(self._came.values())).at < now - KEPT):
            del self._came[next(iter(self._came))]

    def _leave(self, top: bytes) -> int:
        """Nothing has come to `top` or below it; how much was left of what had."""
        return sum(self._came.pop(name).left for name in [name for name in self._came if _at_or_below(name, top)])

    def _nearest(self, path: bytes) -> Optional[bytes]:
        """The new name at or above a path."""
        if path in self._came:
            return path
        return next((above for above in ancestors(path) if above in self._came), None)


def _at_or_below(path: bytes, top: bytes) -> bool:
    return not top or path == top or path.startswith(top + b"/")
