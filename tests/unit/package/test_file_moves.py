"""What was renamed is known by its first name for as long as it stands at the last one."""

from __future__ import annotations

import random

import pytest

from lockstep.file_moves import FileMoves


@pytest.fixture
def moves() -> FileMoves:
    return FileMoves()


def test_a_renamed_file_is_at_its_new_name(moves: FileMoves) -> None:
    assert not moves
    moves.renamed(b".f.tmp", b"f")
    moves.gone(b".f.tmp")  # as its going is noted right after
    moves.stands(b"f")
    assert moves
    assert moves.now_at(b".f.tmp") == b"f"
    assert moves.now_at(b"f") is None


def test_what_was_renamed_on_is_at_the_last_name(moves: FileMoves) -> None:
    moves.renamed(b"a", b"b")
    moves.renamed(b"b", b"c")
    assert (moves.now_at(b"a"), moves.now_at(b"b")) == (b"c", None)
    moves.renamed(b"c", b"a")
    assert not moves, "it is where it was"


def test_what_is_written_over_or_deleted_at_its_new_name_is_lost(moves: FileMoves) -> None:
    """Many files that are renamed to one name after the other are a mass deletion."""
    moves.renamed(b"a", b"one")
    moves.renamed(b"b", b"one")
    assert (moves.now_at(b"a"), moves.now_at(b"b")) == (None, b"one")
    moves.gone(b"one")
    assert moves.now_at(b"b") is None


def test_a_new_file_of_the_old_name_is_another_one(moves: FileMoves) -> None:
    moves.renamed(b"log", b"log.1")
    moves.stands(b"log")
    assert moves.now_at(b"log") is None
    moves.renamed(b"log.1", b"log.2")
    assert moves.now_at(b"log.1") == b"log.2"


def test_what_came_back_unseen_may_go_once_more(moves: FileMoves) -> None:
    moves.renamed(b"a", b"b")
    moves.renamed(b"a", b"c")
    assert moves.now_at(b"a") == b"c"
    moves.gone(b"b")
    assert moves.now_at(b"a") == b"c"
    moves.gone(b"c")
    assert not moves


def test_the_oldest_are_forgotten() -> None:
    moves = FileMoves(most=2)
    for number in range(3):
        moves.renamed(b"a%d" % number, b"b%d" % number)
    assert [moves.now_at(b"a%d" % number) for number in range(3)] == [None, b"b1", b"b2"]


def test_nothing_is_known_when_all_is_confirmed(moves: FileMoves) -> None:
    moves.renamed(b"a", b"b")
    moves.all_is_confirmed()
    assert not moves
    moves.gone(b"b")  # and nothing is left of it that would come up


def test_whatever_happens_what_left_a_name_last_is_where_it_is_said_to_be() -> None:
    """Against a disk that is played: each file has a number."""
    chance = random.Random(7)
    names = [b"%d" % number for number in range(8)]
    found = 0
    for _ in range(2_000):
        moves, disk, left = FileMoves(), dict(zip(names[:5], range(5))), dict[bytes, int]()
        for number in range(5, chance.randrange(6, 25)):
            name, other = chance.sample(names, 2)
            if chance.random() < 0.1:
                (moves.gone if name in disk else moves.stands)(other)  # told of something that is not so any more
                continue
            if name in disk and chance.random() < 0.7:
                moves.renamed(name, other)
                left[name] = disk[other] = disk.pop(name)
                moves.gone(name)
                moves.stands(other)
            elif name in disk:
                left[name] = disk.pop(name)
                moves.gone(name)
            else:
                disk[name] = number
                moves.stands(name)
        for name in names:
            new = moves.now_at(name)
            if new is not None:
                assert name not in disk
                assert disk.get(new) == left[name]
                found += 1
    assert found > 1_000
