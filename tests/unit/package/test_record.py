"""What a target has done: counted once, bounded, and cheap."""

from __future__ import annotations

import pytest

from lockstep.record import ERRORS, STEP, STEPS, Histogram, History, Record
from lockstep.transfer import kinds, outcome, ssh_words


def test_a_histogram_counts_each_value_under_the_first_bound_that_holds_it() -> None:
    found = Histogram((1.0, 2.0))
    for value in (0.0, 1.0, 1.1, 2.0, 2.1, 99.0):
        found.observe(value)
    assert (found.counts, found.sum) == ([2, 2, 2], pytest.approx(105.2))


def test_the_history_keeps_the_worst_of_each_time() -> None:
    history = History()
    for at, lag, state in ((1000.0, 0.5, 0), (1009.0, 0.1, 5), (1010.0, 0.0, 0)):
        history.note(at, lag, state)
    found = history.read(1010.0)
    assert len(found) == STEPS
    assert found[-2:] == [(0.5, 5), (0.0, 0)]
    assert found[:-2] == [(None, None)] * (STEPS - 2)


def test_where_nothing_was_noted_the_history_has_a_gap_and_what_is_an_hour_old_is_forgotten() -> None:
    history = History()
    history.note(0.0, 1.0)
    history.note(3 * STEP, 2.0)
    assert [lag for lag, _state in history.read(4 * STEP)[-5:]] == [1.0, None, None, 2.0, None]
    assert history.read((STEPS - 1) * STEP)[0] == (1.0, 0)
    assert history.read(STEPS * STEP)[0] == (None, None)
    history.note(9 * STEPS * STEP, 3.0)
    assert [lag for lag, _state in history.read(9 * STEPS * STEP) if lag is not None] == [3.0]


def test_a_lag_that_came_and_went_between_two_looks_is_in_the_history() -> None:
    record = Record()
    record.confirmed("content", [100.0, 102.5], 2, 10, 103.0)
    record.tick(103.5, 0.0, 0)
    record.tick(103.5 + STEP, 0.0, 0)
    assert [lag for lag, _state in record.history.read(103.5 + STEP)[-2:]] == [3.0, 0.0]


def test_what_a_reconcile_found_counts_as_sent_but_has_no_lag() -> None:
    record = Record()
    record.confirmed("rest", (), 5, 500, 10.0)
    assert (record.names, record.bytes, record.batches["rest"], sum(record.lag.counts)) == (5, 500, 1, 0)


def test_the_rate_is_of_the_last_half_minute() -> None:
    record = Record()
    for second in range(100):
        if second < 50:
            record.confirmed("content", (), 10, 1000, float(second))
        record.tick(float(second), 0.0, 0)
        if second == 49:
            assert record.rates(49.0) == (pytest.approx(10.0, rel=0.05), pytest.approx(1000.0, rel=0.05))
    assert record.rates(99.0) == (0.0, 0.0)
    assert Record().rates(1.0) is None


def test_the_same_failure_in_a_row_is_one_entry_and_others_push_out_the_oldest() -> None:
    record = Record()
    for at in (1.0, 2.0, 3.0):
        record.failed("the target's disk is full (rsync 11)", at)
    assert [(error.first, error.last, error.times) for error in record.errors] == [(1.0, 3.0, 3)]
    assert record.failures == {"space": 3}
    for number in range(100):
        record.failed(f"odd {number}", 4.0)
    assert len(record.errors) == ERRORS
    assert record.errors[-1].reason == "odd 99"


def test_a_reconcile_that_arrived_tells_how_long_it_took() -> None:
    record = Record()
    record.reconcile_arrived(20.0, 100.0)
    assert (record.reconciled, record.reconcile_took, record.reconcile_results["arrived"]) == (100.0, 20.0, 1)
    assert sum(record.reconciles.counts) == 1


def test_every_reason_that_an_rsync_can_give_is_of_some_kind() -> None:
    for sign, sentence in outcome._TEXTS:
        assert kinds.kind(outcome.reason(5, sign)) != kinds.OTHER, sentence
    for code in outcome._REASONS:
        assert kinds.kind(outcome.reason(code, b"")) != kinds.OTHER, code
    for sign, sentence in ssh_words._TEXTS:
        assert kinds.kind(outcome.reason(255, sign)) != kinds.OTHER, sentence
    assert kinds.kind('rsync: [receiver] mkstemp "/x" failed: Permission denied (13)') == "permission"
    assert kinds.kind("rsync was ended by signal 9 (rsync -9)") == "rsync"
    assert kinds.kind("a directory stands in its way on the target") == kinds.OTHER
