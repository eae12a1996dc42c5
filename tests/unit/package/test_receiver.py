"""A receiver is told everything once, in order and bounded, however it behaves; who tells it never waits."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from lockstep.backoff import Backoff
from lockstep.config_notify import Command
from lockstep.notify.delivery import DeliveryError
from lockstep.notify.receiver import KEPT, Receiver
from lockstep.notify.watch import News

CHANNEL = Command(("/bin/x",), 1.0)


def news(number: int) -> News:
    return News("down", None, float(number), "data", f"t{number}", "down", "why", 1.0, 2.0)


class Desk:
    """Takes messages, or refuses them, when it is let."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.tries = 0
        self.refuse = 0
        self.open = threading.Event()
        self.open.set()

    def deliver(self, channel: object, body: bytes) -> None:
        self.tries += 1
        assert self.open.wait(20)
        if self.refuse:
            self.refuse -= 1
            raise DeliveryError("not now")
        self.taken.append(json.loads(body))

    def heard(self) -> list[str]:
        return [change["target"] for message in self.taken for change in message["changes"]]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def made(desk: Desk) -> Iterator[Callable[[float], Receiver]]:
    receivers: list[Receiver] = []

    def make(interval: float) -> Receiver:
        receivers.append(Receiver(CHANNEL, interval, Backoff(0.01, 0.02), desk.deliver))
        return receivers[-1]

    yield make
    desk.open.set()
    for receiver in receivers:
        receiver.close()
        receiver.join(10.0)


def until(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_it_is_told_at_once_with_what_a_program_and_a_person_need(
    desk: Desk, made: Callable[[float], Receiver]
) -> None:
    made(3600.0).tell([news(1), news(2)])
    until(lambda: desk.taken)
    (message,) = desk.taken
    assert desk.heard() == ["t1", "t2"]
    assert message["service"] == "lockstep"
    assert message["text"].endswith(": data on t1 is down: why; data on t2 is down: why")
    assert message["dropped"] == 0


def test_a_receiver_that_refuses_is_tried_again_and_told_everything_once(
    desk: Desk, made: Callable[[float], Receiver]
) -> None:
    desk.refuse = 3
    receiver = made(0.0)
    receiver.tell([news(1)])
    until(lambda: desk.tries >= 2)
    receiver.tell([news(2)])
    until(lambda: receiver.told and not receiver.waiting)
    assert desk.heard() == ["t1", "t2"]
    assert receiver.failures == 3
    assert receiver.error == ""


def test_what_comes_too_soon_is_told_together_later(desk: Desk, made: Callable[[float], Receiver]) -> None:
    receiver = made(0.3)
    receiver.tell([news(1)])
    until(lambda: desk.taken)
    first = time.monotonic()
    for number in (2, 3, 4):
        receiver.tell([news(number)])
    until(lambda: len(desk.taken) == 2)
    assert time.monotonic() - first >= 0.25
    assert [len(message["changes"]) for message in desk.taken] == [1, 3]


def test_who_tells_never_waits_and_memory_stays_bounded(desk: Desk, made: Callable[[float], Receiver]) -> None:
    """The receiver hangs; of what comes meanwhile the latest is kept, and how much was lost is told."""
    desk.open.clear()
    receiver = made(0.0)
    receiver.tell([news(0)])
    until(lambda: desk.tries == 1)
    started = time.thread_time()
    for number in range(1, 1001):
        receiver.tell([news(number)])
    assert time.thread_time() - started < 2.0
    assert receiver.waiting == KEPT
    desk.open.set()
    until(lambda: not receiver.waiting)
    assert desk.heard() == ["t0", *(f"t{number}" for number in range(1001 - KEPT, 1001))]
    assert [message["dropped"] for message in desk.taken] == [0, 1000 - KEPT]


def test_without_news_there_is_no_thread_and_after_the_end_nothing_is_told(
    desk: Desk, made: Callable[[float], Receiver]
) -> None:
    before = threading.active_count()
    receiver = made(0.0)
    assert threading.active_count() == before
    receiver.close()
    receiver.tell([news(1)])
    receiver.join(10.0)
    assert desk.tries == 0
