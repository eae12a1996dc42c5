"""Where what was renamed stands on the target: known, or not known and sent."""

from __future__ import annotations

import pytest

from lockstep.changes import ATTRIBUTES, CONTENT, DIRECTORY_GONE, GONE, MOVED, STRUCTURE, SUBTREE, SUSPECT, Change
from lockstep.renames import Renames
from lockstep.transfer.command import Lane

Pending = list[tuple[bytes, Change]]


def pending(*items: tuple[bytes, int]) -> Pending:
    return [(path, Change(flags, 0.0)) for path, flags in items]


def test_what_is_below_a_renamed_directory_stands_below_its_old_name() -> None:
    renames = Renames()
    assert renames.renamed(b"a", b"b", []) == []
    assert renames.stands_at(b"b/x/y") == b"a/x/y"
    assert renames.stands_at(b"b") == b"a"
    assert renames.stands_at(b"bb") is None
    assert renames.stands_at(b"c") is None


def test_a_chain_leads_to_the_first_name_and_a_rename_inside_to_its_own() -> None:
    renames = Renames()
    renames.renamed(b"a", b"b", [])
    renames.renamed(b"b/s", b"b/t", [])
    renames.renamed(b"b", b"c", [])
    assert renames.stands_at(b"c/x") == b"a/x"
    assert renames.stands_at(b"c/t/x") == b"a/s/x"
    assert renames.stands_at(b"b/x") is None


def test_what_was_not_confirmed_under_the_old_name_is_to_be_sent_under_the_new_one() -> None:
    renames = Renames()
    waiting = pending((b"a/x", CONTENT), (b"a/y", ATTRIBUTES), (b"a/new", STRUCTURE | ATTRIBUTES), (b"ab", CONTENT))
    assert renames.renamed(b"a", b"b", waiting) == [b"b/x"]
    assert renames.stands_at(b"b/x") is None
    assert renames.stands_at(b"b/y") == b"a/y"


@pytest.mark.parametrize(
    "waiting",
    [
        (b"a/x", GONE),
        (b"a/d", DIRECTORY_GONE | ATTRIBUTES),
        (b"a", SUBTREE),
        (b"a/x", SUSPECT | CONTENT),
        (b"a", STRUCTURE | ATTRIBUTES),  # new itself: the target has not got it
        (b"b", GONE),
        (b"b/x", GONE),
        (b"", SUBTREE),
    ],
)
def test_where_the_target_may_have_something_else_nothing_is_known(waiting: tuple[bytes, int]) -> None:
    renames = Renames()
    assert renames.renamed(b"a", b"b", pending(waiting)) is None
    assert renames.stands_at(b"b/x") is None


def test_what_came_by_an_earlier_rename_is_known_still() -> None:
    renames = Renames()
    renames.renamed(b"a", b"b", [])
    assert renames.renamed(b"b", b"c", pending((b"b/x", MOVED | SUSPECT))) == []
    assert renames.stands_at(b"c/x") == b"a/x"


@pytest.mark.parametrize("moved", [MOVED, MOVED | SUSPECT])
def test_what_came_by_a_rename_that_is_forgotten_is_sent_when_it_moves_on(moved: int) -> None:
    """The target may have another file of the same size and time under the name in between."""
    renames = Renames()
    renames.renamed(b"a", b"x/b", [])
    renames.forget()
    assert renames.renamed(b"x/b", b"y/b", pending((b"x/b", moved))) in ([b"y/b"], None)
    assert renames.stands_at(b"y/b") is None
    renames.renamed(b"d", b"x/d", [])
    renames.forget()
    renames.renamed(b"x/d", b"y/d", pending((b"x/d/f", MOVED)))
    assert renames.stands_at(b"y/d/f") is None


def test_that_a_name_in_between_is_looked_for_and_removed_says_nothing_of_the_first() -> None:
    renames = Renames()
    renames.renamed(b"a", b"b", [])
    waiting = pending((b"a", GONE | DIRECTORY_GONE), (b"b", MOVED | STRUCTURE | GONE | DIRECTORY_GONE))
    assert renames.renamed(b"b", b"c", waiting) == []
    assert renames.stands_at(b"c/x") == b"a/x"


def test_directories_that_change_places_are_sent() -> None:
    renames = Renames()
    assert renames.renamed(b"a", b"t", []) == []
    assert renames.renamed(b"b", b"a", []) is None  # the old a is needed for t
    assert renames.renamed(b"t", b"b", pending((b"b", GONE | DIRECTORY_GONE))) is None
    assert renames.stands_at(b"a/x") is None
    assert renames.stands_at(b"b/x") is None


def test_there_and_back_is_sent() -> None:
    renames = Renames()
    renames.renamed(b"a", b"b", [])
    assert renames.renamed(b"b", b"a", []) is None
    assert renames.stands_at(b"a/x") is None


def test_a_file_written_since_and_what_came_by_other_ways_is_sent() -> None:
    renames = Renames()
    renames.renamed(b"a", b"b", [])
    assert not renames.noted(b"b/x", CONTENT)
    assert not renames.noted(b"b/d", GONE | DIRECTORY_GONE)
    assert renames.stands_at(b"b/x") is None
    assert renames.stands_at(b"b/d/y") is None
    assert renames.stands_at(b"b/y") == b"a/y"
    renames.renamed(b"b", b"c", [])
    assert renames.stands_at(b"c/x") is None
    assert renames.stands_at(b"c/d/y") is None


def test_a_directory_above_that_goes_takes_all_below_with_it() -> None:
    renames = Renames()
    renames.renamed(b"a", b"p/b", [])
    renames.noted(b"p", GONE | DIRECTORY_GONE)
    assert renames.stands_at(b"p/b/x") is None


@pytest.mark.parametrize(("path", "flags", "lost"), [
    (b"a", ATTRIBUTES | STRUCTURE, True), (b"a/x", CONTENT, True), (b"a/x", GONE, False), (b"ab", CONTENT, False),
])  # fmt: skip
def test_whatever_comes_to_stand_under_the_old_name_spoils_it(path: bytes, flags: int, lost: bool) -> None:
    renames = Renames()
    renames.renamed(b"a", b"b", [])
    assert renames.noted(path, flags) is lost


def test_old_names_stay_until_all_is_made_of_them() -> None:
    renames = Renames()
    renames.renamed(b"p/a", b"b", [])
    assert renames.needed([b"b/x", b"other"]) == {b"p/a/x", b"p/a", b"p", b""}
    assert renames.made_of(b"p") == [b"b"]
    assert renames.made_of(b"p/a/x/y") == [b"b"]
    assert renames.made_of(b"q") == []
    renames.deleted(b"p")
    assert not renames


def test_files_are_grouped_by_how_they_came() -> None:
    renames = Renames()
    for old, new in ((b"a", b"b"), (b"d/f", b"e/f"), (b"d/g", b"d/h"), (b"d/i", b"e/j")):
        renames.renamed(old, new, [])
    found = list(renames.groups({b"b/x": 1, b"b/s/y": 2, b"e/f": 3, b"d/h": 4, b"e/j": 5, b"unknown": 6}))
    assert [(group.lane, group.whole, group.new, group.old, group.olds, group.size) for group in found] == [
        (Lane.LINK, True, b"b", b"a", {b"b/x": b"a/x", b"b/s/y": b"a/s/y"}, 3),
        (Lane.LINK, False, b"e", b"d", {b"e/f": b"d/f"}, 3),
        (Lane.FUZZY, False, b"", b"", {b"d/h": b"d/g"}, 4),
        (Lane.FUZZY_ELSEWHERE, False, b"e", b"d", {b"e/j": b"d/i"}, 5),
    ]
