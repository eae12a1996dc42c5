"""`lockstep events`: print events as they come.  Exit status as of inotifywait: 0 an event, 1 none that was asked for
or an error, 2 nothing within the time allowed."""

from __future__ import annotations

import os
import select
import sys
import syslog
import time
from collections.abc import Sequence
from typing import BinaryIO, Callable, Optional

from lockstep import daemonize
from lockstep.events import help_text, options, show
from lockstep.events.stream import CannotWatch, Stream
from lockstep.source import inotify as kernel

EVENT, FAILED, TIMED_OUT = 0, 1, 2
_AT_ONCE = 256  # events, before whoever reads gets them


def main(argv: Sequence[str]) -> int:
    """Run with these words of the command line."""
    try:
        wanted = options.wait(argv)
    except options.HelpAsked:
        sys.stdout.write(help_text.EVENTS)
        return EVENT
    except options.UsageError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    if wanted.daemon:
        try:
            # Here and not in the background: the paths are relative to this folder.
            waiter = _Waiter(wanted, sys.stdout.buffer)
            return daemonize.daemonize(waiter.run, None, wanted.outfile)
        except daemonize.DaemonError as error:
            sys.stderr.write(f"{error}\n")
            return FAILED
    if wanted.outfile is None:
        return _Waiter(wanted, sys.stdout.buffer).run(lambda: None)
    with open(wanted.outfile, "ab") as output:
        return _Waiter(wanted, output).run(lambda: None)


class _Waiter:
    def __init__(self, wanted: options.Wait, output: BinaryIO) -> None:
        self._wanted = wanted
        self._output = output
        self._line = (
            show.csv if wanted.csv
            else show.plain if wanted.format is None
            else show.formatted(wanted.format, wanted.timefmt, wanted.newline)
        )  # fmt: skip
        self._stream = Stream(wanted.choice, self._complain)
        if wanted.syslog:
            syslog.openlog("lockstep events")

    def run(self, on_ready: Callable[[], None]) -> int:
        """Until there is nothing left to do; the exit status."""
        if not self._wanted.quiet:
            more = "  Beware: since -r was given, this may take a while!" if self._wanted.choice.recursive else ""
            self._complain(f"Setting up watches.{more}")
        try:
            self._stream.establish()
        except CannotWatch as error:
            self._complain(str(error))
            if self._wanted.daemon:
                sys.stderr.write(f"{error}\n")
            return FAILED
        if not self._wanted.quiet:
            self._complain("Watches established.")
        on_ready()
        return self._wait()

    def _wait(self) -> int:
        last = time.monotonic()
        while True:
            left = None if self._wanted.timeout is None else max(0.0, last + self._wanted.timeout - time.monotonic())
            if not select.select([self._stream], [], [], left)[0]:
                return TIMED_OUT
            told, status = self._take()
            if told:
                last = time.monotonic()
            if status is not None:
                return status

    def _take(self) -> tuple[int, Optional[int]]:
        """How many events were told, and the exit status when that is all."""
        told = 0
        try:
            for event in self._stream.events():
                if event.mask & self._wanted.choice.asked:
                    told += 1
                    if self._wanted.quiet < 2:
                        self._output.write(self._line(event))
                    if not self._wanted.monitor:
                        return told, EVENT
                    if told % _AT_ONCE == 0:
                        self._output.flush()
                elif event.mask & (kernel.IGNORED | kernel.UNMOUNT) and not self._wanted.monitor:
                    return told, FAILED
        finally:
            self._output.flush()
        if not len(self._stream.tree):
            self._complain("nothing is left to watch")
            return told, FAILED
        return told, None

    def _complain(self, text: str) -> None:
        # -qq prints nothing but what ends the command; what was missed is such a thing, for it cannot be made up for.
        shown = os.fsencode(text).decode("utf-8", "backslashreplace")
        if self._wanted.syslog:
            syslog.syslog(syslog.LOG_INFO, shown)
        else:
            sys.stderr.write(f"{shown}\n")
            sys.stderr.flush()
