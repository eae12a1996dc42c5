"""Near a target one batch of a lane is under way at a time; far from it several are, however busy this host is."""

from __future__ import annotations

import pytest

from lockstep.transfer.link import LIGHT_BYTES, LIGHT_NAMES, REMEMBERED, WIDEST, Link


def test_nothing_is_known_of_a_target_at_first() -> None:
    assert Link().width == 1


@pytest.mark.parametrize(
    ("round_trip", "width"), [(0.0005, 1), (0.005, 1), (0.02, 2), (0.03, 3), (0.05, 4), (0.1, 4), (1.0, WIDEST)]
)
def test_the_farther_a_target_the_more_are_under_way(round_trip: float, width: int) -> None:
    link = Link()
    link.batch(1, 4000, 3.1 * round_trip, 0.0)
    assert link.width == width


def test_under_load_the_quickest_of_the_last_minutes_counts() -> None:
    link = Link()
    for now, seconds in enumerate([0.5, 0.004, *[0.9] * int(REMEMBERED)]):
        link.batch(1, 0, seconds, float(now))
    assert link.width == 1


def test_a_way_that_has_become_longer_is_noticed() -> None:
    link = Link()
    link.batch(1, 0, 0.004, 0.0)
    for period in (1, 2, 3):
        link.batch(1, 0, 0.31, period * (REMEMBERED + 1))
    assert link.width == WIDEST


def test_a_way_that_has_become_shorter_is_noticed_at_once() -> None:
    link = Link()
    link.batch(1, 0, 0.31, 0.0)
    link.batch(1, 0, 0.004, 1.0)
    assert link.width == 1


def test_what_took_long_for_its_data_or_its_number_tells_nothing_of_the_distance() -> None:
    link = Link()
    link.batch(LIGHT_NAMES + 1, 0, 0.5, 0.0)
    link.batch(1, LIGHT_BYTES + 1, 0.5, 0.0)
    assert link.width == 1
    link.batch(LIGHT_NAMES, LIGHT_BYTES, 0.5, 0.0)
    assert link.width == WIDEST


def test_after_an_outage_nothing_is_known() -> None:
    link = Link()
    link.batch(1, 0, 0.5, 0.0)
    link.lost()
    assert link.width == 1
