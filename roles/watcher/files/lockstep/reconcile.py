"""The reconcile of one target: whole or of subtrees; from wanting it to the last difference handed over.

At the start, after an overflow, on schedule, on request, and where too many changes were folded into a subtree.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Optional

from lockstep.changes import CONTENT, DIRECTORY_GONE, GONE, PERMITTED, SUBTREE, SUSPECT, Change
from lockstep.comparison import Comparison, Scope, Totals
from lockstep.recent import changed_since
from lockstep.transfer.outcome import judge, reason
from lockstep.transfer.process import Ended

if TYPE_CHECKING:
    from lockstep.target import TargetSync

log = logging.getLogger(__name__)

PORTION = 2_000  # differences handed over at a time
CTIME_SLACK = 2.0  # seconds: the kernel's clock for ctime is coarse, and a remembered moment is a little late


class Reconcile:
    """What is wanted, the comparison that runs, and the differences that are still to be handed to the backlog."""

    def __init__(self, target: TargetSync) -> None:
        self._target = target
        self._wanted: dict[bytes, Change] = {}
        self._all_since: Optional[float] = None  # epoch; for a whole reconcile: what ctimes to distrust
        self._walks: list[tuple[bytes, float]] = []
        self._running: Optional[Comparison] = None
        self._feeding: Optional[Comparison] = None
        self._differences: Optional[Iterator[Optional[tuple[bytes, int]]]] = None
        self._deletions = PERMITTED
        self._deleted = b""  # the last deletion that was handed over
        self._held = (0, 0)  # deletions that are held, of how many entries
        self._compared: dict[bytes, Change] = {}
        self.totals = Totals()
        self.entries = 0  # on the target, by the last whole comparison and what came of it
        self.whole_done = False  # at least once, all that a comparison of everything found has arrived
        self._settling = False  # all is handed over, and on its way
        self.state = "none"
        self.error = ""
        self.started: Optional[float] = None
        self.finished: Optional[float] = None
        self.known = 0
        self.handed = 0

    # ------------------------------------------------------------------ wanting

    def want_all(self, now: float, since: Optional[float] = None, suspect: bool = False) -> None:
        """Compare everything.  `since` (epoch): files whose ctime is later are sent whatever size and time say."""
        self.want(b"", Change(SUSPECT if suspect else 0, now))
        if since is not None:
            self._all_since = since if self._all_since is None else min(since, self._all_since)

    def want(self, path: bytes, change: Change) -> None:
        known = self._wanted.setdefault(path, change)
        known.flags |= change.flags
        known.since = min(known.since, change.since)

    @property
    def whole_wanted(self) -> bool:
        return self._settling or b"" in self._wanted or b"" in self._compared

    @property
    def running(self) -> bool:
        return self._running is not None

    @property
    def busy(self) -> bool:
        return bool(self._running or self._feeding or self._wanted)

    @property
    def left(self) -> int:
        """Differences known and not handed over yet, as far as they can be counted, and what is to be compared."""
        return len(self._wanted) + max(0, self.known - self.handed if self._feeding else 0)

    def oldest(self) -> Optional[float]:
        times = [change.since for change in chain(self._wanted.values(), self._compared.values())]
        return min(times, default=None)

    # ------------------------------------------------------------------ one step after the other

    def proceed(self) -> None:
        """Hand over the next differences, or start the next comparison; called when the target has looked for work."""
        if self._settling and self._target.backlog_done:
            self._settling = False
            self.whole_done = True
        if self._feeding is not None:
            self._hand_over()
        elif self._running is None and self._wanted:
            self._compare()

    def stop(self) -> None:
        if self._feeding is not None:
            self._feeding.close()
            self._feeding = None
        self._wanted.clear()

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()

    def _compare(self) -> None:
        source = self._target.source
        scope = self._take_scope()
        self.state, self.error = "comparing", ""
        self.started, self.finished, self.known, self.handed = time.time(), None, 0, 0
        try:
            self._running = Comparison(
                source.rsync, source.config.source, self._target.config, scope, source.filters.rsync_args(),
                source.config.delete, source.state_dir, self._compared_ended,
            )  # fmt: skip
        except OSError as err:
            self._fail(f"rsync cannot be started: {err.strerror}")

    def _take_scope(self) -> Scope:
        """Everything, or all wanted subtrees that are to be compared the same way."""
        whole = self._wanted.get(b"")
        if whole is not None:
            self._compared, self._wanted = self._wanted, {}
            since = self._all_since
            folded = [change.since for change in self._compared.values() if change.flags & SUBTREE]
            if folded:
                since = min([_epoch(min(folded)), *([] if since is None else [since])])
            self._walks = [] if since is None else [(b"", since)]
            return Scope([b""], bool(whole.flags & SUSPECT))
        suspect = next(iter(self._wanted.values())).flags & SUSPECT
        self._compared = {path: change for path, change in self._wanted.items() if change.flags & SUSPECT == suspect}
        for path in self._compared:
            del self._wanted[path]
        self._walks = [
            (path, _epoch(change.since)) for path, change in self._compared.items() if change.flags & SUBTREE
        ]
        return Scope(list(self._compared), bool(suspect))

    def _compared_ended(self, comparison: Comparison, ended: Ended) -> None:
        self._running = None
        target, source = self._target, self._target.source
        if ended.code not in (0, 23, 24):
            comparison.close()
            self._fail(reason(ended.code, ended.stderr))
            return
        outcome = judge(ended.code, ended.stderr, source.config.source, frozenset(comparison.scope.paths))
        # a subtree that vanished meanwhile gives an event of its own
        self.error = next(iter(outcome.refused.values()), outcome.reason)
        target.standing.answered()
        whole = comparison.scope.paths == [b""]
        if whole:
            self.totals = comparison.totals
            self.entries = self.totals.target
        self._deletions = self._permit(comparison.totals, whole)
        self.state, self._deleted = "sending", b""
        self._feeding = comparison
        self.known = comparison.count()
        excluded = source.filters.excluded
        walks = [changed_since(source.config.source, path, at - CTIME_SLACK, excluded) for path, at in self._walks]
        recent = ((path, CONTENT) if path is not None else None for walk in walks for path in walk)
        self._differences = chain(recent, comparison.differences())
        target.kick()

    def _permit(self, totals: Totals, whole: bool) -> int:
        """PERMITTED when so many deletions may go, 0 when they are to be held."""
        target, now = self._target, time.monotonic()
        entries = totals.target if whole else max(self.entries, totals.target)
        if totals.deletions and target.guard.would_exceed(totals.deletions, entries, now):
            self._held = (totals.deletions, entries)
            return 0
        target.guard.record(totals.deletions, now)
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
            if item is None:
                break
            path, flags = item
            self.handed += 1
            if self._deleted.startswith(path + b"/"):  # rsync tells what is below a directory right before itself
                flags |= DIRECTORY_GONE | (flags & GONE or self._deletions)
            if flags & GONE:
                self._deleted = path
            if flags & (GONE | DIRECTORY_GONE) and not self._deletions:
                held[path] = Change(flags & ~PERMITTED, since)
            else:
                target.backlog.note(path, flags, since)
        if held:
            target.hold(held, *self._held)
            self._held = (0, self._held[1])
        target.kick()

    def _handed_all(self) -> None:
        assert self._feeding is not None
        self._feeding.close()
        self._feeding = self._differences = None
        if b"" in self._compared:
            self.entries += self.totals.created - (self.totals.deletions if self._deletions else 0)
            self._settling = True
            self._all_since = None
        self._compared = {}
        self.state, self.finished = "done", time.time()

    def _fail(self, why: str) -> None:
        for path, change in self._compared.items():
            self.want(path, change)
        self._compared = {}
        self.state, self.error, self.finished = "failed", why, time.time()
        self._target.comparison_failed(why)


def _epoch(monotonic: float) -> float:
    return time.time() - (time.monotonic() - monotonic)
