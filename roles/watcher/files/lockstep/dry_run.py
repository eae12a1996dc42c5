"""What would go across if everything were compared now: `lockstep plan`.  Nothing is sent, deleted or remembered."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, Optional

from lockstep import memory as memories
from lockstep import rules
from lockstep.changes import GONE, STRUCTURE
from lockstep.comparison import Comparison, Difference
from lockstep.config import Config, Mirror, Target
from lockstep.custody import Custody
from lockstep.filters import Filter
from lockstep.guard import DeletionGuard
from lockstep.recent import changed_since
from lockstep.status.words import plain, size
from lockstep.transfer.outcome import judge, reason
from lockstep.transfer.process import Ended
from lockstep.walk import Scope

SLACK = 2.0  # seconds: the kernel's clock for ctime is coarse
_COMPLETE = (0, 23, 24)


@dataclass
class Sum:
    """How many paths of each kind, and the bytes to be sent."""

    send: int = 0
    make: int = 0
    update: int = 0
    delete: int = 0
    size: int = 0

    def add(self, difference: Difference) -> str:
        """Count it; the word for what would become of it."""
        if difference.flags & GONE:
            word = "delete"
        elif difference.size:
            word = "send"
        else:
            word = "make" if difference.flags & STRUCTURE else "update"
        setattr(self, word, getattr(self, word) + 1)
        self.size += max(0, difference.size)
        return word


def run(config: Config, names: list[str], say: Callable[[str], object] = print) -> bool:
    """Tell it for the mirrors of these names, or all.  False when something could not be compared."""
    mirrors = [mirror for mirror in config.mirrors if not names or mirror.name in names]
    with tempfile.TemporaryDirectory(prefix="lockstep-plan-") as folder:
        return asyncio.run(_run(config, mirrors, folder, say))


async def _run(config: Config, mirrors: list[Mirror], folder: str, say: Callable[[str], object]) -> bool:
    well = True
    for mirror in mirrors:
        # a memory of its own: to look is not to accept
        memory = replace(memories.load(config.state_dir, mirror.name), path=os.path.join(folder, "memory"))
        filters = rules.of(mirror)
        custody = Custody(mirror.source, memory, filters.hidden)
        if not custody.check():
            say(plain(f"{mirror.name}: held, nothing would be sent or deleted: {custody.held}"))
            well = False
            continue
        for target in mirror.targets:
            about = f"{mirror.name} on {target.name}"
            comparison, why = await _compare(config, mirror, target, filters, folder)
            if comparison is None:
                say(plain(f"{about}: cannot be compared: {why}"))
                well = False
                continue
            _tell(about, mirror, comparison, _recent(mirror, filters, memory.confirmed.get(target.url)), say)
            comparison.close()
            if why:
                say(plain(f"{about}: not everything could be compared: {why}"))
                well = False
    return well


async def _compare(
    config: Config, mirror: Mirror, target: Target, filters: Filter, folder: str
) -> tuple[Optional[Comparison], str]:
    """The comparison when it has ended, and why it is not complete; None where there is none."""
    over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    rsync = shutil.which(config.rsync) or config.rsync
    comparison = Comparison(
        rsync, mirror.source, target, Scope([b""]), filters.rsync_args(), mirror.delete.start, folder,
        lambda _comparison, ended: over.set_result(ended), filters.sieve,
    )  # fmt: skip
    try:
        ended = await over
    except BaseException:
        comparison.kill()
        raise
    if ended.code not in _COMPLETE:
        comparison.close()
        return None, reason(ended.code, ended.stderr)
    outcome = judge(ended.code, ended.stderr, mirror.source, frozenset([b""]))
    return comparison, next(iter(outcome.refused.values()), outcome.reason)


def _recent(mirror: Mirror, filters: Filter, since: Optional[float]) -> Iterator[Difference]:
    """What is sent whatever size and time say, as it changed since the target confirmed everything."""
    if since is None:
        return
    for path in changed_since(mirror.source, b"", since - SLACK, filters.excluded):
        if path is not None:
            yield Difference(path, 0, os.lstat(mirror.source + b"/" + path).st_size, False)


def _tell(
    about: str, mirror: Mirror, comparison: Comparison, recent: Iterator[Difference], say: Callable[[str], object]
) -> None:
    found, told = Sum(), set()
    line = partial("{:<6} {}".format)
    for difference in comparison.differences():
        if difference is not None:
            say(plain(line(found.add(difference), os.fsdecode(difference.path) or ".")))
            told.add(difference.path)
    for difference in recent:
        if difference.path not in told:
            say(plain(line(found.add(difference), os.fsdecode(difference.path))))
    entries = comparison.totals.target
    text = (
        f"{about}: {found.send} to send ({size(found.size)}), {found.make} to make, {found.update} to update, "
        f"{found.delete} to delete of {entries} on the target"
    )
    if found.delete and DeletionGuard(mirror.max_delete).would_exceed(found.delete, entries, 0.0):
        text += f"; max_delete would hold the deletions until: lockstep release {mirror.name}"
    say(plain(text))
