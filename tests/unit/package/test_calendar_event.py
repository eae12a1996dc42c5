"""Moments of the calendar are those of systemd's own: compared side by side with the real program."""

from __future__ import annotations

import datetime
import random
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from lockstep.calendar_event import NoMoment, parse

UTC = datetime.timezone.utc


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


def in_zone(zone: pytest.MonkeyPatch, name: str) -> None:
    zone.setenv("TZ", name)
    time.tzset()


def moment(text: str) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def ours(text: str, base: float, times: int) -> list[float]:
    event, found = parse(text), []
    for _ in range(times):
        following = event.next(base)
        if following is None:
            break
        found.append(following)
        base = following
    return found


def systemds(text: str, base: float, times: int) -> list[float]:
    at = datetime.datetime.fromtimestamp(base, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    done = subprocess.run(
        ["systemd-analyze", "calendar", f"--base-time={at}", f"--iterations={times}", text],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
    lines = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", done.stdout)
    return [moment(line) for line in lines]


def values(rng: random.Random, least: int, most: int, digits: int = 2) -> str:
    def number() -> int:
        return rng.randint(least, most)

    def part() -> str:
        kind = rng.randrange(4)
        first, last = sorted((number(), number()))
        if kind == 0 or first == last:
            return f"{first:0{digits}d}"
        if kind == 1:
            return f"{first}..{last}"
        if kind == 2:
            return f"{first}/{rng.randint(1, most - first)}" if first < most else f"{first}"  # it takes no other
        return f"{first}..{last}/{rng.randint(1, 5)}"

    return "*" if rng.random() < 0.3 else ",".join(part() for _ in range(rng.randint(1, 3)))


def made(rng: random.Random) -> str:
    words = []
    if rng.random() < 0.4:
        days = ["Mon", "tue", "Wednesday", "Thu", "Fri", "Sat", "SUN"]
        first, last = sorted((rng.randrange(7), rng.randrange(7)))
        words.append(rng.choice([f"{days[first]}..{days[last]}", days[first], f"{days[first]},{days[last]}"]))
    if rng.random() < 0.7:
        year = rng.choice(["*-", "", "2026..2030-", "2027-"])
        words.append(f"{year}{values(rng, 1, 12)}-{values(rng, 1, 31)}")
    if not words or rng.random() < 0.8:
        seconds = f":{values(rng, 0, 59)}" if rng.random() < 0.3 else ""
        words.append(f"{values(rng, 0, 23)}:{values(rng, 0, 59)}{seconds}")
    return " ".join(words)


@pytest.mark.parametrize("seed", range(10))
def test_the_next_moments_are_those_that_systemd_tells(seed: int, zone: pytest.MonkeyPatch) -> None:
    in_zone(zone, "UTC")
    rng = random.Random(f"calendar {seed}")
    told = 0
    for _ in range(12):
        text = made(rng)
        base = float(int(moment("2026-01-01") + rng.random() * 3 * 365 * 86400))
        wanted = systemds(text, base, 4)
        assert ours(text, base, 4) == wanted, (text, base)
        told += len(wanted)
    assert told > 20


@pytest.mark.parametrize("word", "minutely hourly daily weekly monthly quarterly semiannually yearly annually".split())
def test_words_mean_what_they_mean_to_systemd(word: str, zone: pytest.MonkeyPatch) -> None:
    in_zone(zone, "UTC")
    base = moment("2026-02-27 23:59:59")
    assert ours(word, base, 5) == systemds(word, base, 5)


def test_a_moment_that_the_clock_passes_over_in_spring_is_not_lost_and_one_in_autumn_comes_once(
    zone: pytest.MonkeyPatch,
) -> None:
    in_zone(zone, "Europe/Berlin")
    spring = ours("02:30", moment("2026-03-28 12:00:00"), 2)  # at 02:00 it is 03:00
    assert [moment("2026-03-29 00:30:00") <= spring[0] <= moment("2026-03-29 02:00:00"), len(spring)] == [True, 2]
    assert spring[1] == moment("2026-03-30 00:30:00")
    autumn = ours("02:30", moment("2026-10-24 12:00:00"), 2)  # at 03:00 it is 02:00
    assert autumn[1] == moment("2026-10-26 01:30:00")


def test_where_there_is_no_moment_there_is_none() -> None:
    assert parse("2020-01-01").next(moment("2026-01-01")) is None
    assert parse("*-02-30").next(moment("2026-01-01")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no calendar event"),
        ("sometimes", "sometimes is no weekday"),
        ("3", "no calendar event"),
        ("0 3 * * *", "no calendar event"),
        ("*-*-* */5:00", "write 0/5"),
        ("24:00", "a hour is from 0 to 23"),
        ("*-13-01", "a month is from 1 to 12"),
        ("05:10..05", "a range goes upwards"),
        ("Fri..Mon", "a range of weekdays goes from the earlier one to the later one"),
        ("05:00 UTC", "no calendar event"),
        ("*-02~01", "no calendar event"),
        ("05:00:00.5", "no second"),
        ("05:0/0", "a step is 1 or more"),
    ],
)
def test_what_is_no_moment_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(NoMoment) as caught:
        parse(text)
    assert said in str(caught.value)
