"""When a mirror is compared: `watch`, `reconcile_every` and `reconcile_at`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockstep import calendar_event
from lockstep.calendar_event import CalendarEvent

if TYPE_CHECKING:
    from lockstep.config_yaml import Mapping

YEAR = 366 * 86400.0
DAY = 86400.0


def every(node: Mapping) -> float:
    """Seconds; a day, unless moments are given in its place.  0: never."""
    value = node.get("reconcile_every")
    found = value.number(DAY if node.get("reconcile_at").is_absent() else 0.0, 0.0, YEAR)
    if 0.0 < found < 1.0:
        value.problem(f"is {found:g} seconds; write 0 for never, or 1 or more")
    return found


def at(node: Mapping) -> tuple[CalendarEvent, ...]:
    found = []
    for item in node.items("reconcile_at"):
        text = item.text()
        if item.failed:
            continue
        try:
            found.append(calendar_event.parse(text))
        except calendar_event.NoMoment as error:
            item.problem(f"{text!r}: {error}")
    return tuple(found)


def watch(node: Mapping, interval: float) -> bool:
    value = node.get("watch")
    found = value.boolean(True)
    if not found and not interval and not node.items("reconcile_at"):
        value.problem("is false and nothing is scheduled, so nothing would ever be sent; give reconcile_at or _every")
    return found
