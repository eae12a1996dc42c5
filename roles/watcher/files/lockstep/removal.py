"""Before a directory is deleted or replaced on a target: how much would go, and is all below it ours to delete?

A name that was a directory can stand for a million files, and for files that the mirror excludes.  The target is asked
by rsync's own dry run; plain names of files need no question.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Callable

from lockstep.batch import Batch
from lockstep.changes import DIRECTORY_GONE, PERMITTED, ancestors
from lockstep.comparison import parse_line
from lockstep.filters import Filter


def is_permitted(batch: Batch) -> bool:
    """Every deletion of the batch was counted, and let through, before."""
    return all(change.flags & PERMITTED for change in batch.items.values())


def must_ask(batch: Batch, filters: Filter, compared: bool = True) -> bool:
    """Can the names alone not tell what would be deleted?

    `compared`: the target is known to have what the source had.  Else a directory may stand there where a file went.
    """
    if not compared and not is_permitted(batch):
        return True
    directories = any(change.flags & DIRECTORY_GONE for change in batch.items.values())
    return directories and (bool(filters) or not is_permitted(batch))


def deletable(found: Iterable[bytes], tops: Iterable[bytes], hidden: Callable[[bytes], bool]) -> list[bytes] | None:
    """Of what would go below `tops`, what may: None when all of it, else the names to list instead of the tops."""
    entries = list(found)
    kept = {path for path in entries if hidden(path)}
    if not kept:
        return None
    spared = kept | {above for path in kept for above in ancestors(path)}
    return [path for path in entries if path not in spared]


@dataclass
class Answer:
    """How many entries would be deleted for each name; `instead` of the names these are to be listed, where something
    is spared."""

    entries: dict[bytes, int]
    instead: list[bytes] | None = None

    @property
    def count(self) -> int:
        return sum(self.entries.values())


def read_answer(found: IO[bytes], tops: Iterable[bytes], filters: Filter) -> Answer:
    """What the COUNT lane wrote for these names."""
    found.seek(0)
    lines = [line for line in found if line.startswith(b"*deleting")]
    items = [(item[0], line.endswith(b"/\n")) for line in lines if (item := parse_line(line, False)) is not None]
    paths = [path for path, _is_dir in items]
    if not filters:
        return Answer(_by_top(paths, tops))
    directories = {path for path, is_dir in items if is_dir}
    instead = deletable(paths, tops, lambda path: filters.hidden(path, path in directories))
    return Answer(_by_top(paths if instead is None else instead, tops), instead)


def _by_top(paths: Iterable[bytes], tops: Iterable[bytes]) -> dict[bytes, int]:
    found = dict.fromkeys(tops, 0)
    first = next(iter(found))
    for path in paths:  # what is below none of them was not asked for, and counts all the same
        found[next((top for top in (path, *ancestors(path)) if top in found), first)] += 1
    return found
