"""The status document in a file, for whoever can read nothing else: replaced whole, every so many seconds."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from typing import Any, Callable, Optional

log = logging.getLogger(__name__)


class StatusFile:
    """`tick()` about once a second (monotonic); without a path it does nothing.  `close()` removes the file."""

    def __init__(self, path: Optional[str], interval: float) -> None:
        self._path = path
        self._interval = interval
        self._due = 0.0
        self._failed = False

    def tick(self, now: float, document: Callable[[], dict[str, Any]]) -> None:
        if self._path is None or now < self._due:
            return
        self._due = now + self._interval
        new = self._path + ".new"
        try:
            with open(new, "w", encoding="ascii") as file:
                json.dump(document(), file)
                file.write("\n")
            os.replace(new, self._path)
        except OSError as error:
            if not self._failed:
                log.warning("status.file %s cannot be written: %s", self._path, error.strerror or error)
            self._failed = True
            return
        self._failed = False

    def close(self) -> None:
        """Nobody is to take an old one for the truth."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
