"""The status as a table for a terminal, and below it what is wrong with its mend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lockstep.status import facts
from lockstep.status.words import duration, plain

Document = dict[str, Any]

MAX_PROBLEMS = 10
_ANSI = {"good": "32", "busy": "33", "idle": "36", "bad": "1;31"}
_HEAD = ("MIRROR", "TARGET", "STATE", "FOR", "LAG", "WAITING", "RATE", "CONFIRMED")
_STATE = _HEAD.index("STATE")
_RIGHT = {_HEAD.index("LAG"), _HEAD.index("WAITING")}


def table(status: Document, colour: bool = False) -> str:
    """For the terminal; the last line has its line end."""
    found = facts.pairs(status)
    rows = [_row(mirror, target, status) for mirror, target in found]
    widths = [max(len(cell) for cell in column) for column in zip(_HEAD, *rows)]
    lines = [
        f"{_painted(facts.headline(status), _looks(status), colour)}  {facts.summary(status)}, watches "
        f"{facts.watches(status)}",
    ]
    if rows:
        lines += ["", _line(_HEAD, widths, "", False)]
        lines += [
            _line(row, widths, facts.kind(target.get("state")), colour) for row, (_mirror, target) in zip(rows, found)
        ]
    notes = list(_notes(status))
    if notes:
        lines += ["", *notes]
    return "\n".join(lines) + "\n"


def _looks(status: Document) -> str:
    looks = facts.kind(status.get("state", "unknown"))
    return "bad" if looks == "good" and not status.get("healthy") else looks


def _painted(text: str, looks: str, colour: bool) -> str:
    return f"\x1b[{_ANSI[looks]}m{text}\x1b[0m" if colour and looks else text


def _row(mirror: Document, target: Document, status: Document) -> tuple[str, ...]:
    rate = target.get("rate")
    return (
        plain(mirror.get("name")),
        plain(target.get("name")),
        plain(target.get("state", "unknown")),
        facts.lasted(status, target),
        "unknown" if mirror.get("held") else duration(target.get("lag")),
        f"{facts.outstanding(target):,}",
        facts.rate(target) if rate else "-",
        facts.age(status, target.get("last_confirmed")),
    )


def _line(row: tuple[str, ...], widths: list[int], looks: str, colour: bool) -> str:
    cells = []
    for number, (cell, width) in enumerate(zip(row, widths)):
        padded = cell.rjust(width) if number in _RIGHT else cell.ljust(width)
        cells.append(_painted(padded, looks, colour) if number == _STATE else padded)
    return "  ".join(cells).rstrip()


def _notes(status: Document) -> Iterator[str]:
    config = status.get("config") or {}
    if config.get("error"):
        yield f"the configuration on disk has a mistake, the one before it runs: {plain(config['error'])}"
    for one in status.get("notify") or ():
        if one.get("error"):
            yield f"nobody is notified by {plain(one.get('to'))}: {plain(one['error'])}"
    yield from facts.hooks(status)
    for mirror in status.get("mirrors") or ():
        name = plain(mirror.get("name"))
        if mirror.get("overflows"):
            yield f"{name}: {mirror['overflows']:,} overflows of the event queue"
        yield from _problems(f"{name}: not watched", mirror.get("watch_problems"), mirror.get("unwatched") or 0, status)
        for target in mirror.get("targets") or ():
            yield from _target_notes(f"{name} on {plain(target.get('name'))}", target, status)


def _target_notes(about: str, target: Document, status: Document) -> Iterator[str]:
    if target.get("reason"):
        yield f"{about} is {plain(target.get('state'))}: {plain(target['reason'])}"
    if target.get("next_try"):
        yield f"{about}: next try in {duration(max(0.0, target['next_try'] - (status.get('now') or 0.0)))}"
    found = target.get("reconcile") or {}
    if facts.under_way(found) or found.get("state") == "failed":
        yield f"{about}: reconcile: {facts.reconcile(status, target)}"
    if ending := facts.certificate(status, target):
        yield f"{about}: {ending}"
    if facts.drift(target):
        yield f"{about}: an audit found {facts.audit(status, target)}"
    held = target.get("held") or {}
    for path in held.get("paths") or ():
        yield f"{about}: would be deleted: {plain(path) or '.'}"
    if held.get("more"):
        yield f"{about}: would be deleted: and {held['more']:,} more"
    yield from _problems(f"{about}: refused", target.get("problems"), target.get("refused") or 0, status)


def _problems(label: str, problems: Any, count: int, status: Document) -> Iterator[str]:
    found = list(problems or ())
    for problem in found[:MAX_PROBLEMS]:
        yield f"{label}: {plain(problem.get('path')) or '.'}: {facts.problem(status, problem)}"
    left = max(count, len(found)) - MAX_PROBLEMS
    if left > 0:
        yield f"{label}: and {left:,} more, up to 100 of them with --json"
