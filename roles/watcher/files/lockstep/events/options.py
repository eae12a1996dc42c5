"""The command lines of inotifywait and inotifywatch, read and complained of as these do it; getopt_long(3)."""

from __future__ import annotations

import getopt
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, Optional

from lockstep.events import words
from lockstep.events.patterns import Pattern, Selection
from lockstep.events.stream import Choice

_SHARED = ("help", "exclude=", "excludei=", "include=", "includei=", "no-dereference", "recursive", "fromfile=",
           "timeout=", "event=")  # fmt: skip
_WAIT = ("monitor", "daemon", "outfile=", "syslog", "quiet", "format=", "no-newline", "timefmt=", "csv")
_STATS = ("verbose", "zero", "ascending=", "descending=")
_LONG = {
    "-h": "--help", "-P": "--no-dereference", "-r": "--recursive", "-t": "--timeout", "-e": "--event",
    "-m": "--monitor", "-o": "--outfile", "-s": "--syslog", "-q": "--quiet", "-c": "--csv",
    "-v": "--verbose", "-z": "--zero", "-a": "--ascending",
}  # fmt: skip


class UsageError(Exception):
    """What is wrong with the command line."""


class HelpAsked(Exception):
    """Somebody wants to read the help."""


@dataclass(frozen=True)
class Wait:
    """`lockstep events`.  `timeout`: seconds, None for none.  `quiet`: 1 no diagnostics, 2 nothing at all."""

    choice: Choice
    timeout: Optional[float]
    monitor: bool
    daemon: bool
    outfile: Optional[str]
    syslog: bool
    quiet: int
    csv: bool
    format: Optional[bytes]
    newline: bool
    timefmt: Optional[str]


@dataclass(frozen=True)
class Stats:
    """`lockstep stats`.  `sort` is a kind of event, or "total"."""

    choice: Choice
    timeout: Optional[float]
    verbose: bool
    zero: bool
    sort: str
    ascending: bool


def wait(argv: Sequence[str]) -> Wait:
    """Raises UsageError and HelpAsked."""
    given = _Given(argv, "hmdo:sPrqt:e:c", _WAIT)
    daemon, outfile = given.has("--daemon", "-d"), given.last("--outfile")
    csv, template, timefmt = given.has("--csv"), given.last("--format"), given.last("--timefmt")
    if daemon and outfile is None:
        raise UsageError("-o must be specified with -d.")
    if csv and template is not None:
        raise UsageError("-c and --format cannot both be specified.")
    for option in ("--timefmt", "--no-newline"):
        if template is None and given.has(option):
            raise UsageError(f"{option} cannot be specified without --format.")
    if template is not None and timefmt is None and "%T" in template.replace("%%", ""):
        raise UsageError("%T is in --format string, but --timefmt was not specified.")
    return Wait(
        choice=given.choice(),
        timeout=given.timeout(),
        monitor=daemon or given.has("--monitor"),
        daemon=daemon,
        outfile=outfile,
        syslog=daemon or given.has("--syslog"),
        quiet=given.count("--quiet"),
        csv=csv,
        format=None if template is None else os.fsencode(template),
        newline=not given.has("--no-newline"),
        timefmt=timefmt,
    )


def stats(argv: Sequence[str]) -> Stats:
    """Raises UsageError and HelpAsked."""
    given = _Given(argv, "hvzrPt:e:a:d:", _STATS)
    choice = given.choice()
    sort, ascending = "total", False
    for option, value in given.options:
        if option in ("--ascending", "--descending", "-d"):
            sort, ascending = value.lower(), option == "--ascending"
            if sort != "total" and sort not in words.KINDS and sort not in ("close", "move"):
                raise UsageError(f"'{value}' is not a valid key for sorting!")
            if sort != "total" and not words.bits(sort) & choice.asked:
                raise UsageError("Can't sort by an event which isn't being watched for!")
    return Stats(choice, given.timeout(), given.has("--verbose"), given.has("--zero"), sort, ascending)


class _Given:
    """Options under their long names, but for -d, which is another one in each of the two; and the words besides."""

    def __init__(self, argv: Sequence[str], short: str, long: Sequence[str]) -> None:
        try:
            options, self._words = getopt.gnu_getopt(list(argv), short, [*_SHARED, *long])
        except getopt.GetoptError as error:
            raise UsageError(f"{error.msg}; --help lists the options") from error
        self.options = [(_LONG.get(option, option), value) for option, value in options]
        if self.has("--help"):
            raise HelpAsked

    def has(self, *names: str) -> bool:
        return any(option in names for option, _value in self.options)

    def count(self, name: str) -> int:
        return sum(option == name for option, _value in self.options)

    def all(self, name: str) -> list[str]:
        return [value for option, value in self.options if option == name]

    def last(self, name: str) -> Optional[str]:
        values = self.all(name)
        return values[-1] if values else None

    def timeout(self) -> Optional[float]:
        value = self.last("--timeout")
        if value is None:
            return None
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds):
            raise UsageError(f"'{value}' is not a valid timeout value.\nPlease specify a number of seconds.")
        return seconds if seconds > 0 else None

    def choice(self) -> Choice:
        paths, left_out = self._paths()
        asked = 0
        for value in self.all("--event"):
            for name in value.split(","):
                try:
                    asked |= words.bits(name)
                except KeyError:
                    raise UsageError(
                        f"'{name}' is not a valid event!  Run with the '--help' option to see a list of events."
                    ) from None
        return Choice(
            paths=tuple(paths),
            asked=asked or words.EVERY,
            recursive=self.has("--recursive"),
            follow=not self.has("--no-dereference"),
            selection=Selection(self._patterns("exclude"), self._patterns("include"), frozenset(left_out)),
        )

    def _patterns(self, word: str) -> list[Pattern]:
        found = []
        for option, ignore_case in ((f"--{word}", False), (f"--{word}i", True)):
            for value in self.all(option):
                try:
                    found.append(Pattern(os.fsencode(value), ignore_case))
                except ValueError as error:
                    raise UsageError(f"Error in `{word}' regular expression.\n{value!r}: {error}") from error
        return found

    def _paths(self) -> tuple[list[bytes], list[bytes]]:
        paths: list[bytes] = []
        left_out: list[bytes] = []
        named = [os.fsencode(word) for word in self._words]
        for file in self.all("--fromfile"):
            named += _lines(file)
        for name in named:
            if name.startswith(b"@"):
                left_out.append(name[1:].rstrip(b"/"))
            elif name:
                paths.append(name)
        if not paths:
            raise UsageError("No files specified to watch!")
        return paths, left_out


def _lines(file: str) -> list[bytes]:
    read: Callable[[], bytes] = sys.stdin.buffer.read
    if file == "-":
        return read().split(b"\n")
    try:
        with open(file, "rb") as opened:
            return opened.read().split(b"\n")
    except OSError as error:
        raise UsageError(f"Couldn't open {file}: {error.strerror or error}") from error
