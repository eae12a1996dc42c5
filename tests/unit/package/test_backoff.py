"""What fails is tried again later and later, up to a minute, and soon again after a success."""

from __future__ import annotations

from lockstep.backoff import Backoff


def test_it_doubles_from_one_second_to_a_minute_with_a_spread() -> None:
    backoff = Backoff()
    for expected in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert 0.8 * expected <= backoff.next() <= 1.2 * expected
    assert backoff.attempts == 9


def test_many_do_not_come_at_once() -> None:
    assert len({Backoff().next() for _ in range(20)}) > 10


def test_a_success_begins_anew() -> None:
    backoff = Backoff()
    for _ in range(6):
        backoff.next()
    backoff.reset()
    assert backoff.attempts == 0
    assert backoff.next() <= 1.2


def test_years_of_failures_do_not_overflow() -> None:
    backoff = Backoff()
    backoff.attempts = 10**6
    assert backoff.next() <= 72.0


def test_its_limits_can_be_set() -> None:
    backoff = Backoff(first=0.1, longest=0.3)
    assert [round(backoff.next() / scale) for scale in (0.1, 0.2, 0.3, 0.3)] == [1, 1, 1, 1]
