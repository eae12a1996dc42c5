# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The course of an audit: look, look again, mend where that is wanted and allowed, and look whether it is mended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils import _rsync
from ansible_collections.lockstep.realtime.plugins.module_utils._comparing import Runner, Way
from ansible_collections.lockstep.realtime.plugins.module_utils._custody import Custody
from ansible_collections.lockstep.realtime.plugins.module_utils._endpoint import Endpoint
from ansible_collections.lockstep.realtime.plugins.module_utils._looking import Confirmed, Extent, Looking, Suspects
from ansible_collections.lockstep.realtime.plugins.module_utils._mending import Mended, Mending
from ansible_collections.lockstep.realtime.plugins.module_utils._mirror import Mirror
from ansible_collections.lockstep.realtime.plugins.module_utils._progress import Progress

# A file that is sent while it changes, or while the watcher sends it too, may differ once more.
ROUNDS = 3


@dataclass(frozen=True)
class Wish:
    """What the task asks for. C(settle) in seconds, C(limit) in paths of each kind."""

    checksum: bool = False
    repair: bool = False
    dry: bool = False
    settle: float = 3.0
    limit: int = 100


@dataclass
class TargetAudit:
    """What was found on one target, and what became of it."""

    endpoint: Endpoint
    error: Optional[str] = None
    seconds: float = 0.0
    extent: Optional[Extent] = None
    confirmed: Optional[Confirmed] = None
    passing: int = 0
    mended: Optional[Mended] = None


class Audit:
    """One mirror on all its targets, one after the other: a checksum audit reads all of the source for each."""

    def __init__(self, mirror: Mirror, program: str, wish: Wish, runner: Runner, progress: Progress) -> None:
        self.mirror = mirror
        self.wish = wish
        self._program = program
        self._runner = runner
        self._progress = progress

    def run(self) -> list[TargetAudit]:
        """A target that cannot be compared does not keep the others from it. Raises StatusError, OSError."""
        return [self._target(endpoint) for endpoint in self.mirror.targets]

    def _target(self, endpoint: Endpoint) -> TargetAudit:
        record = TargetAudit(endpoint)
        began = time.monotonic()
        try:
            self._look_and_mend(record)
        except _rsync.RsyncError as error:
            record.error = str(error)
        record.seconds = time.monotonic() - began
        return record

    def _look_and_mend(self, record: TargetAudit) -> None:
        mirror, wish = self.mirror, self.wish
        way = Way(self._program, mirror.source, record.endpoint, mirror.rules, wish.checksum, mirror.hidden)
        looking = Looking(way, self._runner, wish.limit, self._tell)
        self._progress.phase("comparing", target=record.endpoint.name)
        suspects = looking.everything()
        extent = looking.extent
        if suspects.count:
            self._progress.phase("looking again", differing=suspects.count)
            time.sleep(wish.settle)  # what was on its way arrives meanwhile
        confirmed = looking.again(suspects)
        drift = confirmed.drift
        record.passing = suspects.count - drift.count - drift.changing.count
        record.extent, record.confirmed = extent, confirmed
        if wish.repair:
            record.mended = self._allowed(confirmed, extent.on_target, record.endpoint.url)
            if not wish.dry and record.mended.reason is None:
                self._mend(way, looking, suspects, confirmed, record.mended)
        self._progress.phase("done", entries=extent.entries, bytes=extent.bytes, differing=drift.count)

    def _allowed(self, confirmed: Confirmed, entries: int, url: str) -> Mended:
        """What the guards say: C(reason) where nothing may be mended, C(held) where nothing may be deleted."""
        drift = confirmed.drift
        custody = Custody(self.mirror)  # asked now: comparing may have taken hours
        mended = Mended(left=self.unmended(confirmed), reason=custody.source)
        if drift.extra.count:
            mended.held = custody.deletions(url)
            allowed = self.mirror.max_delete.limit(entries)
            if mended.held is None and drift.extra.count > allowed:
                mended.held = (
                    f"{drift.extra.count} of {entries} entries would be deleted, more than max_delete allows "
                    f"({allowed}); if that is meant, give this task a greater max_delete"
                )
        return mended

    def unmended(self, confirmed: Confirmed) -> int:
        """How many of these differences are to be mended: what a mirror that never deletes has too much is none."""
        return sum(self.remaining(confirmed).values())

    def remaining(self, confirmed: Confirmed) -> dict[str, int]:
        """The same by kind."""
        drift = confirmed.drift
        extra = drift.extra.count if self.mirror.deletes else 0
        return {"missing": drift.missing.count, "different": drift.different.count, "extra": extra}

    def _mend(self, way: Way, looking: Looking, suspects: Suspects, confirmed: Confirmed, mended: Mended) -> None:
        mending = Mending(way, self._runner, looking, mended)
        left = confirmed
        for _round in range(ROUNDS):
            if not left.drift.count:
                break
            self._progress.phase("mending", differing=left.drift.count)
            mended.reason = None
            mending.run(left)
            suspects = looking.touched(suspects, left)
            before, left = left.drift.count, looking.again(suspects)
            if left.drift.count >= before:
                break  # once more would change nothing
        mended.left, mended.remaining = self.unmended(left), self.remaining(left)
        if not mended.left:
            mended.reason = None
        elif mended.reason is None:
            mended.reason = mended.held or "; ".join(left.drift.lines()[:3])

    def _tell(self, extent: Extent) -> None:
        self._progress.tell(entries=extent.entries, bytes=extent.bytes, differing=extent.differing)


def wanted(record: TargetAudit) -> bool:
    """Whether a repair would change something on this target."""
    mended, confirmed = record.mended, record.confirmed
    if mended is None or confirmed is None or mended.reason is not None:
        return False
    drift = confirmed.drift
    return bool(drift.missing.count + drift.different.count or (drift.extra.count and mended.held is None))


def summary(record: TargetAudit) -> dict[str, Any]:
    """The figures of a target's extent."""
    extent = record.extent or Extent()
    return {"entries": extent.entries, "bytes": extent.bytes, "on_target": extent.on_target}
