"""Everything is compared again after an interval, at moments of the calendar, or whichever comes first."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from lockstep.calendar_event import parse
from lockstep.config import ConfigError
from lockstep.config import parse as parse_config
from lockstep.schedule import Schedule

NOON = time.mktime((2026, 5, 4, 12, 0, 0, 0, 0, -1))  # a Monday
HOUR, DAY = 3600.0, 86400.0


def test_an_interval_counts_from_the_last_beginning() -> None:
    schedule = Schedule(60.0)
    schedule.begun(1000.0, NOON)
    assert not schedule.due(1059.0, NOON + 59)
    assert schedule.due(1060.0, NOON + 60)
    schedule.begun(1060.0, NOON + 60, ago=50.0)
    assert not schedule.due(1069.0, NOON + 69)
    assert schedule.due(1070.0, NOON + 70)
    assert schedule.next(1060.0, NOON + 60) == NOON + 70


def test_without_a_schedule_nothing_is_ever_due() -> None:
    schedule = Schedule(0.0)
    schedule.begun(1000.0, NOON)
    assert not schedule.due(1e9, NOON + 1e9)
    assert schedule.next(1e9, NOON + 1e9) is None
    schedule.at_latest(1010.0)
    assert schedule.due(1010.0, NOON)


def test_a_moment_of_the_calendar_is_due_when_the_clock_says_so() -> None:
    schedule = Schedule(0.0, (parse("13:00"), parse("Mon 12:30")))
    schedule.begun(1000.0, NOON)
    assert not schedule.due(5000.0, NOON + 1799)
    assert schedule.due(5001.0, NOON + 1800)
    schedule.begun(5001.0, NOON + 1800)
    assert schedule.next(5001.0, NOON + 1800) == NOON + HOUR
    assert schedule.due(9999.0, NOON + DAY), "one that was missed is made up for"


def test_the_earlier_of_both_counts() -> None:
    schedule = Schedule(7200.0, (parse("13:00"),))
    schedule.begun(0.0, NOON)
    assert schedule.due(3600.0, NOON + HOUR)
    schedule.begun(3600.0, NOON + HOUR)
    assert schedule.due(10800.0, NOON + 3 * HOUR)


def test_a_clock_that_is_set_back_does_not_put_it_off_for_long() -> None:
    schedule = Schedule(0.0, (parse("13:00"),))
    schedule.begun(0.0, NOON + 10 * DAY)
    assert not schedule.due(1.0, NOON)
    assert schedule.due(2.0, NOON + HOUR)


def configured(**mirror: Any) -> Any:
    given = {"name": "data", "source": "/data", "targets": [{"url": "rsync://h/m"}], **mirror}
    return parse_config(json.dumps({"mirrors": [given]}).encode(), "x.yml").mirrors[0]


def test_moments_take_the_place_of_the_daily_interval_and_both_may_be_given() -> None:
    assert configured().reconcile_every == DAY
    assert configured(reconcile_at=["daily"]).reconcile_every == 0.0
    both = configured(reconcile_at=["daily", "Sat 03:00"], reconcile_every=60, watch=False)
    assert (both.reconcile_every, both.watch) == (60.0, False)
    assert both.reconcile_at == (parse("daily"), parse("Sat 03:00"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reconcile_at": "daily"}, "mirrors[0].reconcile_at: must be a list"),
        ({"reconcile_at": ["12:60"]}, "mirrors[0].reconcile_at[0]: '12:60': 60: a minute is from 0 to 59"),
        ({"reconcile_at": [720]}, "must be text (put it in quotes)"),
        ({"watch": False, "reconcile_every": 0}, "mirrors[0].watch: is false and nothing is scheduled"),
        ({"watch": False, "reconcile_at": ["nonsense"]}, "nonsense is no weekday"),
    ],
)
def test_a_schedule_that_cannot_be_one_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(**given)
    assert said in str(caught.value)
    assert len(caught.value.problems) == 1
