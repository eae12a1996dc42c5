"""How often the log may tell what can happen any number of times: a day of it is less than 100 lines."""

from __future__ import annotations

from typing import Optional

AT_ONCE = 40
EVERY = 1800.0  # seconds for one more: with those at once, 88 in a day


class Sparing:
    """Plain data, no clock: `may()` is told the time (seconds, monotonic)."""

    def __init__(self) -> None:
        self._left = float(AT_ONCE)
        self._at: Optional[float] = None
        self._kept_back = 0

    def may(self, now: float) -> bool:
        """May a line be written now?  If not, tell `keep_back()` of it, and a later one says how many there were."""
        if self._at is not None:
            self._left = min(AT_ONCE, self._left + (now - self._at) / EVERY)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def keep_back(self) -> None:
        self._kept_back += 1

    def untold(self) -> str:
        """What the line that is written now has to say of those that were not; they are forgotten with it."""
        count, self._kept_back = self._kept_back, 0
        if count:
            return f" (of such lines {count} were left out before this one)"
        return "" if self._left >= 1 else " (further such lines are left out for a while)"
