"""The reconcile of one target: whole or of subtrees; from wanting it to the last difference handed over.

At the start, after an overflow, on schedule, on request, and where too many changes were folded into a subtree.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Optional, Protocol

from lockstep.backoff import Backoff
from lockstep.changes import (
    CONTENT,
    DIRECTORY_GONE,
    FULL,
    GONE,
    PERMITTED,
    SPARING,
    SUBTREE,
    SUSPECT,
    Change,
    Changes,
    stands_in,
)
from lockstep.comparison import Comparison, Difference, Totals
from lockstep.config import Mirror, Target
from lockstep.filters import Filter
from lockstep.guard import DeletionGuard
from lockstep.head_start import HeadStart, is_possible, is_worth_it
from lockstep.look import is_inside
from lockstep.plan import BULK
from lockstep.progress import Meter, Progress, seconds_left
from lockstep.recent import changed_since
from lockstep.record import Record
from lockstep.standing import Standing
from lockstep.transfer import command
from lockstep.transfer.outcome import complaints, judge, reason
from lockstep.transfer.process import Ended, not_started
from lockstep.walk import COMPLETE, Scope, shares

log = logging.getLogger(__name__)

PORTION = 2_000  # differences handed over at a time
OUTSTANDING = 50_000  # differences handed over whose arrival is waited for one by one, at most
CTIME_SLACK = 2.0  # seconds: the kernel's clock for ctime is coarse, and a remembered moment is a little late
MANY = 5_000  # entries from which a whole comparison is shared by several processes
RETRY, RETRY_LONGEST = 2.0, 3600.0  # seconds until what could not be compared completely is compared again
READ_ERRORS = 23  # rsync(1): something could not be read, vanished directories too; then rsync tells no deletion at all


class Source(Protocol):
    """What a reconcile needs to know of the mirror."""

    @property
    def config(self) -> Mirror: ...
    @property
    def rsync(self) -> str: ...
    @property
    def state_dir(self) -> str: ...
    @property
    def filters(self) -> Filter: ...

    def unchanged(self) -> bool:
        """Is the source still the same mounted file system and root?"""


class Destination(Protocol):
    """What a reconcile needs of the target whose differences it finds."""

    @property
    def config(self) -> Target: ...
    @property
    def source(self) -> Source: ...
    @property
    def standing(self) -> Standing: ...
    @property
    def record(self) -> Record: ...
    @property
    def guard(self) -> DeletionGuard: ...

    @property
    def sending(self) -> Target:
        """The target with all options of what is sent now."""

    @property
    def backlog(self) -> Changes:
        """Where differences go, to be sent between live changes."""

    @property
    def backlog_done(self) -> bool:
        """Everything that was handed over so far is on the target, or a change like any other."""

    def kick(self) -> None:
        """Call `proceed` soon."""

    def hold(self, items: Mapping[bytes, Change], of: int) -> None:
        """Keep back these deletions; the target has `of` entries."""

    def release(self) -> int:
        """Let go what is kept back."""

    def may_send(self) -> bool: ...

    def head_start_over(self, names: int, size: int, why: str) -> None:
        """So many names and bytes were sent by it, and why not all; what was noted meanwhile may have to go again."""

    def comparison_failed(self, why: str) -> None: ...


class Reconcile:
    """What is wanted, the comparison that runs, and the differences that are still to be handed to the backlog."""

    def __init__(self, target: Destination) -> None:
        self._target = target
        self._wanted: dict[bytes, Change] = {}
        self._all_since: Optional[float] = None  # epoch; for the next whole reconcile: what ctimes to distrust
        self._compared_since: Optional[float] = None  # for the one under way
        self._unproven: Optional[float] = None  # epoch; until all that was found by such ctimes has arrived
        self._found_until: Optional[float] = None  # monotonic; what waits since then or longer may be of it
        self._walks: list[tuple[bytes, float]] = []
        self._running: Optional[Comparison] = None
        self._head_start: Optional[HeadStart] = None
        self._may_start_ahead = True  # once, until all has arrived
        # names and bytes that a head start has sent, so that the comparison after it does not find them
        self._ahead = self._was_ahead = (0, 0)
        self._uncounted = 0  # ... and those that no comparison has counted on the target yet
        self._feeding: Optional[Comparison] = None
        self._differences: Optional[Iterator[Optional[Difference]]] = None
        self._deletions = PERMITTED
        self._told = False  # are all that are to be held counted as such already?
        self._deleted = b""  # the last deletion that was handed over
        self._held_of = 0  # entries on the target, where deletions are held
        self._held_before = 0  # entries that deletions stood for which were held when everything began to be compared
        self._compared: dict[bytes, Change] = {}
        self._filters = target.source.filters  # what the one under way leaves out
        self.totals = Totals()
        self.entries = 0  # on the target, by the last whole comparison and what came of it
        self.grown = 0  # names confirmed or found missing since it began, each of which may be one more
        self.whole_done = False  # at least once, all that a comparison of everything found has arrived
        self._settling = False  # all is handed over, and on its way
        self.state = "none"
        self.why = ""  # that everything is compared, for people to read
        self.error = ""
        self.unread = ""  # why not everything could be compared, until it can
        self.started: Optional[float] = None
        self.finished: Optional[float] = None
        self.handed = 0  # differences, or done for another reason
        self._last_known = 0
        self._bytes = 0
        self._found = 0  # files that were found by their ctime, beside the differences
        self._handed_bytes = 0
        self._outstanding: dict[bytes, int] = {}  # handed over and not confirmed → bytes
        self._outstanding_bytes = 0
        self._hears = False  # of what is confirmed; else what left the backlog counts as arrived
        self._meter = Meter()
        self._began = 0.0
        self._took: Optional[float] = None  # seconds of the last whole comparison
        self._whole_began = 0.0  # the comparison of everything
        self._all_began = 0.0  # ... or the one before its head start
        self._retry = Backoff(RETRY, RETRY_LONGEST)
        self._retry_at: Optional[asyncio.TimerHandle] = None
        self._incomplete: dict[bytes, Change] = {}  # what is to be compared again then

    # ------------------------------------------------------------------ wanting

    def want_all(
        self,
        now: float,
        since: Optional[float] = None,
        suspect: bool = False,
        why: str = "",
        on_schedule: bool = False,
    ) -> None:
        """Compare everything.  `since` (epoch): files whose ctime is later are sent whatever size and time say.

        `on_schedule`: without what such a comparison leaves out, unless another one is wanted for a better reason.
        """
        self.want(b"", Change((SUSPECT if suspect else 0) | (0 if on_schedule else FULL), now))
        self.why = why
        self._all_since = _earlier(since, self._all_since)
        if since is not None:
            self._unproven = _earlier(since, self._unproven)
            self._found_until = None

    def want_all_later(self, changes: Sequence[Change], backoff: Backoff) -> None:
        """These cannot be remembered one by one: after a while compare everything, and find them again."""
        oldest, suspect = min(change.since for change in changes), any(change.flags & SUSPECT for change in changes)
        self.why = "more names were refused than can be remembered"
        self._all_since = _earlier(self._all_since, _epoch(oldest))
        self._again({b"": Change(FULL | (SUSPECT if suspect else 0), oldest)}, backoff)

    def unproven(self, oldest: Optional[float]) -> Optional[float]:
        """Since when (epoch) only ctimes tell what the target lacks, as nobody watched then; None if it lacks nothing.

        `oldest`: since when (monotonic) the oldest change waits that the target has not confirmed.
        """
        if self._found_until is not None and (oldest is None or oldest > self._found_until):
            self._unproven = self._found_until = None
        return self._unproven

    def want(self, path: bytes, change: Change) -> None:
        known = self._wanted.setdefault(path, change)
        known.flags |= change.flags
        known.since = min(known.since, change.since)

    @property
    def whole_wanted(self) -> bool:
        return self._settling or b"" in self._wanted or b"" in self._compared

    @property
    def running(self) -> bool:
        return self._running is not None or self.starts_ahead

    @property
    def starts_ahead(self) -> bool:
        """Is a head start under way?  It may overwrite what is sent meanwhile with what it has read before."""
        return self._head_start is not None

    @property
    def ends_ahead(self) -> bool:
        """Was it killed, and has not ended yet?"""
        return self._head_start is not None and self._head_start.ending

    def end_ahead(self) -> None:
        """The rest goes name by name."""
        if self._head_start is not None:
            self._head_start.kill()

    @property
    def busy(self) -> bool:
        return bool(self.running or self._feeding or self._wanted)

    @property
    def left(self) -> int:
        """Differences known and not handed over yet, as far as they can be counted, and what is to be compared."""
        if self._head_start is not None:
            return len(self._wanted) + max(0, self.known - self._head_start.names)
        return len(self._wanted) + max(0, self._known - self.handed if self._feeding else 0)

    @property
    def most_entries(self) -> int:
        """Entries on the target, if each name that it has confirmed since then is a new one; while nothing is known of
        what it has, more than there can be."""
        return sys.maxsize if self._took is None else self.entries + self.grown + self._sent_ahead

    @property
    def _sent_ahead(self) -> int:
        return self._uncounted + (0 if self._head_start is None else self._head_start.names)

    def awaits(self, path: bytes) -> bool:
        """Is it yet to be compared what stands below it?"""
        return any(stands_in(changes, path) for changes in (self._wanted, self._compared, self._incomplete))

    def oldest(self) -> Optional[float]:
        times = [
            change.since for change in chain(self._wanted.values(), self._compared.values(), self._incomplete.values())
        ]
        return min(times, default=None)

    # ------------------------------------------------------------------ how far it is

    @property
    def known(self) -> int:
        """Differences found, as far as they are counted, with what was sent ahead."""
        return self._ahead[0] + self._known

    @property
    def _known(self) -> int:
        found = self._feeding.known if self._feeding is not None else self._last_known
        return max(found + self._found, self.handed)

    @property
    def _all_counted(self) -> bool:
        return self._feeding is None or self._feeding.counted

    def confirmed(self, paths: Iterable[bytes]) -> None:
        """These are on the target, whether they were handed over from here or not."""
        self._hears = True
        if self._outstanding:
            for path in paths:
                self._outstanding_bytes -= self._outstanding.pop(path, 0)

    def progress(self, now: float) -> Progress:
        """How far the last reconcile is; `now` is monotonic seconds."""
        if not self._hears:
            self.confirmed([path for path in self._outstanding if path not in self._target.backlog.paths])
            self._hears = False
        if self._head_start is not None:
            self._head_start.look()
        comparing, entries = self.state == "comparing", self.totals.source or None
        done, size = self._done()
        if comparing or not (self.state == "sending" or self._outstanding):
            elapsed = now - self._began if comparing else None
            left = self._took - (now - self._began) if comparing and self._took is not None else None
            if left is not None and left <= 0:
                left = None
            return Progress(self.known, done, self._bytes, size, None, None, left, elapsed, entries)
        self._meter.note(now, done, size)
        rates = self._meter.rates(now, done, size)
        left = seconds_left(self.known - done, self._bytes - size, rates) if self._all_counted else None
        rate, byte_rate = rates or (None, None)
        return Progress(self.known, done, self._bytes, size, rate, byte_rate, left, now - self._began, entries)

    def _done(self) -> tuple[int, int]:
        """Differences and bytes that are on the target, or nothing to be waited for."""
        if self._head_start is not None:
            return min(self.known, self._head_start.names), min(self._bytes, self._head_start.size)
        done = max(0, self.handed - len(self._outstanding))
        size = max(0, self._handed_bytes - self._outstanding_bytes)
        return self._ahead[0] + done, min(self._bytes, self._ahead[1] + size)

    def _wait_for(self, path: bytes, size: int) -> None:
        self._outstanding_bytes += size - self._outstanding.pop(path, 0)
        self._outstanding[path] = size
        if len(self._outstanding) > OUTSTANDING:
            self._outstanding_bytes -= self._outstanding.pop(next(iter(self._outstanding)))

    # ------------------------------------------------------------------ one step after the other

    def proceed(self) -> None:
        """Hand over the next differences, or start the next comparison; called when the target has looked for work."""
        if self._outstanding and self._target.backlog_done:
            self._outstanding.clear()
            self._outstanding_bytes = 0
        if self.state == "sending":
            self._meter.note(time.monotonic(), *self._done())
        if self._settling and self._target.backlog_done:
            self._settling = False
            self.whole_done = self._may_start_ahead = True
            now = time.monotonic()
            self._target.record.reconcile_arrived(now - self._all_began, time.time())
            if not self.whole_wanted:
                self._found_until = now
        if self._feeding is not None:
            self._hand_over()
        elif not self.running and self._wanted:
            self._compare()

    def stop(self) -> None:
        """Begin nothing more, and forget what is wanted; of a comparison under way nothing will come."""
        if self._running is not None:
            self._running.unwanted = True
        if self._head_start is not None:
            self._head_start.unwanted = True
            self.end_ahead()
        if self._feeding is not None:
            self._fed()
        self._wanted.clear()
        self._incomplete.clear()
        if self._retry_at is not None:
            self._retry_at.cancel()
            self._retry_at = None

    def start_over(self) -> None:
        """The source was lost: what a comparison has seen of it, or of what stood there instead, counts for nothing."""
        self.unread = ""
        if self._running is not None:
            self._running.unwanted = True
            self._running.kill()
        if self.starts_ahead:
            self.end_ahead()
            return  # what it was for is wanted again when it has ended
        if self._feeding is not None:
            self._fed()
        if self._compared:
            self._want_again()
            self.state = "none"

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
        self.end_ahead()

    def tick(self) -> None:
        """Once a second: a comparison that stands still is given up, and made again; what is sent ahead goes only while
        anything may be sent."""
        patience = command.patience(self._target.config, command.COMPARISON_TIMEOUT)
        if self._running is not None:
            self._running.give_up(patience)
        if self._head_start is not None:
            self._head_start.look()
            self._head_start.give_up(patience)
            if not (self._target.may_send() and self._target.source.unchanged()):
                self.end_ahead()

    def _compare(self) -> None:
        source = self._target.source
        scope = self._take_scope()
        if not scope.paths:
            self._compared = {}
            self._target.kick()
            return
        self.state, self.error = "comparing", ""
        self.started, self.finished, self._began = time.time(), None, time.monotonic()
        if scope.whole:
            self._whole_began = self._began
            if not any(self._ahead):
                self._all_began = self._began
            self._held_before = self._target.standing.held_count
            self.grown = 0
        self._last_known = self._found = self.handed = self._handed_bytes = self._outstanding_bytes = 0
        self._ahead, self._was_ahead = self._was_ahead, (0, 0)
        self._bytes = self._ahead[1]
        self._outstanding.clear()
        try:
            self._running = Comparison(
                source.rsync, source.config.source, self._target.config, scope, self._filters.rsync_args(),
                self._deletes(scope), source.state_dir, self._compared_ended, self._filters.sieve,
            )  # fmt: skip
        except OSError as err:
            self._fail(not_started(err))

    @property
    def _leaves_out(self) -> bool:
        """Does the comparison leave out something that the mirror has?"""
        return self._filters is not self._target.source.filters

    def _deletes(self, scope: Scope) -> bool:
        """What changes folded into a subtree have deleted was seen to go; of everything it depends on which time."""
        delete = self._target.source.config.delete
        if not scope.whole:  # what is missing in a directory that was held and is back was to be deleted, and is held
            return delete.live or not self._target.standing.returning.isdisjoint(scope.paths)
        return delete.found if self.whole_done else delete.start

    def _take_scope(self) -> Scope:
        """Everything, or all wanted subtrees that are to be compared the same way."""
        whole = self._wanted.get(b"")
        self._filters = self._target.source.filters
        if whole is not None:
            if len(self._wanted) == 1 and not whole.flags & (FULL | SUBTREE | SUSPECT):
                self._filters = self._filters.on_schedule
            # where only contents tell, another comparison comes after this one
            left = {path: change for path, change in self._wanted.items() if change.flags & SUSPECT & ~whole.flags}
            self._compared = {path: change for path, change in self._wanted.items() if path not in left}
            self._wanted = left
            since, self._all_since = self._all_since, None
            self._compared_since = since
            folded = [change.since for change in self._compared.values() if change.flags & SUBTREE]
            if folded:
                since = _earlier(since, _epoch(min(folded)))
            self._walks = [] if since is None else [(b"", since)]
            source = self._target.source
            many = self.totals.source == 0 or self.totals.source >= MANY
            shared = shares(source.config.source, self._filters.excluded) if many else []
            return Scope([b""], bool(whole.flags & SUSPECT), shared)
        returning = self._target.standing.returning
        kinds = {path: (change.flags & SUSPECT, path in returning) for path, change in self._wanted.items()}
        suspect, _back = kind = next(iter(kinds.values()))
        self._compared = {path: change for path, change in self._wanted.items() if kinds[path] == kind}
        for path in self._compared:
            del self._wanted[path]
        # what has gone with all above it, or what stands there now, has an event of its own; for rsync it is an error
        source = self._target.source
        inside = [path for path in self._compared if is_inside(source.config.source, path)]
        inside = [path for path in inside if not source.filters.elsewhere(path)]
        self._walks = [
            (path, _epoch(self._compared[path].since)) for path in inside if self._compared[path].flags & SUBTREE
        ]
        return Scope(inside, bool(suspect))

    def _compared_ended(self, comparison: Comparison, ended: Ended) -> None:
        self._running = None
        target, source = self._target, self._target.source
        if comparison.unwanted:
            comparison.close()
            return
        if ended.code not in (0, 23, 24):
            comparison.close()
            self._fail(reason(ended.code, ended.stderr))
            return
        if not source.unchanged():
            comparison.close()
            self.start_over()
            return
        outcome = judge(ended.code, ended.stderr, source.config.source, frozenset(comparison.scope.paths))
        # a subtree that vanished meanwhile gives an event of its own
        refused = next(iter(outcome.refused.values()), outcome.reason)
        self.error = refused and (complaints(ended.stderr) or refused)
        if self.error or ended.code == READ_ERRORS:
            self.unread = self.error
            target.record.reconcile_results["incomplete"] += 1
            self._try_again()
        elif not self._incomplete:
            self.unread = ""
            self._retry.reset()
        target.standing.answered(time.monotonic(), self._began, command.Lane.COUNT)
        whole = comparison.scope.whole
        if whole:
            self.totals = comparison.totals
            if not self._leaves_out:
                self.entries, self._uncounted = self.totals.target, 0
            self._took = time.monotonic() - self._began
            if self._worth_a_head_start():
                comparison.close()
                self._start_ahead(comparison.scope)
                return
        else:
            self.grown += comparison.totals.created
        sure = not self.error and ended.code != READ_ERRORS
        self._deletions = self._permit(comparison.totals, whole and not self._leaves_out, sure)
        self.state, self._deleted = "sending", b""
        self._feeding, self._bytes = comparison, self._ahead[1] + comparison.totals.size
        self._began = time.monotonic()
        self._meter.reset()
        self._meter.note(self._began, *self._ahead)
        excluded = self._filters.excluded
        walks = [changed_since(source.config.source, path, at - CTIME_SLACK, excluded) for path, at in self._walks]
        recent = (Difference(path, CONTENT, -1, False) if path is not None else None for walk in walks for path in walk)
        self._differences = chain(comparison.count(), recent, comparison.differences())
        target.kick()

    # ------------------------------------------------------------------ much that the target lacks

    def _worth_a_head_start(self) -> bool:
        if not (self._may_start_ahead and is_worth_it(self.totals) and self._target.may_send()):
            return False
        by_rules = self._filters.sieve is None  # else rsync does not know all that is left out
        return by_rules and is_possible(self._target.source.config, self._target.config.rsync_options)

    def _start_ahead(self, scope: Scope) -> None:
        self.state, self._may_start_ahead = "sending", False
        self._last_known, self._bytes = self.totals.created, self.totals.size
        self._began = time.monotonic()
        self._meter.reset()
        self._meter.note(self._began, 0, 0)
        source, target = self._target.source, self._target
        try:
            self._head_start = HeadStart(
                source.rsync, source.config.source, target.sending, scope,
                self._filters.rsync_args(), BULK, source.state_dir, self._started_ahead,
            )  # fmt: skip
        except OSError as err:
            self._fail(not_started(err))

    def _started_ahead(self, ahead: HeadStart, ended: Ended) -> None:
        """Whatever came of it: all is compared again, and what then differs is sent in the way that every change is."""
        ahead.close()
        self._head_start = None
        if ahead.unwanted:
            return
        self.state, self._last_known = "none", 0
        self._ahead = self._was_ahead = (ahead.names, ahead.size)
        self._uncounted += ahead.names
        why = "" if ended.code in COMPLETE else reason(ended.code, ended.stderr)
        self._target.head_start_over(ahead.names, ahead.size, why)
        self._want_again()
        self._target.kick()

    def released(self) -> None:
        """What is held was let go, with what is told as held and not handed over yet."""
        if self._told and self._feeding is not None:
            self._deletions = PERMITTED

    def _permit(self, totals: Totals, whole: bool, sure: bool = True) -> int:
        """PERMITTED when so many deletions may go, 0 when they are to be held.  `sure`: these are all of them."""
        target, now = self._target, time.monotonic()
        standing, count, self._told = target.standing, totals.deletions, False
        entries = totals.target if whole else max(self.entries, totals.target)
        doubted = whole and standing.doubted is not None and self._whole_began >= standing.doubted
        # nothing but a word of the operator's ends that, however few are left
        held = standing.was_held or bool(standing.returning) or (standing.held and not doubted)
        if whole and sure:  # else rsync tells no deletion at all
            standing.was_held = False
        if doubted:
            standing.doubted = None
            # what was kept back since it began may have been seen by it or not
            count = max(count + max(0, standing.held_count - self._held_before), standing.held_count)
            held = held or not sure
        if (count or doubted) and (held or target.guard.would_exceed(count, entries, now)):
            self._held_of = entries
            self._told = whole or not standing.parked
            if self._told:
                standing.keeps.announce(totals.deletions)
            if whole:
                standing.held_of = max(entries, standing.held_count)
            return 0
        target.guard.record(count, now)
        if doubted:
            target.release()
        return PERMITTED

    def _hand_over(self) -> None:
        target = self._target
        assert self._differences is not None
        if len(target.backlog) > PORTION:
            return
        held: dict[bytes, Change] = {}
        since = min(change.since for change in self._compared.values())
        for _number in range(PORTION):
            try:
                item = next(self._differences)
            except StopIteration:
                self._handed_all()
                break
            except OSError as err:
                self._fed()
                self._fail(f"the source cannot be walked through: {err.strerror or err}")
                break
            if item is None:
                break
            path, flags, size, is_directory = item
            if size < 0:
                self._found += 1
                size = 0
            self.handed += 1
            self._handed_bytes += size
            # rsync tells what is below a directory right before itself; where one is now, it is only less in it
            if not is_directory and self._deleted.startswith(path + b"/"):
                flags |= DIRECTORY_GONE | (flags & GONE or self._deletions)
            if flags & GONE:
                self._deleted = path
            if flags & (GONE | DIRECTORY_GONE) and self._leaves_out:
                flags |= SPARING
            if flags & (GONE | DIRECTORY_GONE) and not self._deletions:
                if not target.standing.keeps.covers(path):
                    held[path] = Change(flags & ~PERMITTED, since)
            else:
                target.backlog.note(path, flags, since)
                self._wait_for(path, size)
        if held:
            target.hold(held, self._held_of)
        target.kick()

    def _handed_all(self) -> None:
        self._last_known = 0  # now that each is handed over, their number is known exactly
        self._fed()
        if b"" in self._compared:
            self.entries += self.totals.created - (self.totals.deletions if self._deletions else 0)
            self._settling = True
        self._compared = {}
        self.state, self.finished = "done", time.time()

    def _fed(self) -> None:
        assert self._feeding is not None
        self._feeding.close()
        self._feeding = self._differences = None
        self._target.standing.keeps.announce(0)

    def _try_again(self) -> None:
        """Compare this again after a while, as not all of it could be."""
        self._want_ctimes_again()
        self._again(self._compared, self._retry)

    def _again(self, changes: Mapping[bytes, Change], backoff: Backoff) -> None:
        for path, change in changes.items():
            known = self._incomplete.setdefault(path, change)
            known.flags |= change.flags
            known.since = min(known.since, change.since)
        if self._retry_at is None:
            self._retry_at = asyncio.get_running_loop().call_later(backoff.next(), self._retry_now)

    def _retry_now(self) -> None:
        self._retry_at = None
        again, self._incomplete = self._incomplete, {}
        for path, change in again.items():
            self.want(path, change)
        self._target.kick()

    def _want_ctimes_again(self) -> None:
        if b"" in self._compared:
            self._all_since = _earlier(self._all_since, self._compared_since)

    def _want_again(self) -> None:
        self._want_ctimes_again()
        for path, change in self._compared.items():
            self.want(path, change)
        self._compared = {}

    def _fail(self, why: str) -> None:
        self._want_again()
        self.state, self.error, self.finished = "failed", why, time.time()
        self._target.record.reconcile_results["failed"] += 1
        self._target.comparison_failed(why)


def _earlier(one: Optional[float], other: Optional[float]) -> Optional[float]:
    return min((at for at in (one, other) if at is not None), default=None)


def _epoch(monotonic: float) -> float:
    return time.time() - (time.monotonic() - monotonic)
