"""Is the source still the one that this mirror was entrusted with?  If not, it is held: nothing is sent or deleted."""

from __future__ import annotations

import os
import time
from typing import Optional

from lockstep.memory import Memory
from lockstep.source import identity
from lockstep.source.nested import nested_mounts


class Custody:
    """`held` is the reason why nothing may go, or empty; `check()` looks thoroughly, `unchanged()` quickly."""

    def __init__(self, source: bytes, memory: Memory) -> None:
        self._source = source
        self._memory = memory
        self._quick: Optional[tuple[int, int]] = None
        self.held = "not looked at yet"
        self.since = time.time()

    def hold(self, why: str) -> None:
        if not self.held:
            self.since = time.time()
        self.held = why
        self._quick = None

    def check(self) -> bool:
        """Look whether it is the source that is remembered; the first one ever seen is.  True when nothing is held."""
        try:
            self._compare()
        except OSError as err:
            self.hold(f"source {os.fsdecode(self._source)}: {err.strerror or err}")
        return not self.held

    def accept(self) -> None:
        """The operator says: this is the source now.  Raises OSError when there is none."""
        now = identity.read(self._source)
        self._memory.identity, self._memory.nested = now, nested_mounts(self._source)
        self._memory.save()
        self.check()

    def unchanged(self) -> bool:
        """Whether the same root of the same mounted file system stands there since the last `check()`: one stat(2)."""
        if self.held:
            return False
        try:
            if identity.quick(self._source) == self._quick:
                return True
            self.hold("another file system or directory stands at the source's path")
        except OSError as err:
            self.hold(f"source {os.fsdecode(self._source)}: {err.strerror or err}")
        return False

    def _compare(self) -> None:
        quick = identity.quick(self._source)
        now, nested = identity.read(self._source), nested_mounts(self._source)
        if identity.is_network(now.fstype):
            self.hold(
                f"{os.fsdecode(self._source)} is on a network file system ({now.fstype}), which reports no changes "
                "made by others; run the watcher on its server"
            )
            return
        known = self._memory.identity
        if known is not None:
            differences = identity.differences(known, now)
            differences += [
                f"{os.fsdecode(path)} below it is not mounted" for path in self._memory.nested if path not in nested
            ]
            if differences:
                self.hold("the source is not the one it was: " + "; ".join(differences))
                return
        if identity.quick(self._source) != quick:
            self.hold("the source changed while it was looked at")
            return
        if known != now or self._memory.nested != nested:
            self._memory.identity, self._memory.nested = now, nested
            self._memory.save()
        self._quick = quick
        if self.held:
            self.since = time.time()
        self.held = ""
