"""What one target has refused out of a batch: remembered with its reason, told in the log, and tried again."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Protocol

from lockstep import logs
from lockstep.backoff import Backoff
from lockstep.batch import Batch
from lockstep.changes import ATTRIBUTES, DIRECTORY_GONE, Change, Changes
from lockstep.record import Record
from lockstep.sparing import Sparing
from lockstep.standing import Standing
from lockstep.transfer.outcome import Outcome, stood_in_the_way

PROBLEMS = 10_000  # paths refused by the target that are remembered one by one
MORE_PROBLEMS, LONGEST = 60.0, 3600.0  # seconds until a comparison finds those again that are not


class Comparisons(Protocol):
    def want_all_later(self, changes: Sequence[Change], backoff: Backoff) -> None: ...


class Refusals:
    """`live` takes what is to be sent again; `standing` remembers, `record` counts, `reconcile` finds again what cannot
    be remembered."""

    def __init__(
        self,
        standing: Standing,
        record: Record,
        live: Changes,
        reconcile: Comparisons,
        log: logs.About,
    ) -> None:
        self._standing = standing
        self._record = record
        self._live = live
        self._reconcile = reconcile
        self._log = log
        self._more = Backoff(MORE_PROBLEMS, LONGEST)
        self._lines = Sparing()

    def send_others_again(self, batch: Batch, outcome: Outcome) -> None:
        """Something was refused, and which names that were is only rsync's word; the others go without them, and count
        as arrived when their rsync has nothing to complain of."""
        told = outcome.refused.keys() | outcome.vanished
        rest = {path: change for path, change in batch.items.items() if path not in told}
        new = len(self._standing.problems) < PROBLEMS and any(map(self._standing.is_new_problem, outcome.refused))
        if outcome.refused and len(rest) == len(batch.items) and not new:
            # a directory that is listed for its times: the next batch would be the same one
            outcome.refused.update(dict.fromkeys(rest, next(iter(outcome.refused.values()))))
            return
        batch.items = {path: change for path, change in batch.items.items() if path in told}
        batch.covered.clear()
        self._live.put_back(rest.items())

    def note(self, batch: Batch, outcome: Outcome) -> None:
        """Remember what was refused, to be tried again; one line in the log, however many there are.

        Where a directory stood in the way, the outcome no longer calls that refused: it is asked about.
        """
        now = time.monotonic()
        for path in [path for path, why in outcome.refused.items() if stood_in_the_way(why)]:
            change = batch.items.get(path)
            if change is not None and not change.flags & DIRECTORY_GONE:
                # it may be replaced, but not unasked: all below it goes with it
                self._live.note(path, change.flags | DIRECTORY_GONE, change.since)
                del outcome.refused[path]
        self._tell(outcome, now)
        if not self._standing.problems:
            self._more.reset()
        more = []
        for path, why in outcome.refused.items():
            change = batch.items.get(path) or Change(ATTRIBUTES, now)
            if len(self._standing.problems) < PROBLEMS or not self._standing.is_new_problem(path):
                self._standing.refuse(path, why, change, now)
            else:
                more.append(change)
        if more:
            self._reconcile.want_all_later(more, self._more)

    def _tell(self, outcome: Outcome, now: float) -> None:
        new = [path for path in outcome.refused if self._standing.is_new_problem(path)]
        if new and self._lines.may(now):
            first, why = os.fsdecode(new[0]), outcome.refused[new[0]]
            self._log.warning("%d names refused, the first: %s: %s%s", len(new), first, why, self._lines.untold())
        elif new:
            self._lines.keep_back()
        if outcome.refused:
            path, why = next(iter(outcome.refused.items()))
            others = f", and {len(outcome.refused) - 1:,} more" if len(outcome.refused) > 1 else ""
            self._record.failed(why, now, len(outcome.refused), f"{os.fsdecode(path) or '.'}: {why}{others}")
