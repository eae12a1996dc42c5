"""Where one contender runs: a source, a target behind an rsync daemon of its own, a second module for bare rsync."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Optional

from bench import accounting, isolation

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from ports import free_port

USER, PASSWORD = "rsync_backup", "only-for-the-bench"

# Where root is only so called, the daemon is to take itself for an ordinary user, or it tries to change its groups.
_NOBODY = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


class BenchError(Exception):
    """A figure could not be taken; the text says why."""


class Place:
    """Folders and daemon below `top`, all on one file system; `close` leaves nothing of them."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.source, self.target, self.bare = (top / name for name in ("source", "target", "bare"))
        for folder in (self.source, self.target, self.bare):
            folder.mkdir(parents=True)
        self.password_file = top / "password"
        self.port = free_port()
        self._process: Optional[subprocess.Popen[bytes]] = None

    def open(self) -> None:
        """The daemon as the role writes it, and a wait until it answers."""
        secrets, config = self.top / "secrets", self.top / "rsyncd.conf"
        for path, text in ((secrets, f"{USER}:{PASSWORD}\n"), (self.password_file, PASSWORD + "\n")):
            path.write_text(text)
            path.chmod(0o600)
        root = isolation.may_change_user()
        text = (
            f"address = 127.0.0.1\nport = {self.port}\nsocket options = TCP_NODELAY\nlisten backlog = 128\n"
            f"log file = {self.top}/rsyncd.log\nlock file = {self.top}/rsyncd.lock\n"
            f"max connections = 200\ntimeout = 600\nauth users = {USER}:rw\nsecrets file = {secrets}\n"
            f"list = no\nreverse lookup = no\nnumeric ids = yes\nread only = no\ntransfer logging = no\n"
        )
        text += "uid = 0\ngid = 0\nuse chroot = yes\n" if root else "use chroot = no\n"
        for folder in (self.target, self.bare):
            text += f"[{folder.name}]\npath = {folder}/\n"
        config.write_text(text)
        self._process = subprocess.Popen(
            [
                *(_NOBODY if os.geteuid() == 0 and not root else []),
                "rsync",
                "--daemon",
                "--no-detach",
                f"--config={config}",
            ],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + 10
        while not self._answers():
            if time.monotonic() > until or self._process.poll() is not None:
                raise BenchError("the rsync daemon does not answer")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as link:
                return link.recv(8) == b"@RSYNCD:"
        except OSError:
            return False

    def url(self, module: str = "target") -> str:
        return f"rsync://{USER}@127.0.0.1:{self.port}/{module}/"

    def send(self, source: Path, module: str = "target", *options: str) -> tuple[float, float]:
        """One bare rsync of a whole tree into a module: seconds by the clock, and of CPU on the sending side."""
        return accounting.measured(
            ["rsync", "-aW", "--sockopts=TCP_NODELAY", f"--password-file={self.password_file}", *options,
             f"{source}/", self.url(module)]
        )  # fmt: skip

    def tail(self) -> str:
        """The end of the daemon's log."""
        log = self.top / "rsyncd.log"
        return log.read_text(errors="replace")[-500:] if log.exists() else ""

    def close(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.top, ignore_errors=True)
