"""The status as one line for Nagios, Icinga and what else runs their plugins.

https://www.monitoring-plugins.org/doc/guidelines.html: the exit code is the verdict, performance data follow a bar.
"""

from __future__ import annotations

from typing import Any

from lockstep.status import facts
from lockstep.status.words import plain

Document = dict[str, Any]

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def line(status: Document) -> tuple[int, str]:
    """The exit code, and the line without its end."""
    found = facts.pairs(status)
    limit = (status.get("config") or {}).get("max_lag")
    verdicts = [_verdict(target, limit) for _mirror, target in found]
    code = max(verdicts, default=UNKNOWN)
    if code == OK and not status.get("healthy"):
        code = WARNING
    reasons = [
        f"{plain(mirror.get('name'))} on {plain(target.get('name'))} is {_why(target)}"
        for (mirror, target), verdict in sorted(zip(found, verdicts), key=lambda pair: -pair[1])
        if verdict != OK
    ]
    said = "; ".join(reasons[:5]) or facts.headline(status)
    if len(reasons) > 5:
        said += f"; and {len(reasons) - 5} more"
    # a bar would begin the performance data
    said = f"{said} ({facts.summary(status)})".replace("|", "/")
    return code, f"LOCKSTEP {WORDS[code]} - {said}{_performance(status, limit)}"


def problem(code: int, text: str) -> str:
    """The line when there is no status."""
    return f"LOCKSTEP {WORDS[code]} - {plain(text).replace('|', '/')}"


def _verdict(target: Document, limit: float | None) -> int:
    state = target.get("state")
    if state in ("down", "held"):
        return CRITICAL
    if limit is not None and state != "paused" and (target.get("lag") or 0.0) > limit:
        return CRITICAL
    return OK if state == "live" else WARNING


def _why(target: Document) -> str:
    state = plain(target.get("state"))
    return f"{state}: {plain(target['reason'])}" if target.get("reason") else state


def _performance(status: Document, limit: float | None) -> str:
    data = []
    for mirror, target in facts.pairs(status):
        name = f"{plain(mirror.get('name'))} {plain(target.get('name'))}".replace("'", "").replace("=", "_")
        lag = target.get("lag") or 0.0
        data.append(f"'{name} lag'={lag:.4f}s;;{'' if limit is None else format(limit, 'g')};0")
        data.append(f"'{name} waiting'={facts.outstanding(target)};;;0")
        data.append(f"'{name} confirmed'={target.get('names') or 0}c")
        data.append(f"'{name} bytes'={target.get('bytes') or 0}B")
    watches = status.get("watches") or {}
    data.append(f"watches={watches.get('used') or 0};;{watches.get('allowed') or ''};0")
    return "|" + " ".join(data).replace("|", "/")
