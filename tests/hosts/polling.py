"""Waiting for a state, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_for(what: Callable[[], Any], seconds: float, text: Callable[[], object] | str, every: float = 0.01) -> Any:
    """Ask until the answer is true, and return it; AssertionError with `text` when the time is over.

    `every`: seconds between two questions; more where asking takes the processors from what is waited for.
    """
    until = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds:g} s: {text() if callable(text) else text}")
        time.sleep(every)
