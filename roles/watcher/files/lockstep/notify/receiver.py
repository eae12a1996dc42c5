"""Who is told: a thread for each receiver, so that a slow or dead one delays neither the sync nor another receiver.

What happens while it may not be told yet, or cannot, is told together: in order, nothing twice, and bounded.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Callable, Optional

from lockstep import __version__
from lockstep.backoff import Backoff
from lockstep.config_notify import Channel
from lockstep.notify import delivery
from lockstep.notify.delivery import DeliveryError
from lockstep.notify.watch import News

log = logging.getLogger(__name__)

KEPT = 100  # changes that wait for a receiver; of more only the latest, and how many there were


class Receiver:
    """`tell()` from the event loop, which never waits; `close()` in the end."""

    def __init__(
        self,
        channel: Channel,
        interval: float,
        backoff: Optional[Backoff] = None,
        deliver: Callable[[Channel, bytes], None] = delivery.deliver,
    ) -> None:
        self.name = delivery.name(channel)
        self.told = 0
        self.failures = 0
        self.error = ""  # why it cannot be told at the moment
        self._channel = channel
        self._interval = interval
        self._backoff = backoff or Backoff()
        self._deliver = deliver
        self._waiting: deque[News] = deque()
        self._dropped = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._thread: Optional[threading.Thread] = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def tell(self, news: Sequence[News]) -> None:
        with self._changed:
            self._waiting += news
            while len(self._waiting) > KEPT:
                self._waiting.popleft()
                self._dropped += 1
            self._changed.notify_all()
        if self._thread is None:  # not before there is something to tell, which is most of the time
            self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Nothing more is told; what is being told may end by itself."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        if self._thread is not None and seconds > 0:
            self._thread.join(seconds)

    def _run(self) -> None:
        delivery.give_up_reading()
        not_before = 0.0
        while self._wait(not_before):
            with self._changed:
                news, dropped = list(self._waiting), self._dropped
            try:
                self._deliver(self._channel, message(news, dropped))
            except DeliveryError as error:
                self.failures += 1
                if not self.error:
                    log.warning("%s: %s; tried again", self.name, error)
                self.error = str(error)
                not_before = time.monotonic() + self._backoff.next()
                continue
            if self.error:
                log.info("%s: told after all", self.name)
            self.error = ""
            self.told += 1
            self._backoff.reset()
            not_before = time.monotonic() + self._interval
            self._forget(news, dropped)

    def _wait(self, not_before: float) -> bool:
        """Until there is something to tell and it may be told; False when nothing more is to be told."""
        with self._changed:
            while not self._stopped:
                left = not_before - time.monotonic()
                if self._waiting and left <= 0:
                    return True
                self._changed.wait(left if self._waiting else None)
            return False

    def _forget(self, news: Sequence[News], dropped: int) -> None:
        """What was told.  Of that some may have been dropped meanwhile, and was told all the same."""
        with self._changed:
            gone = set(map(id, news))
            left = [one for one in self._waiting if id(one) not in gone]
            self._dropped = max(0, self._dropped - dropped - (len(news) - (len(self._waiting) - len(left))))
            self._waiting = deque(left)


def message(news: Sequence[News], dropped: int) -> bytes:
    """What a receiver gets: a line of JSON.  `text` is for people; most chat systems show just that."""
    host = socket.gethostname()
    found: dict[str, Any] = {
        "service": "lockstep",
        "version": __version__,
        "host": host,
        "pid": os.getpid(),
        "sent": time.time(),
        "text": f"lockstep on {host}: " + "; ".join(one.sentence() for one in news),
        "changes": [one.to_json() for one in news],
        "dropped": dropped,
    }
    return json.dumps(found).encode("ascii") + b"\n"
