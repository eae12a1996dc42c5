"""Fixtures of the system tests: one rig a test, ended and looked over when the test is over."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tools")]

from rig import Daemon, Watcher, wait_for  # noqa: E402 (found by the line above)
from trees import differences  # noqa: E402


@dataclass
class Rig:
    source: Path
    target: Path
    daemon: Daemon
    watcher: Watcher

    def start(self, **mirror: Any) -> Rig:
        """Start the watcher, with these keys of its mirror, and wait until it is live."""
        self.watcher.mirrors[0].update(mirror)
        self.watcher.write()
        self.watcher.start()
        return self

    def differences(self, *leave_out: bytes) -> list[str]:
        return differences(self.source, self.target, leave_out=frozenset(leave_out))

    def equal(self, *leave_out: bytes, seconds: float = 30.0) -> None:
        """Both trees become equal, and stay so when the watcher says that nothing is left to do."""
        found: list[str] = []

        def is_so() -> bool:
            try:
                found[:] = self.differences(*leave_out)
            except FileNotFoundError:
                return False  # it moved under our eyes
            return not found

        wait_for(is_so, seconds, lambda: "\n".join(["equal trees, but:", *found[:12], self.log()[-3000:]]))
        self.watcher.wait_in_step()
        assert not self.differences(*leave_out)

    def log(self) -> str:
        return self.watcher.log.read_text()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    source = tmp_path / "source"
    source.mkdir()
    daemon = Daemon(tmp_path)
    watcher = Watcher(tmp_path, source, [{"url": daemon.url(), "password_file": str(daemon.password_file)}])
    daemon.start()
    try:
        yield Rig(source, tmp_path / "backup", daemon, watcher)
    finally:
        if watcher.process is not None:
            watcher.stop()
        daemon.stop()
    assert "Traceback" not in watcher.log.read_text() if watcher.log.exists() else True
    wait_for(lambda: not _left_behind(tmp_path), 10, lambda: f"processes are left: {_left_behind(tmp_path)}")


def _left_behind(folder: Path) -> list[str]:
    """Processes that still name the test's folder."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], text=True, capture_output=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line and f"{os.getpid()} " not in line]
