"""Tells hooks what a target has confirmed: a thread for each, so that a slow or dead one delays nobody.

Each path is told at least once, up to a bound of what may wait.  One that is confirmed again before it was told is told
once; one that is confirmed while it is being told is told again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Callable, Optional

from lockstep import logs
from lockstep.backoff import Backoff
from lockstep.config_hooks import Hook, Purge
from lockstep.filters import Filter
from lockstep.notify import delivery, parcel, spool
from lockstep.notify.delivery import DeliveryError
from lockstep.notify.parcel import Parcel, Told

log = logging.getLogger(__name__)

KEPT = 50_000  # paths that wait for a hook; of more only the latest, and how many there were
TOGETHER = 1_000  # paths told in one go
REQUESTS = 100  # the same where each is a request
SAVE = 5.0  # seconds between writes of many that wait


class HookRunner:
    """`add()` from the event loop, which never waits; `close()` in the end, which writes down what is left."""

    def __init__(
        self,
        hook: Hook,
        mirror: str,
        source: str,
        state_dir: str,
        backoff: Optional[Backoff] = None,
        deliver: Callable[[Hook, Parcel], None] = parcel.deliver,
    ) -> None:
        self.name = parcel.name(hook.to)
        self.deliveries = self.paths = self.failures = self.dropped = 0
        self.error = ""  # why it cannot be told at the moment
        self._hook, self._mirror, self._source = hook, mirror, source
        self._file = spool.path(state_dir, mirror, hook)
        self._backoff = backoff or Backoff()
        self._deliver = deliver
        self._include = Filter(hook.include) if hook.include else None
        self._waiting: dict[str, dict[bytes, Told]] = {}  # target → path → what, the oldest first
        self._count = self._untold = 0
        self._stopped = False
        self._saved = 0.0
        self._changed = threading.Condition()
        self._saving = threading.Lock()
        self._thread: Optional[threading.Thread] = None
        self._log = logs.about(log, mirror=mirror)
        for target, told in spool.load(self._file):
            self.add(target, told.kind, [told.path])
            self._saved = -1.0  # long ago, and there is a file

    @property
    def waiting(self) -> int:
        return self._count

    def add(self, target: str, kind: str, paths: Iterable[bytes]) -> None:
        if kind not in self._hook.kinds:
            return
        include = self._include
        if include is not None:
            paths = [path for path in paths if include.hidden(path, False)]
        added = False
        with self._changed:
            if self._stopped:
                return
            waiting = self._waiting.setdefault(target, {})
            before = len(waiting)
            for path in paths:
                waiting[path] = Told(path, kind)  # another one each time: what is being told now is an earlier one
                added = True
            self._count += len(waiting) - before
            while self._count > KEPT:
                self._drop()
            if added:
                self._changed.notify_all()
        if added and self._thread is None:  # not before there is something to tell
            self._thread = threading.Thread(target=self._run, name="hook", daemon=True)
            self._thread.start()

    def _drop(self) -> None:
        most = max(self._waiting.values(), key=len)
        del most[next(iter(most))]
        self._count -= 1
        self._untold += 1
        self.dropped += 1

    def close(self) -> None:
        """Nothing more is told.  What waits, and what is being told just now, is told by whoever comes next."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._save(patient=False)

    def state(self) -> dict[str, Any]:
        return {
            "to": self.name,
            "deliveries": self.deliveries,
            "paths": self.paths,
            "waiting": self._count,
            "dropped": self.dropped,
            "failures": self.failures,
            "error": self.error or None,
        }

    # ------------------------------------------------------------------ in the thread

    def _run(self) -> None:
        delivery.give_up_reading()
        not_before = 0.0
        while self._wait(not_before):
            batch = self._take()
            if self._count <= TOGETHER or time.monotonic() - self._saved > SAVE:
                self._save()
            try:
                self._deliver(self._hook, batch)
            except DeliveryError as error:
                not_before = time.monotonic() + self._failed(batch, error)
                continue
            if self.error:
                self._log.info("hook %s: told after all", self.name)
            self.error = ""
            self.deliveries += 1
            self.paths += len(batch.changes)
            self._backoff.reset()
            not_before = time.monotonic() + self._hook.interval
            self._forget(batch)
            if self._saved and not self._count:
                self._save()

    def _wait(self, not_before: float) -> bool:
        """Until there is something to tell and it may be told; False when nothing more is to be told."""
        with self._changed:
            while not self._stopped:
                left = not_before - time.monotonic()
                if self._count and left <= 0:
                    return True
                self._changed.wait(left if self._count else None)
            return False

    def _take(self) -> Parcel:
        most = REQUESTS if isinstance(self._hook.to, Purge) else TOGETHER
        with self._changed:
            target, waiting = next((of, those) for of, those in self._waiting.items() if those)
            return Parcel(self._mirror, self._source, target, list(islice(waiting.values(), most)), self._untold)

    def _failed(self, batch: Parcel, error: DeliveryError) -> float:
        """Seconds until the next try."""
        self.failures += 1
        if not self.error:
            self._log.warning("hook %s: %s%s", self.name, error, "; tried again" if self._hook.retry else "")
        self.error = str(error)
        if self._hook.retry:
            return self._backoff.next()
        self._forget(batch)
        return self._hook.interval

    def _forget(self, batch: Parcel) -> None:
        """What was told, unless it was confirmed once more meanwhile; and other targets come first."""
        with self._changed:
            waiting = self._waiting.pop(batch.target)
            for told in batch.changes:
                if waiting.get(told.path) is told:
                    del waiting[told.path]
                    self._count -= 1
            if waiting:
                self._waiting[batch.target] = waiting
            self._untold -= batch.dropped

    def _save(self, patient: bool = True) -> None:
        with self._saving:
            with self._changed:
                if self._stopped and patient:
                    return  # whoever closed it has written it down, and may have handed it on
                waiting = [(target, told) for target, those in self._waiting.items() for told in those.values()]
            try:
                spool.save(self._file, waiting, patient)
            except OSError as error:
                self._log.warning("%s cannot be written: %s; a restart may lose what waits", self._file, error.strerror)
            self._saved = time.monotonic() if waiting else 0.0


class Hooks:
    """The hooks of one mirror: `confirmed()` with every batch that a target has confirmed."""

    def __init__(self, hooks: Sequence[Hook], mirror: str, source: str, state_dir: str) -> None:
        spool.clear(state_dir, mirror, hooks)
        self.runners = [HookRunner(hook, mirror, source, state_dir) for hook in hooks]

    def confirmed(self, target: str, deleted: bool, paths: Sequence[bytes]) -> None:
        kind = "deleted" if deleted else "changed"
        for runner in self.runners:
            runner.add(target, kind, paths)

    def close(self) -> None:
        for runner in self.runners:
            runner.close()

    def state(self) -> list[dict[str, Any]]:
        return [runner.state() for runner in self.runners]
