"""Before a directory is deleted or replaced on a target: how much would go, and is all below it ours to delete?

A name that was a directory can stand for a million files, and for files that the mirror excludes.  The target is asked
by rsync's own dry run; plain names of files need no question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Optional

from lockstep.batch import Batch
from lockstep.changes import DIRECTORY_GONE, PERMITTED, ancestors, parent_of
from lockstep.comparison import parse_line
from lockstep.filters import Filter

SLICE = 500  # lines between pauses


def is_permitted(batch: Batch) -> bool:
    """Every deletion of the batch was counted, and let through, before."""
    return all(change.flags & PERMITTED for change in batch.items.values())


def must_ask(batch: Batch, filters: Filter, compared: bool = True) -> bool:
    """Can the names alone not tell what would be deleted?

    `compared`: the target is known to have what the source had.  Else a directory may stand there where a file went.
    """
    if not compared and not is_permitted(batch):
        return True
    if filters and any(filters.hidden(path, True) for path in batch.items):
        return True  # a file went, and a directory of its name is left out: that may be there, with nothing in it
    if not has_directories(batch):
        return False
    # with a directory in the batch none of them is spared for what is in it: also not one where a file went
    alike = all(change.flags & DIRECTORY_GONE for change in batch.items.values())
    return bool(filters) or not is_permitted(batch) or not alike


def has_directories(batch: Batch) -> bool:
    return any(change.flags & DIRECTORY_GONE for change in batch.items.values())


def stands_for_trees(batch: Batch) -> bool:
    """May a directory go with all below it though nobody asks?  A comparison has told of each of its entries."""
    return batch.backlog or has_directories(batch)


@dataclass
class Answer:
    """How many entries would be deleted for each name; `instead` of the names these are to be listed, where something
    is spared."""

    entries: dict[bytes, int]
    instead: Optional[list[bytes]] = None

    @property
    def count(self) -> int:
        return sum(self.entries.values())


def read_answer(found: IO[bytes], tops: Iterable[bytes], filters: Filter) -> Iterator[Optional[Answer]]:
    """What the COUNT lane wrote for these names, which can be a million lines: None now and then, to pause; then it.

    Only where something is spared are the names of the rest kept.
    """
    count, spared = _ByTop(tops), set[bytes]()
    for item in _deleted(found):
        if item is not None:
            count.add(item[0])
            if filters and filters.hidden(*item):
                spared.update((item[0], *ancestors(item[0])))
        else:
            yield None
    instead: Optional[list[bytes]] = None
    if spared:
        count, instead = _ByTop(tops), []
        for item in _deleted(found):
            if item is None:
                yield None
            elif item[0] not in spared:
                count.add(item[0])
                instead.append(item[0])
    yield Answer(count.found, instead)


def _deleted(found: IO[bytes]) -> Iterator[Optional[tuple[bytes, bool]]]:
    """Each path that would be deleted, and whether it is a directory; None now and then."""
    found.seek(0)
    for number, line in enumerate(found, 1):
        item = parse_line(line, False) if line.startswith(b"*deleting") else None
        if item is not None:
            yield item[0], line.endswith(b"/\n")
        if number % SLICE == 0:
            yield None


class _ByTop:
    """How many entries were `found` at and below each of some names."""

    def __init__(self, tops: Iterable[bytes]) -> None:
        self.found = dict.fromkeys(tops, 0)
        self._first = next(iter(self.found))  # what is below none of them was not asked for, and counts all the same
        self._last = self._first, self._first  # a directory, and the name that stands for what is in it

    def add(self, path: bytes) -> None:
        if path in self.found:
            self.found[path] += 1
            return
        directory = parent_of(path)
        if directory != self._last[0]:
            top = next((above for above in ancestors(path) if above in self.found), self._first)
            self._last = directory, top
        self.found[self._last[1]] += 1
