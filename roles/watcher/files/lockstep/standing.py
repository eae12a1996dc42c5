"""How a target stands: reachable or not, what it refused, what is held back from it, and what it is called for that.

Plain data, no clock: every method is told the time (seconds, monotonic).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, Optional

from lockstep.backoff import Backoff
from lockstep.changes import DIRECTORY_GONE, Change, ancestors
from lockstep.parked import Parked
from lockstep.transfer.command import Lane

STEADY = 1.0  # seconds without a failure, after which a target that takes something again is down no more
PARKED_LOOK = 5.0  # seconds between looks whether held deletions are none any more


@dataclass
class Problem:
    """A path that the target or the source's disk refused, to be tried again at `due`."""

    reason: str
    since: float
    due: float
    backoff: Backoff
    change: Change
    waiting: bool = True  # for `due`; else tried again right now


class Standing:
    def __init__(self) -> None:
        self.paused = False
        self.down = ""
        self.down_since = 0.0
        self.next_try: Optional[float] = None
        self._backoff = Backoff()
        self._failed_at = self._tried = -math.inf
        self._failed_lane: Optional[Lane] = None  # which alone can tell that it is over, as with a full disk
        self._well_since: Optional[float] = None
        self.problems: dict[bytes, Problem] = {}
        self.keeps = Parked()
        self.held_of = 0
        # directories that were held and stand there again: still held, until it is known what is back in them
        self.returning: set[bytes] = set()
        self.doubted: Optional[float] = None  # since when what is held may be fewer than is allowed
        self.was_held = False  # before a restart: the first comparison of everything tells of what
        self._look_at = 0.0
        self.batches = 0
        self.names = 0
        self.failures = 0
        self.last_confirmed: Optional[float] = None

    # ------------------------------------------------------------------ the target as a whole

    @property
    def waiting(self) -> bool:
        """Down, and the next try is not due."""
        return self.next_try is not None

    def fail(self, why: str, now: float, lane: Optional[Lane] = None) -> None:
        """It cannot take anything.  `lane`: the one that it cannot take, where others say nothing about that."""
        self.failures += 1
        if not self.down:
            self.down_since = now
        self.down, self._failed_at, self._failed_lane, self._well_since = why, now, lane, None
        if self.next_try is None:
            self.next_try = now + self._backoff.next()

    def retry_due(self, now: float) -> bool:
        if self.next_try is None or now < self.next_try:
            return False
        self.next_try, self._tried = None, now
        return True

    def answered(self, now: float, asked: float, lane: Optional[Lane] = None) -> None:
        """It took or told something that it was asked for at `asked`; no `lane`: and nothing else is wanted of it.

        What was under way when it failed does not say that it is back.  But where some connections are let in and
        others are turned away, as with too few of them, what gets through keeps the next try near.
        """
        if self.down and lane is not None and self._failed_lane not in (None, lane):
            return
        if asked >= self._tried:
            self._backoff.reset()
        if asked > self._failed_at:
            self.next_try = None
            if self._well_since is None:
                self._well_since = now

    def recover(self, now: float) -> None:
        """To be called every second or so: down no more, if it has taken something and not failed since."""
        if self.down and self._well_since is not None and now - self._well_since >= STEADY:
            self.down = ""

    def confirmed(
        self,
        paths: Sequence[bytes],
        refused: Mapping[bytes, str],
        now: float,
        asked: float,
        lane: Optional[Lane] = None,
    ) -> None:
        self.answered(now, asked, lane)
        self.batches += 1
        self.names += len(paths) - len(refused)
        self.last_confirmed = now
        self.settle(path for path in paths if path not in refused)

    # ------------------------------------------------------------------ single paths

    def is_new_problem(self, path: bytes) -> bool:
        return path not in self.problems

    def refuse(self, path: bytes, why: str, change: Change, now: float) -> None:
        self.failures += 1
        problem = self.problems.get(path)
        if problem is None:
            backoff = Backoff()
            self.problems[path] = Problem(why, now, now + backoff.next(), backoff, change)
        else:
            problem.reason = why
            problem.due = now + problem.backoff.next()
            problem.change = change
            problem.waiting = True

    def settle(self, paths: Iterable[bytes]) -> None:
        """These are refused no more."""
        if self.problems:
            for path in paths:
                self.problems.pop(path, None)

    def settle_below(self, tops: Iterable[bytes]) -> None:
        """Nothing is left below these."""
        if self.problems:
            known = set(tops) - {b""}
            self.settle([path for path in self.problems if not known.isdisjoint(ancestors(path))])

    def problems_due(
        self, now: float, is_pending: Callable[[bytes], bool] = lambda path: True
    ) -> list[tuple[bytes, Change]]:
        """The refused paths that are to be tried again now; each is told once, and again where its change was lost
        sight of, folded into a subtree, say."""
        due = []
        for path, problem in self.problems.items():
            if problem.due <= now and (problem.waiting or not is_pending(path)):
                problem.waiting = False
                due.append((path, problem.change))
        return due

    # ------------------------------------------------------------------ held deletions

    @property
    def held(self) -> bool:
        """Nothing is deleted, however little: what is held is released by somebody, or all of it is back."""
        return bool(self.parked or self.returning)

    @property
    def parked(self) -> dict[bytes, Change]:
        return self.keeps.changes

    @property
    def held_count(self) -> int:
        return self.keeps.count

    def park(
        self, items: Mapping[bytes, Change], of: int, now: float, entries: Optional[Mapping[bytes, int]] = None
    ) -> None:
        """Keep these deletions back until they are released or their files are back.

        `of`: how many entries the target has; `entries`: how many of them each name stands for, where that is known.
        """
        known = entries or {}
        if not self.parked:  # else what is added all the time would put the next look off for ever
            self._look_at = now + PARKED_LOOK
        for path, change in items.items():
            self.keeps.add(path, change, known.get(path))
        self.held_of = max(self.held_of, of, self.held_count)

    def parked_due(self, now: float) -> bool:
        if not self.parked or now < self._look_at:
            return False
        self._look_at = now + PARKED_LOOK
        return True

    def unpark(self, paths: Iterable[bytes]) -> list[tuple[bytes, Change]]:
        """These stand there again; of a directory it is yet to be found out what of it."""
        back = self.keeps.take(paths)
        self.returning.update(path for path, change in back if change.flags & DIRECTORY_GONE)
        self._look_whether_held()
        return back

    def have_returned(self, is_awaited: Callable[[bytes], bool]) -> None:
        """What was missing in those directories that are no longer awaited is held by its own name by now."""
        self.returning = {path for path in self.returning if is_awaited(path)}
        self._look_whether_held()

    def _look_whether_held(self) -> None:
        if not self.held:
            self.held_of, self.doubted = 0, None

    def release(self) -> dict[bytes, Change]:
        parked = self.keeps.clear()
        self.returning.clear()
        self.held_of, self.doubted = 0, None
        self.was_held = False
        return parked

    def oldest(self) -> Optional[float]:
        times = [change.since for change in self.parked.values()]
        times += [problem.change.since for problem in self.problems.values() if problem.waiting]
        return min(times, default=None)
