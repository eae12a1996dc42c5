"""Before anything is sent: the folders that the mirror keeps on the target for itself stand there."""

from __future__ import annotations

import os
from typing import Callable, Optional

from lockstep.config import Mirror, Target
from lockstep.transfer import command
from lockstep.transfer.outcome import reason
from lockstep.transfer.process import Ended, Process, not_started

PATIENCE = 60.0  # seconds


def folders(mirror: Mirror) -> list[str]:
    """The first part of each: what is below it, rsync makes."""
    return list(dict.fromkeys(name.split("/")[0] for name in (mirror.temp_dir, mirror.backup_dir) if name))


class Preparing:
    """`begin()` until it is `done`; `on_end("")` when it is, else with why it failed."""

    def __init__(self, rsync: str, mirror: Mirror, target: Target, folder: str, on_end: Callable[[str], None]) -> None:
        self._left = folders(mirror)
        self._rsync, self._target, self._on_end = rsync, target, on_end
        self._empty = os.path.join(folder, ".empty")
        self._process: Optional[Process] = None

    @property
    def done(self) -> bool:
        return not self._left

    @property
    def running(self) -> bool:
        return self._process is not None

    def begin(self) -> None:
        if self._process is not None:
            self._process.give_up(PATIENCE)
            return
        if not self._left:
            return
        try:
            os.makedirs(self._empty, mode=0o750, exist_ok=True)
            argv = command.folder(self._rsync, self._target, self._empty, self._left[0])
            self._process = Process(argv, self._ended)
        except OSError as err:
            self._on_end(not_started(err))
            return
        self._process.feed(b"")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _ended(self, _process: Process, ended: Ended) -> None:
        self._process = None
        if ended.code:
            self._on_end(reason(ended.code, ended.stderr))
            return
        self._left.pop(0)
        if self._left:
            self.begin()
        else:
            self._on_end("")
