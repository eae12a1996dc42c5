from __future__ import annotations

from lockstep.batch import Batch
from lockstep.changes import CONTENT, Change
from lockstep.transfer.command import Lane


def test_what_is_below_a_name_that_is_listed_later_is_touched_though_it_was_asked_about_before() -> None:
    batch = Batch(Lane.REMOVE)
    assert not batch.touches(b"a/b/c")
    batch.add(b"a")  # for its attributes alone
    assert not batch.touches(b"a/b/c")
    batch.take(b"a", Change(CONTENT, 1.0))
    assert batch.touches(b"a/b/c")
    assert batch.touches(b"a/b/c", whole=False)
    assert not batch.touches(b"ab/c")


def test_everything_above_a_name_is_touched_however_many_share_it() -> None:
    batch = Batch(Lane.CONTENT)
    for path in (b"a/b/c", b"a/b/d", b"a/e"):
        batch.add(path, whole=True)
    assert batch.above == {b"a/b", b"a", b""}
    assert batch.touches(b"a")
    assert not batch.touches(b"a", whole=False)


def test_a_directory_that_was_passed_on_the_way_is_remembered_only_until_it_is_listed() -> None:
    batch = Batch(Lane.CONTENT)
    assert not batch.touches(b"a/b/c/d")
    assert not batch.touches(b"a/x")
    batch.add(b"a/b", whole=True)
    assert batch.touches(b"a/b/c/d")
    assert not batch.touches(b"a/x")
    batch.add(b"", whole=True)
    assert batch.touches(b"a/x")


def test_above_a_name_is_everything_though_its_directory_is_not_listed() -> None:
    batch = Batch(Lane.CONTENT)
    batch.add(b"a/b/c/d")
    batch.add(b"a/e/f/g")
    assert batch.above == {b"a/b/c", b"a/b", b"a/e/f", b"a/e", b"a", b""}
