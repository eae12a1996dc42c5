"""Changes → batches: which path goes through which lane now, and which has to wait for what is under way.

Pure: the disk is asked through `look`, a function from path to `os.stat_result` or None.  Two batches under way never
hold the same path, nor one above or below the other's: a deletion of `d` and a file sent to a new `d/x` cannot cross.
The one thing that may overlap is a directory listed for its attributes alone, which rsync cannot harm what is below
with; where that happens its times are sent once more afterwards.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Callable, Optional

from lockstep.batch import Batch
from lockstep.changes import (
    ATTRIBUTES,
    CONTENT,
    DIRECTORY_GONE,
    GONE,
    MOVED,
    PERMITTED,
    SPARING,
    STRUCTURE,
    SUBTREE,
    SUSPECT,
    Change,
    Changes,
    ancestors,
    parent_of,
)
from lockstep.look import UNREADABLE
from lockstep.renames import WORTH, Group, Renames
from lockstep.transfer.command import Lane, can_be_renamed

Look = Callable[[bytes], Optional[os.stat_result]]

MAX_NAMES = 2_000
MAX_BYTES = 64 << 20
BULK = 8 << 20  # bytes from which a file goes alone, so that it delays nobody
FRUITLESS = 500  # looks in a row that brought nothing: the batches that are free are full, or wait for others
SINGLY = 100  # files that were renamed one by one, in one batch
LOOK_AHEAD = 4 * MAX_NAMES  # changes looked at in one go


class Stands(Enum):
    DIRECTORY = "a directory"
    NOT = "nothing"
    IN_THE_WAY = "something else"


@dataclass
class Plan:
    batches: list[Batch] = field(default_factory=list)
    subtrees: dict[bytes, Change] = field(default_factory=dict)  # to be compared, not sent
    settled: list[bytes] = field(default_factory=list)  # nothing is to be sent for these themselves
    root_missing: bool = False
    again: bool = False  # something was noted anew, for the next round


class Planner:
    """One round of planning over the changes of one target.

    `free` says which lanes can take a batch, `bulk_slots` how many large files may start, `under_way` what holds which
    paths.  What is planned is taken out of the changes; the caller puts it back if it fails.  `needed` says of a path
    that is gone from the source that what the target has there is still to be made into something else, `hidden` of one
    that the mirror leaves it out, `refused` of one that the target has refused.
    """

    def __init__(
        self,
        changes: Changes,
        look: Look,
        under_way: Iterable[Batch],
        free: frozenset[Lane],
        bulk_slots: int = 0,
        delete: bool = True,
        structure: Optional[Callable[[bytes], bool]] = None,
        renames: Optional[Renames] = None,
        needed: Callable[[bytes], bool] = lambda path: False,
        max_names: int = MAX_NAMES,
        max_bytes: int = MAX_BYTES,
        hidden: Callable[[bytes, bool], bool] = lambda path, is_dir: False,
        elsewhere: Callable[[bytes], bool] = lambda path: False,
        delete_permitted: bool = False,
        refused: Callable[[bytes], bool] = lambda path: False,
        can_be_renamed: Callable[[bytes, bytes], bool] = can_be_renamed,
    ) -> None:
        self._changes = changes
        self._look = look
        self._before = list(under_way)
        self._active = list(self._before)
        self._may_replace = not any(batch.replaces for batch in self._before)
        self._free = free
        self._bulk_slots = bulk_slots
        self._delete = delete
        self._waits_elsewhere = structure
        self._renames = renames
        self._needed = needed
        self._moved: dict[bytes, Change] = {}
        self._status: dict[bytes, os.stat_result] = {}  # of what is in `_moved`
        self._max_names = max_names
        self._max_bytes = max_bytes
        self._hidden = hidden
        self._elsewhere = elsewhere
        self._delete_permitted = delete_permitted
        self._refused = refused
        self._can_be_renamed = can_be_renamed
        self._open: dict[Lane, Batch] = {}
        self._to_open: dict[Lane, Batch] = {}  # empty while what was to go with them has to wait
        self._taken: set[bytes] = set()
        self._standing: dict[bytes, tuple[Stands, bytes]] = {}
        self._brought: set[bytes] = set()
        self._waited_for: list[bytes] = []
        self._replaced: dict[bytes, float] = {}
        # directories at and above which no new one is missing in the batch; others → the new one that it cannot take
        self._complete: dict[Batch, set[bytes]] = {}
        self._lacks: dict[Batch, dict[bytes, bytes]] = {}
        self._old: set[bytes] = set()  # directories at and above which no new one waits
        self._young: dict[bytes, bytes] = {}  # others → the nearest new one that waited there
        self._plan = Plan()

    def run(self) -> Plan:
        look_ahead = LOOK_AHEAD if Lane.CONTENT in self._free else LOOK_AHEAD // 16
        fruitless = 0
        for number, (path, change) in enumerate(self._changes.paths.items()):
            # while nothing is under way nothing ends either, so that nobody would come to look again
            if (number >= look_ahead or fruitless > FRUITLESS) and (self._active or self._moved):
                break
            if path in self._taken or not self._worth_a_look(change):
                continue
            if self._is_under_way(path, change.flags != ATTRIBUTES):
                continue
            taken = len(self._taken) + len(self._moved)
            self._place(path, change)
            self._bring_structure()
            fruitless = 0 if len(self._taken) + len(self._moved) > taken else fruitless + 1
        if self._moved:
            self._place_moved()
        for batch in self._plan.batches:
            self._list_parents(batch)
        for path in self._taken:
            self._changes.paths.pop(path, None)
        self._plan.again = bool(self._replaced)
        for path, since in self._replaced.items():
            self._changes.note(path, CONTENT | DIRECTORY_GONE, since)
        return self._plan

    # ------------------------------------------------------------------ one change

    def _worth_a_look(self, change: Change) -> bool:
        """Nothing is asked of the disk for what has no free lane whatever the answer."""
        if change.flags & (SUBTREE | GONE | MOVED):
            return True
        if change.flags & CONTENT:
            return self._room(Lane.CONTENT) or self._bulk_slots > 0
        if self._room(Lane.ROOT):
            return True
        return self._room(Lane.REST) or self._room(Lane.CONTENT)

    def _place(self, path: bytes, change: Change) -> None:
        if self._elsewhere(path):
            self._taken.add(path)
            self._plan.settled.append(path)
            return
        # what lstat(2) or rsync would find through a link is none of this source
        real = not path or self._stands(parent_of(path))[0] is Stands.DIRECTORY
        status = self._look(path) if real else None
        if status is None:
            self._place_missing(path, change)
        elif change.flags & (GONE | DIRECTORY_GONE) and self._hidden(path, stat.S_ISDIR(status.st_mode)):
            # what stands there now is left out, as it is of another type than what went: to send it would be wrong
            self._taken.add(path)
            self._plan.settled.append(path)
        elif stat.S_ISDIR(status.st_mode):
            if change.flags & (SUBTREE | DIRECTORY_GONE):
                self._plan.subtrees[path] = Change(change.flags, change.since)
                change.flags &= ~(SUBTREE | DIRECTORY_GONE | GONE | SUSPECT)
            if not change.flags:
                self._taken.add(path)
                self._plan.settled.append(path)
            else:
                lane = Lane.CONTENT if Lane.CONTENT in self._open or not self._room(Lane.REST) else Lane.REST
                self._put(
                    lane if path else Lane.ROOT, path, change, 0, whole=change.flags != ATTRIBUTES and path != b""
                )
        elif change.flags & SUBTREE:  # no directory any more: itself is all there is
            change.flags = change.flags & ~SUBTREE | CONTENT | DIRECTORY_GONE
            self._place_file(path, change, status)
        else:
            self._place_file(path, change, status)

    def _place_file(self, path: bytes, change: Change, status: os.stat_result) -> None:
        if change.flags & DIRECTORY_GONE:
            self._put_replacing(path, change)
            return
        if change.flags & (MOVED | CONTENT | GONE) == MOVED and stat.S_ISREG(status.st_mode):
            self._moved[path] = change
            self._status[path] = status
            return
        # gone and here again, or moved here: another one
        lane = Lane.CONTENT if change.flags & (CONTENT | GONE | MOVED) else Lane.REST
        if stat.S_ISREG(status.st_mode) and status.st_size >= BULK:
            self._put_bulk(lane, path, change, status.st_size)
        else:
            self._put(lane, path, change, status.st_size if stat.S_ISREG(status.st_mode) else 0)

    def _place_missing(self, path: bytes, change: Change) -> None:
        if not (self._delete or (self._delete_permitted and change.flags & PERMITTED)):
            self._taken.add(path)
            self._plan.settled.append(path)
            return
        if not self._room(Lane.REMOVE):
            return
        top, covered = self._topmost_missing(path)
        if covered:  # something that is no directory stands above: sending that replaces all below it
            self._taken.add(path)
            self._plan.settled.append(path)
            self._replaced[top] = min(change.since, self._replaced.get(top, change.since))
            return
        if not top:
            self._plan.root_missing = True
            return
        if top != path and not self._delete:
            # the whole directory is another deletion than the one that may go, which goes by itself
            whole = self._changes.paths.get(top)
            if whole is None or not whole.flags & PERMITTED:
                top = path
        if self._needed(top):
            return
        known = self._changes.paths.get(top) if top != path else None
        batch = self._batch(Lane.REMOVE)
        other = next(iter(batch.items.values()), None)
        if other is not None and (other.flags ^ change.flags) & SPARING:
            return  # other things are to stay there than here: the next batch
        if self._blocked(top, batch) or not self._structure_with(batch, top):
            return
        if top != path:
            # leave to delete one entry is none for the whole directory, which has its own where it was counted
            permitted = known.flags & PERMITTED if known is not None else 0
            change = Change(change.flags & ~PERMITTED | GONE | DIRECTORY_GONE | permitted, change.since)
        elif change.flags & (STRUCTURE | SUBTREE) or not change.flags & (CONTENT | GONE | MOVED):
            # nothing says that it was a file: its end may not have been read yet, and it may stand for a whole tree
            change.flags |= DIRECTORY_GONE
        if known is not None and top not in self._taken:
            self._taken.add(top)
            batch.take(top, known)
        self._taken.add(path)
        batch.covered.add(path)
        batch.take(top, change)
        self._begin(batch)

    def _topmost_missing(self, path: bytes) -> tuple[bytes, bool]:
        """The highest directory above a missing path that is missing too; or, with True, what stands in its way."""
        how, top = self._stands(parent_of(path)) if path else (Stands.NOT, path)
        return (path, False) if how is Stands.DIRECTORY else (top, how is Stands.IN_THE_WAY)

    def _stands(self, directory: bytes) -> tuple[Stands, bytes]:
        """Does a directory stand there, below nothing but directories?  If not, the highest path where none does."""
        unknown = []
        at = directory
        known = self._standing.get(at)
        while known is None:
            unknown.append(at)
            if not at:
                break
            at = parent_of(at)
            known = self._standing.get(at)
        for at in reversed(unknown):
            if known is None or known[0] is Stands.DIRECTORY:
                status = self._look(at)
                if status is not None and (stat.S_ISDIR(status.st_mode) or status is UNREADABLE):
                    known = Stands.DIRECTORY, at
                else:  # a source that is no directory is no source
                    known = Stands.NOT if status is None or not at else Stands.IN_THE_WAY, at
            self._standing[at] = known
        assert known is not None
        return known

    def _place_moved(self) -> None:
        """What is worth it is made of what the target has; the rest is sent like anything new."""
        sizes = {path: status.st_size for path, status in self._status.items()}
        rest = dict(self._moved)
        for group in self._renames.groups(sizes) if self._renames is not None else ():
            if group.size < WORTH or not self._can_be_renamed(group.new, group.old):
                continue
            for path in group.olds:
                del rest[path]
            self._put_group(group)
        for path, change in rest.items():
            change.flags |= CONTENT
            self._place_file(path, change, self._status[path])

    def _put_group(self, group: Group) -> None:
        if group.lane not in self._free or group.lane in self._open:
            return
        batch = Batch(group.lane, link=None if group.lane is Lane.FUZZY else (group.new, group.old))
        batch.reserved = {group.old} if group.whole else set()
        if group.whole and self._blocked(group.old, None):
            return
        for path, old in group.olds.items():
            if self._waits_for_one_above(path) or self._blocked(path, None):
                continue
            if not group.whole:
                if len(batch.reserved) >= SINGLY or self._blocked(old, None):
                    continue
                batch.reserved.add(old)
            self._taken.add(path)
            batch.take(path, self._moved[path])
        if batch.items:
            self._begin(batch)

    # ------------------------------------------------------------------ lanes

    def _room(self, lane: Lane) -> bool:
        if lane not in self._free:
            return False
        batch = self._open.get(lane)
        return batch is None or (len(batch.listed) < self._max_names and batch.size < self._max_bytes)

    def _batch(self, lane: Lane) -> Batch:
        batch = self._open.get(lane) or self._to_open.get(lane)
        if batch is None:
            batch = self._to_open[lane] = Batch(lane)
        return batch

    def _put(self, lane: Lane, path: bytes, change: Change, size: int, whole: bool = True) -> None:
        if not self._room(lane):
            return
        batch = self._batch(lane)
        if self._blocked(path, batch, whole) or not self._structure_with(batch, path):
            return
        self._taken.add(path)
        batch.take(path, change, whole)
        batch.size += size
        self._begin(batch)

    def _put_bulk(self, lane: Lane, path: bytes, change: Change, size: int) -> None:
        if self._bulk_slots > 0 and self._put_alone(Batch(lane, bulk=True, size=size), path, change):
            self._bulk_slots -= 1

    def _put_replacing(self, path: bytes, change: Change) -> None:
        """One at a time, and by itself: what it deletes is asked about before it goes."""
        if self._may_replace and self._put_alone(Batch(Lane.REPLACE, replaces=True), path, change):
            self._may_replace = False

    def _put_alone(self, batch: Batch, path: bytes, change: Change) -> bool:
        if self._waits_for_one_above(path) or self._blocked(path, batch):
            return False
        self._taken.add(path)
        batch.take(path, change)
        self._plan.batches.append(batch)
        self._active.append(batch)
        return True

    def _begin(self, batch: Batch) -> None:
        if batch.lane not in self._open:
            self._open[batch.lane] = batch
            self._plan.batches.append(batch)
            self._active.append(batch)

    def _is_under_way(self, path: bytes, whole: bool = True) -> bool:
        # not any(): a generator for every change costs as much as the question
        for batch in self._before:  # noqa: SIM110
            if batch.touches(path, whole):
                return True
        return False

    def _blocked(self, path: bytes, own: Optional[Batch], whole: bool = True) -> bool:
        for batch in self._active:  # noqa: SIM110
            if batch is not own and batch.touches(path, whole):
                return True
        return False

    # ------------------------------------------------------------------ directories that go along

    def _bring_structure(self) -> None:
        """Place the new directories that something waits for: they may come long after it."""
        while self._waited_for:
            path = self._waited_for.pop()
            change = self._changes.paths[path]
            if path not in self._taken and not self._is_under_way(path):
                self._place(path, change)

    def _has_structure(self, path: bytes) -> bool:
        change = self._changes.paths.get(path)
        if change is not None and change.flags & STRUCTURE and path not in self._taken:
            if path not in self._brought:
                self._brought.add(path)
                self._waited_for.append(path)
            return True
        return self._waits_elsewhere is not None and self._waits_elsewhere(path)

    def _waits_for_one_above(self, path: bytes) -> bool:
        """Is any directory above still to be made?  What is known of one holds for all below it, however deep."""
        passed = []
        for above in ancestors(path):
            if above in self._old:
                break
            passed.append(above)
            near = self._young.get(above, above)
            if self._has_structure(near):
                self._young.update(dict.fromkeys(passed, near))
                return True
        self._old.update(passed)
        return False

    def _structure_with(self, batch: Batch, path: bytes) -> bool:
        """New directories above a path go in the same batch, or the path has to wait for them."""
        complete = self._complete.setdefault(batch, set())
        if parent_of(path) in complete:
            return True
        lacks = self._lacks.setdefault(batch, {})
        needed, passed = [], []
        for above in ancestors(path):
            if above in complete:
                break
            passed.append(above)
            lacking = lacks.get(above)
            if lacking is None or not self._is_missing(lacking, batch):
                lacking = None
                if self._is_missing(above, batch):
                    if self._blocked(above, batch) or self._look(above) is None:
                        lacking = above
                    else:
                        needed.append(above)
            if lacking is not None:
                lacks.update(dict.fromkeys(passed, lacking))
                return False
        if needed and batch.lane is Lane.REMOVE:  # which may list nothing that is there
            lacks.update((above, needed[0]) for above in passed[: passed.index(needed[0]) + 1])
            return False
        for above in needed:
            change = self._changes.paths.get(above)
            if change is None or change.flags & (SUBTREE | DIRECTORY_GONE):
                batch.add(above, whole=True)
            else:
                self._taken.add(above)
                batch.take(above, change)
        complete.update(passed)
        return True

    def _is_missing(self, directory: bytes, batch: Batch) -> bool:
        """Is it new, and not in the batch?"""
        return directory != b"" and directory not in batch.listed and self._has_structure(directory)

    def _list_parents(self, batch: Batch) -> None:
        """Writing into a directory changes its time on the target, so each one is sent along and set right at the end.

        Not the source itself, which has a lane of its own; not with REMOVE, which deletes what it does not find (were
        the source unmounted just now, that would be the parent); and not with what goes alone, which may take for
        hours, or be held.
        """
        for parent in batch.parents:
            # one whose attributes are refused has its own next try, and would have each batch refused meanwhile
            if parent in batch.listed or self._refused(parent):
                continue
            alone = batch.bulk or batch.replaces or batch.reserved or batch.lane is Lane.REMOVE
            if not parent or alone or self._blocked(parent, batch, whole=False):
                batch.stale.add(parent)
                continue
            change = self._changes.paths.get(parent)
            if change is not None and parent not in self._taken and change.flags == ATTRIBUTES:
                self._taken.add(parent)
                batch.take(parent, change, whole=False)
            else:
                batch.add(parent)
        for other in self._active:
            shared = batch.parents & (other.parents | other.listed.keys()) if other is not batch else set()
            batch.stale |= shared
            other.stale |= shared
