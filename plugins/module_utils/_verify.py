# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the changes in the source, has every target read back, and clears away: the course of a verification."""

from __future__ import annotations

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, TypeVar

from ansible_collections.lockstep.realtime.plugins.module_utils import _rsync, _steps
from ansible_collections.lockstep.realtime.plugins.module_utils._client import Client
from ansible_collections.lockstep.realtime.plugins.module_utils._endpoint import Endpoint
from ansible_collections.lockstep.realtime.plugins.module_utils._expect import Want
from ansible_collections.lockstep.realtime.plugins.module_utils._mirror import Mirror
from ansible_collections.lockstep.realtime.plugins.module_utils._reader import Reader, Reading
from ansible_collections.lockstep.realtime.plugins.module_utils._scene import Scene

T = TypeVar("T")
# After so many changes that did not arrive a target is not waited for again.
GIVE_UP = 2
# Between two log-ins at a daemon whose connections are all in use, seconds: the watcher's own come and go.
BUSY = 0.1


class VerifyError(Exception):
    """The verification could not be made; the text names the thing, the reason and the mend."""


class Interrupted(VerifyError):
    """Somebody wanted the verification to end."""


@dataclass
class TargetRecord:
    """What became of every step on one target, as it is returned."""

    name: str
    url: str
    steps: list[dict[str, Any]] = field(default_factory=list)
    failures: int = 0
    cleanup: dict[str, Any] = field(default_factory=dict)

    def add(self, step: str, ok: Optional[bool], reading: Reading) -> None:
        self.steps.append(
            {
                "step": step,
                "ok": ok,
                "lag_ms": _milliseconds(reading.lag),
                "read_ms": _milliseconds(reading.read),
                "reason": reading.reason,
            }
        )


def log_in(mirror: Mirror, program: str, workspace: str, timeout: float) -> None:
    """Prove that every target lets us in, within C(timeout) seconds where all its connections are in use.

    Raises VerifyError which names all that do not.
    """
    deadline = time.monotonic() + timeout
    refusals = []
    for number, endpoint in enumerate(mirror.targets):
        folder = os.path.join(workspace, f"log-in-{number}")
        os.mkdir(folder)
        try:
            _patient_log_in(program, endpoint, folder, deadline)
        except _rsync.Busy as error:
            refusals.append(f"target {endpoint.name}: {error}, for {timeout:g} s")
        except _rsync.RsyncError as error:
            refusals.append(f"target {endpoint.name}: {error}")
    if refusals:
        raise VerifyError(f"mirror {mirror.name}: {'; '.join(refusals)}")


def _patient_log_in(program: str, endpoint: Endpoint, folder: str, deadline: float) -> None:
    while True:
        try:
            _rsync.log_in(program, endpoint, folder)
            return
        except _rsync.Busy:
            if time.monotonic() >= deadline:
                raise
            time.sleep(BUSY)


class Verification:
    """One run over all targets of a mirror. Use run() once; afterwards C(records) is complete."""

    def __init__(
        self,
        mirror: Mirror,
        program: str,
        steps: list[str],
        timeout: float,
        max_lag: Optional[float],
        workspace: str,
        client: Optional[Client] = None,
    ) -> None:
        self.mirror = mirror
        self._program = program
        self._place = f"the source {mirror.source}" if client is None else f"the client's mount {client.mount}"
        self._timeout = timeout
        self._max_lag = max_lag
        self._workspace = workspace
        self.plan = _steps.plan(steps, mirror.deletes)
        self.records = [TargetRecord(target.name, target.url) for target in mirror.targets]
        self._state = _steps.State(Scene(mirror.source, client), deletes=mirror.deletes)
        self._pool = ThreadPoolExecutor(max_workers=len(self.records))
        self._readers = []
        for number, target in enumerate(mirror.targets):
            folder = os.path.join(workspace, f"target-{number}")
            self._readers.append(Reader(program, target, folder))
        self._interrupted = self._clearing = False

    def run(self) -> None:
        """Run every step and clear away. Raises VerifyError when the source cannot be worked in, Interrupted."""
        try:
            for step in self.plan:
                self._run(step)
                if self._interrupted:
                    break
        finally:
            self._clearing = True
            for reader in self._readers:
                reader.resume()
            try:
                self._clear_away()
            finally:
                for reader in self._readers:
                    reader.stop()
                self._pool.shutdown()  # so that nobody starts another rsync when they are ended
                for reader in self._readers:
                    reader.close()
        if self._interrupted:
            left = [str(record.cleanup["reason"]) for record in self.records if not record.cleanup["ok"]]
            raise Interrupted(f"was told to end early; {'; '.join(left) or 'what had been made was removed'}")

    def interrupt(self) -> None:
        """End soon, and clear away. Sets marks only, so that a signal handler may call it."""
        if not self._clearing:
            self._interrupted = True
            for reader in self._readers:
                reader.stop()

    def dry_run(self, reason: str) -> None:
        """Record every step as not run."""
        self._pool.shutdown()
        for record in self.records:
            for step in self.plan:
                record.add(step.name, None, Reading(reason))

    def _run(self, step: _steps.Step) -> None:
        active = [number for number, record in enumerate(self.records) if record.failures < GIVE_UP]
        try:
            readings = self._change(step, active) if active else {}
        except OSError as error:
            reason = f"{self._place} refused it: {error.strerror}"
            if step is _steps.FOLDER:
                raise VerifyError(
                    f"mirror {self.mirror.name}: {reason}; the user of this task, or client.user, must be able to "
                    "write there"
                ) from error
            readings = {number: Reading(reason) for number in active}
        for number, record in enumerate(self.records):
            if number not in readings:
                record.add(step.name, None, Reading("earlier changes did not arrive"))
                continue
            self._record(step, record, readings[number])

    def _record(self, step: _steps.Step, record: TargetRecord, reading: Reading) -> None:
        if reading.reason is not None:
            # where not even the folder arrives, nothing will
            record.failures += GIVE_UP if step is _steps.FOLDER else 1
        elif self._max_lag is not None and reading.lag is not None and reading.lag * 1000 > self._max_lag:
            slow = f"lag of {reading.lag * 1000:.1f} ms is above max_lag {self._max_lag:g} ms"
            record.add(step.name, False, Reading(slow, reading.lag, reading.read))
            return
        record.add(step.name, reading.reason is None, reading)

    def _change(self, step: _steps.Step, active: list[int]) -> dict[int, Reading]:
        """Make one change and time its arrival on the targets that are still waited for."""
        self._each(active, lambda reader: reader.prepare())
        wants, since = self._make(step)
        readings = self._each(active, lambda reader: reader.find(wants, since, since + self._timeout))
        return {number: self._waited(reading) for number, reading in zip(active, readings)}

    def _make(self, step: _steps.Step) -> tuple[_steps.Wants, float]:
        """Have a change made by whoever is to make it; what must arrive, and when it was complete."""
        # the folder is made in the source itself, whoever the client is
        with contextlib.nullcontext() if step is _steps.FOLDER else self._state.scene.acting():
            return step.change(self._state), time.perf_counter()

    def _waited(self, reading: Reading) -> Reading:
        return reading if reading.reason is None else Reading(f"{reading.reason}, {self._timeout:g} s after the change")

    def _clear_away(self) -> None:
        """Remove the folder from the source and see it go from every target; what stays there is removed directly."""
        scene = self._state.scene
        try:
            made = scene.end()
        except OSError as error:
            left = os.path.join(self.mirror.source, os.fsdecode(scene.folder))
            reason = f"{left} is left in the source: {error.strerror}"
            for record in self.records:
                record.cleanup = {"ok": False, "by": None, "reason": reason}
            return
        if not made:
            for record in self.records:
                record.cleanup = {"ok": True, "by": None, "reason": None}
            return
        since = time.perf_counter()
        seconds = self._timeout if self.mirror.deletes else 0.0
        gone = {scene.folder: Want()}
        numbers = list(range(len(self.records)))
        readings = self._each(numbers, lambda reader: reader.find(gone, since, since + seconds))
        for record, reader, reading in zip(self.records, self._readers, readings):
            if reading.reason is None:
                record.cleanup = {"ok": True, "by": "mirror", "reason": None}
            else:
                record.cleanup = self._remove(reader, gone, reading.reason)

    def _remove(self, reader: Reader, gone: dict[bytes, Want], reason: str) -> dict[str, Any]:
        path = os.fsdecode(self._state.scene.folder)
        empty = os.path.join(self._workspace, "empty")
        try:
            _rsync.remove(self._program, reader.endpoint, path, empty)
        except _rsync.RsyncError as error:
            return {"ok": False, "by": None, "reason": f"{path} is left on the target: {reason}; {error}"}
        now = time.perf_counter()
        left = reader.find(gone, now, now + self._timeout).reason
        if left is not None:
            return {"ok": False, "by": None, "reason": f"{path} is left on the target: {left}"}
        if not self.mirror.deletes:
            return {"ok": True, "by": "verification", "reason": "the mirror has delete: false"}
        waited = f"the mirror did not remove it within {self._timeout:g} s: {reason}"
        return {"ok": False, "by": "verification", "reason": waited}

    def _each(self, numbers: list[int], work: Callable[[Reader], T]) -> list[T]:
        """Do it for these targets at the same time. Where one fails, the others have ended all the same."""
        futures = [self._pool.submit(work, self._readers[number]) for number in numbers]
        wait(futures)
        return [future.result() for future in futures]


def _milliseconds(seconds: Optional[float]) -> Optional[float]:
    return None if seconds is None else round(seconds * 1000, 1)
