"""Small files, some of them rewritten, in the sources of the NFS hosts while something else is done to these."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path


class Load:
    """Writes a file into each folder some 10 times a second, for as long as it lasts."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.written = 0

    def __enter__(self) -> Load:
        for folder in self._folders:
            folder.mkdir(exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._over.wait(0.1):
            for folder in self._folders:
                (folder / f"{self.written % 500}").write_text(f"{self.written:09}\n")
            self.written += 1
