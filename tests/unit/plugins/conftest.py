# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real rsync daemon, a plain syncer that stands in for the watcher, and a way to run a module."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional

import pytest

USER, PASSWORD = "rsync_backup", "correct horse battery"


@dataclass
class Daemon:
    """An rsync daemon on a loopback port, with one module `data`."""

    folder: Path
    port: int
    process: Optional[subprocess.Popen[bytes]] = None
    options: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "backup"

    @property
    def password_file(self) -> Path:
        return self.folder / "password"

    @property
    def url(self) -> str:
        return f"rsync://{USER}@127.0.0.1:{self.port}/data"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        for path, text in ((self.folder / "secrets", f"{USER}:{PASSWORD}\n"), (self.password_file, PASSWORD + "\n")):
            path.write_text(text)
            path.chmod(0o600)
        owner = {"uid": str(os.geteuid()), "gid": str(os.getegid())} if os.geteuid() == 0 else {}
        module = {
            "path": str(self.data),
            "use chroot": "no",
            "read only": "no",
            "auth users": f"{USER}:rw",
            "secrets file": str(self.folder / "secrets"),
            **owner,
            **self.options,
        }
        lines = [f"port = {self.port}", "address = 127.0.0.1", f"log file = {self.folder / 'log'}"]
        lines += ["socket options = TCP_NODELAY", "[data]", *(f"{key} = {value}" for key, value in module.items())]
        config = self.folder / "rsyncd.conf"
        config.write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen(["rsync", "--daemon", "--no-detach", f"--config={config}"])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as link:
                link.shutdown(socket.SHUT_WR)
                while link.recv(1_024):  # whoever hangs up on a greeting is an error in the log of some daemons
                    pass
                return
            time.sleep(0.01)
        raise TimeoutError(f"no answer on port {self.port}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Starts daemons; an argument is a parameter of rsyncd.conf, with _ for the space."""
    started: list[Daemon] = []

    def start(**options: str) -> Daemon:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        folder = tmp_path / f"daemon-{len(started)}"
        folder.mkdir()
        daemon = Daemon(folder, port, options={key.replace("_", " "): value for key, value in options.items()})
        started.append(daemon)
        daemon.start()
        return daemon

    yield start
    # nobody may leave a client behind
    deadline = time.monotonic() + 5
    while (left := [client for daemon in started for client in clients_of(daemon)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    for daemon in started:
        daemon.stop()
    assert not left


def clients_of(daemon: Daemon) -> list[str]:
    """The command lines of running programs that were given the daemon's address."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = path.read_text(errors="replace").replace("\0", " ")
            if command.startswith("rsync ") and f"127.0.0.1:{daemon.port}/" in command:
                found.append(command)
    return found


@dataclass
class Syncer:
    """Compares the whole tree again and again with plain rsync: slow, simple, and independent of the watcher."""

    source: Path
    daemon: Daemon
    options: tuple[str, ...]
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self) -> None:
        command = ["rsync", "--recursive", "--links", "--times", "--sockopts=TCP_NODELAY"]
        command += [
            f"--password-file={self.daemon.password_file}",
            *self.options,
            f"{self.source}/",
            f"{self.daemon.url}/",
        ]
        while not self.stopping.wait(0.002):
            # it may fail: what it sends changes meanwhile, and some daemons here are meant to refuse
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()


@pytest.fixture
def syncers(source: Path) -> Iterator[Callable[..., Syncer]]:
    started: list[Syncer] = []

    def start(daemon: Daemon, *options: str) -> Syncer:
        started.append(Syncer(source, daemon, options or ("--perms", "--delete", "--ignore-times")))
        return started[-1]

    yield start
    for syncer in started:
        syncer.stop()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "already there").write_text("old")
    return folder


@dataclass
class Answer:
    """What a module returned, and everything it wrote."""

    data: dict[str, Any]
    output: str
    failed: bool

    @property
    def msg(self) -> str:
        return str(self.data["msg"])


@pytest.fixture
def module_command() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a module of the collection as Ansible does: a process of its own, its options as JSON."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, options: dict[str, Any], check_mode: bool = False) -> subprocess.Popen[str]:
        internal = {"_ansible_check_mode": check_mode, "_ansible_remote_tmp": tempfile.gettempdir()}
        process = subprocess.Popen(
            [sys.executable, "-m", f"ansible_collections.lockstep.realtime.plugins.modules.{name}"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        assert process.stdin is not None
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": {**options, **internal}}))
        process.stdin.close()
        process.stdin = None
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def module(module_command: Callable[..., subprocess.Popen[str]]) -> Callable[..., Answer]:
    """Runs a module and returns its answer."""

    def run(name: str, check_mode: bool = False, **options: Any) -> Answer:
        process = module_command(name, options, check_mode)
        output = process.communicate(timeout=120)[0]
        assert output.strip().startswith("{"), output
        return Answer(json.loads(output), output, process.returncode != 0)

    return run
