"""How long to wait before trying again what failed: 1 s doubling to 60 s, spread so that many do not come at once."""

from __future__ import annotations

import random

FIRST = 1.0
LONGEST = 60.0


class Backoff:
    def __init__(self, first: float = FIRST, longest: float = LONGEST) -> None:
        self._first = first
        self._longest = longest
        self.attempts = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        wait = min(self._longest, self._first * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        return wait * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)

    def reset(self) -> None:
        self.attempts = 0
