# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mends a confirmed drift on the target: exactly what was found, and only what the guards allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils import _difference
from ansible_collections.lockstep.realtime.plugins.module_utils._comparing import Names, Runner, Way, below
from ansible_collections.lockstep.realtime.plugins.module_utils._difference import EQUAL, EXTRA
from ansible_collections.lockstep.realtime.plugins.module_utils._looking import Confirmed, Looking


@dataclass
class Mended:
    """What became of it. C(held): why the deletions were not made; C(left): how many differences are still there,
    C(remaining) of each kind."""

    sent: int = 0
    deleted: int = 0
    bytes: int = 0
    held: Optional[str] = None
    left: int = 0
    reason: Optional[str] = None
    remaining: dict[str, int] = field(default_factory=dict)

    def answer(self) -> dict[str, Any]:
        return dict(vars(self))


class Mending:
    """One round over what is confirmed; C(done) is added to."""

    def __init__(self, way: Way, runner: Runner, looking: Looking, done: Mended) -> None:
        self.way = way
        self.done = done
        self._runner = runner
        self._looking = looking

    def run(self, confirmed: Confirmed) -> None:
        """Delete, then send: a directory that goes may stand where a file is to be. Raises RsyncError."""
        if self.done.held is None:
            for names in confirmed.gone:
                self._delete(names)
            self._delete_directories(confirmed)
        self._send(confirmed.sent, self._sent)
        # what was done in them has given them another time, which is no repair to be counted
        parents = self._looking.names()
        for path in confirmed.parents - {b""}:
            parents.add(path)
        self._send(parents, lambda _line: None)
        if confirmed.root or b"" in confirmed.parents:
            hear = self._sent if confirmed.root else lambda _line: None
            self._note(self._runner.run(self.way.root(dry=False), hear).complaints)

    def _send(self, names: Names, hear: Callable[[bytes], None]) -> None:
        path = names.done()
        if names.count:
            self._note(self._runner.run(self.way.listed(path, dry=False), hear).complaints)

    def _delete_directories(self, confirmed: Confirmed) -> None:
        """The deepest first, each depth by itself, as only empty ones are deleted."""
        empty = below(self._looking.empty())
        for depth in sorted({path.count(b"/") for path, _gone in confirmed.directories}, reverse=True):
            lists = {True: self._looking.names(), False: self._looking.names(empty)}
            for path, gone in confirmed.directories:
                if path.count(b"/") == depth:
                    lists[gone].add(path)
            for names in lists.values():
                self._delete(names)

    def _delete(self, names: Names) -> None:
        path = names.done()
        if names.count:
            self._note(self._runner.run(self.way.deletion(path), self._deleted).complaints)

    def _deleted(self, line: bytes) -> None:
        entry = _difference.parse(line)
        self.done.deleted += entry is not None and entry.kind == EXTRA

    def _sent(self, line: bytes) -> None:
        entry = _difference.parse(line)
        if entry is not None and entry.kind not in (EXTRA, EQUAL):
            self.done.sent += 1
            self.done.bytes += entry.size

    def _note(self, complaints: list[bytes]) -> None:
        if complaints and self.done.reason is None:
            self.done.reason = _difference.show(complaints[0])
