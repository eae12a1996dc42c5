"""What has another name is no deletion: as much as was found there, once, and never what went after all."""

from __future__ import annotations

from lockstep.moves import KEPT, MANY, Moves


def _move(moves: Moves, old: bytes, new: bytes, *below: bytes, now: float = 0.0) -> None:
    moves.renamed(old, new, now)
    moves.gone(old, True)  # as its event tells
    for path in (new, *(new + b"/" + name for name in below)):
        moves.found(path)


def test_entries_that_moved_are_counted_once() -> None:
    moves = Moves()
    _move(moves, b"p/a", b"b", b"x", b"y")
    moves.found(b"elsewhere")
    assert moves.take(b"b", 3) == 0
    assert moves.take(b"p/a", 2) == 2
    assert moves.take(b"p", 10) == 1
    assert moves.take(b"p", 10) == 0


def test_each_name_of_a_chain_may_go_for_the_target_may_have_had_both() -> None:
    moves = Moves()
    _move(moves, b"a", b"b", b"x")
    _move(moves, b"b", b"c", b"x")
    assert moves.take(b"a", 2) == 2
    assert moves.take(b"b", 2) == 2
    assert moves.take(b"b", 2) == 0


def test_what_moved_on_out_of_a_moved_directory_counts_for_both_names() -> None:
    moves = Moves()
    _move(moves, b"a", b"b", b"s", b"s/x")
    _move(moves, b"b/s", b"t", b"x")
    assert moves.take(b"a", 3) == 3
    assert moves.take(b"b/s", 2) == 2


def test_what_was_moved_and_then_deleted_is_deleted() -> None:
    moves = Moves()
    _move(moves, b"a", b"b", b"x", b"y")
    moves.gone(b"b/x", False)
    assert moves.take(b"a", 3) == 2
    moves = Moves()
    _move(moves, b"a", b"b", b"x")
    _move(moves, b"b", b"c", b"x")
    moves.gone(b"c", True)
    assert moves.take(b"a", 2) == 0


def test_what_went_out_with_a_directory_above_is_deleted() -> None:
    moves = Moves()
    _move(moves, b"a", b"p/b", b"x")
    moves.gone(b"p", True)
    assert moves.take(b"a", 2) == 0


def test_what_was_made_under_the_old_name_since_is_deleted_when_it_goes() -> None:
    moves = Moves()
    _move(moves, b"a", b"b", b"x")
    moves.stands(b"a")
    moves.gone(b"a", True)
    assert moves.take(b"a", 2) == 0
    moves = Moves()
    _move(moves, b"a", b"b", b"x")
    _move(moves, b"b", b"a", b"x")
    moves.gone(b"a", True)
    assert moves.take(b"a", 2) == 0


def test_what_was_counted_is_forgotten_when_nothing_waits_and_after_a_while() -> None:
    moves = Moves()
    _move(moves, b"a", b"b", b"x")
    moves.all_is_confirmed()
    assert not moves
    assert moves.take(b"a", 2) == 0
    _move(moves, b"a", b"b", b"x")
    _move(moves, b"c", b"d", now=KEPT + 1)
    assert moves.take(b"a", 2) == 0
    assert moves.take(b"c", 2) == 1


def test_so_many_renames_are_remembered_and_no_more() -> None:
    moves = Moves()
    for number in range(MANY + 10):
        _move(moves, b"a%d" % number, b"b%d" % number)
    assert moves.take(b"a0", 1) == 0
    assert moves.take(b"a%d" % (MANY + 9), 1) == 1
    assert len(moves._went) <= MANY
    assert len(moves._came) <= MANY


def test_what_goes_to_and_fro_does_not_become_more() -> None:
    moves = Moves()
    for number in range(50):
        old, new = (b"p/a", b"p/b") if number % 2 == 0 else (b"p/b", b"p/a")
        _move(moves, old, new, b"x", b"y", now=number / 2)
    assert moves.take(b"p", 1_000) == 3


def test_what_goes_round_counts_for_each_name_but_the_one_where_it_stands() -> None:
    moves = Moves()
    for number in range(9):
        _move(moves, b"%d" % (number % 3), b"%d" % ((number + 1) % 3), b"x", now=float(number))
    assert moves.take(b"1", 2) == 2
    assert moves.take(b"2", 1_000) == 2
    assert moves.take(b"0", 2) == 0
