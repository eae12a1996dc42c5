"""What a target's state is called: the worst that is true of it, with the reason and the mend."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, Callable

import pytest

from lockstep.changes import CONTENT, GONE, Change
from lockstep.standing import Standing
from lockstep.status.condition import BEHIND, STATES, of_target, worst

NOW = 1000.0
Change_ = Callable[[Any, Any], None]


def situation() -> tuple[Any, Any]:
    """A mirror and a target that are in step."""
    mirror = SimpleNamespace(
        custody=SimpleNamespace(held=""),
        config=SimpleNamespace(name="data", max_wait=10.0, watch=True),
        tree=SimpleNamespace(problems={}, unwatched=0, __len__=lambda: 1),
        watched=True,
    )
    target = SimpleNamespace(
        standing=Standing(),
        reconcile=SimpleNamespace(whole_done=True, whole_wanted=False, state="done", unread="", why="on schedule"),
        oldest=lambda: None,
    )
    return mirror, target


def wrong_source(mirror: Any, target: Any) -> None:
    mirror.custody.held = "not mounted"


def mass_deletion(mirror: Any, target: Any) -> None:
    target.standing.park({b"a": Change(GONE, 1.0)}, 40, 1.0, {b"a": 30})


def unreachable(mirror: Any, target: Any) -> None:
    target.standing.fail("nothing listens", 1.0)


def paused(mirror: Any, target: Any) -> None:
    target.standing.paused = True


def refused(mirror: Any, target: Any) -> None:
    target.standing.refuse(b"a/\xff", "denied", Change(CONTENT, 1.0), 1.0)
    target.standing.refuse(b"b", "denied", Change(CONTENT, 1.0), 1.0)


def unwatched(mirror: Any, target: Any) -> None:
    mirror.tree.problems = {b"secret": "permission denied"}


def starting(mirror: Any, target: Any) -> None:
    mirror.watched = False


def never_compared(mirror: Any, target: Any) -> None:
    target.reconcile.whole_done = False


def compared_again(mirror: Any, target: Any) -> None:
    target.reconcile.whole_wanted = True


def late(mirror: Any, target: Any) -> None:
    target.oldest = lambda: NOW - 10.0 - BEHIND - 0.5


def incomplete(mirror: Any, target: Any) -> None:
    target.reconcile.unread = "unreadable"


ALL = [
    (
        wrong_source,
        "held",
        "not mounted; nothing is sent or deleted until it is right again, or until: lockstep release",
    ),
    (mass_deletion, "held", "30 of 40 entries would be deleted"),
    (unreachable, "down", "nothing listens"),
    (paused, "paused", "lockstep resume data"),
    (refused, "behind", "denied, and 1 more"),
    (unwatched, "behind", "1 directories are not watched, secret: permission denied"),
    (starting, "starting", "setting watches"),
    (incomplete, "behind", "not everything could be compared: unreadable"),
    (never_compared, "reconciling", "on schedule"),
    (compared_again, "reconciling", "on schedule"),
    (late, "behind", "the oldest change waits for 16 s"),
]


def test_in_step_is_live_and_only_that() -> None:
    assert of_target(*situation(), NOW).state == "live"


@pytest.mark.parametrize(("happens", "state", "reason"), ALL, ids=[each[0].__name__ for each in ALL])
def test_each_trouble_has_its_name_and_reason(happens: Change_, state: str, reason: str) -> None:
    mirror, target = situation()
    happens(mirror, target)
    found = of_target(mirror, target, NOW)
    assert found.state == state
    assert reason in found.reason
    assert found.since > 0


@pytest.mark.parametrize("number", range(len(ALL)))
def test_of_several_troubles_the_one_that_stops_most_is_told(number: int) -> None:
    mirror, target = situation()
    for happens, _, _ in ALL[number:]:
        happens(mirror, target)
    found = of_target(mirror, target, NOW)
    assert found.state == ALL[number][1]
    assert ALL[number][2] in found.reason


def test_a_release_is_named_as_the_mend_of_held_deletions() -> None:
    mirror, target = situation()
    mass_deletion(mirror, target)
    assert "lockstep release data" in of_target(mirror, target, NOW).reason


def test_too_few_watches_say_how_many_are_needed_and_allowed() -> None:
    class Tree:
        problems = {b"d": "no watch"}  # noqa: RUF012
        unwatched = 3

        def __len__(self) -> int:
            return 40

    mirror, target = situation()
    mirror.tree = Tree()
    reason = of_target(mirror, target, NOW).reason
    assert reason.startswith("43 inotify watches are needed and ")
    assert "inotify_limits_max_user_watches" in reason


def test_a_wait_that_unclosed_files_may_take_is_not_behind() -> None:
    mirror, target = situation()
    target.oldest = lambda: NOW - 10.0 - BEHIND + 0.5
    assert of_target(mirror, target, NOW).state == "live"


def test_the_root_and_undecodable_names_can_be_told_as_text() -> None:
    mirror, target = situation()
    target.standing.refuse(b"", "denied", Change(CONTENT, 1.0), 1.0)
    assert of_target(mirror, target, NOW).reason == ".: denied"
    mirror, target = situation()
    refused(mirror, target)
    assert os.fsencode(of_target(mirror, target, NOW).reason).startswith(b"a/\xff: ")


def test_the_worst_is_the_last_in_the_list() -> None:
    assert worst(["live", "down", "paused"]) == "down"
    assert worst([]) == "live"
    assert worst(list(STATES)) == "held"
    assert worst(["behind", "paused", "reconciling", "starting"]) == "behind"


def test_what_is_compared_on_schedule_alone_is_live_in_between_and_at_work_while_it_is_compared() -> None:
    mirror, target = situation()
    mirror.config.watch = False
    mirror.tree = None
    target.reconcile.whole_done = False  # since a restart nothing was due
    condition = of_target(mirror, target, NOW)
    assert (condition.state, condition.reason) == ("live", "compared on schedule, nothing is watched")
    target.reconcile.whole_wanted = True
    assert of_target(mirror, target, NOW).state == "reconciling"
