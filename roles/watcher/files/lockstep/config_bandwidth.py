"""How much may go across, and at which time of day: `bwlimit`."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockstep.config_yaml import Mapping, Value

_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?[KkMmGg]?")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Bandwidth:
    """`table`: (minute of the day from which it holds, what rsync's --bwlimit takes), in order; before the first one
    the last one holds.  Empty: no limit at all.
    """

    table: tuple[tuple[int, str], ...] = ()

    def at(self, minute: int) -> str:
        """The limit at this minute of the day (local time), "" for none."""
        if not self.table:
            return ""
        place = bisect_right([start for start, _rate in self.table], minute)
        rate = self.table[place - 1][1]
        return "" if not float(rate.rstrip("KkMmGg")) else rate


def bandwidth(node: Mapping) -> Bandwidth:
    """A rate, or a list of {from: "HH:MM", limit: RATE}."""
    value = node.get("bwlimit")
    if value.is_absent() or value.is_null():
        return Bandwidth()
    if not value.is_list():
        return Bandwidth(((0, _rate(value)),))
    found: dict[int, str] = {}
    for item in value.as_items():
        entry = item.as_mapping()
        entry.allow("from", "limit")
        start = _minute(entry.get("from", required=True))
        if start in found:
            entry.problem("begins when another one does")
        found[start] = _rate(entry.get("limit", required=True))
    if not found:
        value.problem('must not be empty; give a rate, or a list of {from: "HH:MM", limit: RATE}')
    return Bandwidth(tuple(sorted(found.items())))


def _minute(value: Value) -> int:
    text = value.text()
    match = _TIME.fullmatch(text)
    if match is None:
        if not value.failed:
            value.problem(f'must be a time of day in quotes, as "08:00", not {text!r}')
        return 0
    return 60 * int(match[1]) + int(match[2])


def _rate(value: Value) -> str:
    """As rsync(1) has it: KiB/s, or with k, m or g behind it; 0: none."""
    text = value.scalar()
    if not value.failed and not _RATE.fullmatch(text):
        value.problem(f"must be KiB in a second, as 5000, or as 5m; 0 for no limit, not {text!r}")
        return "0"
    return text or "0"
