"""Compare a source with a target, by rsync's own dry run, and say what differs.  Nothing is changed by it.

What it finds becomes ordinary changes, each looked at again when its turn comes; so a file made while the comparison
ran can never be deleted by it, live changes flow meanwhile, and deletions are counted before the first one is made.
"""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional

from lockstep.changes import ATTRIBUTES, CONTENT, GONE, PERMITTED, STRUCTURE, parent_of
from lockstep.config import Target
from lockstep.sifting import TakenOut, sift
from lockstep.transfer import command
from lockstep.transfer.names_told import unescape
from lockstep.transfer.process import Ended
from lockstep.walk import COMPLETE, Part, Scope, Walk

STATISTICS = 17  # lines that --stats writes behind the differences
SIFTING_FAILED = 13  # rsync(1): errors with program diagnostics
PAUSE = 500  # lines between pauses
BLOCK = 4 << 20  # bytes read in one go where lines are only counted
_ITEM = re.compile(rb"(\*deleting  |[<>ch.][fdLDS][cstpoguaxbn.+?]{9}) ")
_LENGTH = re.compile(rb"(\d+) ")
_TOTAL = re.compile(rb"Number of files: ([\d,.]+)")
_DELETED = re.compile(rb"Number of deleted files: ([\d,.]+)")
_CREATED = re.compile(rb"Number of created files: ([\d,.]+)")
_SIZE = re.compile(rb"Total transferred file size: ([\d,.]+)")


@dataclass
class Totals:
    """Entries (files, directories, links): at the source, to be deleted on the target, to be created there.

    `size`: the bytes of all files whose content is to be sent.
    """

    source: int = 0
    deletions: int = 0
    created: int = 0
    size: int = 0

    @property
    def target(self) -> int:
        """How many entries the target has now."""
        return max(0, self.source - self.created) + self.deletions

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.source + other.source,
            self.deletions + other.deletions,
            self.created + other.created,
            self.size + other.size,
        )


class Difference(NamedTuple):
    path: bytes
    flags: int  # of changes.py
    size: int  # bytes of content to be sent
    is_directory: bool  # at the source


def parse_line(line: bytes, checksum: bool) -> tuple[bytes, int] | None:
    """A line of `--out-format=%i %n` → (path, flags of changes.py); None for what is no item."""
    match = _ITEM.match(line)
    return None if match is None else _parsed(match[1], line[match.end() :], checksum)


def parse_difference(line: bytes, checksum: bool) -> Difference | None:
    """A line of `--out-format=%i %l %n`; None for what is no item."""
    match = _ITEM.match(line)
    length = _LENGTH.match(line, match.end()) if match is not None else None
    if match is None or length is None:
        return None
    size = int(length[1]) if line[:1] in b"<>" and line[1:2] == b"f" else 0
    path, flags = _parsed(match[1], line[length.end() :], checksum)
    return Difference(path, flags, size, not flags & GONE and line[1:2] == b"d")


def _parsed(item: bytes, name: bytes, checksum: bool) -> tuple[bytes, int]:
    path = unescape(name.rstrip(b"\n")).rstrip(b"/")
    if path == b".":
        path = b""
    elif path.startswith(b"./"):
        path = path[2:]
    if item.startswith(b"*"):
        return path, GONE | PERMITTED
    if item[1:2] == b"d":
        return path, ATTRIBUTES | (STRUCTURE if item.startswith(b"c") else 0)
    return path, CONTENT if checksum and item[:1] in b"<>" else ATTRIBUTES


def _item_of(line: bytes) -> Optional[tuple[bytes, bool, str, int]]:
    """What sifting wants to know of a line (sifting.Reader)."""
    item = parse_difference(line, False)
    if item is None:
        return None
    if item.flags & GONE:
        return item.path, line.endswith(b"/\n"), "delete", 0
    made = line[2:3] == b"+"
    return item.path, item.is_directory, "make" if made else "other", item.size


def parse_totals(lines: Sequence[bytes]) -> Totals:
    text = b"\n".join(lines)

    def number(pattern: re.Pattern[bytes]) -> int:
        found = pattern.search(text)
        return int(re.sub(rb"\D", b"", found[1])) if found else 0

    return Totals(number(_TOTAL), number(_DELETED), number(_CREATED), number(_SIZE))


def totals_of(part: Part, implied: int = 0) -> Totals:
    """What --stats says, without so many directories that were only passed on the way."""
    size = part.found.seek(0, 2)
    part.found.seek(max(0, size - 4096))
    tail = part.found.read().rpartition(b"\nNumber of files: ")
    totals = parse_totals([b"Number of files: " + tail[2]] if tail[1] else [tail[2]])
    totals.source = max(0, totals.source - implied)
    return totals


class Comparison:
    """One dry run under way; `on_end(self, ended)` when it is over, and then `totals` and `differences()`.

    Several processes count as one that ends with the last of them.
    """

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
        sieve: Optional[Callable[[bytes, bool], bool]] = None,
    ) -> None:
        """`sieve`: what of rsync's answer is to be left out, as its filters cannot say it."""
        self._sieve = sieve
        self._state_dir = state_dir
        self._sifting: Optional[asyncio.Handle] = None
        self.scope = scope
        self.totals = Totals()
        self.known = 0  # how many differences were found, about: a few lines are none
        self.counted = False
        self.unwanted = False
        self._on_end = on_end

        def argv(rules: Sequence[bytes]) -> list[str]:
            return command.comparison(rsync, target, rules, delete, scope.checksum)

        self._walk = Walk(scope, source, filters, argv, state_dir, self._ended)

    def kill(self) -> None:
        self._walk.kill()

    def give_up(self, patience: float) -> None:
        self._walk.give_up(patience)

    def close(self) -> None:
        if self._sifting is not None:
            self._sifting.cancel()
        self._walk.close()

    def _ended(self, together: Ended) -> None:
        if together.code in COMPLETE:
            # of everything, what is above a shared directory is the business of the first process
            above = [0, *(len({parent_of(path) for path in share} - {b""}) for share in self.scope.shares)]
            totals = [totals_of(part, implied) for part, implied in zip(self._walk.parts, above)]
            self.totals = sum(totals, Totals())
            if self._sieve is not None:
                self._sift(self._sifted(self._sieve), together)
                return
        self._on_end(self, together)

    def _sift(self, steps: Iterator[None], together: Ended) -> None:
        """One step, and the next one when the event loop has had its turn."""
        self._sifting = None
        try:
            next(steps)
        except StopIteration:
            self._on_end(self, together)
        except OSError as err:  # our own disk's; the text of one of the target's would be taken for that
            why = f"what it found cannot be sifted in the state_dir: {errno.errorcode.get(err.errno or 0, err)}"
            self._on_end(self, Ended(SIFTING_FAILED, why.encode(), together.cpu, together.seconds))
        else:
            self._sifting = asyncio.get_running_loop().call_soon(self._sift, steps, together)

    def _sifted(self, sieve: Callable[[bytes, bool], bool]) -> Iterator[None]:
        for part in self._walk.parts:
            taken = TakenOut()
            for left in sift(part.found, self._state_dir, _item_of, sieve, taken):
                if left is not None:
                    part.found.close()
                    part.found = left
                yield None
            totals = self.totals
            self.totals = Totals(
                max(0, totals.source - taken.created),
                totals.deletions - taken.deletions,
                totals.created - taken.created,
                totals.size - taken.size,
            )

    def count(self) -> Iterator[None]:
        """Count the differences, with pauses for a caller with other work."""
        for part in self._walk.parts:
            part.found.seek(0)
            lines = 0
            while block := part.found.read(BLOCK):
                lines += block.count(b"\n")
                yield None
            self.known += max(0, lines - STATISTICS)
        self.counted = True

    def differences(self) -> Iterator[Optional[Difference]]:
        """Every difference; None now and then, where a caller with other work may pause."""
        for part in self._walk.parts:
            part.found.seek(0)
            for number, line in enumerate(part.found, 1):
                item = parse_difference(line, self.scope.checksum)
                if item is not None:
                    yield item
                if number % PAUSE == 0:
                    yield None
