"""The tree of watches: which descriptor stands for which directory, through renames, moves and races.

The kernel knows a directory by its inode and hands out the same descriptor for it however often it is added; so adding
again *is* the question "who stands at this path now?", and a renamed directory needs no map of children to be found.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections import deque
from typing import Callable, Optional

from lockstep.source import Reading, Seen, identity
from lockstep.source import inotify as kernel
from lockstep.source.places import Places

PATH_CACHE = 20_000  # paths of directories remembered between events
_DEEPEST = 4_096  # directories above one: no path has more, unless stale hints have made a circle of them
_DETACHED = 0  # no descriptor: the parent of what has been moved out of the tree

# Where a directory has a link for each one in it, besides its own two: two mean that none is in it.  Others count
# otherwise, or not at all.
_COUNTED = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs"})

_ENTRIES = kernel.CREATE | kernel.DELETE | kernel.MOVED_FROM | kernel.MOVED_TO
_NOT_OF_A_RUN = ~(kernel.MODIFY | kernel.CLOSE_WRITE | kernel.ATTRIB)

# For the loop over events, where looking one up in an enumeration costs as much as the rest.
_CREATE, _MODIFY, _CLOSE_WRITE, _ISDIR = kernel.CREATE, kernel.MODIFY, kernel.CLOSE_WRITE, kernel.ISDIR
_WRITTEN, _CLOSED, _REWRITTEN, _COMPLETE = Seen.WRITTEN, Seen.CLOSED, Seen.REWRITTEN, Seen.COMPLETE
_ATTRIBUTES = Seen.ATTRIBUTES
_NOTHING, _IGNORED = None, Seen.FOUND  # two that no run of events can be

TOGETHER = 0.0002  # seconds: the kernel queues both halves of a rename one after the other, and we may come in between
TRIES = 3


class WatchTree:
    """Watches a directory with all below it.  Implements EventSource.

    Nothing is walked by the constructor: `scan()` does it in slices, at the start for the whole tree, later for what
    appears.  `problems` holds what could not be watched, path → reason; it is cured by the next scan that succeeds.
    `inotify` becomes the tree's own, to be closed with it.
    """

    def __init__(
        self, root: bytes, excluded: Callable[[bytes, bool], bool], inotify: Optional[kernel.Inotify] = None
    ) -> None:
        self._root_path = root
        self._excluded = excluded
        self._inotify = kernel.Inotify() if inotify is None else inotify
        self._places = Places()
        self._prefixes: dict[int, bytes] = {}  # of what is in a directory: its path and a slash
        self._moved: dict[int, bytes] = {}  # cookie → old path of what was renamed and has not turned up yet
        self._to_scan: list[int] = []  # the last comes first; below 0 where what is found is to be told
        self._detached = 0
        self._to_count: deque[bytes] = deque()
        self.problems: dict[bytes, str] = {}
        self.unwatched = 0  # directories for which no watch was left
        try:
            self._root = self._inotify.add(root)
        except OSError:
            self._inotify.close()
            raise
        self._counted = _counted_device(root)
        self._places.put(self._root, _DETACHED, b"")
        self._prefixes[self._root] = b""
        self._to_scan.append(self._root)

    def fileno(self) -> int:
        return self._inotify.fileno()

    def close(self) -> None:
        self._inotify.close()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def scanning(self) -> bool:
        return bool(self._to_scan)

    @property
    def unread(self) -> bool:
        """Does any event wait to be read?"""
        return self._inotify.waits

    # ------------------------------------------------------------------ from events to what was seen

    def read(self) -> Reading:
        """Take the events that wait.  New directories are watched and walked at once, but for no longer than 10 ms:
        what is left of them is for `scan()`."""
        reading = Reading()
        events = self._inotify.read()
        for _try in range(TRIES if events else 0):
            if not events[-1][1] & kernel.MOVED_FROM:
                break
            time.sleep(TOGETHER)
            events = events + self._inotify.read()
        reading.more = not self._inotify.drained
        if events:
            earlier = list(self._moved)
            self._digest(events, reading)
            for cookie in earlier:  # the two events of a rename lie next to each other, or all but
                self._moved.pop(cookie, None)
        if self._to_scan:
            self.scan(reading, 0.010)
        return reading

    def _digest(self, events: list[kernel.Event], reading: Reading) -> None:
        """What was seen, with as little work as can be for the usual: a file is made, written and closed.

        Events of one file that follow each other, a run, are one entry where that says the same; so is a close with the
        first write that it ends, whatever was seen of other files in between.
        """
        reading.events = len(events)
        seen = reading.seen
        add = seen.append
        excluded = self._excluded
        prefixes = self._prefixes
        unclosed: dict[bytes, int] = {}  # path → its WRITTEN in `seen`, since which nothing else was seen of it
        unsure: dict[bytes, int] = {}  # the same of what was made, and may be no file that will be closed
        run_wd, run_name = -1, b""
        path, at, what = b"", -1, _NOTHING  # of the run
        for wd, mask, cookie, name in events:
            if wd != run_wd or name != run_name or mask & _NOT_OF_A_RUN:
                if not name or mask & _ISDIR:
                    run_wd = -1
                    unclosed.clear()  # for paths may mean others from here on
                    self._handle_directory(wd, mask, cookie, name, reading)
                    continue
                run_wd, run_name, what = wd, name, _IGNORED
                prefix = prefixes.get(wd)
                if prefix is None:
                    prefix = self._prefix(wd)
                    if prefix is None:
                        continue
                path = prefix + name
                if excluded(path, False):
                    if mask & _ENTRIES:  # it has changed its directory's time all the same
                        add((Seen.DIRECTORY_ATTRIBUTES, prefix[:-1]))
                    continue
                if mask & _NOT_OF_A_RUN:
                    at = len(seen)
                    if mask & _CREATE:
                        unclosed[path] = unsure[path] = at
                        what = _WRITTEN
                        add((what, path))
                        continue
                    if unclosed:
                        unclosed.pop(path, None)
                        unsure.pop(path, None)
                    what = _NOTHING  # that could stand for what comes after it
                    if mask & kernel.MOVED_TO:
                        self._pair(cookie, reading)
                        add((_COMPLETE, path))
                    else:
                        if mask & kernel.MOVED_FROM:
                            self._moved[cookie] = path
                        add((Seen.GONE, path))
                    continue
                at = unclosed.get(path, -1)
                what = _NOTHING if at < 0 else _WRITTEN
            elif what is _IGNORED:
                continue
            if mask & _MODIFY:
                if what is _WRITTEN:
                    unsure.pop(path, None)
                else:
                    what = _WRITTEN
                    unclosed[path] = at = len(seen)
                    add((what, path))
            elif mask & _CLOSE_WRITE:
                if what is _WRITTEN:
                    what = _REWRITTEN
                    seen[at] = (what, path)
                    unclosed.pop(path, None)
                    unsure.pop(path, None)
                elif what is _NOTHING or what is _ATTRIBUTES:
                    what = _CLOSED
                    add((what, path))
            elif what is _NOTHING:
                what = _ATTRIBUTES
                add((what, path))
        for path, at in unsure.items():
            if not self._will_be_closed(path):
                seen[at] = (_COMPLETE, path)

    def _pair(self, cookie: int, reading: Reading) -> None:
        """The next entry is of what was renamed: tell its old name, if that is known."""
        origin = self._moved.pop(cookie, None)
        if origin is not None:
            reading.origins[len(reading.seen)] = origin

    def _will_be_closed(self, path: bytes) -> bool:
        """A regular file of one name was made by open(2) and will be closed; links and devices are there at once."""
        try:
            status = os.lstat(self._absolute(path))
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_nlink == 1

    def _handle_directory(self, wd: int, mask: int, cookie: int, name: bytes, reading: Reading) -> None:
        """An event of a directory in a watched one, or of the watched one itself, or that events were lost."""
        if mask & kernel.Q_OVERFLOW:
            reading.overflow = True
            return
        if not name:
            if wd in self._places:
                self._handle_itself(wd, mask, reading)
            return
        prefix = self._prefix(wd)
        if prefix is None:
            return
        path = prefix + name
        if self._excluded(path, True):
            if mask & _ENTRIES:  # it has changed its directory's time all the same
                reading.seen.append((Seen.DIRECTORY_ATTRIBUTES, prefix[:-1]))
        elif mask & (kernel.CREATE | kernel.MOVED_TO):
            self._pair(cookie, reading)
            reading.seen.append((Seen.DIRECTORY_NEW, path))
            self._adopt(wd, name, path, report=True)
        elif mask & (kernel.DELETE | kernel.MOVED_FROM):
            if mask & kernel.MOVED_FROM:
                self._moved[cookie] = path
            reading.seen.append((Seen.DIRECTORY_GONE, path))
            self._no_problem_below(path)
        elif mask & kernel.ATTRIB:
            reading.seen.append((Seen.DIRECTORY_ATTRIBUTES, path))

    def _handle_itself(self, wd: int, mask: int, reading: Reading) -> None:
        if mask & kernel.UNMOUNT:
            reading.unmounted = True
        if wd == self._root:
            if mask & (kernel.UNMOUNT | kernel.DELETE_SELF | kernel.MOVE_SELF | kernel.IGNORED):
                reading.lost_root = True
            elif mask & kernel.ATTRIB:
                reading.seen.append((Seen.DIRECTORY_ATTRIBUTES, b""))
        elif mask & kernel.IGNORED:
            self._forget(wd)
        elif mask & kernel.MOVE_SELF:
            self._where_is(wd)

    # ------------------------------------------------------------------ who stands where

    def _absolute(self, path: bytes) -> bytes:
        return self._root_path + b"/" + path if path else self._root_path

    def _prefix(self, wd: int, keep: bool = True) -> Optional[bytes]:
        """The directory's path relative to the source, with a slash (b"" for the source itself); None when it is
        unknown, or has been moved out of the tree."""
        names: list[bytes] = []
        at = wd
        while True:
            prefix = self._prefixes.get(at)
            if prefix is not None:
                break
            place = self._places.get(at)
            if place is None or len(names) > _DEEPEST:
                return None
            at, name = place
            names.append(name)
        if names:
            names.reverse()
            prefix += b"/".join(names) + b"/"
            if keep:
                self._keep(wd, prefix)
        return prefix

    def _keep(self, wd: int, prefix: bytes) -> None:
        if len(self._prefixes) >= PATH_CACHE:
            self._paths_changed()
        self._prefixes[wd] = prefix

    def _paths_changed(self) -> None:
        self._prefixes.clear()
        self._prefixes[self._root] = b""

    def _adopt(self, parent: int, name: bytes, path: bytes, report: bool) -> None:
        """Watch the directory at this path and have it walked."""
        wd = self._stands_at(parent, name, path)
        if wd is not None:
            self._to_scan.append(-wd if report else wd)

    def _stands_at(self, parent: int, name: bytes, path: bytes, absolute: bytes = b"") -> Optional[int]:
        """Whoever stands at this path now, watched and hung in there."""
        try:
            wd = self._inotify.add(absolute or self._absolute(path))
        except OSError as err:
            self._cannot_watch(path, err)
            return None
        known = self._places.get(wd)
        if known is None:
            self._places.put(wd, parent, name)
        elif wd == self._root:
            return None
        elif known != (parent, name):
            if known[0] == _DETACHED:
                self._detached -= 1
            self._places.put(wd, parent, name)
            self._paths_changed()
        if self.problems:
            self.problems.pop(path, None)
        return wd

    def _where_is(self, wd: int) -> None:
        """A directory was moved: if another one, or none, stands where it was last known, it has left the tree."""
        place, prefix = self._places.get(wd), self._prefix(wd)
        if place is None or prefix is None:
            return
        parent, name = place
        if self._stands_at(parent, name, prefix[:-1]) != wd:
            self._detached += 1
            self._places.put(wd, _DETACHED, name)
            self._paths_changed()

    def _forget(self, wd: int) -> None:
        place = self._places.get(wd)
        if place is not None and place[0] == _DETACHED:
            self._detached -= 1
        self._places.remove(wd)
        self._prefixes.pop(wd, None)

    def sweep(self) -> int:
        """Give back the watches of what has been moved out of the tree; how many.  One pass over all watches."""
        if self._detached <= 0:
            return 0
        gone = [wd for wd in self._places if self._prefix(wd, keep=False) is None]
        for wd in gone:
            self._inotify.remove(wd)
            self._places.remove(wd)
        self._detached = 0
        return len(gone)

    # ------------------------------------------------------------------ the walk

    def rescan(self) -> None:
        """Walk the whole tree again, for directories that came without an event, or could not be watched before."""
        self.problems.clear()
        self._to_count.clear()
        self.unwatched = 0
        self._to_scan.append(self._root)

    def scan(self, reading: Reading, seconds: float) -> bool:
        """Watch what is still to be walked, for about so long; True when nothing is left."""
        until = time.monotonic() + seconds
        while self._to_scan:
            wd = self._to_scan.pop()
            report, wd = wd < 0, abs(wd)
            prefix = self._prefix(wd, keep=False)
            if prefix is not None:
                self._scan_directory(wd, prefix, report, reading)
            if time.monotonic() >= until:
                break
        return not self._to_scan

    def count(self, seconds: float) -> None:
        """Go on counting the directories below those for which no watch was left, for about so long."""
        until = time.monotonic() + seconds
        while self._to_count and time.monotonic() < until:
            path = self._to_count.popleft()
            try:
                with os.scandir(self._absolute(path)) as entries:
                    for entry in entries:
                        found = path + b"/" + entry.name
                        if entry.is_dir(follow_symlinks=False) and not self._excluded(found, True):
                            self.unwatched += 1
                            self._to_count.append(found)
            except OSError:
                continue  # it vanished, or is for the comparison to complain of

    def _scan_directory(self, wd: int, prefix: bytes, report: bool, reading: Reading) -> None:
        excluded, counted, to_scan = self._excluded, self._counted, self._to_scan
        waiting = len(to_scan)
        try:
            with os.scandir(self._absolute(prefix[:-1])) as entries:
                for entry in entries:
                    found = prefix + entry.name
                    is_dir = entry.is_dir(follow_symlinks=False)
                    if excluded(found, is_dir):
                        continue
                    if not is_dir:
                        if report:
                            reading.seen.append((Seen.FOUND, found))
                        continue
                    if report:
                        reading.seen.append((Seen.DIRECTORY_NEW, found))
                    stands = self._stands_at(wd, entry.name, found, entry.path)
                    if stands is None:
                        continue
                    if report:
                        to_scan.append(-stands)
                    elif counted is None or not _has_no_directory(entry, counted):
                        to_scan.append(stands)
        except OSError as err:
            self._cannot_watch(prefix[:-1], err)
        if len(to_scan) > waiting and wd != self._root:
            self._keep(wd, prefix)  # which comes before the path of each of them

    def _no_problem_below(self, path: bytes) -> None:
        """What is gone from here need not be watched here."""
        if self.problems:
            for known in [known for known in self.problems if known == path or known.startswith(path + b"/")]:
                del self.problems[known]

    def _cannot_watch(self, path: bytes, err: OSError) -> None:
        if err.errno in (errno.ENOENT, errno.ENOTDIR):
            return  # gone or replaced meanwhile, which gives an event of its own
        if err.errno == errno.ENOSPC:
            self.unwatched += 1
            self._to_count.append(path)
            reason = (
                "the limit of inotify watches is reached: raise fs.inotify.max_user_watches "
                "(variable inotify_limits_max_user_watches)"
            )
        elif err.errno == errno.ENAMETOOLONG:
            reason = "its path is longer than the 4,095 bytes that the kernel takes; shorten it"
        elif err.errno == errno.EACCES:
            reason = "permission denied: the watcher needs CAP_DAC_READ_SEARCH, or read permission"
        else:
            reason = os.strerror(err.errno or 0)
        self.problems[path] = reason


def _has_no_directory(entry: os.DirEntry[bytes], counted: int) -> bool:
    """Is there for certain no directory in this one?  Costs a tenth of looking, or less where many files are."""
    try:
        status = entry.stat(follow_symlinks=False)  # asked for the first time here, after it was watched
    except OSError:
        return False
    return status.st_nlink == 2 and status.st_dev == counted


def _counted_device(root: bytes) -> Optional[int]:
    """The device of the file system that the source is on, if the links of its directories are counted."""
    try:
        return os.lstat(root).st_dev if identity.mount_of(root).fstype in _COUNTED else None
    except OSError:
        return None
