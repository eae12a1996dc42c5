"""Pacing: how soon may the next batch start?

An isolated change goes at once.  Under sustained load batches are spaced so that starting them (fork, exec, log in)
costs no more than a share of one core; they grow instead.  Plain data, no clock.
"""

from __future__ import annotations

FIRST_GUESS = 0.006  # CPU seconds to start one batch, until measured
CREDIT = 4  # batches that may follow each other at once after a pause
SMALL = 16  # names in a batch whose cost is nearly all overhead
OWN = 0.005  # CPU seconds of the watcher itself that are put down to one batch at most


class Pace:
    """`share` of one core (0: no pacing)."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._cost = FIRST_GUESS
        self._paid_until = 0.0

    @property
    def interval(self) -> float:
        """Seconds between batches under sustained load."""
        return self._cost / self._share if self._share else 0.0

    def wait(self, now: float) -> float:
        """Seconds until a batch may start."""
        return max(0.0, self._paid_until - now - CREDIT * self.interval)

    def started(self, now: float) -> None:
        self._paid_until = max(self._paid_until, now) + self.interval

    def cost(self, cpu: float, own: float, names: int) -> None:
        """A batch of so many names took so much CPU (seconds), and so much the watcher itself since the last one."""
        if names <= SMALL:
            self._cost += (min(cpu, 10 * FIRST_GUESS) + min(own, OWN) - self._cost) / 16
