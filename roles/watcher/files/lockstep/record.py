"""What a target has done so far and lately, for those who watch it.  Written when a batch ends, never on its way.

Plain data, no clock: every method is told the time (seconds, monotonic).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

from lockstep.progress import Meter
from lockstep.transfer.kinds import kind

# Seconds; from what a change takes on a LAN to what nobody wants to wait.
LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
RECONCILE_BOUNDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 48 * 3600.0)
ERRORS = 20  # remembered, the latest
STEP, STEPS = 10.0, 360  # an hour of history


class Histogram:
    """Counts by upper bounds, the last one for what is beyond all of them; and the sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class History:
    """The worst lag and the worst state in each of the last `STEPS` times `STEP` seconds; None before its time."""

    def __init__(self) -> None:
        self._lag = array("f", [-1.0]) * STEPS
        self._state = array("b", [-1]) * STEPS
        self._step = -1  # the number of the one that is written now

    def note(self, now: float, lag: float, state: int = 0) -> None:
        """`state`: how bad, 0 being good."""
        at = self._turn(now)
        self._lag[at] = max(self._lag[at], lag)
        self._state[at] = max(self._state[at], state)

    def _turn(self, now: float) -> int:
        """The place to write to; what was written there an hour ago and since is forgotten."""
        step = int(now / STEP)
        if step != self._step:
            for passed in range(max(self._step + 1, step - STEPS + 1), step + 1) if self._step >= 0 else (step,):
                self._lag[passed % STEPS] = self._state[passed % STEPS] = -1
            self._step = step
        return step % STEPS

    def read(self, now: float) -> list[tuple[Optional[float], Optional[int]]]:
        """Oldest first; the last one is still being written."""
        self._turn(now)
        first = (self._step + 1) % STEPS
        places = [*range(first, STEPS), *range(first)]
        return [(None, None) if self._lag[at] < 0 else (self._lag[at], self._state[at]) for at in places]


@dataclass
class Error:
    """A failure, and how often it came in a row; times are monotonic seconds."""

    reason: str
    first: float
    last: float
    times: int = 1


class Record:
    def __init__(self) -> None:
        self.lag = Histogram(LAG_BOUNDS)
        self.names = 0
        self.bytes = 0
        self.batches: Counter[str] = Counter()  # by lane
        self.failures: Counter[str] = Counter()  # by kind
        self.reconciles = Histogram(RECONCILE_BOUNDS)  # whole ones that have arrived
        self.reconcile_results: Counter[str] = Counter()  # arrived; incomplete: something could not be read; failed
        self.reconciled: Optional[float] = None  # epoch: when the last whole one had arrived
        self.reconcile_took: Optional[float] = None
        self.errors: deque[Error] = deque(maxlen=ERRORS)
        self.history = History()
        self._meter = Meter()
        self._worst = 0.0  # lag confirmed since the last tick

    def confirmed(self, lane: str, sinces: Iterable[float], names: int, size: int, now: float) -> None:
        """A batch has arrived.  `sinces`: when its changes were seen, if their lag counts; `size`: of its files."""
        self.batches[lane] += 1
        self.names += names
        self.bytes += size
        observe, worst = self.lag.observe, self._worst
        for since in sinces:
            lag = now - since
            observe(lag)
            if lag > worst:
                worst = lag
        self._worst = worst

    def sent_ahead(self, names: int, size: int) -> None:
        """So many names and bytes have arrived by a head start."""
        self.names += names
        self.bytes += size

    def failed(self, reason: str, now: float, times: int = 1, told: str = "") -> None:
        """`told`: the sentence for people, where it says more than the reason."""
        self.failures[kind(reason)] += times
        told = told or reason
        if self.errors and self.errors[-1].reason == told:
            self.errors[-1].last = now
            self.errors[-1].times += 1
        else:
            self.errors.append(Error(told, now, now))

    def reconcile_arrived(self, seconds: float, clock: float) -> None:
        self.reconcile_results["arrived"] += 1
        self.reconciles.observe(seconds)
        self.reconciled, self.reconcile_took = clock, seconds

    def tick(self, now: float, lag: float, state: int) -> None:
        """Once a second: the lag now, and how bad the state is."""
        self.history.note(now, max(lag, self._worst), state)
        self._worst = 0.0
        self._meter.note(now, self.names, self.bytes)

    def rates(self, now: float) -> Optional[tuple[float, float]]:
        """Names and bytes confirmed a second, lately; None while nobody can tell."""
        return self._meter.rates(now, self.names, self.bytes)
