# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an audit is, while it runs: a small file for people and programs to look at."""

from __future__ import annotations

import json
import os
import time
from typing import Any, Optional

EVERY = 1.0  # seconds between two writings
SOME = 2000  # calls between two looks at the clock


class Progress:
    """C(path) is replaced as a whole each time; without one nothing is written. Raises OSError where it cannot be."""

    def __init__(self, path: Optional[str], **about: Any) -> None:
        self._path = path
        self._about = about
        self._began = time.monotonic()
        self._next = 0.0
        self._calls = 0

    def phase(self, phase: str, **more: Any) -> None:
        """From now on this goes on; written at once."""
        self._about.update(phase=phase, **more)
        self._next = 0.0
        self._calls = 0
        self.tell()

    def tell(self, **figures: Any) -> None:
        """New figures; written if the last writing is a while ago."""
        if self._path is None:
            return
        self._calls += 1
        if self._calls % SOME != 1:
            return
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        self._about.update(figures)
        elapsed = now - self._began
        text = json.dumps({**self._about, "elapsed": round(elapsed, 1), "at": round(time.time(), 1)})
        new = f"{self._path}.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644), "w") as file:
            file.write(text + "\n")
        os.replace(new, self._path)
