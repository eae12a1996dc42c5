"""How a target stands: down and when to try again, what it refused, and which deletions are held back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockstep.changes import CONTENT, GONE, Change
from lockstep.standing import PARKED_LOOK, Problem, Standing
from lockstep.transfer.command import Lane


@pytest.fixture
def standing() -> Standing:
    return Standing()


def gone(*paths: bytes, since: float = 1.0) -> dict[bytes, Change]:
    return {path: Change(GONE, since) for path in paths}


def test_a_failure_keeps_its_first_moment(standing: Standing) -> None:
    standing.fail("refused", 10.0)
    standing.fail("refused", 11.0)
    assert (standing.down, standing.down_since, standing.failures) == ("refused", 10.0, 2)


def test_a_second_failure_while_it_waits_does_not_put_the_next_try_off(standing: Standing) -> None:
    standing.fail("refused", 10.0)
    first = standing.next_try
    standing.fail("refused", 10.5)
    assert standing.next_try == first
    assert standing.waiting


def test_the_next_try_is_due_once_and_later_each_time(standing: Standing) -> None:
    standing.fail("refused", 10.0)
    assert not standing.retry_due(10.1)
    assert standing.retry_due(11.3)
    assert not standing.waiting
    assert not standing.retry_due(99.0)
    standing.fail("refused", 11.3)
    assert standing.next_try is not None
    assert 11.3 + 1.6 <= standing.next_try <= 11.3 + 2.4


def test_an_answer_ends_the_waiting_and_the_next_failure_is_tried_again_soon(standing: Standing) -> None:
    for at in range(5):
        standing.fail("refused", float(at))
        standing.next_try = None
    standing.answered(now=6.0, asked=5.0)
    assert standing.next_try is None
    standing.fail("again", 100.0)
    assert standing.next_try is not None
    assert standing.next_try <= 101.2


def test_it_is_down_no_more_when_nothing_has_failed_for_a_second_after_an_answer(standing: Standing) -> None:
    standing.fail("refused", 1.0)
    standing.recover(100.0)
    assert standing.down
    standing.answered(now=101.0, asked=100.5)
    standing.recover(101.5)
    assert standing.down
    standing.recover(102.0)
    assert not standing.down


def test_what_was_under_way_when_it_failed_does_not_say_that_it_is_back(standing: Standing) -> None:
    standing.fail("refused", 10.0)
    standing.answered(now=11.0, asked=9.0)
    standing.recover(20.0)
    assert standing.down
    assert standing.waiting


def test_a_target_that_takes_some_and_turns_others_away_stays_down_and_is_tried_soon(
    standing: Standing,
) -> None:
    """As with too few connections: each try gets something through, and something is turned away."""
    now = 10.0
    standing.fail("max connections", now)
    for round_ in range(200):
        now += 2.5
        assert standing.retry_due(now), "not tried again within 2.5 s"
        answers = [lambda at=now: standing.answered(at + 0.02, at), lambda at=now: standing.fail("max", at + 0.01)]
        for answer in answers if round_ % 2 else reversed(answers):
            answer()
        standing.recover(now + 0.5)
        assert standing.down
    assert standing.down_since == 10.0


def test_a_full_disk_is_not_over_because_something_else_could_be_done(standing: Standing) -> None:
    standing.fail("the target's disk is full", 10.0, Lane.CONTENT)
    for lane in (Lane.REMOVE, Lane.REST, Lane.COUNT):
        standing.answered(now=13.0, asked=12.0, lane=lane)
    standing.recover(20.0)
    assert standing.down
    standing.answered(now=21.0, asked=20.5, lane=Lane.CONTENT)
    standing.recover(22.0)
    assert not standing.down


def test_a_full_disk_is_over_when_nothing_is_left_to_be_written(standing: Standing) -> None:
    standing.fail("the target's disk is full", 10.0, Lane.CONTENT)
    standing.answered(now=13.0, asked=12.0)
    standing.recover(14.0)
    assert not standing.down


def test_a_confirmed_batch_counts_what_was_not_refused(standing: Standing) -> None:
    standing.confirmed([b"a", b"b", b"c"], {b"b": "no"}, 5.0, 4.0)
    assert (standing.batches, standing.names, standing.last_confirmed, standing.down) == (1, 2, 5.0, "")


def test_a_refused_path_is_a_problem_until_it_is_confirmed(standing: Standing) -> None:
    assert standing.is_new_problem(b"a")
    standing.refuse(b"a", "denied", Change(CONTENT, 1.0), 2.0)
    assert not standing.is_new_problem(b"a")
    standing.confirmed([b"a", b"b"], {b"a": "denied"}, 3.0, 2.5)
    assert b"a" in standing.problems
    standing.confirmed([b"a", b"b"], {}, 4.0, 3.5)
    assert not standing.problems


def test_a_problem_is_handed_out_once_when_it_is_due(standing: Standing) -> None:
    change = Change(CONTENT, 1.0)
    standing.refuse(b"a", "denied", change, 2.0)
    assert standing.problems_due(2.5) == []
    assert standing.problems_due(3.3) == [(b"a", change)]
    assert standing.problems_due(99.0) == []
    assert standing.problems_due(99.0, lambda path: path != b"a") == [(b"a", change)], "nobody else knows of it"
    assert standing.problems_due(99.0, lambda path: path == b"a") == []


def test_a_problem_refused_again_keeps_its_since_and_waits_longer(standing: Standing) -> None:
    standing.refuse(b"a", "denied", Change(CONTENT, 1.0), 2.0)
    standing.problems_due(10.0)
    standing.refuse(b"a", "full", Change(GONE, 1.0), 10.0)
    problem = standing.problems[b"a"]
    assert (problem.reason, problem.since, problem.backoff.attempts, problem.change.flags) == ("full", 2.0, 2, GONE)
    assert standing.problems_due(11.0) == []
    assert standing.problems_due(12.5) != []


def test_the_age_of_a_problem_counts_while_it_waits_and_then_elsewhere(standing: Standing) -> None:
    assert standing.oldest() is None
    standing.refuse(b"a", "denied", Change(CONTENT, 1.5), 2.0)
    assert standing.oldest() == 1.5
    standing.problems_due(9.0)
    assert standing.oldest() is None


def test_held_deletions_are_counted_and_age(standing: Standing) -> None:
    standing.park(gone(b"a", b"b", since=4.0), 10, 5.0)
    assert (standing.held, standing.held_count, standing.held_of, standing.oldest()) == (True, 2, 10, 4.0)
    standing.park(gone(b"c", since=3.0), 8, 6.0)
    assert (standing.held_count, standing.held_of, standing.oldest()) == (3, 10, 3.0)


def test_a_directory_stands_for_all_that_was_told_before_it(standing: Standing) -> None:
    standing.park(gone(b"d0", b"d/x/1", b"d/x", b"d/y", b"d", b"e"), 10, 5.0)
    assert list(standing.parked) == [b"d0", b"d", b"e"]


def test_what_is_held_and_asked_about_once_more_is_counted_once(standing: Standing) -> None:
    """Every event below a directory that is held leads to it again."""
    for _event in range(3):
        standing.park(gone(b"d"), 1000, 5.0, {b"d": 400})
    assert (standing.held_count, standing.held_of) == (400, 1000)
    standing.park(gone(b"e"), 1000, 6.0, {b"e": 700})
    assert (standing.held_count, standing.held_of) == (1100, 1100)


def test_whether_they_are_back_is_looked_at_every_few_seconds(standing: Standing) -> None:
    assert not standing.parked_due(100.0)
    standing.park(gone(b"a"), 10, 5.0)
    assert not standing.parked_due(5.0 + PARKED_LOOK - 0.1)
    assert standing.parked_due(5.0 + PARKED_LOOK)
    assert not standing.parked_due(5.0 + PARKED_LOOK + 0.1)


def test_what_is_held_all_the_time_does_not_put_the_look_off(standing: Standing) -> None:
    for second in range(5):
        standing.park({b"f%d" % second: Change(GONE, 0.0)}, 100, float(second))
        assert not standing.parked_due(second + 0.5)
    standing.park({b"g": Change(GONE, 0.0)}, 100, 5.0)
    assert standing.parked_due(5.0)


def test_what_is_back_is_held_no_more(standing: Standing) -> None:
    standing.park(gone(b"a", b"b", b"c"), 10, 5.0)
    assert [path for path, _ in standing.unpark([b"b"])] == [b"b"]
    assert (list(standing.parked), standing.held_count) == ([b"a", b"c"], 2)
    standing.unpark([b"a", b"c"])
    assert (standing.held, standing.held_count) == (False, 0)


def test_a_release_hands_out_all_and_forgets_the_count(standing: Standing) -> None:
    standing.park(gone(b"a", b"b"), 10, 5.0)
    assert sorted(standing.release()) == [b"a", b"b"]
    assert (standing.held, standing.held_count, standing.held_of) == (False, 0, 0)


class Walked(dict[bytes, Problem]):
    """Counts how often somebody goes through all of them."""

    times = 0

    def __iter__(self) -> Iterator[bytes]:
        self.times += 1
        return super().__iter__()


def test_what_was_refused_below_many_deleted_directories_is_settled_in_one_walk() -> None:
    standing = Standing()
    standing.problems = problems = Walked()
    for path in (b"a/b/c", b"a/bc", b"a", b"d/e/f", b"g/h"):
        standing.refuse(path, "refused", Change(CONTENT, 0.0), 0.0)
    standing.settle_below([b"a/b", b"d", b"g/h", *(b"gone/%d" % number for number in range(200))])
    assert problems.times == 1
    assert sorted(problems) == [b"a", b"a/bc", b"g/h"]
