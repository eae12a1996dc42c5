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
