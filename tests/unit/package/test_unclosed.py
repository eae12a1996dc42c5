"""A file that is written and not closed goes when it is closed, quiet, or has waited long enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.unclosed import SETTLE, Unclosed


@pytest.fixture
def unclosed() -> Unclosed:
    return Unclosed(quiet=1.0, max_wait=10.0)


def test_a_close_takes_it_out_and_tells_its_first_write(unclosed: Unclosed) -> None:
    unclosed.written(b"f", 1.0)
    unclosed.written(b"f", 2.0)
    assert b"f" in unclosed
    assert unclosed.settled(b"f") == 1.0
    assert b"f" not in unclosed
    assert len(unclosed) == 0
    assert unclosed.next_due() is None


def test_a_close_of_what_was_never_written_tells_so(unclosed: Unclosed) -> None:
    assert unclosed.settled(b"f") is None


def test_it_is_due_when_it_has_been_quiet(unclosed: Unclosed) -> None:
    unclosed.written(b"f", 1.0)
    unclosed.written(b"f", 1.5)
    assert unclosed.next_due() == 2.5
    assert list(unclosed.due(2.49)) == []
    assert list(unclosed.due(2.5)) == [(b"f", 1.0)]
    assert list(unclosed.due(100.0)) == []


def test_it_is_due_after_the_longest_wait_though_it_is_never_quiet(unclosed: Unclosed) -> None:
    for tenth in range(100):
        unclosed.written(b"f", 5.0 + tenth / 10)
        assert list(unclosed.due(5.0 + tenth / 10)) == []
    assert unclosed.next_due() == pytest.approx(15.0 - 0.1 + 1.0, abs=1.0)
    assert list(unclosed.due(15.0)) == [(b"f", 5.0)]


def test_one_that_is_written_for_hours_is_due_again_and_again(unclosed: Unclosed) -> None:
    sent = []
    for tenth in range(1000):
        now = tenth / 10
        unclosed.written(b"f", now)
        sent += [now for _ in unclosed.due(now)]
    # each time begins with the first write after the last sending
    assert sent == pytest.approx([10.0 + n * 10.1 for n in range(len(sent))], abs=0.05)
    assert len(sent) == 9


def test_a_found_file_is_due_at_once_if_nothing_more_is_written(unclosed: Unclosed) -> None:
    unclosed.found(b"f", 1.0)
    assert b"f" in unclosed
    assert list(unclosed.due(1.0 + SETTLE / 2)) == []
    assert list(unclosed.due(1.0 + SETTLE)) == [(b"f", 1.0)]
    assert b"f" not in unclosed


def test_a_found_file_that_is_written_on_is_treated_as_unclosed(unclosed: Unclosed) -> None:
    unclosed.found(b"f", 1.0)
    unclosed.written(b"f", 1.02)
    assert len(unclosed) == 1
    assert list(unclosed.due(1.0 + SETTLE)) == []
    assert list(unclosed.due(2.02)) == [(b"f", 1.02)]


def test_a_file_already_known_as_unclosed_is_not_found_anew(unclosed: Unclosed) -> None:
    unclosed.written(b"f", 1.0)
    unclosed.found(b"f", 1.1)
    assert len(unclosed) == 1
    assert list(unclosed.due(1.5)) == []


def test_the_oldest_is_told_of_both_kinds(unclosed: Unclosed) -> None:
    assert unclosed.oldest() is None
    unclosed.found(b"a", 3.0)
    assert unclosed.oldest() == 3.0
    unclosed.written(b"b", 2.0)
    assert unclosed.oldest() == 2.0


def test_with_no_wait_at_all_it_is_due_at_once() -> None:
    unclosed = Unclosed(quiet=0.0, max_wait=0.0)
    unclosed.written(b"f", 1.0)
    assert list(unclosed.due(1.0)) == [(b"f", 1.0)]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["written", "found", "settled", "due"]), st.sampled_from([b"a", b"b"]), st.integers(0, 30)
    ),
    max_size=40,
)


@given(events=EVENTS)
def test_every_write_is_handed_over_once_and_never_later_than_promised(events: list[tuple[str, bytes, int]]) -> None:
    unclosed, now, waiting = Unclosed(quiet=1.0, max_wait=5.0), 0.0, {}
    for what, path, pause in events:
        now += pause / 10
        due = unclosed.next_due()
        assert (due is None) == (not waiting)
        if what == "due":
            handed = dict(unclosed.due(now))
            for name, first in handed.items():
                assert waiting.pop(name) == first
            assert all(now < first + 5.0 for first in waiting.values())
            assert due is None or now < due or handed
        elif what == "settled":
            assert unclosed.settled(path) == waiting.pop(path, None)
        elif what == "written":
            known = path in waiting and path in unclosed._first
            unclosed.written(path, now)
            if not known:
                waiting[path] = now
        else:
            unclosed.found(path, now)
            waiting.setdefault(path, now)
        assert len(unclosed) == len(waiting)
