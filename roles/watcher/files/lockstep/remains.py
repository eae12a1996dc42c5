"""What a transfer leaves half-written on a target that died under it: temporary files, which nobody else will remove.

A daemon whose connection ends removes them itself; one that is killed, or loses its power, cannot.  So the directories
of what was under way are listed when the target is back, one level deep, and what is there under a temporary name of
just those files is deleted.  A reconcile finds them as well, but that may be a day away.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Callable, Optional

from lockstep.batch import Batch
from lockstep.changes import parent_of
from lockstep.comparison import parse_line
from lockstep.transfer.command import Lane
from lockstep.transfer.names_told import Listed

MOST = 20_000  # names that are remembered; beyond that only a reconcile finds what is left of the first ones
WITHOUT = frozenset({Lane.REMOVE, Lane.ROOT, Lane.COUNT})  # lanes that write no file

Look = Callable[[bytes], Optional[os.stat_result]]


class Remains:
    """The names that were under way when the target failed, until it was looked what is left of them."""

    def __init__(self) -> None:
        self._names: dict[bytes, None] = {}  # in the order in which they were interrupted
        self._asked: dict[bytes, None] = {}

    def interrupted(self, batch: Batch) -> None:
        """A batch has ended without a word of what arrived."""
        if batch.lane not in WITHOUT:
            self._remember(batch.items)

    def due(self, busy: Callable[[bytes], bool]) -> list[bytes]:
        """The directories to list on the target now, if any; `found()` or `failed()` is to be called with the answer.

        `busy` says of a name that it is under way again: what is written for it now is not to be taken for remains.
        """
        if self._asked or not self._names:
            return []
        self._asked = {path: None for path in self._names if not busy(path)}
        self._names = {path: None for path in self._names if path not in self._asked}
        return sorted({parent_of(path) for path in self._asked})

    def failed(self) -> None:
        """There was no answer: ask again when the target is back."""
        asked, self._asked = self._asked, {}
        self._remember(asked)

    def found(self, told: Iterable[bytes], look: Look, busy: Callable[[bytes], bool]) -> list[bytes]:
        """Of the lines of what the source lacks, the paths that are left of what was under way."""
        asked, self._asked = self._asked, {}
        again = {path: None for path in asked if busy(path)}
        self._remember(again)
        sure = Listed(b"", frozenset(asked.keys() - again.keys()))
        files = (line for line in told if line.startswith(b"*deleting") and not line.endswith(b"/\n"))
        items = [parse_line(line, False) for line in files]
        paths = [item[0] for item in items if item is not None]
        return [path for path in paths if sure.has_temporary(path) and look(path) is None]

    def _remember(self, names: Iterable[bytes]) -> None:
        self._names.update(dict.fromkeys(names))
        while len(self._names) > MOST:
            del self._names[next(iter(self._names))]
