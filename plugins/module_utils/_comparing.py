# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rsync as the one who compares and mends: its commands, one run of it, and where its names come from."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils import _difference, _remote_shell, _rsync
from ansible_collections.lockstep.realtime.plugins.module_utils._endpoint import Endpoint
from ansible_collections.lockstep.realtime.plugins.module_utils._left_out import Sieve

# Seconds without a byte after which a run is given up: while large files are read on both sides nothing is said.
SILENCE = 3600
# What is read of stderr, at most.
WORDS = 64 * 1024

VANISHED = 24  # rsync(1), EXIT VALUES
PARTIAL = 23
COMPLETE = (0, PARTIAL, VANISHED)


@dataclass(frozen=True)
class Way:
    """From which source to which target, by which program, and what is left out.

    C(rules): rsync's, as in C(- PATTERN). C(hidden): what they cannot say, which is sifted out of what rsync tells.
    C(checksum): content is compared by reading it, else by size and time in nanoseconds.
    """

    program: str
    source: str
    endpoint: Endpoint
    rules: tuple[str, ...] = ()
    checksum: bool = False
    hidden: Optional[Sieve] = None

    @property
    def destination(self) -> str:
        return self.endpoint.source + os.fsdecode(self.endpoint.path)

    def command(self, *options: str) -> list[str]:
        """What is common to all: the attributes that the watcher keeps, names as they are, and the target's options."""
        start = [option for option in _rsync.connection(self.program, self.endpoint) if "--timeout=" not in option]
        command = [
            *start,
            f"--timeout={SILENCE}",
            "-lptgoD",
            "--numeric-ids",
            "--modify-window=-1",
            "--8-bit-output",
            "--relative",
            "--no-implied-dirs",
            _difference.FORMAT,
            *(["--checksum"] if self.checksum else []),
            *self.endpoint.options,
            *options,
        ]
        return _remote_shell.said(command) if self.endpoint.shell else command

    def everything(self) -> list[str]:
        """Tells every entry of the source, what is equal too, and every one that only the target has."""
        filters = [f"--filter={rule}" for rule in self.rules]
        options = ["--dry-run", "-ii", "--recursive", "--delete", "--force", *filters]
        return [*self.command(*options), "--", os.path.join(self.source, "./"), self.destination]

    def root(self, dry: bool) -> list[str]:
        """The source itself and nothing in it."""
        options = ["--itemize-changes", "--dirs", "--filter=- /*", *(["--dry-run"] if dry else [])]
        return [*self.command(*options), "--", os.path.join(self.source, "./"), self.destination]

    def listed(self, names: str, dry: bool) -> list[str]:
        """What a file lists, not what is below it. One that has gone meanwhile is passed over."""
        options = ["--itemize-changes", "--whole-file", "--sparse", "--ignore-missing-args"]
        # a directory in the way that is not empty would keep the dry run from telling what it would send
        options += ["--from0", f"--files-from={names}", *(["--dry-run", "--force"] if dry else [])]
        return [*self.command(*options), "--", "/", self.destination]

    def deletion(self, names: str) -> list[str]:
        """Delete from the target what a file lists and the source has not; no directory that holds anything.

        Each name for itself and without --force, so that nothing goes but what is listed.
        """
        options = ["--itemize-changes", "--delete-missing-args", "--from0", f"--files-from={names}"]
        return [*self.command(*options), "--", "/", self.destination]

    def there(self, names: str, empty: str) -> list[str]:
        """Tells what of a list is on the target, with sizes, by fetching it in a dry run."""
        start = _rsync.connection(self.program, self.endpoint)
        options = ["--dry-run", "--links", "--devices", "--specials", "--dirs", "--8-bit-output", "--no-implied-dirs"]
        options += ["--itemize-changes", _difference.FORMAT, "--from0", f"--files-from={names}"]
        return [*start, *options, "--", self.endpoint.source, os.path.join(empty, "")]


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit status, and the begin of what it said on stderr."""

    code: int
    errors: bytes

    @property
    def complaints(self) -> list[bytes]:
        """The lines that name a failure."""
        skipped = (b"rsync error:", b"rsync warning:", b"file has vanished", b"directory has vanished", b"WARNING: ")
        return [line for line in self.errors.splitlines() if line.strip() and not line.startswith(skipped)]

    @property
    def reason(self) -> str:
        return _rsync.failure(self.code, self.errors)


class Runner:
    """Runs one rsync at a time in a folder of its own, and ends it when it is told to."""

    def __init__(self, workspace: str) -> None:
        self.workspace = workspace

    def run(self, command: list[str], hear: Callable[[bytes], None], nice: int = 0) -> Ended:
        """Give every line of stdout to C(hear). Raises RsyncError when the target could not be compared at all."""
        with tempfile.TemporaryFile(dir=self.workspace) as errors:
            # errors go into a file: a pipe that nobody reads would stop rsync when it is full
            with subprocess.Popen(  # nosec
                command,
                env=_rsync.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # no terminal on which rsync could ask for a password
            ) as process:
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, process.pid, nice)
                try:
                    for line in process.stdout or ():
                        hear(line)
                    process.wait()
                finally:
                    if process.returncode is None:
                        _rsync.kill(process)
            errors.seek(0)
            said = errors.read(WORDS)
            if len(said) == WORDS:
                said = said[: said.rfind(b"\n") + 1]  # no line that was cut off
            ended = Ended(process.returncode, said)
        if ended.code not in COMPLETE:
            raise _rsync.RsyncError(ended.reason)
        return ended


class Names:
    """A list of names as rsync takes it, in a file: a million of them must not fill the memory."""

    def __init__(self, folder: str, head: bytes) -> None:
        """C(head) comes before every name: see below() and at()."""
        descriptor, self.path = tempfile.mkstemp(prefix="names-", dir=folder)
        self._file = open(descriptor, "wb")  # noqa: SIM115 (closed by done)  # pylint: disable=consider-using-with
        self._head = head
        self.count = 0

    def add(self, path: bytes) -> None:
        self._file.write(self._head + path + b"\0")
        self.count += 1

    def done(self) -> str:
        """The file, complete."""
        self._file.close()
        return self.path

    def read(self) -> Iterator[bytes]:
        """The names again, without their heads."""
        self.done()
        rest = b""
        with open(self.path, "rb") as file:
            while block := file.read(1 << 20):
                *names, rest = (rest + block).split(b"\0")
                for name in names:
                    yield name[len(self._head) :]


def below(top: str) -> bytes:
    """The head of names in this directory, for an rsync whose source is /: the path on the target begins after it."""
    return os.fsencode(top.strip("/")) + b"/./"


def at(endpoint: Endpoint) -> bytes:
    """The head of names on a target: rsync takes a name that begins with # or ; for a comment."""
    return b"./" + endpoint.path
