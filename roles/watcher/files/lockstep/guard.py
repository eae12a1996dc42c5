"""The guard of deletions: how many may go in a while before somebody has to say so.

Deletions of one reconcile are counted together, live ones over `window` seconds, so a mass deletion that comes in a
thousand small batches is seen as what it is.  Plain data, no clock.
"""

from __future__ import annotations

from collections import deque

from lockstep.config import MaxDelete


class DeletionGuard:
    def __init__(self, limits: MaxDelete) -> None:
        self._limits = limits
        self._recent: deque[tuple[float, int, bool]] = deque()
        self._sum = 0
        self._guessed = 0  # of these

    def limit(self, total: int) -> int:
        """How many entries may be deleted of so many on the target."""
        return max(self._limits.at_least, int(total * self._limits.percent / 100))

    def would_exceed(self, count: int, total: int, now: float) -> bool:
        self._expire(now)
        return self._sum + count > self.limit(total)

    def may_guess(self, count: int, total: int, now: float) -> bool:
        """Need nobody ask how many of so many names stand on the target?  Not for half of what may go, as many names
        that come and go never get there: programs write to a name of their own and rename that."""
        self._expire(now)
        limit = self.limit(total)
        return 2 * (self._guessed + count) <= limit and self._sum + count <= limit

    def recent(self, now: float) -> int:
        self._expire(now)
        return self._sum

    def record(self, count: int, now: float, guessed: bool = False) -> None:
        self._recent.append((now, count, guessed))
        self._sum += count
        self._guessed += count if guessed else 0

    def _expire(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - self._limits.window:
            _at, count, guessed = self._recent.popleft()
            self._sum -= count
            self._guessed -= count if guessed else 0
