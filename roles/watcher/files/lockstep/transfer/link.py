"""How far away a target is, told from how long light batches take.

Plain data, no clock.  A process that waits connected needs about three round trips from its names to its end, and
connecting another one takes six (docs/links.md).  Next to the target one for each lane is back before the next is
wanted; far from it several must be able to be under way, or what changes right after something else waits for all that.
"""

from __future__ import annotations

import math

WIDEST = 4
STEP = 0.04  # seconds of a light batch for each of which one more is wanted; on a LAN they take 2 to 10 ms
LIGHT_NAMES, LIGHT_BYTES = 8, 64 << 10  # a batch up to these takes as long as the distance has it, not as its data has
REMEMBERED = 300.0  # seconds for which the quickest counts at least: under load others wait for a processor or a disk


class Link:
    """Tell it of every batch that was confirmed; ask it for `width`."""

    def __init__(self) -> None:
        self._quickest = self._before = math.inf  # of this period, and of the one before it
        self._began = -math.inf

    @property
    def width(self) -> int:
        """How many batches of one lane should be able to be under way, each with a process that waits connected."""
        quickest = min(self._quickest, self._before)
        return 1 if quickest == math.inf else min(WIDEST, 1 + int(quickest / STEP))

    def batch(self, names: int, size: int, seconds: float, now: float) -> None:
        """A batch of so many names and bytes of files took so many seconds from its names to its end."""
        if names > LIGHT_NAMES or size > LIGHT_BYTES:
            return
        if now - self._began > REMEMBERED:
            self._before, self._quickest, self._began = self._quickest, math.inf, now
        self._quickest = min(self._quickest, seconds)

    def lost(self) -> None:
        """The target could not be reached: the way to it may be another one when it is back."""
        self._quickest = self._before = math.inf
