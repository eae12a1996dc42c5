"""How far something is, how fast it goes, and how long it takes until it is done, as far as that can be told.

Plain data, no clock: every method is told the time (seconds, monotonic).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Optional

WINDOW = 30.0  # seconds over which a rate is taken
SPACING = 0.5  # seconds between samples, at least
SHORTEST = 1.0  # seconds before a rate is told


@dataclass(frozen=True)
class Progress:
    """`done` of `known` differences are on the target, and so many bytes of those that were counted.

    `rate` and `byte_rate` are what a second brings; `left` seconds remain, `elapsed` have passed.  `entries` is how
    many the source had when everything was compared the last time.  None stands for what is not known.
    """

    known: int = 0
    done: int = 0
    bytes_known: int = 0
    bytes_done: int = 0
    rate: Optional[float] = None
    byte_rate: Optional[float] = None
    left: Optional[float] = None
    elapsed: Optional[float] = None
    entries: Optional[int] = None


class Meter:
    """Rates over the last `WINDOW` seconds, from samples of what is done."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def reset(self) -> None:
        self._samples.clear()

    def note(self, now: float, done: int, size: int) -> None:
        if self._samples and now - self._samples[-1][0] < SPACING:
            return
        self._samples.append((now, done, size))
        while len(self._samples) > 2 and self._samples[1][0] <= now - WINDOW:
            self._samples.popleft()

    def rates(self, now: float, done: int, size: int) -> Optional[tuple[float, float]]:
        """Entries and bytes a second; None while too little time has passed."""
        if not self._samples or now - self._samples[0][0] < SHORTEST:
            return None
        at, done_then, size_then = self._samples[0]
        seconds = now - at
        return max(0.0, (done - done_then) / seconds), max(0.0, (size - size_then) / seconds)


def seconds_left(entries: int, size: int, rates: Optional[tuple[float, float]]) -> Optional[float]:
    """How long so many entries with so many bytes take: whichever of both takes longer; None where nobody can tell."""
    if entries <= 0 and size <= 0:
        return 0.0
    if rates is None:
        return None
    rate, byte_rate = rates
    if (entries > 0 and rate <= 0) or (size > 0 and byte_rate <= 0):
        return None
    return max(entries / rate if entries > 0 else 0.0, size / byte_rate if size > 0 else 0.0)
