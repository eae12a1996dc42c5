"""Moments of the calendar, as in systemd's timers: `Mon..Fri 03:00`, `*-*-1 02:30`, `hourly`.  systemd.time(7)

In this host's local time.  What is not understood here, and systemd does: `~` (days from a month's end), fractions of a
second, and a time zone at the end.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

_WORDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "semi-annually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
_WEEKDAYS = tuple("monday tuesday wednesday thursday friday saturday sunday".split())
_FORM = re.compile(
    r"(?:(?P<weekdays>[A-Za-z][A-Za-z,.-]*)(?:\s+|$))?"
    r"(?:(?P<date>[0-9*][0-9*,./]*(?:-[0-9*,./]+){1,2})(?:\s+|$))?"
    r"(?P<time>[0-9*][0-9*,./]*(?::[0-9*,./]+){1,2})?"
)
_PART = re.compile(r"(?P<first>[0-9]{1,4})(?:\.\.(?P<last>[0-9]{1,4}))?(?:/(?P<step>[0-9]{1,4}))?")
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_LATEST = 40  # years ahead of now in which a moment is looked for


class NoMoment(ValueError):
    """It is no description of moments; says why."""


@dataclass(frozen=True)
class CalendarEvent:
    """`text` is what it was made of; every other field has the values that count, in order."""

    text: str
    weekdays: frozenset[int]
    years: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]

    def next(self, after: float) -> Optional[float]:
        """The first moment (epoch, seconds) later than `after`; None where there is none in the next 40 years.

        One that a clock set forward in spring passes over is taken an hour later, and is not lost.
        """
        found = None
        for day in self._days_from(time.localtime(after)):
            for moment in self._moments(*day):
                if moment > after:
                    found = moment if found is None else min(found, moment)
                    break  # they only grow within a day, but where a clock is set
            if found is not None:
                return found
        return None

    def _days_from(self, now: time.struct_time) -> Iterator[tuple[int, int, int]]:
        year, month, first = now.tm_year, now.tm_mon, now.tm_mday
        while year <= now.tm_year + _LATEST:
            if year in self.years and month in self.months:
                length = calendar.monthrange(year, month)[1]
                for day in range(first, length + 1):
                    if day in self.days and calendar.weekday(year, month, day) in self.weekdays:
                        yield year, month, day
            month, first = month + 1, 1
            if month > 12:
                year, month = year + 1, 1

    def _moments(self, year: int, month: int, day: int) -> Iterator[float]:
        for hour in self.hours:
            for minute in self.minutes:
                for second in self.seconds:
                    yield time.mktime((year, month, day, hour, minute, second, 0, 0, -1))


def parse(text: str) -> CalendarEvent:
    """Raises NoMoment."""
    given = " ".join(_WORDS.get(text.strip().lower(), text).split())
    match = _FORM.fullmatch(given)
    if not given or match is None:
        raise NoMoment("is no calendar event as systemd.time(7) has it, as in  Mon..Fri 03:00  or  *-*-01 02:30")
    date = (match["date"] or "*-*-*").split("-")
    clock = (match["time"] or "00:00:00").split(":")
    year, month, day = date if len(date) == 3 else ["*", *date]
    return CalendarEvent(
        text=text,
        weekdays=_weekdays(match["weekdays"]),
        years=frozenset(_values(year, _FIRST_YEAR, _LAST_YEAR, "year")),
        months=frozenset(_values(month, 1, 12, "month")),
        days=frozenset(_values(day, 1, 31, "day")),
        hours=_values(clock[0], 0, 23, "hour"),
        minutes=_values(clock[1], 0, 59, "minute"),
        seconds=_values(clock[2] if len(clock) == 3 else "00", 0, 59, "second"),
    )


def _weekdays(text: Optional[str]) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.rstrip(",").split(","):
        first, dots, last = part.replace("-", "..").partition("..")
        begin = _weekday(first)
        end = _weekday(last) if dots else begin
        if end < begin:
            raise NoMoment(f"{part}: a range of weekdays goes from the earlier one to the later one, Mon to Sun")
        found.update(range(begin, end + 1))
    return frozenset(found)


def _weekday(word: str) -> int:
    for number, name in enumerate(_WEEKDAYS):
        if word.lower() in (name, name[:3]):
            return number
    raise NoMoment(f"{word or 'nothing'} is no weekday; write Mon, Tue, Wed, Thu, Fri, Sat or Sun")


def _values(text: str, least: int, most: int, what: str) -> tuple[int, ...]:
    if text == "*":
        return tuple(range(least, most + 1))
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            mend = f"; write {least}/{part[2:]}" if re.fullmatch(r"\*/[0-9]+", part) else ""
            raise NoMoment(f"{part or 'nothing'} is no {what}, no range (1..3) and no repetition (0/15){mend}")
        first = int(match["first"])
        last = int(match["last"]) if match["last"] else most if match["step"] else first
        step = int(match["step"] or 1)
        if not least <= first <= last <= most or step < 1:
            raise NoMoment(f"{part}: a {what} is from {least} to {most}, a range goes upwards, and a step is 1 or more")
        found.update(range(first, last + 1, step))
    return tuple(sorted(found))
