"""What goes again of a batch of which something was refused."""

from __future__ import annotations

import logging

import pytest

from lockstep import logs, refusals
from lockstep.backoff import Backoff
from lockstep.batch import Batch
from lockstep.changes import CONTENT, Change, Changes
from lockstep.record import Record
from lockstep.refusals import Refusals
from lockstep.standing import Standing
from lockstep.transfer.command import Lane
from lockstep.transfer.outcome import Outcome, Result

WHY = "not permitted"


class Comparisons:
    def __init__(self) -> None:
        self.wanted: list[Change] = []

    def want_all_later(self, changes: list[Change], backoff: Backoff) -> None:
        self.wanted += changes


class Scene:
    """A batch with files in a directory `d`, which is listed for its times only, and what becomes of it."""

    def __init__(self) -> None:
        self.standing = Standing()
        self.live = Changes()
        self.comparisons = Comparisons()
        log = logs.about(logging.getLogger("lockstep.tested"), mirror="m", target="t")
        self.refusals = Refusals(self.standing, Record(), self.live, self.comparisons, log)
        self.batch = Batch(Lane.CONTENT)
        for path in (b"d/a", b"d/b"):
            self.batch.take(path, Change(CONTENT, 0.0))
        self.batch.add(b"d")

    def end(self, *refused: bytes) -> Outcome:
        outcome = Outcome(Result.PARTIAL, refused=dict.fromkeys(refused, WHY), proves_rest=False)
        self.refusals.send_others_again(self.batch, outcome)
        return outcome


def test_what_was_not_named_goes_again_without_what_was() -> None:
    scene = Scene()
    outcome = scene.end(b"d/a")
    assert set(scene.live.paths) == {b"d/b"}
    assert set(scene.batch.items) == set(outcome.refused) == {b"d/a"}


def test_a_directory_that_is_refused_for_the_first_time_has_the_rest_sent_without_it() -> None:
    scene = Scene()
    outcome = scene.end(b"d")
    assert set(scene.live.paths) == {b"d/a", b"d/b"}
    assert set(outcome.refused) == {b"d"}
    assert not scene.batch.items


def test_where_the_next_batch_would_be_the_same_all_of_it_waits_for_a_later_try() -> None:
    """Else it went again at once, without end: the directory is listed with it, and is refused already."""
    scene = Scene()
    scene.standing.refuse(b"d", WHY, Change(CONTENT, 0.0), 0.0)
    outcome = scene.end(b"d")
    assert not scene.live.paths
    assert set(outcome.refused) == {b"d", b"d/a", b"d/b"}
    scene.refusals.note(scene.batch, outcome)
    assert set(scene.standing.problems) == {b"d", b"d/a", b"d/b"}


def test_so_it_does_where_no_more_problems_can_be_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "PROBLEMS", 1)
    scene = Scene()
    scene.standing.refuse(b"other", WHY, Change(CONTENT, 0.0), 0.0)
    outcome = scene.end(b"d")
    assert not scene.live.paths
    scene.refusals.note(scene.batch, outcome)
    assert set(scene.standing.problems) == {b"other"}
    assert len(scene.comparisons.wanted) == 3, "a comparison finds them again"
