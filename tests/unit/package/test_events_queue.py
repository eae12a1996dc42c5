"""What is still to come of a name is known at any moment, however much that is."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.events.queue import Queue
from lockstep.source import inotify as kernel

EVENTS = 300  # of each name


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    inotify = kernel.Inotify()
    inotify.add(bytes(tmp_path), kernel.CREATE | kernel.MODIFY)
    yield Queue(inotify, by_name=True)
    inotify.close()


def _write_in_turn(folder: Path) -> None:
    # the kernel merges an event only with the one right before it
    one, two = (os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600) for name in ("one", "two"))
    for _ in range(EVENTS - 1):
        os.write(one, b"1")
        os.write(two, b"2")
    os.close(one)
    os.close(two)


def test_what_is_ahead_of_a_name_is_what_has_not_been_taken_of_it(tmp_path: Path, queue: Queue) -> None:
    _write_in_turn(tmp_path)
    queue.fill()
    wd = 1
    ahead = {name: [kernel.CREATE] + [kernel.MODIFY] * (EVENTS - 1) for name in (b"one", b"two")}
    for _ in range(2 * EVENTS):
        assert {name: list(queue.ahead(wd, name)) for name in ahead} == ahead
        event = queue.take()
        assert event is not None
        assert ahead[event[3]].pop(0) == event[1]
    assert queue.take() is None
    assert [list(queue.ahead(wd, name)) for name in ahead] == [[], []]


def test_taking_the_first_of_many_does_not_move_all_others(tmp_path: Path, queue: Queue) -> None:
    """A log that is written to a million times while nobody reads is a million events of one name."""
    _write_in_turn(tmp_path)
    queue.fill()
    assert isinstance(queue.ahead(1, b"one"), deque)
