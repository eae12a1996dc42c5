"""Take out of rsync's answer what it does not know to leave out: what a regular expression hides.

In slices, for whoever shares the event loop: an answer can have a million lines.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Callable, Optional

from lockstep.changes import ancestors

SLICE = 1_000  # lines between pauses

# of a line, the path, whether that is a directory, and the word for it: delete, make or other; None for no item
Reader = Callable[[bytes], Optional["tuple[bytes, bool, str, int]"]]


@dataclass
class TakenOut:
    """How many lines were; of what would be deleted, and made; and the bytes that would have been sent."""

    deletions: int = 0
    created: int = 0
    size: int = 0


def sift(
    found: IO[bytes], folder: str, read: Reader, hidden: Callable[[bytes, bool], bool], taken: TakenOut
) -> Iterator[Optional[IO[bytes]]]:
    """None now and then, to pause; in the end another file (nameless, in `folder`) with the lines that are left.

    A directory that would be deleted stays where something hidden is in it, which rsync tells right before it.
    """
    spared: set[bytes] = set()
    left = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (the caller's)
    found.seek(0)
    for number, line in enumerate(found, 1):
        item = read(line)
        if item is not None and ((item[2] == "delete" and item[0] in spared) or hidden(item[0], item[1])):
            if item[2] == "delete":
                spared.update(ancestors(item[0]))
            taken.deletions += item[2] == "delete"
            taken.created += item[2] == "make"
            taken.size += item[3]
        else:
            left.write(line)
        if number % SLICE == 0:
            yield None
    left.flush()
    yield left
