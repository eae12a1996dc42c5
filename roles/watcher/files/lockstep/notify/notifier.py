"""Looks at every target once a second and tells the receivers what is new; remembers across restarts what was told."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable
from typing import Any

from lockstep.config_notify import Notify
from lockstep.notify.receiver import Receiver
from lockstep.notify.watch import Key, News, Standing, Watch

log = logging.getLogger(__name__)

FILE = ".notified.json"  # beside the memories of mirrors, none of whose names begins with a dot


class Notifier:
    """`look()` once a second; `close()` in the end.  Without receivers it does nothing."""

    def __init__(self, config: Notify, state_dir: str) -> None:
        self.config = config
        self.receivers = [Receiver(channel, config.interval) for channel in config.to]
        self._path = os.path.join(state_dir, FILE)
        self._watch = Watch(config.behind, config.down, _load(self._path) if config.to else {})

    def look(self, targets: Iterable[Standing]) -> list[News]:
        if not self.receivers:
            return []
        known = dict(self._watch.told)
        news = self._watch.look(targets, time.time())
        if news:
            for receiver in self.receivers:
                receiver.tell(news)
        if known != self._watch.told:
            self._save()
        return news

    def close(self, wait: float = 0.0) -> None:
        """Tell nothing more; wait for so many seconds at most for what is being told."""
        for receiver in self.receivers:
            receiver.close()
        until = time.monotonic() + wait
        for receiver in self.receivers:
            receiver.join(max(0.0, until - time.monotonic()))

    def state(self) -> list[dict[str, Any]]:
        return [
            {
                "to": one.name,
                "told": one.told,
                "waiting": one.waiting,
                "failures": one.failures,
                "error": one.error or None,
            }
            for one in self.receivers
        ]

    def _save(self) -> None:
        try:
            with open(self._path + ".new", "w", encoding="ascii") as file:
                json.dump([[*key, event] for key, event in self._watch.told.items()], file)
            os.replace(self._path + ".new", self._path)
        except OSError as error:
            log.warning("%s cannot be written: %s; after a restart it may be told twice", self._path, error.strerror)


def _load(path: str) -> dict[Key, str]:
    """What was told before; nothing where nobody knows: then it is told once more."""
    try:
        with open(path, encoding="ascii") as file:
            return {(str(mirror), str(target)): str(event) for mirror, target, event in json.load(file)}
    except (OSError, ValueError, TypeError):
        return {}
