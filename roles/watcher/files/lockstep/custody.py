"""Is the source still the one that this mirror was entrusted with?  If not, it is held: nothing is sent or deleted."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Callable, Optional

from lockstep.memory import Memory
from lockstep.source import identity
from lockstep.source.nested import nested_mounts
from lockstep.source.witness import Witness


class Custody:
    """`held` is the reason why nothing may go, or empty; `check()` looks thoroughly, `unchanged()` quickly."""

    def __init__(
        self, source: bytes, memory: Memory, hidden: Callable[[bytes, bool], bool] = lambda path, is_dir: False
    ) -> None:
        """`hidden(path, is_dir)`: what the mirror leaves out; what is mounted there does not matter."""
        self._source = source
        self._memory = memory
        self._hidden = hidden
        self._stood: Optional[dict[bytes, tuple[int, int]]] = None
        self.witness = Witness(source)
        self.held = "not looked at yet"
        self.since = time.time()

    def hold(self, why: str) -> None:
        if not self.held:
            self.since = time.time()
        self.held = why
        self._stood = None

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
        self._memory.identity, self._memory.nested, self._memory.evidence = now, self._nested(), []
        self._memory.unreadable = ""
        self.witness.forget()
        self._memory.save()
        self.check()

    def unchanged(self) -> bool:
        """Whether the same directories of mounted file systems stand at the source and at the mount points below it
        since the last `check()`: one stat(2) each, for not every unmount gives an event."""
        if self.held or self._stood is None:
            return False
        try:
            for path, known in self._stood.items():
                if _who(path) != known:
                    self.hold(f"another file system or directory stands at {os.fsdecode(path)}")
                    return False
        except OSError as err:
            self.hold(f"source {os.fsdecode(self._source)}: {err.strerror or err}")
            return False
        return True

    def _nested(self) -> list[bytes]:
        return [path for path in nested_mounts(self._source) if not self._hidden(path, True)]

    def _stand(self) -> dict[bytes, tuple[int, int]]:
        """Who stands where now, by absolute path.  Raises OSError when it is no directory at the source's path."""
        found = {self._source: identity.quick(self._source)}
        for path in self._nested():
            there = self._source + b"/" + path
            with contextlib.suppress(PermissionError):  # of another user's FUSE: rsync will say so
                found[there] = _who(there)
        return found

    def _compare(self) -> None:
        stood = self._stand()
        now, nested = identity.read(self._source), self._nested()
        if identity.is_network(now.fstype):
            self.hold(
                f"{os.fsdecode(self._source)} is on a network file system ({now.fstype}), which reports no changes "
                "made by others; run the watcher on its server"
            )
            return
        if self._memory.unreadable:
            self.hold(f"whether this is still the right source is not known: {self._memory.unreadable}")
            return
        known = self._memory.identity
        if known is not None:
            differences = identity.differences(known, now)
            differences += [
                f"{os.fsdecode(path)} below it is not mounted"
                for path in self._memory.nested
                if path not in nested and not self._hidden(path, True)
            ]
            contradiction = self.witness.contradiction(self._memory.evidence)
            if contradiction:
                differences.append(contradiction)
            if differences:
                self.hold("the source is not the one it was: " + "; ".join(differences))
                return
        if self._stand() != stood:
            self.hold("the source changed while it was looked at")
            return
        if known != now or self._memory.nested != nested:
            self._memory.identity, self._memory.nested = now, nested
            self._memory.save()
        self._stood = stood
        if self.held:
            self.since = time.time()
        self.held = ""


def _who(path: bytes) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
