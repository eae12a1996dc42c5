"""The set of changes: once each, with all that was seen, since the oldest of it, and bounded."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.changes import (
    ATTRIBUTES,
    CONTENT,
    FULL,
    GONE,
    STRUCTURE,
    SUBTREE,
    SUSPECT,
    Change,
    Changes,
    ancestors,
    parent_of,
    stands_in,
)

PATHS = st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), max_size=5).map(b"/".join)
NOTES = st.lists(
    st.tuples(PATHS, st.sampled_from([ATTRIBUTES, CONTENT, GONE, CONTENT | SUSPECT]), st.integers(0, 100)), max_size=60
)


def test_every_directory_above_is_told_nearest_first_the_source_last() -> None:
    assert list(ancestors(b"a/b/c")) == [b"a/b", b"a", b""]
    assert list(ancestors(b"a")) == [b""]
    assert list(ancestors(b"")) == []
    assert parent_of(b"a/b") == b"a"
    assert parent_of(b"a") == b""


def test_a_path_that_changes_often_is_there_once_with_all_that_was_seen() -> None:
    changes = Changes()
    for flags, since in ((ATTRIBUTES, 5.0), (CONTENT, 7.0), (GONE, 6.0)):
        changes.note(b"x", flags, since)
    assert len(changes) == 1
    assert changes.paths[b"x"].flags == ATTRIBUTES | CONTENT | GONE
    assert changes.paths[b"x"].since == 5.0


def test_an_earlier_moment_replaces_a_later_one() -> None:
    changes = Changes()
    changes.note(b"x", CONTENT, 7.0)
    changes.note(b"x", CONTENT, 3.0)
    assert changes.oldest() == 3.0


def test_nothing_has_no_age() -> None:
    assert Changes().oldest() is None


def test_the_age_is_that_of_the_oldest_change_in_whatever_order_they_were_noted() -> None:
    # a file written at 3 and closed at 12 is noted behind one that came whole at 10
    changes = Changes()
    changes.note(b"later", CONTENT, 10.0)
    changes.note(b"written long ago", CONTENT, 3.0)
    assert changes.oldest() == 3.0


def test_what_is_put_back_comes_first_with_what_happened_since() -> None:
    changes = Changes()
    changes.note(b"new", CONTENT, 9.0)
    changes.note(b"both", GONE, 8.0)
    changes.put_back([(b"old", Change(CONTENT, 1.0)), (b"both", Change(CONTENT, 2.0))])
    assert list(changes.paths) == [b"old", b"both", b"new"]
    assert changes.paths[b"both"].flags == CONTENT | GONE
    assert changes.paths[b"both"].since == 2.0
    assert changes.oldest() == 1.0


def test_only_a_directory_that_is_new_waits_to_be_made() -> None:
    changes = Changes()
    changes.note(b"new", ATTRIBUTES | STRUCTURE, 1.0)
    changes.note(b"old", ATTRIBUTES, 1.0)
    assert changes.has_structure(b"new")
    assert not changes.has_structure(b"old")
    assert not changes.has_structure(b"absent")


@pytest.mark.parametrize("way", ["noted", "put back"])
def test_too_many_collapse_into_their_directories(way: str) -> None:
    changes = Changes(limit=10)
    items = [(b"top/dir%d/f%d" % (n % 2, n), Change(CONTENT, float(n))) for n in range(11)]
    if way == "put back":
        changes.put_back(items)
    else:
        for path, change in items:
            changes.note(path, change.flags, change.since)
    assert sorted(changes.paths) == [b"top/dir0", b"top/dir1"]
    assert all(change.flags == SUBTREE for change in changes.paths.values())
    assert (changes.paths[b"top/dir0"].since, changes.paths[b"top/dir1"].since) == (0.0, 1.0)
    assert changes.collapsed == 1


def test_what_is_not_as_deep_stays_as_it_is() -> None:
    changes = Changes(limit=10)
    changes.note(b"shallow", CONTENT, 1.0)
    for n in range(10):
        changes.note(b"a/b/%d" % n, CONTENT, 2.0)
    assert changes.paths[b"shallow"].flags == CONTENT
    assert changes.paths[b"a/b"].flags == SUBTREE


def test_a_directory_keeps_what_was_known_of_itself_when_others_fold_into_it() -> None:
    changes = Changes(limit=4)
    changes.note(b"d", ATTRIBUTES | STRUCTURE, 5.0)
    for n in range(4):
        changes.note(b"d/%d" % n, CONTENT, 1.0)
    assert changes.paths[b"d"].flags == ATTRIBUTES | STRUCTURE | SUBTREE
    assert changes.paths[b"d"].since == 1.0


def test_the_very_many_names_of_one_level_end_as_the_whole_source() -> None:
    changes = Changes(limit=100)
    for n in range(101):
        changes.note(b"%d" % n, CONTENT, float(n))
    assert list(changes.paths) == [b""]
    assert changes.paths[b""].flags == SUBTREE


@given(notes=NOTES, limit=st.integers(1, 12), back=NOTES)
def test_no_path_is_lost_by_collapsing_and_none_gets_younger(
    notes: list[tuple[bytes, int, int]], limit: int, back: list[tuple[bytes, int, int]]
) -> None:
    changes = Changes(limit=limit)
    for path, flags, since in notes:
        changes.note(path, flags, float(since))
    taken = {path: Change(flags, float(since)) for path, flags, since in back}
    back = [(path, change.flags, int(change.since)) for path, change in taken.items()]
    changes.put_back(taken.items())
    assert len(changes) <= max(limit, 1)
    for path, flags, since in notes + back:
        own = changes.paths.get(path)
        if own is not None and own.flags & flags == flags and own.since <= since:
            continue
        above = [changes.paths[at] for at in (path, *ancestors(path)) if at in changes.paths]
        covering = [change for change in above if change.flags & SUBTREE and change.since <= since]
        assert covering, path
        if flags & SUSPECT:
            assert any(change.flags & SUSPECT for change in covering)


def test_to_fold_a_deep_tree_costs_a_few_steps_for_each_path() -> None:
    """Level by level over all paths, 50,000 of them 1,900 deep took minutes."""
    changes = Changes(limit=800)
    chain = [b"/".join([b"a"] * depth) for depth in range(1, 401)]
    calls = 0

    def counts(_frame: object, event: str, _of: object) -> None:
        nonlocal calls
        calls += event.endswith("call")

    before = sys.getprofile()
    sys.setprofile(counts)
    try:
        for name in (b"/f", b"/g", b"/h"):
            for path in chain:
                changes.note(path + name, CONTENT, 0.0)
    finally:
        sys.setprofile(before)
    assert changes.collapsed >= 1
    assert calls < 50 * 1_200


def test_a_path_stands_in_changes_by_itself_or_with_what_it_was_folded_into() -> None:
    changes = {b"a": Change(ATTRIBUTES, 0.0), b"b": Change(SUBTREE, 0.0)}
    assert [path for path in (b"a", b"a/x", b"b", b"b/x/y", b"c") if stands_in(changes, path)] == [b"a", b"b", b"b/x/y"]
    assert stands_in({b"": Change(SUBTREE, 0.0)}, b"c/d")
    assert not stands_in({b"": Change(FULL, 0.0)}, b"c/d")
