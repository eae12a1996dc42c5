"""Reads of events are spaced under load, and only then."""

from __future__ import annotations

from lockstep.source.spacing import AT_ONCE, BEFORE, LONGEST, MANY, PAUSE, PER_SECOND, Spacing


def test_the_events_of_one_change_are_read_at_once() -> None:
    spacing = Spacing(100.0)
    for change in range(50):  # five in a second, of four reads each
        at = 100.0 + 0.2 * change
        assert [spacing.pause(at + 0.0001 * read) for read in range(4)] == [0.0] * 4


def test_a_steady_trickle_below_the_rate_is_never_held_up() -> None:
    spacing = Spacing(0.0)
    assert {spacing.pause(read / (PER_SECOND - 1)) for read in range(5000)} == {0.0}


def test_under_load_reads_come_at_about_the_rate_and_no_wait_is_longer_than_a_pause() -> None:
    spacing, now, reads = Spacing(0.0), 0.0, 0
    while now < 10.0:
        wait = spacing.pause(now)
        assert wait in (0.0, PAUSE)
        now += wait + 0.00007
        reads += 1
    assert reads <= 10 * (1 / PAUSE) + AT_ONCE


def test_after_a_rest_the_first_are_read_at_once_again() -> None:
    spacing = Spacing(0.0)
    for _read in range(100):
        spacing.pause(1.0)
    assert spacing.pause(1.0) == PAUSE
    assert [spacing.pause(2.0) for _read in range(int(AT_ONCE))] == [0.0] * int(AT_ONCE)
    assert spacing.pause(2.0) == PAUSE


def test_while_no_batch_may_start_events_gather_until_just_before_one_may() -> None:
    spacing = Spacing(0.0)
    assert spacing.pause(1.0, events=10, paced=0.012) == 0.012 - BEFORE
    assert spacing.pause(2.0, events=10, paced=3600.0) == LONGEST
    assert spacing.pause(3.0, events=10, paced=PAUSE) == 0.0


def test_many_events_are_not_left_in_the_kernels_queue_for_long() -> None:
    spacing = Spacing(0.0)
    assert {spacing.pause(1.0, events=MANY, paced=3600.0) for _read in range(100)} == {0.0, PAUSE}
