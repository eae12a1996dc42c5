"""The soak's verdict sees what leaks, and does not take noise or a new watcher for it."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
import verdict
from sampling import Sample

REST = Sample(
    at=0.0, pid=1, memory=30_000, cpu=0.0, descriptors=20, pipes=8, children=4, zombies=0, watches=10, events=0
)


def life(pid: int, start: float, seconds: int, an_hour: float, level: int = 30_000) -> list[Sample]:
    """One watcher's samples: memory jumps while it warms up, then rises by so many KiB an hour, with noise."""
    chance = random.Random(pid)
    found = []
    for second in range(seconds):
        memory = level + (0 if second < 50 else 5_000) + an_hour * second / 3600 + chance.uniform(-200, 200)
        found.append(replace(REST, at=start + second, pid=pid, memory=int(memory), events=second * 100))
    return found


def found_in(samples: list[Sample], **idle: int) -> list[str]:
    return verdict.problems(samples, replace(REST, **idle), REST, directories=10, strangers=0)


def test_what_stays_as_it_is_is_flat() -> None:
    assert found_in(life(1, 0, 1200, 0)) == []


def test_memory_that_grows_is_told_with_its_slope() -> None:
    (said,) = found_in(life(1, 0, 1800, 6_000))
    assert said.startswith("memory grows by ")
    slope = verdict.slope([verdict.warm(life(1, 0, 1800, 6_000))], verdict.by_hour)
    assert slope is not None
    assert slope.each == pytest.approx(6_000, abs=300)


def test_what_rises_to_what_the_largest_bursts_took_and_stays_there_is_flat() -> None:
    """As measured in an hour of load: 8 MB more within twenty minutes, nothing after that."""
    samples = [
        replace(one, memory=one.memory + int(8_000 * (1 - math.exp(-one.at / 400)))) for one in life(1, 0, 3600, 0)
    ]
    assert found_in(samples) == []
    leaking = [replace(one, memory=one.memory + int(one.at / 3600 * 4_000)) for one in samples]
    (said,) = found_in(leaking)
    assert said.startswith("memory grows by ")


def test_a_watcher_that_was_started_anew_with_another_level_is_no_growth() -> None:
    samples = life(1, 0, 800, 0, 30_000) + life(2, 800, 800, 0, 38_000) + life(3, 1600, 800, 0, 46_000)
    assert found_in(samples) == []


def test_growth_is_seen_across_watchers_of_which_none_lived_long() -> None:
    samples = [one for number in range(6) for one in life(number, number * 300, 300, 20_000)]
    assert any("grows" in said for said in found_in(samples))


def test_what_was_seen_for_minutes_only_is_not_called_growth() -> None:
    assert found_in(life(1, 0, 300, 20_000)) == []


def test_the_slope_by_events_is_one_of_memory_for_each_million() -> None:
    slope = verdict.slope([verdict.warm(life(1, 0, 1800, 3_600))], verdict.by_million_events)
    assert slope is not None
    assert slope.each == pytest.approx(3_600 / 3600 / 100 * 1e6, rel=0.1)


@pytest.mark.parametrize(
    ("idle", "said"),
    [
        ({"pipes": 10}, "pipes"),
        ({"descriptors": 40}, "descriptors"),
        ({"zombies": 1}, "ended"),
        ({"watches": 11}, "watches"),
    ],
)
def test_whatever_is_left_behind_is_told(idle: dict[str, int], said: str) -> None:
    (found,) = found_in(life(1, 0, 100, 0), **idle)
    assert said in found
    assert verdict.problems([], REST, REST, directories=10, strangers=2) == [
        "2 processes are left of watchers that ended"
    ]


def test_more_memory_than_is_allowed_is_told_however_short_it_was() -> None:
    (said,) = found_in([REST, replace(REST, memory=verdict.LARGEST + 1)])
    assert "reached" in said


def test_the_table_shows_when_a_new_watcher_began() -> None:
    lines = verdict.table(life(1, 0, 50, 0) + life(2, 50, 50, 0), rows=10)
    assert len(lines) == 11
    assert sum("new pid" in line for line in lines) == 2
