"""When to read events again: a read costs as much as ten events, so under load they are let gather a little.

Plain data, no clock.  What comes now and then is read at once; a writer of thousands of files in a second would
otherwise wake the watcher for every single event.  While pacing lets no batch start anyway, nothing is gained by
reading before that moment.
"""

from __future__ import annotations

AT_ONCE = 8.0  # reads in a row without a pause
PER_SECOND = 250.0  # reads, beyond those
PAUSE = 0.003  # seconds
LONGEST = 0.025  # seconds, while no batch may start
BEFORE = 0.001  # seconds before one may, to have it planned from all that there is
MANY = 1000  # events in one read: the next ones are not left in the kernel's queue for long


class Spacing:
    def __init__(self, now: float) -> None:
        self._left = AT_ONCE
        self._at = now

    def pause(self, now: float, events: int = 0, paced: float = 0.0) -> float:
        """After a read of so many events: how long to wait before the next one, in seconds; 0.0 for not at all.

        `paced`: seconds for which no batch may start.
        """
        self._left = min(AT_ONCE, self._left + (now - self._at) * PER_SECOND)
        self._at = now
        self._left -= 1.0
        if paced > PAUSE + BEFORE and events < MANY:
            self._left = max(0.0, self._left)
            return min(LONGEST, paced - BEFORE)
        if self._left >= 0.0:
            return 0.0
        self._left = 0.0
        return PAUSE
