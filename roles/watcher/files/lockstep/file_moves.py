"""Which file that went has another name by now, so that to delete the old one deletes nothing.

Programs write to a name of their own and rename that, thousands of times a second; a name that never got to the target,
or got there half written, is no loss.  `moves` counts what came along with directories; here each name is for itself.
Plain data, no clock.
"""

from __future__ import annotations

from typing import Optional

MANY = 10_000  # pairs: beyond, the oldest are forgotten, and what went counts as deleted


class FileMoves:
    """`renamed()`, and `stands()` or `gone()` for what is noted; `now_at()` when something is to be deleted."""

    def __init__(self, most: int = MANY) -> None:
        self._most = most
        self._new: dict[bytes, bytes] = {}  # by old name
        self._old: dict[bytes, bytes] = {}  # by new name
        self._coming: Optional[bytes] = None  # of which it is yet to be noted that it came by a rename

    def __bool__(self) -> bool:
        return bool(self._new)

    def renamed(self, old: bytes, new: bytes) -> None:
        """To be told before the going of `old` and the coming of `new` are noted."""
        first = self._old.get(old, old)  # the target has it under the name that it had at the beginning
        self.stands(first)
        self.gone(new)  # what was there is written over
        self.stands(new)
        self._coming = new
        if first != new:
            self._new[first], self._old[new] = new, first
        if len(self._new) > self._most:
            self.stands(next(iter(self._new)))

    def written(self, path: bytes) -> None:
        """As `stands`, with other data: what had come here is lost, but for the word that it came."""
        self.stands(path)
        if path != self._coming:
            self.gone(path)
        self._coming = None

    def stands(self, path: bytes) -> None:
        """Something was made or changed here: when this goes it is deleted."""
        new = self._new.pop(path, None)
        if new is not None:
            del self._old[new]

    def gone(self, path: bytes) -> None:
        """What was here is nowhere any more."""
        old = self._old.pop(path, None)
        if old is not None:
            del self._new[old]

    def now_at(self, path: bytes) -> Optional[bytes]:
        """The name to which what went from here was renamed; whether it stands there yet is to be looked."""
        return self._new.get(path)

    def all_is_confirmed(self) -> None:
        """Nothing waits any more: no deletion is to come of what was renamed."""
        self._new.clear()
        self._old.clear()
