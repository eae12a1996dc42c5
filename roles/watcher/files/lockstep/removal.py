"""Before a directory is deleted or replaced on a target: how much would go, and is all below it ours to delete?

A name that was a directory can stand for a million files, and for files that the mirror excludes.  The target is asked
by rsync's own dry run; plain names of files need no question.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import IO, Callable

from lockstep.changes import DIRECTORY_GONE, PERMITTED, ancestors
from lockstep.comparison import parse_line
from lockstep.config import Target
from lockstep.filters import Filter
from lockstep.plan import Batch
from lockstep.transfer import command
from lockstep.transfer.process import Ended, Process


def is_permitted(batch: Batch) -> bool:
    """Every deletion of the batch was counted, and let through, before."""
    return all(change.flags & PERMITTED for change in batch.items.values())


def must_ask(batch: Batch, filters: Filter) -> bool:
    """Can the names alone not tell what would be deleted?"""
    directories = any(change.flags & DIRECTORY_GONE for change in batch.items.values())
    return directories and (bool(filters.rsync_args()) or not is_permitted(batch))


def deletable(found: Iterable[bytes], tops: Iterable[bytes], hidden: Callable[[bytes], bool]) -> list[bytes] | None:
    """Of what would go below `tops`, what may: None when all of it, else the names to list instead of the tops."""
    entries = list(found)
    kept = {path for path in entries if hidden(path)}
    if not kept:
        return None
    spared = kept | {above for path in kept for above in ancestors(path)}
    return [path for path in entries if path not in spared]


class RemovalQuestion:
    """One dry run of a batch that deletes under way; then `count` and, where something is spared, `instead`."""

    def __init__(
        self,
        rsync: str,
        source: bytes,
        target: Target,
        batch: Batch,
        filters: Filter,
        state_dir: str,
        on_end: Callable[[RemovalQuestion, Ended], None],
    ) -> None:
        self.batch = batch
        self.count = 0
        self.instead: list[bytes] | None = None
        self._filters = filters
        self._on_end = on_end
        self._found: IO[bytes] = tempfile.TemporaryFile(dir=state_dir)  # noqa: SIM115 (closed in `_ended`)
        try:
            self.process = Process(command.removal_count(rsync, target), self._ended, stdout=self._found.fileno())
            self.process.feed(command.names(source, list(batch.listed)))
        except BaseException:
            self._found.close()
            raise

    def _ended(self, _process: Process, ended: Ended) -> None:
        with self._found as found:
            found.seek(0)
            lines = [line for line in found if line.startswith(b"*deleting")]
        items = [(item[0], line.endswith(b"/\n")) for line in lines if (item := parse_line(line, False)) is not None]
        paths = [path for path, _flags in items]
        self.count = len(paths)
        if self._filters.rsync_args():
            directories = {path for path, is_dir in items if is_dir}
            self.instead = deletable(
                paths, self.batch.items, lambda path: self._filters.hidden(path, path in directories)
            )
            if self.instead is not None:
                self.count = len(self.instead)
        self._on_end(self, ended)
