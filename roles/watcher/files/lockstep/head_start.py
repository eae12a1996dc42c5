"""Much that a target lacks is sent by rsync's own walk through the tree, before anything is sent name by name.

Of 220,000 new names each costs the watcher a look and a place in a batch: 13 s of CPU, where one rsync that sends them
all takes 1.3.  A head start brings what the target lacks, or has in another state.  It deletes nothing, and proves
nothing: what it may have brought in a state of before is sent once more by whoever noted the change, and all is
compared anew when it is over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Callable

from lockstep.comparison import Totals, totals_of
from lockstep.config import Mirror, Target
from lockstep.transfer import command
from lockstep.transfer.process import Ended
from lockstep.walk import COMPLETE, Part, Scope, Walk

LEAST = 10_000  # names that the target lacks; fewer are in a second there
SHARE = 4  # and of how many that the source has it lacks one, at least: to compare everything once more costs as well
BLOCK = 1 << 20  # bytes read in one go of what is told
_SENT = re.compile(rb"^([<>ch.])([fdLDS])[^ ]{9} (\d+)$", re.MULTILINE)


def is_worth_it(lacking: Totals) -> bool:
    return lacking.created >= max(LEAST, lacking.source // SHARE)


def is_possible(mirror: Mirror, options: Sequence[str]) -> bool:
    """May the target be brought what it lacks in this way?  `options`: of rsync, for this target."""
    # what is deleted meanwhile may come back by it, and a restart just then has to find that
    found_again = mirror.delete.start or not mirror.delete.live
    by_the_hour = len(mirror.bandwidth.table) > 1  # a limit that would outlast its time
    # which puts all in its place at the end, over whatever was sent meanwhile
    all_at_once = "--delay-updates" in options
    return found_again and not by_the_hour and not all_at_once and not mirror.hooks  # which are told each name


def keeps_links(options: Sequence[str]) -> bool:
    return any(option == "--hard-links" or (option[1:2] != "-" and "H" in option) for option in options)


class HeadStart:
    """One under way; `on_end(self, ended)` when it is over.  `names` and `size` (bytes) are how far it is."""

    def __init__(
        self,
        rsync: str,
        source: bytes,
        target: Target,
        scope: Scope,
        filters: Sequence[bytes],
        largest: int,
        state_dir: str,
        on_end: Callable[[HeadStart, Ended], None],
    ) -> None:
        """`largest`: files of so many bytes are not sent, as one alone may take for hours.

        Raises OSError where no process can be started.
        """
        self.names = self.size = 0
        self.unwanted = self.ending = False
        self._on_end = on_end
        self._read: dict[Part, int] = {}  # bytes of what each has told

        def argv(rules: Sequence[bytes]) -> list[str]:
            return command.head_start(rsync, target, rules, largest)

        if keeps_links(target.rsync_options):
            scope = Scope(scope.paths)  # between files of two processes there would be none
        self._walk = Walk(scope, source, filters, argv, state_dir, self._ended, with_parents=True)

    def look(self) -> None:
        """Count what was sent since the last time; to be called about once a second."""
        for part in self._walk.parts:
            at = self._read.get(part, 0)
            # not by seek(2): the process writes where the descriptor stands, which is the same one
            block = os.pread(part.found.fileno(), BLOCK, at)
            whole = block[: block.rfind(b"\n") + 1]
            self._read[part] = at + len(whole)
            for how, kind, size in _SENT.findall(whole):
                self.names += 1
                if kind == b"f" and how in b"<>":
                    self.size += int(size)

    def kill(self) -> None:
        self.ending = True
        self._walk.kill()

    def give_up(self, patience: float) -> None:
        self._walk.give_up(patience)

    def close(self) -> None:
        self._walk.close()

    def _ended(self, ended: Ended) -> None:
        if ended.code in COMPLETE:
            told = sum(map(totals_of, self._walk.parts), Totals())
            self.names, self.size = told.created, told.size
        self._on_end(self, ended)
