"""A watcher and a real rsync daemon on this machine, in a folder of their own, on free ports."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from ports import free_port

PACKAGE = Path(__file__).parents[2] / "roles/watcher/files"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PACKAGE)}
USER, PASSWORD = "rsync_backup", "only-for-this-test"


def wait_for(what: Callable[[], Any], seconds: float = 30.0, text: Callable[[], str] | str = "") -> Any:
    """Ask until the answer is true, and return it; AssertionError with `text` when the time is over."""
    until = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds:g} s: {text() if callable(text) else text}")
        time.sleep(0.01)


def processes(text: str) -> dict[int, str]:
    """The command line of every other process that has this text in it, by number."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").rstrip()
            except OSError:
                continue  # it has ended
            if text in line:
                found[int(entry.name)] = line
    return found


class Daemon:
    """`rsync --daemon` with one module for each name, as the role writes it, where nobody is root."""

    def __init__(
        self, folder: Path, modules: tuple[str, ...] = ("backup",), extra: str = "", before: Sequence[str] = ()
    ) -> None:
        """`before`: a command that runs the daemon's, to put it into another namespace."""
        self.folder = folder
        self._before = list(before)
        self.port = free_port()
        self.password_file = folder / "password"
        self._config = folder / "rsyncd.conf"
        self._process: subprocess.Popen[bytes] | None = None
        for path, text in (("secrets", f"{USER}:{PASSWORD}\n"), ("password", PASSWORD + "\n")):
            (folder / path).write_text(text)
            (folder / path).chmod(0o600)
        self.write(modules, extra)

    def write(self, modules: tuple[str, ...], extra: str = "") -> None:
        root = "uid = 0\ngid = 0\n" if os.geteuid() == 0 else ""
        text = (
            f"address = 127.0.0.1\nport = {self.port}\nuse chroot = no\nsocket options = TCP_NODELAY\n"
            f"lock file = {self.folder}/lock\nlog file = {self.folder}/rsyncd.log\n"
            f"munge symlinks = yes\n{extra}\n"
        )
        for name in modules:
            (self.folder / name).mkdir(exist_ok=True)
            text += (
                f"[{name}]\npath = {self.folder}/{name}\nread only = no\n{root}"
                f"auth users = {USER}:rw\nsecrets file = {self.folder}/secrets\n"
            )
        self._config.write_text(text)

    def start(self) -> None:
        wait_for(self._starts, 30, "the rsync daemon does not answer")

    def kill(self) -> None:
        """As a power cut does it to the whole host: the daemon and every transfer, at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def freeze(self, frozen: bool = True) -> None:
        """Its processes keep their connections and do nothing (SIGSTOP), until told to go on."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def url(self, module: str = "backup", path: str = "") -> str:
        return f"rsync://{USER}@127.0.0.1:{self.port}/{module}{path}"

    @property
    def mark(self) -> str:
        """What stands in the command lines of the watcher's processes for it."""
        return self.url()

    def target(self) -> dict[str, Any]:
        """As the watcher's configuration has it."""
        return {"url": self.url(), "password_file": str(self.password_file)}

    def _starts(self) -> bool:
        if self._process is None or self._process.poll() is not None:  # its port may be taken for a moment
            self._process = subprocess.Popen(
                [*self._before, "rsync", "--daemon", "--no-detach", f"--config={self._config}"],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._answers()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as link:
                return link.recv(8) == b"@RSYNCD:"
        except OSError:
            return False


class Watcher:
    """`lockstep run` on a configuration file; `mirror` changes the one mirror that it has."""

    def __init__(self, folder: Path, source: Path, targets: list[dict[str, Any]], **mirror: Any) -> None:
        self.folder = folder
        self.config = folder / "lockstep.yml"
        self.socket = folder / "status.sock"
        self.http = free_port()
        self.log = folder / "watcher.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.before: list[str] = []  # a command that runs the watcher's, to put it into another namespace
        self.program = ["-m", "lockstep"]  # what python runs
        self.status_part: dict[str, Any] = {"listen": f"127.0.0.1:{self.http}", "socket": str(self.socket)}
        self.notify: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}  # further keys of the configuration
        self.log_level = "debug"
        self.mirrors: list[dict[str, Any]] = [{"name": "data", "source": str(source), "targets": targets, **mirror}]
        self.write()

    def write(self) -> None:
        self.config.write_text(
            yaml.safe_dump(
                {
                    "log_level": self.log_level,
                    "state_dir": str(self.folder / "state"),
                    "status": self.status_part,
                    "notify": self.notify,
                    "mirrors": self.mirrors,
                    **self.extra,
                }
            )
        )

    def command(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lockstep", *args],
            cwd="/",
            env=ENVIRONMENT,
            text=True,
            capture_output=True,
            check=False,
            **options,
        )

    def start(self, wait: bool = True) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.before, sys.executable, *self.program, "run", "--config", str(self.config)],
                cwd="/", env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        if wait:
            self.wait_state("live")

    def wait_answers(self) -> dict[str, Any]:
        """Until it answers at its socket; its status then."""

        def answer() -> dict[str, Any]:
            assert self.process is None or self.process.poll() is None, self.log.read_text()[-2000:]
            try:
                return self.status()
            except (OSError, ValueError):
                return {}

        return dict(wait_for(answer, 10, "the watcher does not answer at its socket"))

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process = None
        return code

    def ask(self, **request: Any) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(str(self.socket))
            link.sendall(json.dumps(request).encode() + b"\n")
            return dict(json.loads(link.makefile("rb").readline()))

    def status(self) -> dict[str, Any]:
        return dict(self.ask(command="status")["status"])

    def target(self, number: int = 0, mirror: int = 0) -> dict[str, Any]:
        return dict(self.status()["mirrors"][mirror]["targets"][number])

    def wait_state(self, state: str, number: int = 0, seconds: float = 30.0) -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def is_so() -> bool:
            seen.clear()
            assert self.process is None or self.process.poll() is None, self.log.read_text()[-2000:]
            try:
                seen.update(self.target(number))
            except (OSError, ValueError, KeyError):
                return False
            return bool(seen["state"] == state)

        wait_for(is_so, seconds, lambda: f"{state}, but: {seen}; log: {self.log.read_text()[-2000:]}")
        return dict(seen)

    def wait_all_held(self) -> None:
        """Until everything is held that is to be: what is deleted after a release would be held once more."""

        def is_so() -> bool:
            seen = self.target()
            return bool(seen["state"] == "held" and not seen["pending"] and not seen["in_flight"])

        wait_for(is_so, 30, lambda: f"all held, but: {self.target()}; log: {self.log.read_text()[-2000:]}")

    def wait_in_step(self, number: int = 0, seconds: float = 60.0) -> dict[str, Any]:
        """Until the watcher says that nothing is outstanding; whether that is true is for the trees to tell."""
        seen: dict[str, Any] = {}

        def is_so() -> bool:
            seen.clear()
            seen.update(self.target(number))
            return bool(seen["state"] == "live" and not seen["lag"] and not seen["pending"] and not seen["in_flight"])

        wait_for(is_so, seconds, lambda: f"in step, but: {seen}; log: {self.log.read_text()[-3000:]}")
        return dict(seen)
