"""A hook is told every path at least once, bounded, across restarts, and whoever adds one never waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from lockstep.backoff import Backoff
from lockstep.config_hooks import CHANGED, DELETED, Hook, Purge
from lockstep.config_notify import Command
from lockstep.notify import hooks as module
from lockstep.notify import spool
from lockstep.notify.delivery import DeliveryError
from lockstep.notify.hooks import HookRunner, Hooks
from lockstep.notify.parcel import Parcel, Told

Make = Callable[..., HookRunner]


def hook(**more: Any) -> Hook:
    given = {"to": Command(("/bin/x",), 1.0), "end": b"\0", "include": (), "kinds": (CHANGED, DELETED)}
    return Hook(**{**given, "retry": True, "interval": 0.0, **more})


class Desk:
    """Takes parcels, or refuses them, when it is let."""

    def __init__(self) -> None:
        self.taken: list[Parcel] = []
        self.at: list[float] = []  # seconds, monotonic
        self.tries = 0
        self.refuse = 0
        self.open = threading.Event()
        self.open.set()

    def deliver(self, _hook: Hook, parcel: Parcel) -> None:
        self.tries += 1
        assert self.open.wait(20)
        if self.refuse:
            self.refuse -= 1
            raise DeliveryError("not now")
        self.at.append(time.monotonic())
        self.taken.append(parcel)

    def heard(self) -> list[bytes]:
        return [told.path for parcel in self.taken for told in parcel.changes]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def made(desk: Desk, tmp_path: Path) -> Iterator[Make]:
    runners: list[HookRunner] = []

    def make(**more: Any) -> HookRunner:
        runners.append(HookRunner(hook(**more), "data", "/data", str(tmp_path), Backoff(0.01, 0.02), desk.deliver))
        return runners[-1]

    yield make
    for runner in runners:
        runner.close()
    desk.open.set()


def until(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_is_confirmed_is_told_with_what_became_of_it(desk: Desk, made: Make) -> None:
    runner = made()
    runner.add("t", CHANGED, [b"a", b"b"])
    until(lambda: desk.heard() == [b"a", b"b"])
    runner.add("t", DELETED, [b"a"])
    until(lambda: runner.deliveries == 2 and not runner.waiting)
    assert desk.taken[1] == Parcel("data", "/data", "t", [Told(b"a", DELETED)])
    assert (runner.paths, runner.waiting, runner.failures) == (3, 0, 0)


def test_only_what_is_included_and_of_its_kind_is_told(desk: Desk, made: Make) -> None:
    runner = made(include=(b"*.jpg", b"/albums/"), kinds=(CHANGED,))
    runner.add("t", DELETED, [b"a.jpg"])
    runner.add("t", CHANGED, [b"a.txt", b"d/a.jpg", b"albums/x", b"d/albums/x"])
    until(lambda: runner.deliveries)
    assert desk.heard() == [b"d/a.jpg", b"albums/x"]


def test_each_target_has_a_parcel_of_its_own(desk: Desk, made: Make) -> None:
    desk.open.clear()
    runner = made()
    runner.add("one", CHANGED, [b"first"])
    until(lambda: desk.tries)
    for target in ("one", "two"):
        runner.add(target, CHANGED, [b"a"])
    desk.open.set()
    until(lambda: not runner.waiting)
    assert sorted((parcel.target, *parcel.changes) for parcel in desk.taken[1:]) == [
        ("one", Told(b"a", CHANGED)),
        ("two", Told(b"a", CHANGED)),
    ]


def test_one_that_fails_is_told_again_until_it_has_heard_everything(desk: Desk, made: Make) -> None:
    desk.refuse = 3
    runner = made()
    runner.add("t", CHANGED, [b"a"])
    until(lambda: desk.tries == 2)
    runner.add("t", CHANGED, [b"b"])
    until(lambda: not runner.waiting)
    assert desk.heard() == [b"a", b"b"]
    assert (runner.failures, runner.error) == (3, "")


def test_where_failures_are_to_be_ignored_it_is_told_once(desk: Desk, made: Make) -> None:
    desk.refuse = 1
    runner = made(retry=False)
    runner.add("t", CHANGED, [b"a"])
    until(lambda: runner.failures == 1 and not runner.waiting)
    assert runner.error == "not now"
    runner.add("t", CHANGED, [b"b"])
    until(lambda: runner.deliveries)
    assert desk.heard() == [b"b"]
    assert runner.error == ""


def test_what_is_confirmed_while_it_is_told_is_told_again(desk: Desk, made: Make) -> None:
    desk.open.clear()
    runner = made()
    runner.add("t", CHANGED, [b"a"])
    until(lambda: desk.tries)
    runner.add("t", CHANGED, [b"a", b"b"])
    runner.add("t", CHANGED, [b"b"])
    desk.open.set()
    until(lambda: not runner.waiting)
    assert desk.heard() == [b"a", b"a", b"b"]


def test_what_comes_too_soon_is_told_together(desk: Desk, made: Make) -> None:
    runner = made(interval=1.0)
    runner.add("t", CHANGED, [b"a"])
    until(lambda: desk.taken)
    for name in (b"b", b"c"):
        runner.add("t", CHANGED, [name])
    until(lambda: len(desk.taken) == 2)
    assert desk.at[1] - desk.at[0] >= 0.95
    assert desk.heard() == [b"a", b"b", b"c"]


def test_who_adds_never_waits_and_memory_stays_bounded(desk: Desk, made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 100)
    desk.open.clear()
    runner = made()
    runner.add("t", CHANGED, [b"first"])
    until(lambda: desk.tries == 1)
    for number in range(1000):
        runner.add("t", CHANGED, [b"%d" % number])
    assert (runner.waiting, runner.dropped) == (100, 901)
    desk.open.set()
    until(lambda: not runner.waiting)
    assert desk.heard() == [b"first", *(b"%d" % number for number in range(900, 1000))]
    assert sum(parcel.dropped for parcel in desk.taken) == 901


@pytest.mark.parametrize(
    ("to", "most"),
    [(Command(("/bin/x",), 1.0), 1000), (Purge("http://h/{path}", "GET", None, None, None, 1.0), 100)],
)
def test_a_parcel_is_of_a_bounded_size(desk: Desk, made: Make, to: Any, most: int) -> None:
    runner = made(to=to)
    runner.add("t", CHANGED, [b"%d" % number for number in range(1500)])
    until(lambda: not runner.waiting)
    assert max(len(parcel.changes) for parcel in desk.taken) == most
    assert sorted(map(int, desk.heard())) == list(range(1500))


def test_what_waits_is_told_after_a_restart(desk: Desk, made: Make, tmp_path: Path) -> None:
    """Names that are no text too, what was being told when it stopped, and what failed."""
    desk.refuse = 10**6
    runner = made()
    runner.add("t", CHANGED, [b"a\xff\n"])
    runner.add("t", DELETED, [b"b"])
    until(lambda: runner.failures > 1)
    runner.close()
    assert runner._thread is not None
    runner._thread.join(20)  # else it might tell the last one once more
    runner.add("t", CHANGED, [b"too late"])
    desk.refuse = 0
    again = made()
    until(lambda: again.deliveries and not again.waiting)
    told = [one for parcel in desk.taken for one in parcel.changes]
    assert told == [Told(b"a\xff\n", CHANGED), Told(b"b", DELETED)]
    until(lambda: not list(tmp_path.iterdir()))


def test_what_waits_is_on_the_disk_before_it_is_told(desk: Desk, made: Make, tmp_path: Path) -> None:
    """A crash loses nothing that was confirmed before the delivery that it cut off."""
    desk.open.clear()
    runner = made()
    runner.add("t", CHANGED, [b"a"])
    until(lambda: desk.tries)
    (file,) = tmp_path.iterdir()
    assert list(spool.load(str(file))) == [("t", Told(b"a", CHANGED))]
    file.write_bytes(file.read_bytes() + b'["t", 7]\nnonsense\n["t", "b", "changed"]\n')
    assert [told.path for _target, told in spool.load(str(file))] == [b"a", b"b"]


def test_what_was_for_a_hook_that_is_no_more_is_removed(tmp_path: Path) -> None:
    """And nothing of another mirror, whatever its name."""
    mine, other = hook(), hook(interval=9.0)
    for mirror, of in (("data", mine), ("data", other), ("data-x", other), ("d.ta", other)):
        spool.save(spool.path(str(tmp_path), mirror, of), [("t", Told(b"a", CHANGED))])
    spool.clear(str(tmp_path), "data", [mine])
    left = {
        spool.path(str(tmp_path), mirror, of) for mirror, of in (("data", mine), ("data-x", other), ("d.ta", other))
    }
    assert set(map(str, tmp_path.iterdir())) == left


def test_without_anything_to_tell_there_is_no_thread(made: Make) -> None:
    runner = made(include=(b"*.jpg",))
    runner.add("t", CHANGED, [b"a.txt"])
    runner.add("t", CHANGED, [])
    assert runner._thread is None
    assert runner.state()["waiting"] == 0


def test_hooks_of_a_mirror_are_told_and_counted_each(tmp_path: Path) -> None:
    found = Hooks([hook(to=Command(("/bin/false",), 5.0)), hook(to=Command(("/bin/true",), 5.0))], "data", "/data",
                  str(tmp_path))  # fmt: skip
    found.confirmed("t", True, [b"a"])
    until(lambda: found.state()[0]["error"] and found.state()[1]["deliveries"])
    found.close()
    assert [one["to"] for one in found.state()] == ["command /bin/false", "command /bin/true"]
    assert found.state()[0]["error"] == "/bin/false left with 1"
