"""An isolated change goes at once; many are spaced so that starting rsync costs no more than its share of a core."""

from __future__ import annotations

import pytest

from lockstep.pace import CREDIT, FIRST_GUESS, Pace


def test_the_first_batch_never_waits() -> None:
    assert Pace(0.25).wait(1000.0) == 0.0


def test_a_few_may_follow_each_other_and_the_next_one_waits() -> None:
    pace = Pace(0.25)
    for _ in range(CREDIT):
        assert pace.wait(10.0) == 0.0
        pace.started(10.0)
    assert pace.wait(10.0) == 0.0
    pace.started(10.0)
    assert pace.wait(10.0) == pytest.approx(pace.interval)


def test_sustained_load_costs_its_share_and_no_more() -> None:
    pace, now, started = Pace(0.25), 0.0, 0
    while now < 60.0:
        wait = pace.wait(now)
        if wait:
            now += wait
        pace.started(now)
        pace.cost(0.010, 0.0, 1)
        started += 1
    assert started * 0.010 / 60.0 == pytest.approx(0.25, rel=0.05)


def test_what_the_watcher_itself_needs_counts_too_but_not_without_bound() -> None:
    alone, own, much = Pace(0.25), Pace(0.25), Pace(0.25)
    for _ in range(500):
        alone.cost(0.004, 0.0, 1)
        own.cost(0.004, 0.002, 16)
        much.cost(0.004, 100.0, 1)
    assert own.interval == pytest.approx(1.5 * alone.interval, rel=0.01)
    assert much.interval < 3 * alone.interval


def test_a_pause_gives_the_credit_back_and_no_more_than_that() -> None:
    pace = Pace(0.25)
    for _ in range(50):
        pace.started(0.0)
    assert pace.wait(0.0) > 0
    free = 0
    while pace.wait(1000.0) < 1e-9:
        pace.started(1000.0)
        free += 1
    assert free == CREDIT + 1


def test_a_share_of_nothing_means_no_pacing() -> None:
    pace = Pace(0.0)
    for _ in range(1000):
        pace.started(1.0)
    assert pace.wait(1.0) == 0.0


def test_the_cost_is_learnt_from_small_batches_only() -> None:
    pace = Pace(0.5)
    before = pace.interval
    for _ in range(500):
        pace.cost(5.0, 0.0, 2000)
    assert pace.interval == before
    for _ in range(500):
        pace.cost(0.002, 0.0, 1)
    assert pace.interval == pytest.approx(0.004, rel=0.01)


def test_one_that_took_absurdly_long_does_not_stop_everything() -> None:
    pace = Pace(0.25)
    for _ in range(500):
        pace.cost(3600.0, 0.0, 1)
    assert pace.interval <= 10 * FIRST_GUESS / 0.25 + 1e-9
