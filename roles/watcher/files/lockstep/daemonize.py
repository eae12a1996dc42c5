"""A service without a service manager: into the background, with a pid file, and no sooner than it is ready."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from typing import Callable

# What a failing child may say to whoever started it, bytes.
MAX_MESSAGE = 16 * 1024


class DaemonError(Exception):
    """Could not become a daemon; says why."""


class PidFile:
    """A pid file whose holder is alive as long as its lock is held: a stale one needs no guess at process numbers."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Lock it and write the own pid. Raises DaemonError when a live process holds it, or it cannot be written."""
        try:
            while True:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
                    os.close(descriptor)
                    raise DaemonError(f"{self._path}: runs already (process {holder}); stop it first") from error
                # Its last holder may have removed it between the two calls: then this is a lock on nothing.
                if _same(descriptor, self._path):
                    break
                os.close(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        except OSError as error:
            raise DaemonError(f"{self._path}: {error.strerror or error}") from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Remove it and let go of the lock; nothing when it was not taken."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
            os.close(self._descriptor)
            self._descriptor = None


def daemonize(run: Callable[[Callable[[], None]], int], pid_file: str | None, log_file: str | None) -> int:
    """Call `run(on_ready)` in the background. Returns, in the caller, its exit status: 0 as soon as `run` says ready.

    When `run` ends before, 1, and what it said is on stderr. The background process itself never returns from here: it
    leaves with `run`'s result. Raises DaemonError before anything was started.
    """
    pid_file = os.path.abspath(pid_file) if pid_file is not None else None
    output = _open_output(log_file)
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        os.close(output)
        os.waitpid(child, 0)
        return _wait(reading)
    # From here on in the child, which must leave by os._exit: the caller's cleanups are not its own.
    status = 1
    try:
        os.close(reading)
        os.setsid()
        # The second fork: no session leader, so no terminal can ever become its own.
        if os.fork():
            os._exit(0)
        status = _background(run, pid_file, output, writing)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _background(run: Callable[[Callable[[], None]], int], pid_file: str | None, output: int, writing: int) -> int:
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    # Until it is ready, what goes wrong is said to whoever started it.
    os.dup2(writing, 2)
    for descriptor in (nothing, output):
        if descriptor > 2:
            os.close(descriptor)
    held = PidFile(pid_file) if pid_file is not None else None

    def on_ready() -> None:
        nonlocal writing
        if writing >= 0:
            sys.stderr.flush()
            os.dup2(1, 2)
            os.write(writing, b"\0")
            os.close(writing)
            writing = -1

    try:
        if held is not None:
            held.take()
        return run(on_ready)
    except DaemonError as error:
        print(f"lockstep: {error}", file=sys.stderr)  # noqa: T201  stderr is how the starter is told
        return 1
    finally:
        if held is not None:
            held.release()


def _wait(reading: int) -> int:
    """Until the background process is ready or gone; its last word is a NUL when it is ready."""
    said = bytearray()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while chunk := pipe.read(4096):
            said += chunk[: MAX_MESSAGE - len(said)] if len(said) < MAX_MESSAGE else b""
            if chunk.endswith(b"\0"):
                return 0
    sys.stderr.write(said.decode("utf-8", "replace") or "lockstep: it ended before it was ready\n")
    return 1


def _open_output(log_file: str | None) -> int:
    path = os.devnull if log_file is None else log_file
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise DaemonError(f"{path}: {error.strerror or error}") from error


def _same(descriptor: int, path: str) -> bool:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    own = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)
