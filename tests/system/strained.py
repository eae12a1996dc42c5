"""Runs the watcher with limits so small that what they guard happens all the time: `python strained.py JSON run …`.

JSON names what to strain:
  "lockstep.module.CONSTANT": value     a constant of a module
  "events_lost": share                  so many reads of events lose the last of them, as an overflow does
  "collapse_at": number                 so many waiting changes are folded into subtrees
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from typing import Any

from lockstep import changes
from lockstep.cli import main
from lockstep.source import inotify


class Forgetful(inotify.Inotify):
    """Loses events now and then, and says so, as the kernel does when its queue is full."""

    share = 0.0

    def read(self) -> list[inotify.Event]:
        events = super().read()
        if not events or random.random() >= self.share:
            return events
        return [*events[: random.randrange(len(events) + 1)], (-1, inotify.Q_OVERFLOW, 0, b"")]


def strain(wanted: dict[str, Any]) -> None:
    Forgetful.share = wanted.pop("events_lost", 0.0)
    inotify.Inotify = Forgetful  # type: ignore[misc]
    if "collapse_at" in wanted:
        changes.Changes.__init__.__defaults__ = (wanted.pop("collapse_at"),)
    for name, value in wanted.items():
        module, _, constant = name.rpartition(".")
        found = importlib.import_module(module)
        if not hasattr(found, constant):
            raise SystemExit(f"strained: there is no {name}")
        setattr(found, constant, value)


if __name__ == "__main__":
    strain(json.loads(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
