"""Processes connected ahead: for each lane one rsync waits, logged in, for the names of the next batch."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import deque
from typing import Callable, Optional

from lockstep.transfer.command import Lane
from lockstep.transfer.link import Link
from lockstep.transfer.outcome import hung_up, never_connected, reason
from lockstep.transfer.process import Ended, Process, not_started

# Of the spares one after the other is replaced, which shows whether the target is there.
IDLE = 60.0  # seconds that a spare waits at least before that
RENEW = 60.0  # seconds between two replacements
OLDEST = 180.0  # seconds in which all are replaced: some firewalls forget idle connections without a word after 240
SETTLED = 5.0  # a spare that lived so long had been let in: its loss is no failure of the target
QUICKLY = 5.0  # seconds from its names in which one ends whose connection had ended while it waited
REFILL = 0.002  # seconds after a spare was taken: its batch has the processor first


MANY = frozenset({Lane.CONTENT, Lane.REST})  # lanes in which several batches may be under way to a far target
TWO = 2  # of these at once, also next to the target: one is planned and read while the other is confirmed
STANDING = frozenset({Lane.CONTENT, Lane.REST, Lane.REMOVE})  # kept always; others from their need until they idle


class Pool:
    """`argv(lane)` is the command of a spare; `on_loss` hears why a spare was turned away, or could not be started.

    `folder`: where what the COUNT and LINK lanes write is kept, without a name, until its reader was called.  `ahead`:
    how many spares of content there are at least, where one takes longer to connect than the next change to come.
    """

    def __init__(
        self, argv: Callable[[Lane], list[str]], on_loss: Callable[[str], None], folder: str = ".", ahead: int = 1
    ) -> None:
        self._argv = argv
        self._on_loss = on_loss
        self._folder = folder
        self._ahead = ahead
        self._spares: dict[Lane, deque[Process]] = {}
        self.link = Link()
        self._on_end: dict[Process, Callable[[Process, Ended], None]] = {}
        self._refill: Optional[asyncio.TimerHandle] = None
        self._open = False
        self._renewed = -OLDEST
        self._kept = set(STANDING)
        self._ran = -IDLE  # when content was sent last

    @property
    def connections(self) -> int:
        return len(self._on_end)

    def width(self, lane: Lane) -> int:
        """How many batches of this lane may be under way at once."""
        return max(self.link.width, TWO) if lane in MANY else 1

    def _spares_of(self, lane: Lane) -> int:
        """How many spares wait for this lane; next to the target one is enough, unless content was sent lately."""
        if lane is Lane.CONTENT and time.monotonic() - self._ran < IDLE:
            return max(self._ahead, self.width(lane))
        return self.link.width if lane in MANY else 1

    def open(self) -> None:
        """Keep spares from now on."""
        if not self._open:
            self._open = True
            self._fill()

    def close(self) -> None:
        """Let the spares go; what is under way goes on."""
        self._open = False
        if self._refill is not None:
            self._refill.cancel()
            self._refill = None
        for spares in self._spares.values():
            for spare in spares:
                spare.dismiss()
        self._spares.clear()

    def run(self, lane: Lane, names: bytes, on_end: Callable[[Process, Ended], None]) -> Process:
        """Hand a list of names to the lane's spare, or to a process started now."""
        self._kept.add(lane)
        if lane is Lane.CONTENT:
            self._ran = time.monotonic()
        process = self._spare(lane) or self._start(lane, self._argv(lane))
        self._on_end[process] = on_end
        process.feed(names)
        if self._open and self._refill is None:
            self._refill = asyncio.get_running_loop().call_later(REFILL, self._fill)
        return process

    def run_alone(self, lane: Lane, argv: list[str], names: bytes, on_end: Callable[[Process, Ended], None]) -> Process:
        """Hand a list of names to a process of this command, which nobody could know before."""
        process = self._start(lane, argv)
        self._on_end[process] = on_end
        process.feed(names)
        return process

    def kill(self) -> None:
        """End what is under way."""
        for process in list(self._on_end):
            process.kill()

    def give_up(self, patience: float) -> None:
        """End what stands still for so many seconds; to be called about once a second."""
        for process in self._on_end:
            if process.has_work:
                process.give_up(patience)

    def was_lost(self, process: Process, ended: Ended) -> bool:
        """Had the connection of what has failed ended already while it waited for names?

        rsync looks at its connection only when it has something to send: after the daemon was started anew all spares
        look well, and the first batch of each fails.  That is no failure of the target.  What waited with it
        is connected anew.
        """
        waited = process.fed - process.started
        if waited < SETTLED or ended.seconds - waited > QUICKLY or not hung_up(ended.code, ended.stderr):
            return False
        for spares in self._spares.values():
            while spares and spares[0].started < process.fed:
                spares.popleft().dismiss()
        self._fill()
        return True

    def recycle(self) -> None:
        """Replace the spare that has waited longest, if that is long, and let go what is not needed.

        To be called every few seconds.
        """
        now = time.monotonic()
        if now - self._ran >= IDLE:
            surplus = self._spares.get(Lane.CONTENT, deque())
            while len(surplus) > self._spares_of(Lane.CONTENT):
                surplus.popleft().dismiss()
        waiting = [(spares[0].started, lane) for lane, spares in self._spares.items() if spares]
        oldest, lane = min(waiting, key=lambda one: one[0], default=(now, Lane.CONTENT))
        number = sum(map(len, self._spares.values()))
        if now - oldest > IDLE and now - self._renewed > min(RENEW, OLDEST / max(1, number)):
            self._renewed = now
            self._spares[lane].popleft().dismiss()
            if not self._spares[lane] and lane not in STANDING:
                self._kept.discard(lane)
        if self._open:
            self._fill()

    def _fill(self) -> None:
        self._refill = None
        if not self._open:
            return
        try:
            for lane in self._kept:
                spares = self._spares.setdefault(lane, deque())
                while len(spares) < self._spares_of(lane):
                    spares.append(self._start(lane, self._argv(lane)))
        except OSError as err:
            self._on_loss(not_started(err))

    def _spare(self, lane: Lane) -> Optional[Process]:
        """The one that has waited longest; it is the one most surely connected."""
        spares = self._spares.get(lane)
        while spares:
            spare = spares.popleft()
            if not spare.ended:
                return spare
        return None

    def _start(self, lane: Lane, argv: list[str]) -> Process:
        if lane in (Lane.COUNT, Lane.LINK):
            output = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (closed by `_ended`)
            try:
                process = Process(argv, self._ended, stdout=output.fileno())
            except BaseException:
                output.close()
                raise
            process.output = output
        else:
            process = Process(argv, self._ended, tells=lane is Lane.REMOVE)
        self._on_end[process] = self._spare_ended
        return process

    def _ended(self, process: Process, ended: Ended) -> None:
        try:
            self._on_end.pop(process)(process, ended)
        finally:
            if process.output is not None:
                process.output.close()

    def _spare_ended(self, process: Process, ended: Ended) -> None:
        spares = next((spares for spares in self._spares.values() if process in spares), None)
        if spares is None:
            return  # dismissed
        spares.remove(process)
        if not self._open:
            return
        if ended.seconds > SETTLED and not never_connected(ended.code, ended.stderr):
            self._fill()
        else:
            self._on_loss(reason(ended.code, ended.stderr))
