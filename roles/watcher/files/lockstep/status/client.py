"""The command `lockstep status`: asks the service, says it as wanted, and is the verdict by its exit status."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, TextIO

from lockstep.status import control, facts, nagios, terminal
from lockstep.status.words import plain

OK, FAILED = 0, 1
CLEAR = "\x1b[H\x1b[2J"


class NoStatus(Exception):
    """There is an answer, but no status in it."""


def fetch(path: str) -> dict[str, Any]:
    """The document.  Raises control.ControlError or NoStatus."""
    answer = control.ask(path, {"command": "status"})
    status = answer.get("status")
    if answer.get("ok") is not True or not isinstance(status, dict):
        raise NoStatus(plain(answer.get("error", "the service gave no status")))
    return status


def in_step(status: dict[str, Any]) -> bool:
    mirrors = status.get("mirrors") or []
    targets = [target for mirror in mirrors for target in mirror.get("targets") or []]
    live = all(part.get("state") == "live" for part in (status, *mirrors, *targets))
    return live and not any(map(facts.drift, targets))


def colourful(stream: TextIO) -> bool:
    """https://no-color.org, and a terminal that can."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(path: str, as_json: bool, out: TextIO) -> int:
    """Once.  Raises control.ControlError or NoStatus."""
    status = fetch(path)
    out.write(json.dumps(status, indent=2) + "\n" if as_json else terminal.table(status, colourful(out)))
    return OK if in_step(status) else FAILED


def watch(path: str, seconds: float, out: TextIO) -> int:
    """Again and again until interrupted; the exit status is that of the last look."""
    code = FAILED
    try:
        while True:
            try:
                status = fetch(path)
                text, code = terminal.table(status, colourful(out)), OK if in_step(status) else FAILED
            except (control.ControlError, NoStatus) as error:
                text, code = f"{error}\n", FAILED
            out.write((CLEAR if out.isatty() else "") + time.strftime("%H:%M:%S  ") + text)
            out.write("" if out.isatty() else "\n")
            out.flush()
            time.sleep(seconds)
    except KeyboardInterrupt:
        return code


def check(path: str) -> tuple[int, str]:
    """For Nagios: the exit status and the line.  A service that does not run is critical: nothing is sent."""
    try:
        return nagios.line(fetch(path))
    except control.NotRunning as error:
        return nagios.CRITICAL, nagios.problem(nagios.CRITICAL, str(error))
    except (control.ControlError, NoStatus) as error:
        return nagios.UNKNOWN, nagios.problem(nagios.UNKNOWN, str(error))


def run(path: str, as_json: bool, as_nagios: bool, seconds: float | None) -> int:
    """Raises control.ControlError or NoStatus."""
    if as_nagios:
        code, line = check(path)
        sys.stdout.write(line + "\n")
        return code
    if seconds is not None:
        return watch(path, seconds, sys.stdout)
    return show(path, as_json, sys.stdout)
