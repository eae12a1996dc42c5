"""A rate is what the last while brought, and an estimate is never nonsense."""

from __future__ import annotations

import pytest

from lockstep.progress import SHORTEST, SPACING, WINDOW, Meter, seconds_left


def test_without_time_there_is_no_rate() -> None:
    meter = Meter()
    assert meter.rates(5.0, 0, 0) is None
    meter.note(5.0, 0, 0)
    assert meter.rates(5.0, 10, 10) is None
    assert meter.rates(5.0 + SHORTEST / 2, 10, 10) is None
    assert meter.rates(5.0 + SHORTEST, 10, 30) == (10 / SHORTEST, 30 / SHORTEST)


def test_only_the_last_while_counts() -> None:
    meter = Meter()
    for second in range(101):
        meter.note(float(second), 1000 * min(second, 50), 0)
    assert meter.rates(100.0, 50_000, 0) == (0.0, 0.0)
    for second in range(101, 101 + int(WINDOW) + 1):
        meter.note(float(second), 50_000 + 7 * (second - 100), 70 * (second - 100))
    now = 100.0 + WINDOW + 1
    rate, byte_rate = meter.rates(now, 50_000 + 7 * int(WINDOW + 1), 70 * int(WINDOW + 1)) or (0.0, 0.0)
    assert (rate, byte_rate) == (pytest.approx(7.0), pytest.approx(70.0))


def test_samples_stay_few_however_often_they_are_taken() -> None:
    meter = Meter()
    for number in range(100_000):
        meter.note(number / 1000, number, 0)
    assert len(meter._samples) <= WINDOW / SPACING + 2


def test_what_went_back_is_no_negative_rate() -> None:
    meter = Meter()
    meter.note(0.0, 100, 100)
    assert meter.rates(10.0, 50, 50) == (0.0, 0.0)


def test_after_a_reset_nothing_is_known() -> None:
    meter = Meter()
    meter.note(0.0, 0, 0)
    meter.reset()
    assert meter.rates(10.0, 50, 50) is None


@pytest.mark.parametrize(
    ("entries", "size", "rates", "left"),
    [
        (0, 0, None, 0.0),
        (-3, -5, (1.0, 1.0), 0.0),
        (10, 0, None, None),
        (10, 0, (0.0, 5.0), None),
        (0, 10, (5.0, 0.0), None),
        (10, 0, (5.0, 0.0), 2.0),
        (0, 10, (0.0, 5.0), 2.0),
        (10, 1000, (5.0, 10.0), 100.0),
        (1000, 10, (5.0, 10.0), 200.0),
    ],
)
def test_the_slower_of_entries_and_bytes_tells_how_long_it_takes(
    entries: int, size: int, rates: tuple[float, float] | None, left: float | None
) -> None:
    assert seconds_left(entries, size, rates) == left
