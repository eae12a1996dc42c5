"""What may be deleted on one target: asked where a name can stand for many, counted, let through or held.

A deletion that is held waits until somebody releases it or what it would delete is back at the source.
"""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import IO, Callable, Optional, Protocol

from lockstep.batch import Batch
from lockstep.changes import DIRECTORY_GONE, GONE, PERMITTED, SPARING, Change, Changes, ancestors
from lockstep.config import Mirror
from lockstep.filters import Filter
from lockstep.guard import DeletionGuard
from lockstep.look import look
from lockstep.removal import Answer, is_permitted, must_ask, read_answer, stands_for_trees
from lockstep.standing import Standing
from lockstep.transfer import command
from lockstep.transfer.command import Lane
from lockstep.transfer.outcome import Outcome, Result, judge
from lockstep.transfer.pool import Pool
from lockstep.transfer.process import Ended, Process

READ_WITHIN = 1.0  # seconds for which the reading of events is waited for
FORGOTTEN = 10.0  # seconds after which such waiting is of a question that was asked no more


class Verdict(Enum):
    """What is to become of a batch that deletes."""

    GO = "go"
    NOTHING_THERE = "nothing there"  # nothing that may be deleted is on the target
    SPARED = "spared"  # the mirror keeps what stands in the way on the target
    HELD = "held"  # parked by now
    AGAIN = "again"  # put it back and look once more, at what is left of it
    FAILED = "failed"  # the target cannot be asked


class Source(Protocol):
    """What deletions need to know of the mirror."""

    config: Mirror
    filters: Filter

    def unchanged(self) -> bool: ...


class Deletions:
    """`ask()` for a batch; `on_verdict(batch, verdict, outcome)` is called at once or when the target has answered.

    `entries()` is how many entries the target has, by the last comparison of everything, and how many it may have by
    now; `pending` are the changes that are not under way; `moved(path, count)` is how many of so many entries at and
    below a name have another one by now, `renamed(path)` whether the file has; `compared()`: has the target what the
    source had?  `on_doubt()` has everything compared; `searching()`: is it still being looked for what came along with
    a renamed directory?  `unread(since)`: do events wait since then (monotonic) that may tell where it went from there?
    """

    def __init__(
        self,
        source: Source,
        pool: Pool,
        standing: Standing,
        pending: Sequence[Changes],
        entries: Callable[[], tuple[int, int]],
        on_verdict: Callable[[Batch, Verdict, Outcome], None],
        moved: Callable[[bytes, int], int] = lambda path, count: 0,
        renamed: Callable[[bytes], bool] = lambda path: False,
        compared: Callable[[], bool] = lambda: True,
        on_doubt: Callable[[], None] = lambda: None,
        searching: Callable[[], bool] = lambda: False,
        unread: Callable[[float], bool] = lambda since: False,
    ) -> None:
        self.guard = DeletionGuard(source.config.max_delete)
        self._source = source
        self._pool = pool
        self._standing = standing
        self._pending = pending
        self._entries = entries
        self._on_verdict = on_verdict
        self._moved = moved
        self._renamed = renamed
        self._compared = compared
        self._on_doubt = on_doubt
        self._searching = searching
        self._unread = unread
        self._unread_since: Optional[float] = None
        self._reading: dict[Batch, tuple[asyncio.Handle, IO[bytes]]] = {}

    # ------------------------------------------------------------------ may it go?

    def ask(self, batch: Batch) -> None:
        """Raises OSError when rsync cannot be started."""
        # what was refused may have been so for a directory that stands there on the target
        known = self._compared() and not any(path in self._standing.problems for path in batch.items)
        asks = must_ask(batch, self._filters(batch), known) or not self._may_guess(batch)
        batch.trees = batch.lane is Lane.REMOVE and (asks or stands_for_trees(batch))
        if not asks:
            self._count(batch, dict.fromkeys(batch.items, 1), guessed=True)
            return
        names = command.names(self._source.config.source, list(batch.listed))
        self._pool.run(Lane.COUNT, names, lambda process, ended: self._answered(batch, process, ended))

    def _may_guess(self, batch: Batch) -> bool:
        """May each name count as one entry?  Of what is held it is known that the target has it."""
        items = batch.items.items()
        count = sum(not (change.flags & PERMITTED or self._renamed(path)) for path, change in items)
        total, _at_most = self._entries()
        return not count or (not self._standing.held and self.guard.may_guess(count, total, time.monotonic()))

    def _filters(self, batch: Batch) -> Filter:
        """What is to stay on the target."""
        found = self._source.filters
        return found.on_schedule if any(change.flags & SPARING for change in batch.items.values()) else found

    def _answered(self, batch: Batch, process: Process, ended: Ended) -> None:
        outcome = judge_batch(batch, ended, self._source.config.source)
        if outcome.result is Result.FAILED:
            if self._pool.was_lost(process, ended):
                self._on_verdict(batch, Verdict.AGAIN, Outcome(Result.CONFIRMED))
            else:
                self._on_verdict(batch, Verdict.FAILED, outcome)
        elif outcome.result is Result.PARTIAL:
            self._on_verdict(batch, Verdict.AGAIN, outcome)
        else:
            output, process.output = process.output, None  # open for longer than the pool would keep it
            assert output is not None
            self._read(batch, output, read_answer(output, batch.items, self._filters(batch)), outcome)

    def _read(self, batch: Batch, output: IO[bytes], steps: Iterator[Optional[Answer]], outcome: Outcome) -> None:
        """One step, and the next one when the event loop has had its turn."""
        self._reading.pop(batch, None)
        try:
            answer = next(steps)
        except OSError as err:
            output.close()
            why = f"what it would delete cannot be read in the state_dir: {err.strerror or err}"
            self._on_verdict(batch, Verdict.FAILED, Outcome(Result.FAILED, why))
            return
        if answer is None:
            handle = asyncio.get_running_loop().call_soon(self._read, batch, output, steps, outcome)
            self._reading[batch] = handle, output
            return
        output.close()
        self._decide(batch, answer, outcome)

    @property
    def reading(self) -> bool:
        """Is an answer of the target being read?"""
        return bool(self._reading)

    def stop_reading(self) -> None:
        """Give back the batches of which the answer is being read."""
        reading, self._reading = self._reading, {}
        for batch, (handle, output) in reading.items():
            handle.cancel()
            output.close()
            self._on_verdict(batch, Verdict.AGAIN, Outcome(Result.CONFIRMED))

    def _decide(self, batch: Batch, answer: Answer, outcome: Outcome) -> None:
        if not self._source.unchanged():
            self._on_verdict(batch, Verdict.AGAIN, outcome)
        elif batch.replaces and (answer.instead is not None or (answer.count and not self._may(batch))):
            self._on_verdict(batch, Verdict.SPARED, outcome)
        else:
            if answer.instead is not None:
                batch.listed = dict.fromkeys(answer.instead, True)
            for path, count in answer.entries.items():
                change, within = batch.items[path], count - (path in batch.listed)
                if within > 0 and not change.flags & DIRECTORY_GONE:
                    # leave to delete a file is none for a directory, and from now on it is leave for that
                    change.flags = change.flags & ~PERMITTED | DIRECTORY_GONE
            self._count(batch, answer.entries)

    def _may(self, batch: Batch) -> bool:
        """May this mirror delete what stands in the way of it?"""
        delete = self._source.config.delete
        return delete.live or (bool(delete) and is_permitted(batch))

    def _count(self, batch: Batch, entries: Mapping[bytes, int], guessed: bool = False) -> None:
        """`entries`: how many would go with each name; of these, what has another name now is not taken away, and what
        was let through before and has come to nothing, for the target failed, is not counted again."""
        now, something = time.monotonic(), any(entries.values())
        for path, change in batch.items.items():
            change.flags |= self._let_through(path, change.flags)
        entries = {path: number for path, number in entries.items() if not batch.items[path].flags & PERMITTED}
        renamed = {path for path, number in entries.items() if number == 1 and self._renamed(path)}
        entries = {path: 0 if path in renamed else number for path, number in entries.items()}
        total, at_most = self._entries()
        if self.guard.would_exceed(sum(entries.values()), total, now) and self._more_will_be_known(now):
            self._on_verdict(batch, Verdict.AGAIN, Outcome(Result.CONFIRMED))
            return
        there, entries = entries, {path: number - self._moved(path, number) for path, number in entries.items()}
        count = sum(entries.values())
        verdict = Verdict.GO if batch.listed else Verdict.NOTHING_THERE
        if count and (self._standing.held or self.guard.would_exceed(count, total, now)):
            doubtful = not self._standing.held and not self.guard.would_exceed(count, at_most, now)
            kept = {path: change for path, change in batch.items.items() if entries.get(path)}
            self.hold(kept, max(total, count), entries)
            for path, number in there.items():
                if number and not entries[path]:
                    batch.items[path].flags |= PERMITTED  # that it has another name is told once
            if doubtful:
                self._standing.doubted = now
                self._on_doubt()
            verdict = Verdict.HELD
            if len(kept) < len(batch.items):  # what deletes nothing, or was let through before, goes without the others
                batch.items = {path: change for path, change in batch.items.items() if path not in kept}
                verdict = Verdict.AGAIN
        else:
            self.guard.record(count, now, guessed)
            for path, change in batch.items.items() if something else ():
                if path not in renamed:  # it may be gone from there when this is tried again
                    change.flags |= PERMITTED
        self._on_verdict(batch, verdict, Outcome(Result.CONFIRMED))

    def _more_will_be_known(self, now: float) -> bool:
        """Is it still to be heard of where what went may be?

        A directory that is moved on while it is walked through is found there when the event of that has been read.
        There may be events without end, as of the deletion of much, which is held batch by batch.
        """
        if self._searching():
            self._unread_since = None
            return True
        since = self._unread_since
        if since is None or now > since + FORGOTTEN:  # of another question, that was asked no more
            since = now
        waits = now < since + READ_WITHIN and not self._standing.held and self._unread(since)
        self._unread_since = since if waits else None
        return waits

    # ------------------------------------------------------------------ what is held

    def hold(self, items: Mapping[bytes, Change], of: int, entries: Optional[Mapping[bytes, int]] = None) -> None:
        """Keep back these deletions, but for what somebody has released and is to go now.  `of`: entries on the target;
        `entries` of them stand below each name."""
        items = {path: change for path, change in items.items() if not self._let_through(path, change.flags)}
        for path, change in items.items():
            for changes in self._pending:
                if path in changes.paths and not self.is_back(path, change):
                    change.flags |= changes.paths.pop(path).flags & ~PERMITTED
        self._standing.park(items, of, time.monotonic(), entries)

    def _let_through(self, path: bytes, flags: int) -> int:
        """PERMITTED where the same deletion, or the one of a directory above, was let through while this one was under
        way: a release is for what it names, whichever batch that is in.  Else 0."""
        sort = flags & DIRECTORY_GONE or GONE  # leave to delete a file is none for a directory
        for above in (path, *ancestors(path)):
            for changes in self._pending:
                change = changes.paths.get(above)
                if change is not None and change.flags & PERMITTED and change.flags & sort:
                    return 0 if self.is_back(above, change) else PERMITTED
            sort = DIRECTORY_GONE
        return 0

    def release(self) -> list[tuple[bytes, Change]]:
        """Let go what is held: as changes that need no further question."""
        released = self._standing.release()
        return [(path, Change(change.flags | PERMITTED, change.since)) for path, change in released.items()]

    def come_back(self) -> list[tuple[bytes, Change]]:
        """Take out the held deletions that are none any more, for their files are back.

        The others stay held, however few they are by now: who restores from the target has yet to read them there.
        """
        standing = self._standing
        return standing.unpark([path for path in standing.keeps.some() if self.is_back(path, standing.parked[path])])

    def is_back(self, path: bytes, held: Change) -> bool:
        """Does what was to be deleted stand there again?  Where a directory was, nothing else is that."""
        status = look(self._source.config.source, path)
        return status is not None and (stat.S_ISDIR(status.st_mode) or not held.flags & DIRECTORY_GONE)


def judge_batch(batch: Batch, ended: Ended, source: bytes) -> Outcome:
    """What the end of a process means for the batch that it had."""
    code = 0 if batch.lane is Lane.REMOVE and ended.code == 24 else ended.code  # to have vanished is the aim
    return judge(code, ended.stderr, source, frozenset(batch.listed))
