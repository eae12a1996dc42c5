"""Compare a source with a target, by rsync's own dry run, and say what differs.  Nothing is changed by it.

What it finds becomes ordinary changes, each looked at again when its turn comes; so a file made while the comparison
ran can never be deleted by it, live changes flow meanwhile, and deletions are counted before the first one is made.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Callable

from lockstep.changes import ATTRIBUTES, CONTENT, GONE, PERMITTED, STRUCTURE
from lockstep.config import Target
from lockstep.transfer import command
from lockstep.transfer.outcome import unescape
from lockstep.transfer.process import Ended, Process

STATISTICS = 17  # lines that --stats writes behind the differences
_ITEM = re.compile(rb"(\*deleting  |[<>ch.][fdLDS][cstpoguaxbn.+?]{9}) ")
_TOTAL = re.compile(rb"Number of files: ([\d,.]+)")
_DELETED = re.compile(rb"Number of deleted files: ([\d,.]+)")
_CREATED = re.compile(rb"Number of created files: ([\d,.]+)")


@dataclass
class Totals:
    """Entries (files, directories, links): at the source, to be deleted on the target, to be created there."""

    source: int = 0
    deletions: int = 0
    created: int = 0

    @property
    def target(self) -> int:
        """How many entries the target has now."""
        return max(0, self.source - self.created) + self.deletions


def parse_line(line: bytes, checksum: bool) -> tuple[bytes, int] | None:
    """A line of `--out-format=%i %n` → (path, flags of changes.py); None for what is no item."""
    match = _ITEM.match(line)
    if match is None:
        return None
    item = match[1]
    path = unescape(line[match.end() :].rstrip(b"\n")).rstrip(b"/")
    if path == b".":
        path = b""
    elif path.startswith(b"./"):
        path = path[2:]
    if item.startswith(b"*"):
        return path, GONE | PERMITTED
    if item[1:2] == b"d":
        return path, ATTRIBUTES | (STRUCTURE if item.startswith(b"c") else 0)
    return path, CONTENT if checksum and item[:1] in b"<>" else ATTRIBUTES


def parse_totals(lines: Sequence[bytes]) -> Totals:
    text = b"\n".join(lines)

    def number(pattern: re.Pattern[bytes]) -> int:
        found = pattern.search(text)
        return int(re.sub(rb"\D", b"", found[1])) if found else 0

    return Totals(number(_TOTAL), number(_DELETED), number(_CREATED))


@dataclass
class Scope:
    """What to compare: paths (b"": everything), and whether size and time are to be believed."""

    paths: list[bytes] = field(default_factory=list)
    checksum: bool = False


class Comparison:
    """One dry run under way; `on_end(self, ended)` when it is over, and then `totals` and `differences()`."""

    def __init__(
        self,
        rsync: str,
        source: bytes,
        target: Target,
        scope: Scope,
        filters: Sequence[bytes],
        delete: bool,
        state_dir: str,
        on_end: Callable[[Comparison, Ended], None],
    ) -> None:
        self.scope = scope
        self.totals = Totals()
        self.items = 0
        self._on_end = on_end
        # a file, not a pipe: a million differences must neither fill the memory nor make the daemon wait for us
        self._found: IO[bytes] = tempfile.TemporaryFile(dir=state_dir)  # noqa: SIM115 (closed by `close`)
        try:
            argv = command.comparison(rsync, target, filters, delete, scope.checksum)
            self._process = Process(argv, self._ended, stdout=self._found.fileno())
            self._process.feed(command.names(source, scope.paths))
        except BaseException:
            self._found.close()
            raise

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._found.close()

    def _ended(self, _process: Process, ended: Ended) -> None:
        if ended.code in (0, 23, 24):
            self._read_totals()
        self._on_end(self, ended)

    def _read_totals(self) -> None:
        size = self._found.seek(0, 2)
        self._found.seek(max(0, size - 4096))
        tail = self._found.read().rpartition(b"\nNumber of files: ")
        self.totals = parse_totals([b"Number of files: " + tail[2]] if tail[1] else [tail[2]])

    def count(self) -> int:
        """How many differences were found, about: a few lines are no differences."""
        self._found.seek(0)
        lines = sum(block.count(b"\n") for block in iter(lambda: self._found.read(1 << 20), b""))
        return max(0, lines - STATISTICS)

    def differences(self) -> Iterator[tuple[bytes, int] | None]:
        """Every difference as (path, flags); None now and then, where a caller with other work may pause."""
        self._found.seek(0)
        for number, line in enumerate(self._found):
            item = parse_line(line, self.scope.checksum)
            if item is not None:
                self.items += 1
                yield item
            if number % 500 == 499:
                yield None
