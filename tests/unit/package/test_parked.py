"""What is held is counted once, in whatever order and however often a directory and what is below it are told."""

from __future__ import annotations

import random

import pytest

from lockstep.changes import DIRECTORY_GONE, GONE, Change
from lockstep.parked import Parked

FILE, DIRECTORY = GONE, GONE | DIRECTORY_GONE


@pytest.fixture
def parked() -> Parked:
    return Parked()


def test_names_told_before_their_directory_are_part_of_it(parked: Parked) -> None:
    """As by a comparison."""
    for name in (b"d0", b"d/x/1", b"d/x/2", b"d/x", b"d/y", b"d", b"e"):
        parked.add(name, Change(FILE, 1.0))
    assert list(parked.changes) == [b"d0", b"d", b"e"]
    assert parked.count == 7
    parked.take([b"d"])
    assert parked.count == 2


def test_a_directory_that_is_asked_for_does_not_count_what_is_held_below_it_twice(parked: Parked) -> None:
    """rm -rf: its files first, one by one, and then the directory, of which the target says how much is in it."""
    parked.add(b"d/1", Change(FILE, 1.0))
    parked.add(b"elsewhere", Change(FILE, 1.0))
    parked.add(b"d/e/2", Change(FILE, 1.0))
    parked.add(b"more", Change(FILE, 1.0))
    parked.add(b"d", Change(DIRECTORY, 1.0), 10)
    assert parked.count == 12
    parked.add(b"d", Change(DIRECTORY, 1.0), 10)
    assert parked.count == 12


def test_what_is_back_takes_all_along_that_it_stood_for(parked: Parked) -> None:
    parked.add(b"one", Change(DIRECTORY, 1.0), 1000)
    parked.add(b"two", Change(DIRECTORY, 1.0), 500)
    assert [path for path, _change in parked.take([b"one"])] == [b"one"]
    assert parked.count == 500


def test_a_name_covers_what_is_below_it(parked: Parked) -> None:
    """Also a file's: the target may have a directory there."""
    parked.add(b"d", Change(FILE, 1.0), 10)
    covered = [path for path in (b"d", b"d/x/y", b"d0", b"e/d", b"") if parked.covers(path)]
    assert covered == [b"d", b"d/x/y"]


def test_so_many_are_held_as_are_announced_until_they_are_there(parked: Parked) -> None:
    parked.add(b"a", Change(FILE, 1.0))
    parked.announce(3)
    assert parked.count == 3
    for name in (b"b", b"c", b"d"):
        parked.add(name, Change(FILE, 1.0))
    assert parked.count == 4
    parked.announce(0)
    assert parked.count == 4


def test_nothing_is_left_of_a_count_when_all_are_taken(parked: Parked) -> None:
    chance = random.Random(7)
    names = [b"/".join(chance.choices([b"a", b"b", b"c"], k=chance.randint(1, 4))) for _ in range(300)]
    for name in names:
        entries = chance.choice([None, 0, 1, 5])
        parked.add(name, Change(DIRECTORY, 1.0), entries)
        if chance.random() < 0.2:
            parked.take(chance.sample(list(parked.changes), 1))
    assert parked.count >= 0
    parked.take(list(parked.changes))
    assert (parked.count, parked._below, parked._own, parked.changes) == (0, {}, {}, {})


def test_a_look_at_some_of_them_sees_all_in_turn(parked: Parked) -> None:
    for number in range(5_000):
        parked.add(b"%d" % number, Change(FILE, 1.0))
    assert {*parked.some(), *parked.some(), *parked.some()} == set(parked.changes)
