"""The status document for people: a page for the browser, lines for the terminal.

Whatever is in it may come from a file's name, so nothing reaches a browser or a terminal as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

Document = dict[str, Any]

# More of them belong in the JSON: a page of a million refused names helps nobody.
MAX_PROBLEMS = 10
# Terminal colours: green, yellow, red.
_ANSI = {"good": "32", "busy": "33", "bad": "31"}
_KIND = {"live": "good", "reconciling": "busy", "starting": "busy", "paused": "busy"}

_STYLE = """
:root{color-scheme:light dark;--good:#1a7f37;--busy:#9a6700;--bad:#cf222e;--line:#8884}
@media(prefers-color-scheme:dark){:root{--good:#3fb950;--busy:#d29922;--bad:#f85149}}
body{font:16px/1.45 system-ui,sans-serif;margin:1rem auto;padding:0 1rem;max-width:60rem;overflow-wrap:anywhere}
h1{font-size:1.3rem}h2{font-size:1.1rem;margin:1.5rem 0 .3rem}
.good{color:var(--good)}.busy{color:var(--busy)}.bad{color:var(--bad)}.state{font-weight:700}
section{border:1px solid var(--line);border-radius:.4rem;padding:.5rem .8rem;margin:.5rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .8rem;margin:.4rem 0}dt{opacity:.7}dd{margin:0}
footer{opacity:.7;font-size:.85rem;margin-top:1.5rem}code{font-size:.95em}
"""


def plain(value: object) -> str:
    """`value` as one line of printable text: bytes that are no text, controls and line ends become escapes."""
    out = []
    for char in str(value):
        code = ord(char)
        if 0xDC80 <= code <= 0xDCFF:
            # os.fsdecode's stand-in for a byte that is not UTF-8.
            out.append(f"\\x{code - 0xDC00:02x}")
        elif char.isprintable():
            out.append(char)
        else:
            out.append(char.encode("unicode_escape").decode("ascii"))
    return "".join(out)


def duration(seconds: float | None) -> str:
    """Seconds for people: 0 s, 45 ms, 3.2 s, 4 min 5 s, 2 h 3 min, 5 d 2 h."""
    if seconds is None:
        return "unknown"
    if seconds <= 0:
        return "0 s"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = int(seconds)
    for size, unit, below, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit} {rest} {part}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def size(count: float) -> str:
    """Bytes for people: 512 B, 3.4 KB, 120 MB, 1.5 TB."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("KB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            break
    return f"{count:.1f} {unit}" if count < 100 and f"{count:.1f}"[-2:] != ".0" else f"{count:,.0f} {unit}"


def kind(state: object) -> str:
    """good, busy or bad: how a state is to look."""
    return _KIND.get(str(state), "bad")


def text(status: Document, colour: bool = False) -> str:
    """For the terminal; the last line has its line end."""

    def state(of: Document) -> str:
        shown = plain(of.get("state", "unknown"))
        return f"\x1b[{_ANSI[kind(of.get('state'))]}m{shown}\x1b[0m" if colour else shown

    lines = [f"lockstep {plain(status.get('version'))}: {state(status)}"]
    lines += [f"  {label}: {value}" for label, value in _service_facts(status)]
    for mirror in status.get("mirrors") or ():
        lines.append(f"{plain(mirror.get('name'))}: {state(mirror)}")
        lines += [f"  {label}: {value}" for label, value in _mirror_facts(mirror, status)]
        for target in mirror.get("targets") or ():
            lines.append(f"  {plain(target.get('name'))}: {state(target)}")
            lines += [f"    {label}: {value}" for label, value in _target_facts(target, status)]
    return "\n".join(lines) + "\n"


def html(status: Document) -> str:
    """A whole page, complete in itself: it asks nobody for anything and runs nothing."""
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        '<meta http-equiv="refresh" content="5">',
        f"<title>lockstep: {_h(status.get('state', 'unknown'))}</title><style>{_STYLE}</style></head><body>",
        f"<h1>lockstep {_badge(status)}</h1>",
        _list(_service_facts(status)),
    ]
    for mirror in status.get("mirrors") or ():
        parts.append(f"<h2>{_h(mirror.get('name'))} {_badge(mirror)}</h2>")
        parts.append(_list(_mirror_facts(mirror, status)))
        for target in mirror.get("targets") or ():
            parts.append(f"<section><strong>{_h(target.get('name'))}</strong> {_badge(target)}")
            parts.append(_list(_target_facts(target, status)) + "</section>")
    parts.append(f'<footer>lockstep {_h(status.get("version"))} · <a href="/status.json">status.json</a></footer>')
    return "\n".join([*parts, "</body></html>\n"])


def _service_facts(status: Document) -> Iterator[tuple[str, str]]:
    now = status.get("now")
    started = status.get("started")
    if now is not None and started is not None:
        yield "up", f"{duration(now - started)}, process {plain(status.get('pid'))}"
    config = status.get("config") or {}
    yield "configuration", plain(config.get("path"))
    if config.get("error"):
        yield "configuration on disk is wrong, the one before it runs", plain(config["error"])
    for reason in status.get("unhealthy") or ():
        yield "not healthy", plain(reason)


def _mirror_facts(mirror: Document, status: Document) -> Iterator[tuple[str, str]]:
    yield "source", plain(mirror.get("source"))
    yield from _reason(mirror, status)
    yield "watches", f"{mirror.get('watches', 0):,}, events {mirror.get('events', 0):,}"
    if mirror.get("overflows"):
        yield "event queue overflows", f"{mirror['overflows']:,}"
    yield from _problems("not watched", mirror.get("watch_problems"))


def _target_facts(target: Document, status: Document) -> Iterator[tuple[str, str]]:
    now = status.get("now") or 0.0
    yield from _reason(target, status)
    outstanding = target.get("pending", 0) + target.get("in_flight", 0)
    waiting = f", {outstanding:,} changes outstanding" if outstanding else ""
    yield "lag", duration(target.get("lag")) + waiting
    if target.get("next_try"):
        yield "next try", f"in {duration(target['next_try'] - now)}"
    if target.get("last_confirmed"):
        yield "last confirmed", f"{duration(now - target['last_confirmed'])} ago"
    yield "sent", f"{target.get('names', 0):,} names in {target.get('batches', 0):,} batches"
    if target.get("failures"):
        yield "failures", f"{target['failures']:,}"
    reconcile = target.get("reconcile") or {}
    if reconcile.get("state") in ("comparing", "sending", "failed"):
        yield "reconcile", ", ".join(_progress(reconcile))
    held = target.get("held")
    if held:
        yield (
            "held",
            (
                f"{held.get('deletions') or 0:,} deletions of {held.get('of') or 0:,} names wait; "
                f"if they are meant: {plain(held.get('command'))}"
            ),
        )
    yield from _problems("refused", target.get("problems"), now)


def _progress(reconcile: Document) -> Iterator[str]:
    """How far a reconcile is, as far as it is known."""
    yield plain(reconcile["state"])
    if reconcile["state"] != "comparing":
        yield f"{reconcile.get('done') or 0:,} of {reconcile.get('known') or 0:,}"
    elif reconcile.get("entries"):
        yield f"about {reconcile['entries']:,} entries"
    if reconcile.get("bytes_known"):
        yield f"{size(reconcile.get('bytes_done') or 0)} of {size(reconcile['bytes_known'])}"
    if reconcile.get("rate"):
        speed = f"{reconcile['rate']:,.0f} a second"
        yield f"{speed} ({size(reconcile['byte_rate'])})" if reconcile.get("byte_rate") else speed
    if reconcile.get("elapsed") is not None:
        yield f"for {duration(reconcile['elapsed'])}"
    if reconcile.get("remaining") is not None:
        yield f"about {duration(reconcile['remaining'])} left"


def _reason(of: Document, status: Document) -> Iterator[tuple[str, str]]:
    if of.get("reason"):
        since = of.get("since")
        age = f" (for {duration((status.get('now') or since) - since)})" if since else ""
        yield "reason", plain(of["reason"]) + age


def _problems(label: str, problems: Any, now: float = 0.0) -> Iterator[tuple[str, str]]:
    found = list(problems or ())
    for problem in found[:MAX_PROBLEMS]:
        due = problem.get("next_try")
        again = f", next try in {duration(due - now)}" if due else ""
        yield label, f"{plain(problem.get('path'))}: {plain(problem.get('reason'))}{again}"
    if len(found) > MAX_PROBLEMS:
        yield label, f"and {len(found) - MAX_PROBLEMS:,} more, in the JSON"


def _h(value: object) -> str:
    return escape(plain(value))


def _badge(of: Document) -> str:
    return f'<span class="state {kind(of.get("state"))}">{_h(of.get("state", "unknown"))}</span>'


def _list(facts: Iterator[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in facts)
    return f"<dl>{rows}</dl>"
