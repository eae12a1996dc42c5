# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rsync that stands connected to a target and waits for the names to fetch."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import IO, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils import _rsync
from ansible_collections.lockstep.realtime.plugins.module_utils._endpoint import Endpoint

# An rsync that does not announce its log-in is taken for connected after this time, seconds.
SILENT = 1.0


class Puller:
    """Started, connected, asked, answered, ended (which takes an rsync 20 ms more).

    Times are those of time.perf_counter, in seconds.
    """

    def __init__(self, program: str, endpoint: Endpoint, folder: str) -> None:
        self.folder = folder
        self._below = endpoint.path
        self.started = time.perf_counter()
        self.asked_at: Optional[float] = None
        self.answered_at: Optional[float] = None
        self.ended_at: Optional[float] = None
        self.stdout = b""
        self.stderr = b""
        self._names = 0
        os.makedirs(folder)
        self._process = subprocess.Popen(  # nosec
            _rsync.pull(program, endpoint, folder),
            env=_rsync.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # no terminal on which rsync could ask for a password
        )
        self._open = [stream for stream in (self._process.stdout, self._process.stderr) if stream is not None]
        for stream in self._open:
            os.set_blocking(stream.fileno(), False)

    @property
    def fetched(self) -> bytes:
        """The folder in which the names asked for lie."""
        return os.path.join(os.fsencode(self.folder), self._below)

    @property
    def streams(self) -> list[IO[bytes]]:
        """What to wait for with select: readable means that pump() has something to do."""
        return self._open

    @property
    def ready(self) -> bool:
        """Connected, logged in and not asked yet."""
        if self.asked_at is not None or self.ended_at is not None:
            return False
        return b"Protocol versions" in self.stdout or time.perf_counter() - self.started > SILENT

    @property
    def returncode(self) -> Optional[int]:
        return self._process.returncode

    def ask(self, names: list[bytes]) -> None:
        """Give the names, relative to the target: from here on rsync reads the target."""
        self.asked_at = time.perf_counter()
        self._names = len(names)
        stdin = self._process.stdin
        if stdin is None:
            raise ValueError("a process started with a pipe as stdin has none")
        # it may be gone: its stderr says why
        with contextlib.suppress(BrokenPipeError):
            # "./": rsync takes a name that begins with # or ; for a comment
            stdin.write(b"".join(b"./" + self._below + name + b"\0" for name in names))
        stdin.close()

    def pump(self) -> None:
        """Take what rsync has said, without waiting."""
        for stream in list(self._open):
            while True:
                try:
                    chunk = os.read(stream.fileno(), 65536)
                except BlockingIOError:
                    break
                if not chunk:
                    self._open.remove(stream)
                    break
                if stream is self._process.stdout:
                    self.stdout += chunk
                else:
                    self.stderr += chunk
        if self.asked_at is not None and self.answered_at is None and self._answers() >= self._names:
            self.answered_at = time.perf_counter()
        if not self._open and self.ended_at is None:
            self._process.wait()
            self.ended_at = time.perf_counter()
            if self.answered_at is None:
                self.answered_at = self.ended_at

    def _answers(self) -> int:
        """How many of the names were fetched or reported missing so far."""
        fetched = sum(1 for line in self.stdout.splitlines() if line.isdigit())
        return fetched + len(self.stderr.splitlines())

    def close(self) -> None:
        """End the process if it still runs, and forget what it fetched."""
        if self.ended_at is None:
            _rsync.kill(self._process)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        self._open = []
        shutil.rmtree(self.folder, ignore_errors=True)
