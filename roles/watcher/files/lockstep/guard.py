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
        self._recent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def limit(self, total: int) -> int:
        """How many entries may be deleted of so many on the target."""
        return max(self._limits.at_least, int(total * self._limits.percent / 100))

    def would_exceed(self, count: int, total: int, now: float) -> bool:
        self._expire(now)
        return self._sum + count > self.limit(total)

    def recent(self, now: float) -> int:
        self._expire(now)
        return self._sum

    def record(self, count: int, now: float) -> None:
        self._recent.append((now, count))
        self._sum += count

    def _expire(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - self._limits.window:
            self._sum -= self._recent.popleft()[1]
