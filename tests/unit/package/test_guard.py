"""Too many deletions in a while are noticed, however small the batches that they come in."""

from __future__ import annotations

import pytest

from lockstep.config import MaxDelete
from lockstep.guard import DeletionGuard


def guard(percent: float = 25.0, at_least: int = 100, window: float = 60.0) -> DeletionGuard:
    return DeletionGuard(MaxDelete(percent, at_least, window))


@pytest.mark.parametrize(("total", "limit"), [(0, 100), (399, 100), (400, 100), (404, 101), (10_000, 2_500)])
def test_the_limit_is_the_share_but_never_less_than_the_least(total: int, limit: int) -> None:
    assert guard().limit(total) == limit
    assert not guard().would_exceed(limit, total, 0.0)
    assert guard().would_exceed(limit + 1, total, 0.0)


def test_small_batches_add_up() -> None:
    watch = guard()
    for second in range(10):
        assert not watch.would_exceed(10, 0, float(second))
        watch.record(10, float(second))
    assert watch.recent(9.0) == 100
    assert watch.would_exceed(1, 0, 9.0)


def test_what_is_longer_ago_than_the_window_counts_no_more() -> None:
    watch = guard()
    watch.record(60, 0.0)
    watch.record(40, 30.0)
    assert watch.would_exceed(1, 0, 60.0)
    assert not watch.would_exceed(60, 0, 60.1)
    assert watch.would_exceed(61, 0, 60.1)
    assert watch.recent(90.1) == 0


def test_asking_records_nothing() -> None:
    watch = guard()
    for _ in range(5):
        assert not watch.would_exceed(100, 0, 0.0)
    assert watch.recent(0.0) == 0


def test_a_limit_of_nothing_lets_nothing_go() -> None:
    assert guard(0.0, 0).would_exceed(1, 1_000_000, 0.0)


def test_half_of_the_limit_may_be_guessed_while_there_is_room_for_it() -> None:
    watch = guard()
    assert watch.may_guess(50, 0, 0.0)
    assert not watch.may_guess(51, 0, 0.0)
    watch.record(40, 0.0, guessed=True)
    watch.record(45, 1.0)
    assert watch.may_guess(10, 0, 2.0)
    assert not watch.may_guess(11, 0, 2.0)
    watch.record(6, 2.0)
    assert not watch.may_guess(10, 0, 3.0), "91 have gone"
    assert watch.may_guess(10, 0, 60.5), "the guessed ones are long ago"
    assert watch.may_guess(50, 0, 70.0)
