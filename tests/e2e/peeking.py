"""Looks for secrets where every user of a host can see it: in the arguments and environments of processes."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType


class Peeking:
    """While it lasts, looks through all processes over and over; those of the lab's hosts are this machine's too."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.found: set[str] = set()
        self.seen: set[str] = set()

    def __enter__(self) -> Peeking:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            for process in Path("/proc").glob("[0-9]*"):
                self._look_at(process)

    def _look_at(self, process: Path) -> None:
        for what in ("cmdline", "environ"):
            try:
                text = (process / what).read_bytes()
            except OSError:
                return  # it has ended
            if any(secret in text for secret in self._secrets):
                self.found.add(f"{what} of {process.name}: {(process / 'comm').read_text()}")
            if what == "cmdline":
                words = text.split(b"\0")[:2]  # of a script, the first one is its interpreter
                self.seen |= {word.decode(errors="replace").rpartition("/")[2] for word in words}
