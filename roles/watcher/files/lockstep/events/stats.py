"""`lockstep stats`: count events for a while, then print a table.  Exit status as of inotifywatch: 0 done, 1 failed."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from lockstep.events import help_text, options, words
from lockstep.events.stream import CannotWatch, Stream

OK, FAILED = 0, 1
Counts = dict[bytes, "Counter[str]"]


def main(argv: Sequence[str]) -> int:
    """Run with these words of the command line."""
    try:
        wanted = options.stats(argv)
    except options.HelpAsked:
        sys.stdout.write(help_text.STATS)
        return OK
    except options.UsageError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    sys.stderr.write("Establishing watches...\n")
    stream = Stream(wanted.choice, _complain)
    try:
        stream.establish()
    except CannotWatch as error:
        _complain(str(error))
        return FAILED
    if wanted.verbose:
        sys.stderr.write(f"Total of {len(stream.tree)} watches.\n")
    reading, writing = os.pipe()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: os.write(writing, b"\0"))
    sys.stderr.write("Finished establishing watches, now collecting statistics.\n")
    if wanted.verbose and wanted.timeout:
        sys.stderr.write(f"Will listen for events for {wanted.timeout:g} seconds.\n")
    sys.stderr.flush()
    counts = _count(stream, wanted.timeout, reading)
    if wanted.zero:
        for wd in stream.tree:
            counts.setdefault(stream.tree.shown(wd) or b"", Counter())
    if not any(counts.values()):
        sys.stderr.write("No events occurred.\n")
        return OK
    sys.stdout.buffer.write(b"".join(table(counts, wanted)))
    return OK


def _count(stream: Stream, timeout: float | None, stopped: int) -> Counts:
    """Until the time is over, or `stopped` can be read: by path, as it is called at the end."""
    by_wd: dict[int, Counter[str]] = {}
    shown: dict[int, bytes] = {}
    until = None if timeout is None else time.monotonic() + timeout
    while until is None or time.monotonic() < until:
        left = None if until is None else max(0.0, until - time.monotonic())
        ready = select.select([stream, stopped], [], [], left)[0]
        for event in stream.events() if ready else ():
            shown[event.wd] = event.shown  # the last one known, for what will be gone by then
            counted = by_wd.setdefault(event.wd, Counter())
            counted.update(kind for kind, bits in words.KINDS.items() if event.mask & bits)
            if until is not None and time.monotonic() >= until:
                break
        if stopped in ready:
            break
    counts: Counts = {}
    for wd, counted in by_wd.items():
        counts.setdefault(stream.tree.shown(wd) or shown[wd], Counter()).update(counted)
    return counts


def table(counts: Counts, wanted: options.Stats) -> Iterable[bytes]:
    """Its lines."""
    asked = [kind for kind, bits in words.KINDS.items() if bits & wanted.choice.asked]
    kinds = [kind for kind in asked if wanted.zero or any(counted[kind] for counted in counts.values())]

    def number(path: bytes, kind: str) -> int:
        if kind == "total":
            return sum(counts[path][one] for one in asked)
        return sum(counts[path][one] for one in asked if words.KINDS[one] & words.bits(kind))

    rows = sorted((path for path in counts if wanted.zero or number(path, "total")), reverse=True)
    rows.sort(key=lambda path: number(path, wanted.sort) * (1 if wanted.ascending else -1))
    columns = ["total", *kinds]
    yield ("  ".join([*columns, "filename"]) + "\n").encode("ascii")
    for path in rows:
        numbers = "".join(f"{number(path, column):<{len(column) + 2}d}" for column in columns)
        yield numbers.encode("ascii") + path + b"\n"


def _complain(text: str) -> None:
    sys.stderr.write(os.fsencode(text).decode("utf-8", "backslashreplace") + "\n")
