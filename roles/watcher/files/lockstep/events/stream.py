"""From the kernel's events to what is told, with what stood in a new directory before it could be watched.

A new directory is watched, then looked into, then the kernel's queue is emptied: whatever was found and has no event of
its own in there is told in its place.  That is what inotifywait leaves out, and why it misses files.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional

import pyinotify

from lockstep.events import found, words
from lockstep.events.patterns import Selection
from lockstep.events.queue import ARRIVED, ENTRIES, Queue
from lockstep.events.tree import Tree
from lockstep.source import inotify as kernel

_ONLYDIR: int = pyinotify.IN_ONLYDIR
_DONT_FOLLOW: int = pyinotify.IN_DONT_FOLLOW
_MASK_ADD: int = pyinotify.IN_MASK_ADD
_BY_LOOKING = words.OPEN | words.ACCESS | words.CLOSE_NOWRITE  # what our own look into a directory causes
_TICK = 0.02  # seconds: a file's time can be that much older than the clock
_QUEUE = "/proc/sys/fs/inotify/max_queued_events"


class Told(NamedTuple):
    """One event.  `shown` is the watched directory (with a slash) or file, `name` what it is about in there, if any."""

    wd: int
    mask: int
    cookie: int
    shown: bytes
    name: bytes


@dataclass(frozen=True)
class Choice:
    """What is watched, and what of it is told."""

    paths: tuple[bytes, ...]
    asked: int
    recursive: bool
    follow: bool
    selection: Selection


class CannotWatch(Exception):
    """A path that was named cannot be watched; says why and how to mend it."""


class Stream:
    """Watches what was chosen.  `complain` is told, in a sentence, what could not be seen."""

    def __init__(self, choice: Choice, complain: Callable[[str], None]) -> None:
        self._choice = choice
        self._complain = complain
        self._base = os.getcwdb()  # a daemon goes elsewhere
        self._mask = choice.asked & 0xFFFF | (kernel.CREATE | words.MOVE if choice.recursive else 0)
        self._inotify = kernel.Inotify()
        self.tree = Tree()
        self._queue = Queue(self._inotify, by_name=choice.recursive)
        self._moving: dict[int, int] = {}  # cookie → directory that is being renamed within what is watched
        self._leaving: set[int] = set()  # moved out, and its own event of that is still to be told

    def fileno(self) -> int:
        return self._inotify.fileno()

    def close(self) -> None:
        self._inotify.close()

    # ------------------------------------------------------------------ the start

    def establish(self) -> None:
        """Watch all that was named.  Raises CannotWatch."""
        walked: list[int] = []
        for path in self._choice.paths:
            shown = path.rstrip(b"/") + b"/" if os.path.isdir(self._absolute(path)) and self._enters(path) else path
            is_dir = shown.endswith(b"/")
            mask = self._mask & ~_BY_LOOKING if is_dir and self._choice.recursive else self._mask
            try:
                wd = self._inotify.add(self._absolute(path), mask | (0 if self._choice.follow else _DONT_FOLLOW))
            except OSError as error:
                raise CannotWatch(f"Couldn't watch {os.fsdecode(path)}: {_reason(error)}") from error
            if wd not in self.tree:
                self.tree.root(wd, shown)
            if is_dir and self._choice.recursive:
                walked += self._walk(wd)
        self._see_looks(walked)

    def _enters(self, path: bytes) -> bool:
        return self._choice.follow or not os.path.islink(self._absolute(path))

    def _walk(self, root: int) -> list[int]:
        """Watch what is below.  Nothing of it is told: it was there before."""
        walked, todo = [root], [root]
        while todo:
            wd = todo.pop()
            for entry in self._entries(wd):
                if entry.is_dir(follow_symlinks=False):
                    child = self._adopt(wd, entry.name)
                    if child is not None:
                        walked.append(child)
                        todo.append(child)
        return walked

    # ------------------------------------------------------------------ from events to what is told

    def events(self) -> Iterator[Told]:
        """What waits, and what came while that was told."""
        self._queue.fill()
        while True:
            event = self._queue.take()
            if event is None:
                return
            yield from self._handle(*event)

    def _handle(self, wd: int, mask: int, cookie: int, name: bytes) -> Iterator[Told]:
        if mask & kernel.Q_OVERFLOW:
            yield from self._after_overflow()
            return
        shown = self.tree.shown(wd)
        if shown is None:
            return
        yield from self._tell(wd, mask, cookie, shown, name)
        if mask & kernel.IGNORED:
            self.tree.forget(wd)
            self._leaving.discard(wd)
        elif mask & kernel.MOVE_SELF and wd in self._leaving:
            self._leaving.discard(wd)
            self._drop(wd)
        elif self._choice.recursive and mask & kernel.ISDIR and name:
            if mask & ARRIVED:
                yield from self._directory_came(wd, name, cookie if mask & kernel.MOVED_TO else 0)
            elif mask & kernel.MOVED_FROM:
                self._directory_left(wd, name, cookie)

    def _tell(self, wd: int, mask: int, cookie: int, shown: bytes, name: bytes) -> Iterator[Told]:
        # That a root is gone has to be known, asked for or not; the commands leave out what was not asked for.
        ended = not name and mask & (kernel.IGNORED | kernel.UNMOUNT) and self.tree.is_root(wd)
        if ended or (mask & self._choice.asked and self._choice.selection.tells(shown + name)):
            yield Told(wd, mask, cookie, shown, name)

    # ------------------------------------------------------------------ directories that come and go

    def _directory_came(self, parent: int, name: bytes, cookie: int) -> Iterator[Told]:
        was = self._moving.pop(cookie, None)
        now = self._adopt(parent, name)
        if now is not None:
            self._leaving.discard(now)  # it has not left: the other half of its rename came late
        if now is None and was is not None:
            if self._chosen(parent, name):
                self.tree.hang(was, parent, name)  # it has moved on already, and there is an event of that
            else:
                self._drop(was)
        elif now is not None and now != was:
            yield from self._look_into(now)

    def _directory_left(self, parent: int, name: bytes, cookie: int) -> None:
        wd = self.tree.child(parent, name)
        if wd is None:
            return
        if self._queue.moves_to(cookie):
            self._moving[cookie] = wd
        elif self._mask & kernel.MOVE_SELF:
            self._leaving.add(wd)
        else:
            self._drop(wd)

    def _drop(self, wd: int) -> None:
        for gone in self.tree.below(wd):
            self._inotify.remove(gone)
            self.tree.forget(gone)

    def _chosen(self, parent: int, name: bytes) -> bool:
        shown = self.tree.shown(parent)
        return shown is not None and self._choice.selection.watches(shown + name)

    def _adopt(self, parent: int, name: bytes) -> Optional[int]:
        """Watch the directory that stands there now, but not yet what our own look into it causes."""
        if not self._chosen(parent, name):
            return None
        path = (self.tree.shown(parent) or b"") + name
        try:
            # added, for it may be watched already under its old name
            mask = self._mask & ~_BY_LOOKING | _ONLYDIR | _DONT_FOLLOW | _MASK_ADD
            wd = self._inotify.add(self._absolute(path), mask)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self._complain(f"Couldn't watch {os.fsdecode(path)}: {_reason(error)}")
            return None
        self.tree.hang(wd, parent, name)
        return wd

    def _see_looks(self, directories: list[int]) -> None:
        """From now on others' looks into these directories count too."""
        if not self._mask & _BY_LOOKING:
            return
        for wd in directories:
            shown = self.tree.shown(wd)
            if shown is None:
                continue
            follow = 0 if self.tree.is_root(wd) and self._choice.follow else _DONT_FOLLOW
            try:
                now = self._inotify.add(self._absolute(shown.rstrip(b"/") or b"/"), self._mask | _ONLYDIR | follow)
            except OSError:
                continue  # gone or moved meanwhile, which gives an event of its own
            if now not in self.tree:
                self._inotify.remove(now)

    # ------------------------------------------------------------------ what no event told

    def _look_into(self, directory: int, since: float = 0.0) -> Iterator[Told]:
        """Tell what stands in it, and below, unless an event of that waits; only what changed `since` (ctime)."""
        todo, walked = [directory], []
        while todo:
            wd = todo.pop()
            walked.append(wd)
            entries = self._entries(wd)
            self._queue.fill()
            shown = self.tree.shown(wd)
            if shown is None:
                continue
            for entry in entries:
                ahead = self._queue.ahead(wd, entry.name)
                if next((mask & ARRIVED for mask in ahead if mask & ENTRIES), 0):
                    continue
                if since and not found.changed(entry, since) and not entry.is_dir(follow_symlinks=False):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    known = self.tree.child(wd, entry.name)
                    child = self._adopt(wd, entry.name) if self._choice.recursive else None
                    if (known is None or known != child) and (not since or found.changed(entry, since)):
                        yield from self._tell(wd, kernel.CREATE | kernel.ISDIR, 0, shown, entry.name)
                    if child is not None:
                        todo.append(child)
                else:
                    yield from self._found_file(wd, shown, entry, ahead)
        self._see_looks(walked)

    def _found_file(self, wd: int, shown: bytes, entry: os.DirEntry[bytes], ahead: Collection[int]) -> Iterator[Told]:
        for mask in found.happened(entry):
            if not any(mask & other for other in ahead):
                yield from self._tell(wd, mask, 0, shown, entry.name)

    def _after_overflow(self) -> Iterator[Told]:
        since = self._queue.lost_since() - _TICK
        at = time.strftime("%H:%M:%S", time.localtime(since))
        self._complain(
            f"the kernel dropped events, more than {_limit()} waited (fs.inotify.max_queued_events): what has changed "
            f"since {at} is told as found; what was deleted since is not"
        )
        for wd in [wd for wd in self.tree if self.tree.is_root(wd)]:
            shown = self.tree.shown(wd)
            if shown is not None and shown.endswith(b"/"):
                yield from self._look_into(wd, since)

    def _entries(self, wd: int) -> list[os.DirEntry[bytes]]:
        shown = self.tree.shown(wd)
        if shown is None:
            return []
        try:
            with os.scandir(self._absolute(shown)) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self._complain(f"cannot look into {os.fsdecode(shown)}: {_reason(error)}")
            return []

    def _absolute(self, path: bytes) -> bytes:
        return os.path.join(self._base, path)


def _limit() -> str:
    try:
        with open(_QUEUE, encoding="ascii") as file:
            return f"{int(file.read()):,}"
    except OSError:
        return "it allows"


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the limit of inotify watches is reached: raise fs.inotify.max_user_watches"
    return os.strerror(error.errno or 0)
