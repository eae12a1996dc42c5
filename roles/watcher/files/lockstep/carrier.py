"""Which process carries a batch to a target, when the next one may start, and what the ones before have taught."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Callable

from lockstep.batch import Batch
from lockstep.config import Mirror, Target
from lockstep.pace import Pace
from lockstep.transfer import command
from lockstep.transfer.command import Lane
from lockstep.transfer.extras import Extras
from lockstep.transfer.pool import MANY, Pool
from lockstep.transfer.process import Ended, Process

BULK_SLOTS = 2  # large files under way at once, beside everything else
RENAMING = frozenset({Lane.LINK, Lane.FUZZY, Lane.FUZZY_ELSEWHERE})
AHEAD_OVER_SSH = 4  # spares: to log in takes 0.2 s there and more, not some milliseconds as with a daemon
OPTION_REFUSED = 4  # rsync(1), EXIT VALUES


class Carrier:
    """`carry()` a batch; `on_loss` hears why a waiting process was turned away, or not to be had."""

    def __init__(self, rsync: str, mirror: Mirror, target: Target, folder: str, on_loss: Callable[[str], None]) -> None:
        self._rsync = rsync
        self._source = mirror.source
        self._extras = Extras(mirror, target)
        self._in_arguments = True  # the names of large batches, until the target refuses what that needs
        self._own_cpu = time.process_time()  # at the last end of a batch
        self.pace = Pace(mirror.pace)
        ahead = AHEAD_OVER_SSH if target.ssh is not None else 1
        self.pool = Pool(lambda lane: command.batch(rsync, self._extras.target(), lane), on_loss, folder, ahead)

    @property
    def sending(self) -> Target:
        """The target with all options of what is sent now."""
        return self._extras.target()

    def free_lanes(self, under_way: Iterable[Batch], backlog: bool = False) -> frozenset[Lane]:
        """What a comparison found takes what live changes leave; these wait for it only where one may go at once."""
        counted = (batch for batch in under_way if backlog or not batch.backlog or batch.lane not in MANY)
        taken = Counter(batch.lane for batch in counted if not (batch.bulk or batch.replaces))
        return frozenset(lane for lane in Lane if taken[lane] < self.pool.width(lane))

    def free_bulk_slots(self, under_way: Iterable[Batch]) -> int:
        return BULK_SLOTS - sum(batch.bulk for batch in under_way)

    def carry(self, batch: Batch, on_end: Callable[[Batch, Process, Ended], None]) -> None:
        """`on_end` is called once, from the event loop.  Raises OSError when rsync cannot be started."""

        def ended(process: Process, how: Ended) -> None:
            self._learn(batch, process, how)
            on_end(batch, process, how)

        listed = list(batch.listed)
        argv = (
            command.large(self._rsync, self._extras.target(), batch.lane, self._source, listed)
            if self._in_arguments
            else None
        )
        batch.in_arguments = argv is not None
        names = command.names(self._source, listed) if argv is None else b""
        if batch.link is not None:
            new, old = batch.link
            argv = command.renamed(self._rsync, self._extras.target(True), batch.lane, new, old)
            names = command.names(self._source + b"/" + new, [path[len(new) :].lstrip(b"/") for path in listed])
        elif batch.lane in RENAMING:
            argv = command.batch(self._rsync, self._extras.target(), batch.lane)
        if argv is None:
            self.pool.run(Lane.REMOVE_TREES if batch.trees else batch.lane, names, ended)
        else:
            self.pool.run_alone(batch.lane, argv, names, ended)

    def list_remains(self, directories: list[bytes], on_end: Callable[[Process, Ended], None]) -> None:
        """Ask the target what a cut transfer left in these directories; the answer is the process' output."""
        names = command.names(self._source, [path + b"/" if path else path for path in directories])
        self.pool.run_alone(Lane.COUNT, command.remains(self._rsync, self._extras.target(True)), names, on_end)

    def goes_by_list(self, batch: Batch, ended: Ended) -> bool:
        """Did it fail for naming its files in arguments?  Then it may be tried again at once, and will not do so."""
        if not batch.in_arguments or ended.code != OPTION_REFUSED:
            return False
        self._in_arguments = False
        return True

    def renew(self) -> None:
        """Once a second: connections that wait with options of before are made anew."""
        if self._extras.renew():
            self.pool.close()

    def target_failed(self) -> None:
        """Nothing waits for it until `pool.open()`; the way to it may be another one then."""
        self.pool.close()
        self.pool.link.lost()

    def _learn(self, batch: Batch, process: Process, ended: Ended) -> None:
        now, own = time.monotonic(), time.process_time()
        self.pace.cost(ended.cpu, own - self._own_cpu, len(batch.listed))
        self._own_cpu = own
        if ended.code == 0 and not batch.bulk and batch.lane not in RENAMING:
            self.pool.link.batch(len(batch.listed), batch.size, now - process.fed, now)
