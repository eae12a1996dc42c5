"""One target of a mirror: what it has not confirmed yet, and the work under way to get it there.

Live changes come first; what a comparison found (the backlog) goes in small batches in between, so that a reconcile of
days never delays a change of now.  A failure of the target concerns this target alone.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import stat
import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Callable, Optional, Protocol

from lockstep import logs
from lockstep.batch import Batch
from lockstep.carrier import OPTION_REFUSED, RENAMING, Carrier
from lockstep.changes import (
    ATTRIBUTES,
    CONTENT,
    DIRECTORY_GONE,
    GONE,
    MOVED,
    PERMITTED,
    Change,
    Changes,
    stands_in,
)
from lockstep.config import Mirror, Target
from lockstep.deletions import Deletions, Verdict, judge_batch
from lockstep.file_moves import FileMoves
from lockstep.filters import Filter
from lockstep.look import look
from lockstep.moves import Moves
from lockstep.notify.hooks import Hooks
from lockstep.plan import Plan, Planner
from lockstep.preparing import Preparing
from lockstep.reconcile import Reconcile
from lockstep.record import Record
from lockstep.refusals import Refusals
from lockstep.remains import Remains
from lockstep.renames import MANY, Renames
from lockstep.standing import Standing
from lockstep.transfer.command import Lane, can_be_renamed, patience
from lockstep.transfer.outcome import (
    Outcome,
    Result,
    cut_off,
    is_unwritable,
    made,
    spared_a_directory,
    spared_directories,
)
from lockstep.transfer.process import Ended, Process, not_started
from lockstep.transfer.tunnel import Tunnel

log = logging.getLogger(__name__)

QUIET = 1.0  # seconds without a change, after which the backlog goes in batches as large as any
BACKLOG_NAMES = 500  # in smaller ones it delays live changes less
BACKLOG_BYTES = 16 << 20
SENDING = frozenset({Lane.CONTENT, Lane.REPLACE})  # whose files are sent whole


class Source(Protocol):
    """What a target needs to know of its mirror."""

    config: Mirror
    rsync: str
    state_dir: str
    filters: Filter
    hooks: Optional[Hooks]

    def unchanged(self) -> bool:
        """Is the source still the same mounted file system and root?"""

    def may_send(self) -> bool:
        """Not held, and its watches stand."""

    @property
    def scanning(self) -> bool:
        """Are directories that came still being walked through?"""

    def unread(self, since: float) -> bool:
        """Do events wait, and were not all read that came before `since` (monotonic)?"""

    @property
    def events_lost(self) -> bool:
        """Did some never come, and what they would have told is not yet wanted from a comparison?"""

    def oldest_unclosed(self) -> Optional[float]: ...


class TargetSync:
    """`note()` what changed, `kick()` to have it sent; the rest happens in the event loop."""

    def __init__(self, config: Target, source: Source, on_state: Callable[[], None]) -> None:
        self.config = config
        self.source = source
        self.standing = Standing()
        self.record = Record()
        self.live = Changes()
        self._beside = Changes()  # noted while a head start was under way
        self.backlog = Changes(limit=1 << 62)  # fed by the reconcile in portions of its own
        self.reconcile = Reconcile(self)
        self.renames = Renames()
        self.moves = Moves()
        self._file_moves = FileMoves()
        self._remains = Remains()
        self._look = partial(look, source.config.source)
        self._carrier = Carrier(source.rsync, source.config, config, source.state_dir, self._spare_lost)
        self._tunnel = Tunnel(config, self._explained)
        self._preparing = Preparing(source.rsync, source.config, config, source.state_dir, self._prepared)
        self._deletions = Deletions(
            source,
            self._carrier.pool,
            self.standing,
            (self.live, self.backlog),
            lambda: (self.reconcile.entries, self.reconcile.most_entries),
            self._may_delete,
            self.moves.take,
            self._is_at_another_name,
            self._compared,
            lambda: self.reconcile.want_all(time.monotonic(), why="to know how much there is before much is deleted"),
            lambda: bool(self.moves) and self.source.scanning,
            lambda since: bool(self.moves) and self.source.unread(since),
        )
        self.guard = self._deletions.guard
        self._patience = patience(config)
        self._noted = 0.0  # when something changed last
        self._can_link = True  # until the target refuses it
        self._needed_for: Optional[set[bytes]] = None
        self._under_way: set[Batch] = set()
        self._on_state = on_state
        self._kicked: Optional[asyncio.Handle] = None
        self._stopped = False
        self._log = logs.about(log, mirror=source.config.name, target=config.name)
        self._refusals = Refusals(self.standing, self.record, self.live, self.reconcile, self._log)

    # ------------------------------------------------------------------ what changed

    def renamed(self, old: bytes, new: bytes, now: float) -> None:
        """To be told before the going of `old` and the coming of `new` are noted."""
        self.moves.renamed(old, new, now)
        waiting = len(self.live) + len(self.backlog) + self.in_flight + len(self.standing.parked)
        sure = self.source.config.delete.live and self.reconcile.whole_done and not self.reconcile.busy
        if not (self._can_link and sure and waiting < MANY):
            self.renames.forget()
            return
        batches = [batch.items.items() for batch in self._under_way]
        refused = [(path, problem.change) for path, problem in self.standing.problems.items()]
        pending = chain(
            self.live.paths.items(), self.backlog.paths.items(), *batches, refused, self.standing.parked.items()
        )
        for path in self.renames.renamed(old, new, pending) or ():
            self.live.note(path, CONTENT, now)

    def file_renamed(self, old: bytes, new: bytes) -> None:
        """To be told before the going of `old` and the coming of `new` are noted, and before `renamed`."""
        self._file_moves.renamed(old, new)

    def came_along(self, path: bytes) -> None:
        """Something was found, maybe below a directory that was renamed; to be told before it is noted."""
        if self.moves:
            self.moves.found(path)

    def note(self, path: bytes, flags: int, since: float) -> None:
        if self._file_moves:
            if flags & GONE:
                self._file_moves.gone(path)
            elif flags & (CONTENT | MOVED):
                self._file_moves.written(path)
            else:
                self._file_moves.stands(path)
        if self.moves:
            if flags & GONE:
                self.moves.gone(path, bool(flags & DIRECTORY_GONE))
            else:
                self.moves.stands(path)
        if flags & MOVED:
            if self.renames.stands_at(path) is None:
                flags = flags & ~MOVED | CONTENT
        elif self.renames and self.renames.noted(path, flags):
            self.renames.forget()
        held = self.standing.parked.get(path)
        if held is not None and not self._deletions.is_back(path, held):
            held.flags |= flags  # sending it would be the deletion that is held
            return
        self.live.note(path, flags, since)
        self._noted = since
        if self.reconcile.starts_ahead:
            self._note_beside(path, flags, since)

    def _note_beside(self, path: bytes, flags: int, since: float) -> None:
        """While a head start is under way."""
        self._beside.note(path, flags, since)
        change = self._beside.paths.get(path)
        status = self._look(path) if change is None or change.flags & DIRECTORY_GONE else None
        if self._beside.collapsed or (status is not None and stat.S_ISLNK(status.st_mode)):
            # what is on its way into the directory that was there would go where the link leads, once that is sent
            self.reconcile.end_ahead()

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
        self.standing.recover(now)
        if self.standing.retry_due(now):
            self.kick()
        for path, change in self.standing.problems_due(now, self._is_pending):
            self.live.note(path, change.flags, change.since)
            self.kick()
        if not (self.pending or self._under_way or self.source.scanning or self.standing.held):
            self.renames.forget()
            self.moves.all_is_confirmed()
            self._file_moves.all_is_confirmed()
        if self.renames and self._renames_are_over():
            self.renames.forget()
        if self.pending:
            self.kick()  # whatever it waited for, what ends may not have it looked at again, or only in hours
        if self.standing.returning:
            self.standing.have_returned(self._is_awaited)
        if self.standing.parked_due(now):
            for path, change in self._deletions.come_back():
                self.live.note(path, change.flags, change.since)
                self.kick()
        self._carrier.pool.give_up(self._patience)
        self._carrier.pool.recycle()
        self._carrier.renew()
        if not self._preparing.done and self.source.may_send() and not self.standing.waiting:
            self._preparing.begin()
        self.reconcile.tick()
        self._on_state()

    def pause(self, paused: bool) -> None:
        self.standing.paused = paused
        if paused:
            self._carrier.pool.close()
        self.kick()
        self._on_state()

    def release(self) -> int:
        """Let the held deletions go; how many paths that are."""
        released = self._deletions.release()
        self.reconcile.released()
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
        self._carrier.pool.close()
        self.reconcile.stop()

    @property
    def busy(self) -> bool:
        asked = self._carrier.pool.connections or self._deletions.reading
        return bool(asked or self.reconcile.running or self._preparing.running)

    def kill(self) -> None:
        self._carrier.pool.kill()
        self._deletions.stop_reading()
        self._preparing.kill()
        self.reconcile.kill()

    def _is_at_another_name(self, path: bytes) -> bool:
        """Does the file that went from here stand at the name to which it was renamed?"""
        new = self._file_moves.now_at(path)
        if new in self.standing.problems:
            return False  # the target has it under the old name alone
        status = self._look(new) if new is not None else None
        return status is not None and not stat.S_ISDIR(status.st_mode)

    def _is_pending(self, path: bytes) -> bool:
        if path in self.live.paths or path in self.backlog.paths or path in self.standing.parked:
            return True
        return any(path in batch.listed for batch in self._under_way)

    def _is_awaited(self, path: bytes) -> bool:
        """Is it still to be found out what stands in a directory that is back?"""
        if any(stands_in(changes.paths, path) for changes in (self.live, self.backlog)):
            return True
        return self.reconcile.awaits(path) or any(
            path in batch.listed or stands_in(batch.items, path) for batch in self._under_way
        )

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
        if self._stopped or self.standing.paused or self.standing.waiting or not self._preparing.done:
            return False
        if self.reconcile.ends_ahead:
            return False
        return self.source.may_send()

    def paced(self, now: float) -> float:
        """Seconds for which no batch can start, as far as is known."""
        return self._carrier.pace.wait(now) if self.may_send() else math.inf

    def _prepared(self, failed: str) -> None:
        if self._stopped:
            return
        if failed:
            self._failed(failed)
        else:
            self.standing.answered(time.monotonic(), time.monotonic())
            self.kick()

    def _dispatch(self) -> None:
        self._kicked = None
        if not self.may_send():
            return
        now = time.monotonic()
        wait = self._carrier.pace.wait(now)
        if wait > 0:
            self._kicked = asyncio.get_running_loop().call_later(wait, self._dispatch)
            return
        if self.live.paths:
            self._carry_out(self._plan(self.live), self.live, now)
        if self.backlog.paths and not self._stopped and self._carrier.free_lanes(self._under_way, backlog=True):
            if now - self._noted > QUIET:
                plan = self._plan(self.backlog)
            else:
                plan = self._plan(self.backlog, max_names=BACKLOG_NAMES, max_bytes=BACKLOG_BYTES)
            self._carry_out(plan, self.backlog, now)
        reconciling = self.reconcile.whole_wanted
        self.reconcile.proceed()
        if reconciling and not self.reconcile.whole_wanted:
            self._on_state()
        self._carrier.pool.open()

    def _plan(self, changes: Changes, **limits: int) -> Plan:
        other = self.backlog if changes is self.live else self.live
        self._needed_for = None
        planner = Planner(
            changes,
            self._look,
            self._under_way,
            self._carrier.free_lanes(self._under_way, backlog=changes is self.backlog),
            self._carrier.free_bulk_slots(self._under_way),
            self.source.config.delete.live,
            other.has_structure,
            self.renames,
            self._needed,
            hidden=self.source.filters.hidden,
            elsewhere=self.source.filters.elsewhere,
            delete_permitted=bool(self.source.config.delete),
            refused=self.standing.problems.__contains__,
            can_be_renamed=partial(can_be_renamed, target=self.config),
            **limits,
        )
        return planner.run()

    def _renames_are_over(self) -> bool:
        """Will nothing be made of what the target has under old names?"""
        if self.reconcile.busy:
            return True
        if self.source.scanning:
            return False
        # with nothing under way, what is left waits for a name of which no event will tell: where directories are moved
        # while others are read, an event can be taken for one of a later path
        return not any(self._moved()) or (not (self._under_way or self._kicked) and self.may_send())

    def _moved(self) -> Iterator[bytes]:
        """What came by a rename, stands there still and is not confirmed."""
        for items in (self.live.paths, *(batch.items for batch in self._under_way)):
            yield from (path for path, change in items.items() if change.flags & MOVED and self._look(path) is not None)

    def _needed(self, path: bytes) -> bool:
        new = self._file_moves.now_at(path)
        if new is not None and (
            any(new in changes.paths for changes in (self.live, self.backlog))
            or any(new in batch.items for batch in self._under_way)
        ):
            return True  # until it is there under its new name, the target has it under this one alone
        names = self.renames.made_of(path) if self.renames else []
        if not names:
            return False
        if self.source.scanning:
            return True
        if self._needed_for is None:
            self._needed_for = self.renames.needed(self._moved())
        # a new name that is gone already has gone on to another one, of which an event will tell
        return path in self._needed_for or any(self._look(name) is None for name in names)

    def _carry_out(self, plan: Plan, origin: Changes, now: float) -> None:
        self.standing.settle(plan.settled)
        self.reconcile.confirmed(plan.settled)
        if plan.again:
            self.kick()
        for path, change in plan.subtrees.items():
            self.reconcile.want(path, change)
        for batch in plan.batches:
            # asked after the disk was: what was missing then was missing on the right file system
            if plan.root_missing or not self.source.unchanged():
                origin.put_back(batch.items.items())
                continue
            self._under_way.add(batch)
            batch.backlog = origin is self.backlog
            if batch.lane is Lane.REMOVE or batch.replaces:
                self._ask(batch)
            else:
                self._launch(batch)
            if not batch.backlog:  # which goes one at a time, and is as quick as the target is
                self._carrier.pace.started(now)

    def _ask(self, batch: Batch) -> None:
        try:
            self._deletions.ask(batch)
        except OSError as err:
            self._return(batch)
            self._failed(not_started(err))

    def _launch(self, batch: Batch) -> None:
        if log.isEnabledFor(logging.DEBUG):
            self._log.debug("%s: %s", batch.lane.value, " ".join(map(repr, batch.listed)))
        batch.started = time.monotonic()
        try:
            self._carrier.carry(batch, self._batch_ended)
        except OSError as err:
            self._return(batch)
            self._failed(not_started(err))

    # ------------------------------------------------------------------ deletions

    def _compared(self) -> bool:
        """Everything was, once and since events were lost: what went at the source is known to be the same here."""
        return self.reconcile.whole_done and not self.reconcile.whole_wanted and not self.source.events_lost

    def _may_delete(self, batch: Batch, verdict: Verdict, outcome: Outcome) -> None:
        if verdict is Verdict.GO and not self._stopped:
            self._launch(batch)
        elif verdict is Verdict.NOTHING_THERE:
            self._confirm(batch, outcome)
        elif verdict is Verdict.SPARED:
            why = "a directory stands in its way on the target, and what is below that is not to be deleted"
            self._confirm(batch, Outcome(Result.PARTIAL, refused=dict.fromkeys(batch.items, why)))
        elif verdict is Verdict.HELD:
            self._under_way.discard(batch)
            self.kick()  # for what waited behind it
            self._on_state()
        else:
            self._refusals.note(batch, outcome)
            batch.items = {path: change for path, change in batch.items.items() if path not in outcome.refused}
            self._return(batch)
            if verdict is Verdict.FAILED:
                self._failed(outcome.reason)
            else:
                self.kick()

    def hold(self, items: Mapping[bytes, Change], of: int) -> None:
        """Keep back these deletions; the target has `of` entries."""
        self._deletions.hold(items, of)
        self._on_state()

    @property
    def sending(self) -> Target:
        return self._carrier.sending

    def head_start_over(self, names: int, size: int, why: str) -> None:
        """It may have overwritten what was sent meanwhile by what it had read before, or brought back what was deleted:
        that goes again."""
        beside, self._beside = self._beside, Changes()
        for path, change in beside.paths.items():
            if path not in self.standing.parked:
                # as old as it is: what is to be found by its ctime has had it since then
                self.live.note(path, change.flags & ~PERMITTED, change.since)
        self.standing.names += names
        self.record.sent_ahead(names, size)
        told = f", and not all of it: {why}" if why else ""
        self._log.info("%d names with %d bytes that the target had not were sent together%s", names, size, told)

    def comparison_failed(self, why: str) -> None:
        if not self._stopped:
            self._failed(why)

    # ------------------------------------------------------------------ from the end of a process to what it means

    def _batch_ended(self, batch: Batch, process: Process, ended: Ended) -> None:
        if batch not in self._under_way:
            return
        outcome = judge_batch(batch, ended, self.source.config.source)
        if log.isEnabledFor(logging.DEBUG):
            self._log.debug("%s: %s: %s", batch.lane.value, outcome.result.value, " ".join(map(repr, batch.items)))
        if batch.lane in RENAMING:
            self._made(batch, process, ended, outcome)
            return
        if process.given_up:
            self._log.warning("rsync stood still for %d s with %d names", self._patience, len(batch.items))
            self._remains.interrupted(batch)
            self._return(batch)
            self.kick()
            return
        if self._carrier.goes_by_list(batch, ended):
            self._return(batch)
            self.kick()
            return
        if outcome.result is Result.FAILED:
            self._remains.interrupted(batch)
            self._return(batch)
            if self._carrier.pool.was_lost(process, ended):
                self._log.info("the target had closed the connections that waited: they are made anew")
                self.kick()
            elif not self._stopped:
                self._failed(outcome.reason, batch.lane if is_unwritable(ended.stderr) else None)
            return
        delete = self.source.config.delete
        asks = delete.found or delete.start  # else what went unseen stays, and so does what stands there now
        if batch.lane is Lane.REMOVE and not batch.trees and asks and spared_a_directory(ended.stderr):
            # a file went, and a directory stands there: only when asked about
            for path in spared_directories(ended.stderr, self.source.config.source, frozenset(batch.items)):
                change = batch.items[path]
                change.flags = change.flags & ~PERMITTED | DIRECTORY_GONE
            self._return(batch)
            self.kick()
            return
        if not outcome.proves_rest:
            self._refusals.send_others_again(batch, outcome)
        self._confirm(batch, outcome)

    def _made(self, batch: Batch, process: Process, ended: Ended, outcome: Outcome) -> None:
        """What could not be made of what the target has is sent; whether the target is down that will show."""
        if ended.code == OPTION_REFUSED and self._can_link:
            self._can_link = False
            self._log.warning("renamed files are sent as new: %s", outcome.reason)
        if process.output is not None and batch.link is not None:
            process.output.seek(0)
            names = made(process.output, ended.code)
            arrived = {path for path in batch.items if path[len(batch.link[0]) :].lstrip(b"/") in names}
        else:
            arrived = set(batch.items) if outcome.result is Result.CONFIRMED else set()
        if outcome.result is Result.FAILED:
            self._remains.interrupted(batch)
        left = [(path, change) for path, change in batch.items.items() if path not in arrived]
        for path, change in left:
            del batch.items[path]
            change.flags |= CONTENT
        self.live.put_back(left)
        self._confirm(batch, Outcome(Result.CONFIRMED))

    def _confirm(self, batch: Batch, outcome: Outcome) -> None:
        self._under_way.discard(batch)
        now = time.monotonic()
        if batch.items:
            lane = batch.lane if self.pending or self._under_way else None
            paths = [path for path in chain(batch.items, batch.covered) if path not in outcome.vanished]
            self.standing.confirmed(paths, outcome.refused, now, batch.started, lane)
            self._record(batch, outcome, now)
            if self.source.hooks is not None:
                left = outcome.refused.keys() | outcome.vanished
                arrived = [path for path in batch.items if path and path not in left]
                self.source.hooks.confirmed(self.config.name, batch.lane is Lane.REMOVE, arrived)
            self.reconcile.confirmed(chain(batch.items, batch.covered))
        if batch.lane is Lane.REMOVE:
            for path in batch.items if self.renames else ():
                self.renames.deleted(path)
            for path in batch.items if self._file_moves else ():
                if path not in outcome.refused:
                    self._file_moves.stands(path)  # from now on only its new name is to be followed
            self.standing.settle_below(path for path in batch.items if path not in outcome.refused)
            self._look_again(batch, now)
        if batch.replaces:
            self._look_whether_replaced(batch, now)
        since = batch.oldest() if batch.items else now
        for path in batch.stale:
            self.live.note(path, ATTRIBUTES, since)
        for path in outcome.vanished:
            change = batch.items.get(path)
            self.live.note(path, GONE, now if change is None else change.since)
        self._refusals.note(batch, outcome)
        delete = self.source.config.delete
        if batch.items and (delete.found or delete.start) and not self._stopped:
            self._clear_remains()
        self.kick()
        self._on_state()

    def _record(self, batch: Batch, outcome: Outcome, now: float) -> None:
        refused = outcome.refused
        arrived = [change.since for path, change in batch.items.items() if path not in refused]
        # of attributes that a reconcile finds different, it does not say whether the content is, too
        sent = batch.lane in SENDING or (batch.backlog and batch.lane is Lane.REST)
        size = batch.size if sent and not refused else 0
        if not batch.backlog and batch.lane is not Lane.REMOVE:
            self.reconcile.grown += len(arrived)
        # what a reconcile found has been so for nobody knows how long
        self.record.confirmed(batch.lane.value, () if batch.backlog else arrived, len(arrived), size, now)

    def _clear_remains(self) -> None:
        """The target answers again: what it had half-written when it failed is to go."""
        directories = self._remains.due(self._is_under_way)
        try:
            if directories:
                self._carrier.list_remains(directories, self._remains_told)
        except OSError:
            self._remains.failed()

    def _is_under_way(self, path: bytes) -> bool:
        return any(path in batch.listed for batch in self._under_way)

    def _remains_told(self, process: Process, ended: Ended) -> None:
        if cut_off(ended.code):
            self._remains.failed()
            return
        assert process.output is not None
        process.output.seek(0)
        now = time.monotonic()
        for path in self._remains.found(process.output, self._look, self._is_under_way):
            if not self.source.filters.hidden(path, False):
                self._log.info("%s was left half-written on the target, and is removed", os.fsdecode(path))
                self.note(path, GONE | PERMITTED, now)
        self.kick()

    def _look_again(self, batch: Batch, now: float) -> None:
        """What came back while its deletion was under way may not have been deleted: then its old content is there."""
        for path, change in batch.items.items():
            if self._look(path) is not None:
                self.live.note(path, change.flags & ~PERMITTED, now)

    def _look_whether_replaced(self, batch: Batch, now: float) -> None:
        """Where a directory or nothing stands by now, it may have done so for rsync: then nothing was replaced, and
        all that was below the directory of before is still on the target."""
        for path in batch.items:
            status = self._look(path)
            if status is None or stat.S_ISDIR(status.st_mode):
                self.live.note(path, GONE | DIRECTORY_GONE, now)

    def _return(self, batch: Batch) -> None:
        self._under_way.discard(batch)
        self.live.put_back(batch.items.items())

    def _spare_lost(self, why: str) -> None:
        if not self._stopped:
            self._failed(why)

    def _failed(self, why: str, lane: Optional[Lane] = None) -> None:
        """The target as a whole cannot take anything now: back off, and try again with the first thing that waits."""
        now = time.monotonic()
        self._carrier.target_failed()
        told = self._tunnel.explained(why)
        self.record.failed(why, now, told=told)
        self.standing.fail(told, now, lane)
        if not self.live.paths and not self.backlog.paths:
            self.live.note(b"", ATTRIBUTES, now)  # the lightest question whether it is back
        self._on_state()

    def _explained(self, why: str) -> None:
        """More is known of why it failed."""
        if self.standing.down and not self._stopped:
            self.standing.down = why
            if self.record.errors:
                self.record.errors[-1].reason = why
            self._on_state()
