"""One target of a mirror: what it has not confirmed yet, and the work under way to get it there.

Live changes come first; what a comparison found (the backlog) goes in small batches in between, so that a reconcile of
days never delays a change of now.  A failure of the target concerns this target alone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from functools import partial
from typing import Callable, Optional, Protocol

from lockstep.changes import ATTRIBUTES, DIRECTORY_GONE, GONE, PERMITTED, Change, Changes
from lockstep.config import Mirror, Target
from lockstep.deletions import Deletions, Verdict, judge_batch
from lockstep.filters import Filter
from lockstep.look import look
from lockstep.pace import Pace
from lockstep.plan import Batch, Plan, Planner
from lockstep.reconcile import Reconcile
from lockstep.standing import Standing
from lockstep.transfer import command
from lockstep.transfer.command import Lane
from lockstep.transfer.outcome import IN_THE_WAY, Outcome, Result, reason
from lockstep.transfer.pool import Pool
from lockstep.transfer.process import Ended, Process

log = logging.getLogger(__name__)

BULK_SLOTS = 2
BACKLOG_NAMES = 500
BACKLOG_BYTES = 16 << 20
PROBLEMS = 10_000  # paths refused by the target that are remembered one by one


class Source(Protocol):
    """What a target needs to know of its mirror."""

    config: Mirror
    rsync: str
    state_dir: str
    filters: Filter

    def unchanged(self) -> bool:
        """Is the source still the same mounted file system and root?"""

    def may_send(self) -> bool:
        """Not held, and its watches stand."""

    def oldest_unclosed(self) -> Optional[float]: ...


class TargetSync:
    """`note()` what changed, `kick()` to have it sent; the rest happens in the event loop."""

    def __init__(self, config: Target, source: Source, on_state: Callable[[], None]) -> None:
        self.config = config
        self.source = source
        self.standing = Standing()
        self.live = Changes()
        self.backlog = Changes(limit=1 << 62)  # fed by the reconcile in portions of its own
        self.reconcile = Reconcile(self)
        self._look = partial(look, source.config.source)
        self._pace = Pace(source.config.pace)
        self._pool = Pool(lambda lane: command.batch(source.rsync, config, lane), self._spare_lost, source.state_dir)
        self._deletions = Deletions(
            source,
            self._pool,
            self.standing,
            (self.live, self.backlog),
            lambda: self.reconcile.entries,
            self._may_delete,
        )
        self.guard = self._deletions.guard
        self._under_way: dict[Batch, Optional[Process]] = {}
        self._on_state = on_state
        self._kicked: Optional[asyncio.Handle] = None
        self._stopped = False
        self._log = logging.LoggerAdapter(log, {"mirror": source.config.name, "target": config.name})

    # ------------------------------------------------------------------ what changed

    def note(self, path: bytes, flags: int, since: float) -> None:
        held = self.standing.parked.get(path)
        if held is not None and not self._deletions.is_back(path, held):
            held.flags |= flags  # sending it would be the deletion that is held
            return
        self.live.note(path, flags, since)

    def kick(self) -> None:
        """Look for something to send, soon: once for all that was noted in this turn of the loop."""
        if self._kicked is None and not self._stopped:
            self._kicked = asyncio.get_running_loop().call_soon(self._dispatch)

    def oldest(self) -> Optional[float]:
        """Since when the oldest unconfirmed change waits (monotonic); None when the target is in step."""
        times = [
            self.live.oldest(), self.backlog.oldest(), self.reconcile.oldest(), self.standing.oldest(),
            self.source.oldest_unclosed(), *(batch.oldest() for batch in self._under_way),
        ]  # fmt: skip
        return min((at for at in times if at is not None), default=None)

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        self._stopped = False
        self.reconcile.want_all(time.monotonic())
        self.kick()

    def tick(self) -> None:
        """Once a second: what is due again, what has become stale, what the state is now."""
        now = time.monotonic()
        if self.standing.retry_due(now):
            self.kick()
        for path, change in self.standing.problems_due(now):
            self.live.note(path, change.flags, change.since)
            self.kick()
        if self.standing.parked_due(now):
            for path, change in self._deletions.come_back():
                self.live.note(path, change.flags, change.since)
                self.kick()
        self._pool.recycle()
        self._on_state()

    def pause(self, paused: bool) -> None:
        self.standing.paused = paused
        if paused:
            self._pool.close()
        self.kick()
        self._on_state()

    def release(self) -> int:
        """Let the held deletions go; how many paths that are."""
        released = self._deletions.release()
        self.live.put_back(released)
        self.kick()
        self._on_state()
        return len(released)

    def close(self) -> None:
        """Start nothing more.  What is under way goes on until it ends or is killed."""
        self._stopped = True
        if self._kicked is not None:
            self._kicked.cancel()
            self._kicked = None
        self._pool.close()
        self.reconcile.stop()

    @property
    def busy(self) -> bool:
        return bool(self._pool.connections or self.reconcile.running)

    def kill(self) -> None:
        self._pool.kill()
        self.reconcile.kill()

    @property
    def backlog_done(self) -> bool:
        """Everything that a reconcile has handed over so far is on the target, or a change like any other."""
        return not self.backlog.paths and not any(batch.backlog for batch in self._under_way)

    @property
    def in_flight(self) -> int:
        return sum(len(batch.items) for batch in self._under_way)

    @property
    def pending(self) -> int:
        return len(self.live) + len(self.backlog) + self.reconcile.left

    # ------------------------------------------------------------------ from changes to batches

    def may_send(self) -> bool:
        return not (self._stopped or self.standing.paused or self.standing.waiting) and self.source.may_send()

    def _dispatch(self) -> None:
        self._kicked = None
        if not self.may_send():
            return
        now = time.monotonic()
        wait = self._pace.wait(now)
        if wait > 0:
            self._kicked = asyncio.get_running_loop().call_later(wait, self._dispatch)
            return
        if self.live.paths:
            self._carry_out(self._plan(self.live), self.live, now)
        if self.backlog.paths and not self._stopped and self._lanes():
            plan = self._plan(self.backlog, max_names=BACKLOG_NAMES, max_bytes=BACKLOG_BYTES)
            self._carry_out(plan, self.backlog, now)
        reconciling = self.reconcile.whole_wanted
        self.reconcile.proceed()
        if reconciling and not self.reconcile.whole_wanted:
            self._on_state()
        self._pool.open()

    def _lanes(self) -> frozenset[Lane]:
        taken = {batch.lane for batch in self._under_way if not (batch.bulk or batch.replaces)}
        return frozenset(lane for lane in Lane if lane not in taken)

    def _plan(self, changes: Changes, **limits: int) -> Plan:
        other = self.backlog if changes is self.live else self.live
        planner = Planner(
            changes,
            self._look,
            self._under_way,
            self._lanes(),
            BULK_SLOTS - sum(batch.bulk for batch in self._under_way),
            self.source.config.delete,
            other.has_structure,
            **limits,
        )
        return planner.run()

    def _carry_out(self, plan: Plan, origin: Changes, now: float) -> None:
        self.standing.settle(plan.settled)
        if plan.again:
            self.kick()
        for path, change in plan.subtrees.items():
            self.reconcile.want(path, change)
        for batch in plan.batches:
            # asked after the disk was: what was missing then was missing on the right file system
            if plan.root_missing or not self.source.unchanged():
                origin.put_back(batch.items.items())
                continue
            self._under_way[batch] = None
            batch.backlog = origin is self.backlog
            if batch.lane is Lane.REMOVE or batch.replaces:
                self._ask(batch)
            else:
                self._launch(batch)
            self._pace.started(now)

    def _ask(self, batch: Batch) -> None:
        try:
            self._deletions.ask(batch)
        except OSError as err:
            self._return(batch)
            self._failed(f"rsync cannot be started: {err.strerror}")

    def _launch(self, batch: Batch) -> None:
        names = command.names(self.source.config.source, list(batch.listed))
        if log.isEnabledFor(logging.DEBUG):
            self._log.debug("%s: %s", batch.lane.value, " ".join(map(repr, batch.listed)))
        try:
            self._under_way[batch] = self._pool.run(
                batch.lane, names, lambda process, ended: self._batch_ended(batch, ended)
            )
        except OSError as err:
            self._return(batch)
            self._failed(f"rsync cannot be started: {err.strerror}")

    # ------------------------------------------------------------------ deletions

    def _may_delete(self, batch: Batch, verdict: Verdict, outcome: Outcome) -> None:
        if verdict is Verdict.GO and not self._stopped:
            self._launch(batch)
        elif verdict is Verdict.NOTHING_THERE:
            self._confirm(batch, outcome)
        elif verdict is Verdict.SPARED:
            why = "a directory stands in its way on the target, and what is below that is not to be deleted"
            self._confirm(batch, Outcome(Result.PARTIAL, refused=dict.fromkeys(batch.items, why)))
        elif verdict is Verdict.HELD:
            del self._under_way[batch]
            self._on_state()
        else:
            self._refuse(batch, outcome)
            batch.items = {path: change for path, change in batch.items.items() if path not in outcome.refused}
            self._return(batch)
            if verdict is Verdict.FAILED:
                self._failed(outcome.reason)
            else:
                self.kick()

    def hold(self, items: Mapping[bytes, Change], count: int, of: int) -> None:
        """Keep back these deletions, `count` entries of `of` on the target."""
        self._deletions.hold(items, count, of)
        self._on_state()

    def comparison_failed(self, why: str) -> None:
        if not self._stopped:
            self._failed(why)

    # ------------------------------------------------------------------ from the end of a process to what it means

    def _batch_ended(self, batch: Batch, ended: Ended) -> None:
        if batch not in self._under_way:
            return
        outcome = judge_batch(batch, ended, self.source.config.source)
        if log.isEnabledFor(logging.DEBUG):
            self._log.debug("%s: %s: %s", batch.lane.value, outcome.result.value, " ".join(map(repr, batch.items)))
        self._pace.cost(ended.cpu, len(batch.listed))
        if outcome.result is Result.FAILED:
            self._return(batch)
            if not self._stopped:
                self._failed(outcome.reason)
            return
        self._confirm(batch, outcome)

    def _confirm(self, batch: Batch, outcome: Outcome) -> None:
        del self._under_way[batch]
        now = time.monotonic()
        self.standing.confirmed([*batch.items, *batch.covered], outcome.refused, now)
        if batch.lane is Lane.REMOVE:
            self.standing.settle_below(path for path in batch.items if path not in outcome.refused)
            self._look_again(batch, now)
        for path in batch.stale:
            self.live.note(path, ATTRIBUTES, batch.oldest())
        for path in outcome.vanished:
            change = batch.items.get(path)
            self.live.note(path, GONE, now if change is None else change.since)
        self._refuse(batch, outcome)
        if len(self.standing.problems) > PROBLEMS:
            self.standing.problems.clear()
            self.reconcile.want_all(now)
        self.kick()
        self._on_state()

    def _look_again(self, batch: Batch, now: float) -> None:
        """What came back while its deletion was under way may not have been deleted: then its old content is there."""
        for path, change in batch.items.items():
            if self._look(path) is not None:
                self.live.note(path, change.flags & ~PERMITTED, now)

    def _refuse(self, batch: Batch, outcome: Outcome) -> None:
        """Remember what was refused, to be tried again; one line in the log, however many there are."""
        now = time.monotonic()
        for path in [path for path, why in outcome.refused.items() if IN_THE_WAY in why]:
            change = batch.items.get(path)
            if change is not None and not change.flags & DIRECTORY_GONE:
                # it may be replaced, but not unasked: all below it goes with it
                self.live.note(path, change.flags | DIRECTORY_GONE, change.since)
                del outcome.refused[path]
        new = [path for path in outcome.refused if self.standing.is_new_problem(path)]
        if new:
            self._log.warning(
                "%d names refused, the first: %s: %s", len(new), os.fsdecode(new[0]), outcome.refused[new[0]]
            )
        for path, why in outcome.refused.items():
            self.standing.refuse(path, why, batch.items.get(path) or Change(ATTRIBUTES, now), now)

    def _return(self, batch: Batch) -> None:
        del self._under_way[batch]
        self.live.put_back(batch.items.items())

    def _spare_lost(self, ended: Ended) -> None:
        if not self._stopped:
            self._failed(reason(ended.code, ended.stderr))

    def _failed(self, why: str) -> None:
        """The target as a whole cannot take anything now: back off, and try again with the first thing that waits."""
        self._pool.close()
        if self.standing.fail(why, time.monotonic()):
            self._log.warning("down: %s", why)
        if not self.live.paths and not self.backlog.paths:
            self.live.note(b"", ATTRIBUTES, time.monotonic())  # the lightest question whether it is back
        self._on_state()
