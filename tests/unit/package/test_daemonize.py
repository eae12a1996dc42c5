"""Into the background and no sooner back than ready; one service for each pid file."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lockstep.daemonize import DaemonError, PidFile

PACKAGE = Path(__file__).parents[3] / "roles/watcher/files"
PROGRAM = """
import os, signal, sys
sys.path.insert(0, {package!r})
from lockstep.daemonize import DaemonError, daemonize

def run(ready):
    {body}

try:
    status = daemonize(run, {pid!r}, {log!r})
except DaemonError as error:
    sys.exit(str(error))
print("returned", status)
sys.exit(status)
"""
READY = "print('before', file=sys.stderr); ready(); print('after', file=sys.stderr, flush=True); signal.pause()"


def start(tmp_path: Path, body: str, log: str = "log") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(package=str(PACKAGE), body=body, pid=str(tmp_path / "pid"), log=str(tmp_path / log))
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)


def wait_until_free(path: Path) -> None:
    """Until the lock of the pid file is let go, so the daemon is gone."""
    deadline = time.monotonic() + 10
    while path.exists():
        try:
            with open(path) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
        except (BlockingIOError, FileNotFoundError):
            assert time.monotonic() < deadline, "the daemon did not end"
            time.sleep(0.01)


def test_the_caller_returns_when_the_service_is_ready_and_the_service_lives_on(tmp_path: Path) -> None:
    done = start(tmp_path, READY)
    assert (done.returncode, done.stdout) == (0, "returned 0\n")
    pid = int((tmp_path / "pid").read_text())
    try:
        assert os.getsid(pid) != os.getsid(0)
        assert os.getsid(pid) != pid
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull
        assert "runs already" in start(tmp_path, READY).stderr
    finally:
        os.kill(pid, signal.SIGKILL)
    wait_until_free(tmp_path / "pid")
    assert (tmp_path / "log").read_text() == "after\n"


def test_a_stale_pid_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(f"{os.getpid()} with more in it than before\n")
    done = start(tmp_path, READY)
    assert done.returncode == 0, done.stderr
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_until_free(tmp_path / "pid")


def test_a_service_that_fails_before_it_is_ready_says_why_to_whoever_started_it(tmp_path: Path) -> None:
    done = start(tmp_path, "print('lockstep: no disk', file=sys.stderr); return 1")
    assert (done.returncode, done.stderr) == (1, "lockstep: no disk\n")
    assert not (tmp_path / "pid").exists()


def test_a_service_that_just_dies_is_told_of(tmp_path: Path) -> None:
    done = start(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert (done.returncode, done.stderr) == (1, "lockstep: it ended before it was ready\n")


def test_a_log_file_that_cannot_be_written_is_told_before_anything_starts(tmp_path: Path) -> None:
    done = start(tmp_path, READY, log="missing/log")
    assert done.returncode == 1
    assert "missing/log: No such file or directory" in done.stderr
    assert not (tmp_path / "pid").exists()


def test_a_pid_file_is_held_once_and_gone_after_release(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    first, second = PidFile(str(path)), PidFile(str(path))
    first.take()
    assert path.read_text() == f"{os.getpid()}\n"
    with pytest.raises(DaemonError, match=f"runs already \\(process {os.getpid()}\\)"):
        second.take()
    first.release()
    assert not path.exists()
    second.take()
    second.release()


def test_a_pid_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match="missing/pid: No such file"):
        PidFile(str(tmp_path / "missing/pid")).take()
