# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for drift: everything once, and then once more at what differed, as a mirror lives while it is looked at."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Callable, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils import _difference, _rsync
from ansible_collections.lockstep.realtime.plugins.module_utils._comparing import (
    Ended,
    Names,
    Runner,
    Way,
    at,
    below,
)
from ansible_collections.lockstep.realtime.plugins.module_utils._difference import EQUAL, EXTRA, Entry
from ansible_collections.lockstep.realtime.plugins.module_utils._drift import GONE, HERE, IN_THE_WAY, Drift, SourceView

# The kernel's clock for ctime may be a little behind, seconds.
CTIME_SLACK = 0.02
COMPLAINTS = 20
NICE = 10  # what changes comes first
# on the target: not there, or something above it that is no directory (errno(3): ENOENT, ENOTDIR, ELOOP)
_ABSENT = re.compile(rb"link_stat .* failed: .*\((2|20|40)\)$")


def _above(path: bytes) -> Iterator[bytes]:
    """The directories in which it lies."""
    while path := os.path.dirname(path):
        yield path


@dataclass
class Suspects:
    """What differed when everything was looked at. C(root): the source's own attributes did."""

    sent: Names  # relative to the source, as rsync reads them
    extra: Names  # as rsync reads them from the target
    root: bool = False
    extra_directories: set[bytes] = field(default_factory=set)
    kept: set[bytes] = field(default_factory=set)

    @property
    def count(self) -> int:
        return self.sent.count + self.extra.count + self.root


@dataclass
class Confirmed:
    """What differed in both looks: the drift, and what is to be done about it.

    C(parents): the directories that a repair gives another time by what it does in them.
    """

    drift: Drift
    sent: Names
    root: bool = False
    parents: set[bytes] = field(default_factory=set)
    # extra files, those of them apart above which the source has something that is no directory; and extra directories,
    # each with whether it is none of those
    gone: list[Names] = field(default_factory=list)
    directories: list[tuple[bytes, bool]] = field(default_factory=list)


@dataclass
class Extent:
    """How much was compared, and what could not be."""

    entries: int = 0
    bytes: int = 0
    differing: int = 0
    extra: int = 0
    missing: int = 0
    complaints: list[str] = field(default_factory=list)

    @property
    def on_target(self) -> int:
        """How many entries the target has."""
        return self.entries - self.missing + self.extra


class Looking:
    """All looks at one target. C(tell) hears the extent now and then, C(began) is the epoch before the first look."""

    def __init__(self, way: Way, runner: Runner, limit: int, tell: Callable[[Extent], None]) -> None:
        self.way = way
        self.extent = Extent()
        self.began = time.time() - CTIME_SLACK
        self._runner = runner
        self._limit = limit
        self._tell = tell

    def names(self, head: Optional[bytes] = None) -> Names:
        return Names(self._runner.workspace, below(self.way.source) if head is None else head)

    def everything(self) -> Suspects:
        """Compare all of the source with all of the target. Raises RsyncError."""
        suspects = Suspects(self.names(), self.names(at(self.way.endpoint)))
        ended = self._runner.run(self.way.everything(), lambda line: self._first(suspects, line), nice=NICE)
        for line in ended.complaints:
            blocked = _difference.in_the_way(line)
            if blocked is not None:
                suspects.sent.add(blocked)
        self._complain(ended)
        return suspects

    def _complain(self, ended: Ended) -> None:
        """Remember what could not be compared."""
        lines = [line for line in ended.complaints if _difference.in_the_way(line) is None]
        room = COMPLAINTS - len(self.extent.complaints)
        self.extent.complaints += [_difference.show(line) for line in lines[:room]]

    def _first(self, suspects: Suspects, line: bytes) -> None:
        entry = _difference.parse(line)
        if entry is None:
            kept = _difference.kept(line)
            if kept is not None:
                suspects.kept.add(kept)
            return
        if self.way.hidden is not None and self.way.hidden(entry.path, entry.is_directory):
            if entry.kind == EXTRA:
                suspects.kept.update(_above(entry.path))
            return
        extent = self.extent
        if entry.kind == EXTRA:
            extent.extra += 1
            # what holds something excluded would stay there, whoever deletes: it is told before
            if entry.path not in suspects.kept:
                suspects.extra.add(entry.path)
                if entry.is_directory:
                    suspects.extra_directories.add(entry.path)
        else:
            extent.entries += 1
            extent.bytes += entry.length
            extent.missing += entry.kind == _difference.MISSING
            if entry.kind != EQUAL and not entry.path:
                suspects.root = True
            elif entry.kind != EQUAL:
                suspects.sent.add(entry.path)
        extent.differing = suspects.count
        self._tell(extent)

    def again(self, suspects: Suspects) -> Confirmed:
        """Which of them still differ. Raises RsyncError."""
        confirmed = Confirmed(Drift(self._limit), self.names())
        view = SourceView(self.way.source)
        blockers = {view.blocker(path) for path in suspects.extra.read() if view.state(path) == IN_THE_WAY}
        blocking = set()  # of them those where the target still has a directory

        def second(line: bytes) -> None:
            entry = _difference.parse(line)
            if entry is None or entry.kind in (EXTRA, EQUAL):
                return
            if entry.path in blockers:
                blocking.add(entry.path)
            if not view.is_directory(os.path.dirname(entry.path)):
                return  # a link has taken its folder's place meanwhile: what it leads to is none of the source
            if view.changed_since(entry.path, self.began):
                confirmed.drift.changing.add(entry)
                return
            confirmed.drift.note(entry)
            if entry.path:
                confirmed.sent.add(entry.path)
                confirmed.parents.add(os.path.dirname(entry.path))
            else:
                confirmed.root = True

        if suspects.root:
            self._runner.run(self.way.root(dry=True), second)
        if suspects.sent.count:
            self._runner.run(self.way.listed(suspects.sent.done(), dry=True), second)
        confirmed.sent.done()
        if suspects.extra.count:
            self._extra(suspects, confirmed, blocking)
        return confirmed

    def touched(self, suspects: Suspects, confirmed: Confirmed) -> Suspects:
        """What is to be looked at after a repair: the suspects, and the directories that it worked in."""
        names = self.names()
        for path in suspects.sent.read():
            names.add(path)
        for path in confirmed.parents - {b""}:
            names.add(path)
        return replace(suspects, sent=names, root=suspects.root or b"" in confirmed.parents)

    def _extra(self, suspects: Suspects, confirmed: Confirmed, blocking: set[bytes]) -> None:
        """What only the target has, if it still has it and the source has not.

        Where it no longer has a directory in which that lies, a link of that name must not lead to something else.
        """
        view = SourceView(self.way.source)
        missing, blocked = self.names(), self.names(below(self.empty()))
        confirmed.gone = [missing, blocked]

        def found(entry: Entry) -> None:
            state = view.state(entry.path)
            if state == HERE or (state == IN_THE_WAY and view.blocker(entry.path) not in blocking):
                return
            confirmed.drift.note(entry)
            parent = os.path.dirname(entry.path)
            if view.is_directory(parent):
                confirmed.parents.add(parent)
            if entry.is_directory:
                confirmed.directories.append((entry.path, state == GONE))
            else:
                (missing if state == GONE else blocked).add(entry.path)

        head = len(self.way.endpoint.path)

        def there(line: bytes) -> None:
            entry = _difference.parse(line)
            if entry is not None and entry.path[head:]:
                found(Entry(EXTRA, entry.path[head:], (), entry.size, entry.is_directory))

        if not self._told_by_target(suspects, there):
            confirmed.drift.extra.bytes = None
            for path in suspects.extra.read():
                found(Entry(EXTRA, path, (), 0, path in suspects.extra_directories))
        missing.done()
        blocked.done()

    def _told_by_target(self, suspects: Suspects, hear: Callable[[bytes], None]) -> bool:
        """Whether the target could be asked: a module may be write only."""
        try:
            ended = self._runner.run(self.way.there(suspects.extra.done(), self.empty()), hear)
        except _rsync.RsyncError:
            return False
        self._complain(Ended(ended.code, b"\n".join(line for line in ended.complaints if not _ABSENT.search(line))))
        return True

    def empty(self) -> str:
        """A folder in which there is nothing."""
        folder = os.path.join(self._runner.workspace, "empty")
        os.makedirs(folder, exist_ok=True)
        return folder
