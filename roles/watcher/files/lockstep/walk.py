"""Several rsyncs that go through one tree together: what each of them takes, and their ends as one.

A whole tree is shared by two processes.  One rsync waits for its peer and its peer for it: 220,000 equal entries took
1.4 s on two processors with one process, 0.8 s with two, no less with three or four.  What they go through stands in
argv: of what comes from a list, rsync's sender walks every single path from the top (2.9 s, four times the CPU).
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Callable

from lockstep.changes import parent_of
from lockstep.transfer import command
from lockstep.transfer.process import Ended, Process

PROCESSES = 2
SHARED = 200  # directories that are shared out, at most
LOOK = 1_000  # entries looked at for them in one directory
IN_ARGV = 64 << 10  # bytes of names that a command line may hold; more go by list
COMPLETE = (0, 23, 24)  # rsync(1): some could not be transferred, or vanished; all else was gone through
_PLAIN = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")  # nothing of it has a meaning in a filter


@dataclass
class Scope:
    """What to go through: paths (b"": everything), and whether contents are to be compared, whatever size and time say.

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
    takes the rest; an empty list where there is nothing to share."""
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


class Part:
    """One process, and the file that it writes to."""

    def __init__(self, argv: list[str], names: bytes, state_dir: str, on_end: Callable[[Part, Ended], None]) -> None:
        # a file, not a pipe: a million differences must neither fill the memory nor make the daemon wait for us
        self.found: IO[bytes] = tempfile.TemporaryFile(dir=state_dir)  # noqa: SIM115 (closed by Walk.close)
        try:
            self.process = Process(argv, lambda _process, ended: on_end(self, ended), stdout=self.found.fileno())
        except BaseException:
            self.found.close()
            raise
        self.process.give_way()
        self.process.feed(names)


class Walk:
    """All processes of a scope; `on_end(ended)` once, when the last one has ended, and never after `close()`."""

    def __init__(
        self,
        scope: Scope,
        source: bytes,
        filters: Sequence[bytes],
        argv: Callable[[Sequence[bytes]], list[str]],
        state_dir: str,
        on_end: Callable[[Ended], None],
        with_parents: bool = False,
    ) -> None:
        """`argv`: the command for these filters.  `with_parents`: what is above a shared directory is gone through by
        its process, too: where it is to be made it would else be made with whatever attributes.

        Raises OSError where a process cannot be started; then none is left.
        """
        self.scope = scope
        self.parts: list[Part] = []
        self._on_end = on_end
        self._ends: list[Ended] = []

        def start(paths: list[bytes], rules: Sequence[bytes] = (), missing: bool = False) -> None:
            command_line, names = _command(argv([*rules, *filters]), source, paths, missing)
            self.parts.append(Part(command_line, names, state_dir, self._ended))

        try:
            # a filter of the first keeps what others go through from being seen, and from being deleted
            left_out = [b"--filter=- /" + path for share in scope.shares for path in share]
            start(scope.paths, left_out, missing=not scope.whole)
            for share in scope.shares:
                if with_parents:
                    parents = sorted({parent_of(path) for path in share})
                    rules = [b"--filter=+ /" + path + b"/" for path in share]
                    rules += [b"--filter=- /" + (parent + b"/*" if parent else b"*") for parent in parents]
                    start(parents, rules, missing=True)
                else:
                    start(share, missing=True)
        except BaseException:
            self.kill()
            self.close()
            raise

    def kill(self) -> None:
        for part in self.parts:
            part.process.kill()

    def give_up(self, patience: float) -> None:
        for part in self.parts:
            if not part.process.ended:
                part.process.give_up(patience)

    def close(self) -> None:
        for part in self.parts:
            part.found.close()

    def _ended(self, part: Part, ended: Ended) -> None:
        self._ends.append(ended)
        if ended.code not in COMPLETE:
            self.kill()  # without one of them the others are worth nothing
        if len(self._ends) == len(self.parts) and not part.found.closed:
            self._on_end(merge(self._ends))


def merge(ends: Sequence[Ended]) -> Ended:
    """The end of several processes, in the order of their ends, as one: by what failed first, else by the worst."""
    failed = next((ended for ended in ends if ended.code not in COMPLETE), None)
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
    if missing:
        options.append("--ignore-missing-args")
    if sum(map(len, paths)) + (len(source) + 4) * len(paths) > IN_ARGV:
        return [*options, "--", "/", where], command.names(source, paths)
    options = [option for option in options if option not in ("--from0", "--files-from=-")]
    tops = [os.fsdecode(source.rstrip(b"/") + b"/./" + path) for path in paths]
    return [*options, "--", *tops, where], b""
