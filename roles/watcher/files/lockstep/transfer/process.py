"""One rsync process: started cheaply, fed without blocking, its end told to whoever waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import shutil
import signal
import subprocess
import time
from functools import lru_cache
from typing import IO, Callable, Optional

_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.environ.get("PATH", "/usr/bin:/bin")}
_LIBRARIES = os.environ.get("LD_LIBRARY_PATH")
if _LIBRARIES:
    _ENVIRONMENT["LD_LIBRARY_PATH"] = _LIBRARIES

NICE = 10  # of what gives way
KEPT_FREE = 24  # descriptors that no rsync gets: the status, its clients and a look at the source need some
STDERR_LIMIT = 1 << 18  # bytes of complaints kept, and read in one go; names of which none is left are sent again


@lru_cache(maxsize=1)
def _dying_with_us() -> tuple[str, ...]:
    """The words before a command by which it dies with the watcher, however that dies; systemd sees to it by itself.

    What an earlier watcher had under way could otherwise overwrite what a new one sends.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None or "INVOCATION_ID" in os.environ:
        return ()
    words = (setpriv, "--pdeathsig", "KILL", "--")
    known = subprocess.run([*words, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return words if known.returncode == 0 else ()


def not_started(err: OSError) -> str:
    """A sentence for a person: why no rsync could be started, and what mends it."""
    why = f"rsync cannot be started: {err.strerror or err}"
    if err.errno == errno.EMFILE:
        why += ": raise LimitNOFILE of the service (variable watcher_limit_nofile)"
    return why


class Ended:
    """How a process ended: exit code (negative: signal), stderr, CPU seconds of the process, seconds it ran."""

    __slots__ = ("code", "cpu", "seconds", "stderr")

    def __init__(self, code: int, stderr: bytes, cpu: float, seconds: float) -> None:
        self.code = code
        self.stderr = stderr
        self.cpu = cpu
        self.seconds = seconds


class Process:
    """A running rsync with a pipe to its stdin.

    `on_end` is called once, from the event loop, with how it ended.  stdout goes to the given descriptor or nowhere;
    `tells`: to where stderr goes.
    """

    def __init__(
        self,
        argv: list[str],
        on_end: Callable[[Process, Ended], None],
        stdout: Optional[int] = None,
        tells: bool = False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_end = on_end
        self._errors = bytearray()
        self._left = b""
        self.output: Optional[IO[bytes]] = None  # where its stdout goes, if whoever started it wants to read that
        self.started = time.monotonic()
        self.fed = self.started
        self.has_work = False
        self.ended = False
        self.given_up = False  # it stood still, and was killed for that
        self._sign: tuple[bytes, ...] = ()  # of life, and when it was another one
        self._sign_at = self.started
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            stdin_read, self._stdin = os.pipe()
            theirs.callback(os.close, stdin_read)
            ours.callback(os.close, self._stdin)
            self._stderr, stderr_write = os.pipe()
            theirs.callback(os.close, stderr_write)
            ours.callback(os.close, self._stderr)
            if max(self._stderr, stderr_write) >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] - KEPT_FREE:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            if tells:
                stdout = stderr_write
            elif stdout is None:
                stdout = os.open(os.devnull, os.O_WRONLY)
                theirs.callback(os.close, stdout)
            whole = [*_dying_with_us(), *argv]
            self.pid = os.posix_spawnp(
                whole[0], whole, _ENVIRONMENT,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, stdin_read, 0),
                    (os.POSIX_SPAWN_DUP2, stdout, 1),
                    (os.POSIX_SPAWN_DUP2, stderr_write, 2),
                ],
                setsid=True,  # without a password rsync would ask for one on the terminal
                setsigdef=(signal.SIGPIPE, signal.SIGTERM, signal.SIGINT, signal.SIGHUP),
            )  # fmt: skip
            ours.pop_all()  # it runs: they are closed when it ends
        os.set_blocking(self._stdin, False)
        os.set_blocking(self._stderr, False)
        self._loop.add_reader(self._stderr, self._read_errors)

    def feed(self, data: bytes) -> None:
        """Give it its list of names, whole; stdin is closed behind it."""
        self.fed = self._sign_at = time.monotonic()
        self.has_work = True
        self._left = data
        self._write()

    def give_way(self) -> None:
        """Let whatever else wants the processor have it first: live changes, and what the host is there for."""
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, NICE)

    def dismiss(self) -> None:
        """Let it end by itself: a waiting rsync that gets no name leaves with 0."""
        self._close_stdin()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it now.  On SIGTERM rsync waits for its peer to be told, for as long as that may not answer; what lies
        half-written on the target is removed there, when the connection ends."""
        if not self.ended:
            os.kill(self.pid, number)

    def give_up(self, patience: float) -> None:
        """To be called now and then: kill it if it has neither read, written nor computed anything for so many seconds.

        rsync's own timeout does not see that its sender waits in open(2) for the other end of a FIFO, which took a
        file's place after the list was made; its peer keeps such a connection alive for ever.
        """
        sign = _sign_of_life(self.pid)
        now = time.monotonic()
        if not sign or sign != self._sign:
            self._sign, self._sign_at = sign, now
        elif now - self._sign_at > patience:
            self.given_up = True
            self.kill()

    def _write(self) -> None:
        try:
            while self._left:
                self._left = self._left[os.write(self._stdin, self._left) :]
        except BlockingIOError:
            self._loop.add_writer(self._stdin, self._write)
            return
        except BrokenPipeError:
            pass  # it has died; its exit code tells why
        self._close_stdin()

    def _close_stdin(self) -> None:
        if self._stdin >= 0:
            self._loop.remove_writer(self._stdin)
            os.close(self._stdin)
            self._stdin = -1
        self._left = b""

    def _read_errors(self) -> None:
        try:
            data = os.read(self._stderr, 1 << 16)
        except BlockingIOError:
            return
        if data:
            if len(self._errors) < STDERR_LIMIT:
                self._errors += data
            return
        self._loop.remove_reader(self._stderr)
        os.close(self._stderr)
        self._reap()

    def _reap(self) -> None:
        """stderr is closed at the very end of a process; the rest is a matter of microseconds."""
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if not pid:
            self._loop.call_later(0.001, self._reap)
            return
        self.ended = True
        self._close_stdin()
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        seconds = time.monotonic() - self.started
        self._on_end(self, Ended(code, bytes(self._errors), usage.ru_utime + usage.ru_stime, seconds))


def _sign_of_life(pid: int) -> tuple[bytes, ...]:
    """What it has read, written and computed so far; empty where that cannot be known.  proc(5), io and stat."""
    try:
        with open(f"/proc/{pid}/io", "rb") as io, open(f"/proc/{pid}/stat", "rb") as status:
            return (io.read(), *status.read().rpartition(b")")[2].split()[11:13])
    except OSError:
        return ()
