"""Fixtures of the system tests: one rig a test, ended and looked over when the test is over."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# what only root can do is not collected for others, who would see it fail
collect_ignore_glob = [] if os.geteuid() == 0 else ["*_root.py"]

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tools")]

from rig import Daemon, Watcher, processes, wait_for  # noqa: E402 (found by the line above)
from sshd import Sshd  # noqa: E402
from trees import differences  # noqa: E402


@dataclass
class Rig:
    source: Path
    target: Path
    daemon: Any  # a Daemon, or an Sshd in its place
    watcher: Watcher
    fences: int = 0

    def start(self, **mirror: Any) -> Rig:
        """Start the watcher, with these keys of its mirror, and wait until it is live."""
        self.watcher.mirrors[0].update(mirror)
        self.watcher.write()
        self.watcher.start()
        return self

    def differences(self, *leave_out: bytes, **options: bool) -> list[str]:
        try:
            return differences(self.source, self.target, leave_out=frozenset(leave_out), **options)
        except (FileNotFoundError, NotADirectoryError) as error:
            return [f"{error} while being compared"]  # it moved under our eyes

    def become_equal(self, *leave_out: bytes, seconds: float = 60.0, **options: bool) -> None:
        """Both trees become equal, whatever the watcher says of itself."""
        found: list[str] = []

        def is_so() -> bool:
            found[:] = self.differences(*leave_out, **options)
            return not found

        wait_for(is_so, seconds, lambda: "\n".join(["equal trees, but:", *found[:12], self.log()[-3000:]]))

    def equal(self, *leave_out: bytes, seconds: float = 60.0, **options: bool) -> None:
        """Both trees become equal, and stay so when the watcher says that nothing is left to do."""
        self.become_equal(*leave_out, seconds=seconds, **options)
        self.watcher.wait_in_step()
        assert not self.differences(*leave_out, **options)

    def passed(self) -> None:
        """Wait until what was done before this call has been seen and sent: a file made now has arrived.

        Behind the storms of stress-ng that takes its time, where other tests have the processors.
        """
        self.fences += 1
        name = f"fence-{self.fences}"
        (self.source / name).touch()
        wait_for((self.target / name).exists, 120, lambda: f"the fence to arrive; log: {self.log()[-3000:]}")
        self.watcher.wait_in_step()

    def log(self) -> str:
        return self.watcher.log.read_text()


@contextlib.contextmanager
def assembled(folder: Path, before: Sequence[str] = (), sshd: Sshd | None = None) -> Iterator[Rig]:
    """A rig in this folder, its daemon running; at the end everything is stopped, and nothing may be left running.

    `before`: a command that runs the daemon's, to put it into another namespace.  `sshd`: in the daemon's place.
    """
    source = folder / "source"
    source.mkdir()
    daemon = sshd or Daemon(folder, before=before)
    watcher = Watcher(folder, source, [daemon.target()])
    daemon.start()
    try:
        yield Rig(source, folder / (sshd.path if sshd else "backup"), daemon, watcher)
    finally:
        if watcher.process is not None:
            watcher.stop()
        daemon.kill()  # on SIGTERM it sleeps for 0.4 s before it ends
    _before, traceback, told = watcher.log.read_text().partition("Traceback") if watcher.log.exists() else ("", "", "")
    assert not traceback, traceback + told[:5000]  # an hour's log is deleted with its folder
    wait_for(lambda: not processes(str(folder)), 10, lambda: f"processes are left: {processes(str(folder))}")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with assembled(tmp_path) as rig:
        yield rig


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One rig for all tests of a file, each with a directory of its own in it."""
    with assembled(tmp_path_factory.mktemp("shared")) as rig:
        yield rig
