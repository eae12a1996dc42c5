# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a target back, again and again, until it is as wanted: with rsync processes that are connected ahead.

A cold read costs start, connection and log-in, about 10 to 50 ms, which is more than the lag that is to be measured.
One that stands connected answers within 1 or 2 ms. It needs 20 ms more to end, so that reads overlap.
"""

from __future__ import annotations

import itertools
import os
import select
import time
from collections import deque
from dataclasses import dataclass
from typing import Optional

from ansible_collections.lockstep.realtime.plugins.module_utils import _rsync
from ansible_collections.lockstep.realtime.plugins.module_utils._endpoint import Endpoint
from ansible_collections.lockstep.realtime.plugins.module_utils._expect import Want, judge
from ansible_collections.lockstep.realtime.plugins.module_utils._puller import Puller

AHEAD = 8  # pullers that wait when a change is made
FIRST = 0.0005  # the first read begins so long after the change, seconds
GAP = 0.002  # the shortest time from one read's begin to the next one's
GROWTH = 0.2  # reads become rarer with the time waited: so much of it, so that they do not slow what they measure
LONGEST = 0.5
CALM = 0.015  # no new puller is started earlier, as its start would disturb a quick target
RETRY = 0.2  # between two starts after one failed
STALE = 20.0  # an unused puller is replaced after this time: daemons drop the idle
GRACE = 5.0  # a read that began in time may end so much later


@dataclass(frozen=True)
class Reading:
    """One change on one target, in seconds: when the read that found it began (C(lag)), how long its answer took."""

    reason: Optional[str]
    lag: Optional[float] = None
    read: Optional[float] = None


class Reader:
    """All reading from one target. Every puller it starts is ended by close()."""

    def __init__(self, program: str, endpoint: Endpoint, workspace: str) -> None:
        self.endpoint = endpoint
        self._program = program
        self._workspace = workspace
        self._numbers = itertools.count()
        self._waiting: list[Puller] = []
        self._asked: deque[Puller] = deque()
        self._not_before = 0.0
        self._stopped = False
        self.error: Optional[str] = None

    def prepare(self, seconds: float = 2.0) -> None:
        """Have pullers stand connected; after this time those that do serve."""
        deadline = time.perf_counter() + seconds
        for puller in [p for p in self._waiting if time.perf_counter() - p.started > STALE]:
            self._drop(puller)
        self._fill(AHEAD)
        while not self._stopped and time.perf_counter() < deadline:
            # reads of the last change, too, end by themselves: one cut off would be an error in the daemon's log
            busy = [p for p in self._waiting if not p.ready] + [p for p in self._asked if p.ended_at is None]
            if not busy:
                break
            self._wait(busy, deadline)
        self._abandon()

    def find(self, wants: dict[bytes, Want], since: float, deadline: float) -> Reading:
        """Read until everything wanted is found in one read, or until the deadline."""
        self.error = None
        reason = None
        next_at = since + FIRST
        names = list(wants)
        while not self._stopped:
            now = time.perf_counter()
            ready = next((p for p in self._waiting if p.ready), None)
            if ready is not None and next_at <= now < deadline:
                self._waiting.remove(ready)
                self._asked.append(ready)
                ready.ask(names)
                next_at = now + min(max(GAP, GROWTH * (now - since)), LONGEST)
            if now - since > CALM and now < deadline:
                self._fill(2)
            while self._asked and self._asked[0].ended_at is not None:
                puller = self._asked.popleft()
                reason = judge(wants, puller.fetched, puller.returncode, puller.stderr)
                began, answered = puller.asked_at, puller.answered_at
                puller.close()
                if reason is None and began is not None and answered is not None:
                    return Reading(None, began - since, answered - began)
            if now >= deadline and (not self._asked or now >= deadline + GRACE):
                break
            self._wait([*self._waiting, *self._asked], next_at if ready is not None and now < deadline else now + 0.1)
        return Reading(reason or self.error or "the target did not answer")

    def stop(self) -> None:
        """Make prepare() and find() of another thread return soon, until resume()."""
        self._stopped = True

    def resume(self) -> None:
        """Let prepare() and find() work again."""
        self._stopped = False

    def close(self) -> None:
        """End every puller."""
        self._abandon()
        while self._waiting:
            self._drop(self._waiting[-1])

    def _abandon(self) -> None:
        while self._asked:
            self._asked.popleft().close()

    def _fill(self, number: int) -> None:
        while len(self._waiting) < number and time.perf_counter() >= self._not_before:
            folder = os.path.join(self._workspace, str(next(self._numbers)))
            self._waiting.append(Puller(self._program, self.endpoint, folder))

    def _wait(self, pullers: list[Puller], until: float) -> None:
        """Until a puller says something or the time is come; what ended without having been asked leaves."""
        streams = [stream for puller in pullers for stream in puller.streams]
        # never longer than this, so that stop() and a silent rsync are noticed
        seconds = min(max(until - time.perf_counter(), 0.0), 0.1)
        select.select(streams, [], [], seconds)
        for puller in pullers:
            puller.pump()
        for puller in [p for p in self._waiting if p.ended_at is not None]:
            self.error = _rsync.failure(puller.returncode, puller.stderr)
            self._not_before = time.perf_counter() + RETRY
            self._drop(puller)

    def _drop(self, puller: Puller) -> None:
        self._waiting.remove(puller)
        puller.close()
