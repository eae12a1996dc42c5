"""What the watcher says in its host's journal, from a moment on."""

from __future__ import annotations

import json
from dataclasses import dataclass

from scene import SOURCE_HOST, Copy, Scene

WARNING = 4  # syslog(3)


@dataclass(frozen=True)
class Line:
    at: float  # epoch seconds
    priority: int
    text: str


class Journal:
    """The lines of lockstep.service after the one that was the last when this was made."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        shown = scene.run(SOURCE_HOST, "journalctl --sync; journalctl -u lockstep -n 1 --show-cursor -q")
        self._cursor = shown.strip().splitlines()[-1].partition("cursor: ")[2]

    def lines(self) -> list[Line]:
        """What the watcher itself wrote; systemd's words about the service are not among it."""
        ask = f"journalctl --sync; journalctl -u lockstep -o json -a -q --after-cursor='{self._cursor}'"
        found = [json.loads(line) for line in self._scene.run(SOURCE_HOST, ask).splitlines()]
        return [
            Line(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, int(entry["PRIORITY"]), str(entry["MESSAGE"]))
            for entry in found
            if entry.get("SYSLOG_IDENTIFIER") != "systemd"
        ]

    def of(self, copy: Copy) -> list[Line]:
        """The lines about this target: `mirror NAME target TARGET: STATE (was … for …)`, a reason after it."""
        return [line for line in self.lines() if line.text.startswith(f"mirror {copy.mirror} target {copy.target}: ")]
