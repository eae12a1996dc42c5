"""Compare a source with a target, by rsync's own dry run, and say what differs.  Nothing is changed by it.

What it finds becomes ordinary changes, each looked at again when its turn comes; so a file made while the comparison
ran can never be deleted by it, live changes flow meanwhile, and deletions are counted before the first one is made.

A whole tree is shared by two processes.  One rsync waits for its peer and its peer for it: 220,000 equal entries took
1.4 s on two processors with one process, 0.8 s with two, no less with three or four.  What is to be compared stands in
argv: of what comes from a list, rsync's sender walks every single path from the top (2.9 s, four times the CPU).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Callable, NamedTuple, Optional

from lockstep.changes import ATTRIBUTES, CONTENT, GONE, PERMITTED, STRUCTURE, parent_of
from lockstep.config import Target
from lockstep.sifting import TakenOut, sift
from lockstep.transfer import command
from lockstep.transfer.names_told import unescape
from lockstep.transfer.process import Ended, Process

PROCESSES = 2
STATISTICS = 17  # lines that --stats writes behind the differences
SIFTING_FAILED = 13  # rsync(1): errors with program diagnostics
PAUSE = 500  # lines between pauses
BLOCK = 4 << 20  # bytes read in one go where lines are only counted
SHARED = 200  # directories that are shared out, at most
LOOK = 1_000  # entries looked at for them in one directory
IN_ARGV = 64 << 10  # bytes of names that a command line may hold; more go by list
_COMPLETE = (0, 23, 24)
_PLAIN = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")  # nothing of it has a meaning in a filter
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


@dataclass
class Scope:
    """What to compare: paths (b"": everything), and whether size and time are to be believed.

    `shares`, of everything only: directories that get a process of their own for each list of them.
    """

    paths: list[bytes] = field(default_factory=list)
    checksum: bool = False
    shares: list[list[bytes]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return self.paths == [b""]


def shares(source: bytes, excluded: Callable[[bytes, bool], bool], processes: int = PROCESSES) -> list[list[bytes]]:
    """Directories of the top, or of one level below where those are few, to be shared out beside the one process that
    compares the rest; an empty list where there is nothing to share."""
    found = list(islice(_directories(source, b"", excluded), SHARED))
    if len(found) < 4 * processes:
        below = [path for top in found for path in islice(_directories(source, top, excluded), SHARED)]
        found = below[:SHARED] if len(below) > len(found) else found
    dealt = [found[number::processes] for number in range(1, processes)]
    return [share for share in dealt if share]


def _directories(source: bytes, top: bytes, excluded: Callable[[bytes, bool], bool]) -> Iterator[bytes]:
    with contextlib.suppress(OSError), os.scandir(source + b"/" + top if top else source) as entries:
        for entry in islice(entries, LOOK):
            path = top + b"/" + entry.name if top else entry.name
            if _PLAIN.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False) and not excluded(path, True):
                yield path


class _Part:
    """One process of a comparison, and the file that it writes to."""

    def __init__(self, argv: list[str], names: bytes, state_dir: str, on_end: Callable[[_Part, Ended], None]) -> None:
        # a file, not a pipe: a million differences must neither fill the memory nor make the daemon wait for us
        self.found: IO[bytes] = tempfile.TemporaryFile(dir=state_dir)  # noqa: SIM115 (closed by Comparison.close)
        try:
            self.process = Process(argv, lambda _process, ended: on_end(self, ended), stdout=self.found.fileno())
        except BaseException:
            self.found.close()
            raise
        self.process.give_way()
        self.process.feed(names)

    def totals(self, implied: int) -> Totals:
        """What --stats says, without so many directories that were only passed on the way."""
        size = self.found.seek(0, 2)
        self.found.seek(max(0, size - 4096))
        tail = self.found.read().rpartition(b"\nNumber of files: ")
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
        self._ends: list[Ended] = []
        self._parts: list[_Part] = []

        def start(paths: list[bytes], leave_out: Sequence[bytes] = (), missing: bool = False) -> None:
            whole = command.comparison(rsync, target, [*leave_out, *filters], delete, scope.checksum)
            argv, names = _command(whole, source, paths, missing)
            self._parts.append(_Part(argv, names, state_dir, self._ended))

        try:
            # a filter of the first keeps what others compare from being seen, and from being deleted
            left_out = [b"--filter=- /" + path for share in scope.shares for path in share]
            start(scope.paths, left_out, missing=not scope.whole)
            for share in scope.shares:
                start(share, missing=True)
        except BaseException:
            self.unwanted = True
            self.kill()
            self.close()
            raise

    def kill(self) -> None:
        for part in self._parts:
            part.process.kill()

    def give_up(self, patience: float) -> None:
        for part in self._parts:
            if not part.process.ended:
                part.process.give_up(patience)

    def close(self) -> None:
        if self._sifting is not None:
            self._sifting.cancel()
        for part in self._parts:
            part.found.close()

    def _ended(self, part: _Part, ended: Ended) -> None:
        self._ends.append(ended)
        if ended.code not in _COMPLETE:
            self.kill()  # without one of them the others are worth nothing
        if len(self._ends) < len(self._parts) or part.found.closed:
            return
        together = merge(self._ends)
        if together.code in _COMPLETE:
            # of everything, what is above a shared directory is the business of the first process
            above = [0, *(len({parent_of(path) for path in share} - {b""}) for share in self.scope.shares)]
            totals = [part.totals(implied) for part, implied in zip(self._parts, above)]
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
        for part in self._parts:
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
        for part in self._parts:
            part.found.seek(0)
            lines = 0
            while block := part.found.read(BLOCK):
                lines += block.count(b"\n")
                yield None
            self.known += max(0, lines - STATISTICS)
        self.counted = True

    def differences(self) -> Iterator[Optional[Difference]]:
        """Every difference; None now and then, where a caller with other work may pause."""
        for part in self._parts:
            part.found.seek(0)
            for number, line in enumerate(part.found, 1):
                item = parse_difference(line, self.scope.checksum)
                if item is not None:
                    yield item
                if number % PAUSE == 0:
                    yield None


def merge(ends: Sequence[Ended]) -> Ended:
    """The end of several processes, in the order of their ends, as one: by what failed first, else by the worst."""
    failed = next((ended for ended in ends if ended.code not in _COMPLETE), None)
    if failed is not None:
        code, errors = failed.code, failed.stderr
    else:
        codes = {ended.code for ended in ends}
        code = 23 if 23 in codes else max(codes)
        errors = b"".join(ended.stderr for ended in ends)
    return Ended(code, errors, sum(ended.cpu for ended in ends), max(ended.seconds for ended in ends))


def _command(whole: list[str], source: bytes, paths: list[bytes], missing: bool) -> tuple[list[str], bytes]:
    """What to run for these paths, and what to write to its stdin.  `missing`: one may be gone by now."""
    at = whole.index("--")
    options, where = whole[:at], whole[-1]
    options[options.index("--out-format=%i %n")] = "--out-format=%i %l %n"
    if missing:
        options.append("--ignore-missing-args")
    if sum(map(len, paths)) + (len(source) + 4) * len(paths) > IN_ARGV:
        return [*options, "--", "/", where], command.names(source, paths)
    options = [option for option in options if option not in ("--from0", "--files-from=-")]
    tops = [os.fsdecode(source.rstrip(b"/") + b"/./" + path) for path in paths]
    return [*options, "--", *tops, where], b""
