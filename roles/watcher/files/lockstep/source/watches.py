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

from lockstep.source import Reading, Seen
from lockstep.source import inotify as kernel

_ENTRIES = kernel.CREATE | kernel.DELETE | kernel.MOVED_FROM | kernel.MOVED_TO
PATH_CACHE = 20_000  # paths of directories remembered between events


class Node:
    """One watched directory: where it hangs (None: moved out of the tree, or the root) and its name there."""

    __slots__ = ("name", "parent", "wd")

    def __init__(self, wd: int, parent: Optional[Node], name: bytes) -> None:
        self.wd = wd
        self.parent = parent
        self.name = name


class WatchTree:
    """Watches a directory with all below it.  Implements EventSource.

    Nothing is walked by the constructor: `scan()` does it in slices, at the start for the whole tree, later for what
    appears.  `problems` holds what could not be watched, path → reason; it is cured by the next scan that succeeds.
    """

    def __init__(self, root: bytes, excluded: Callable[[bytes, bool], bool]) -> None:
        self._root_path = root
        self._excluded = excluded
        self._inotify = kernel.Inotify()
        self._nodes: dict[int, Node] = {}
        self._paths: dict[int, bytes] = {}
        self._to_scan: deque[tuple[Node, bool]] = deque()
        self._detached = 0
        self._to_count: deque[bytes] = deque()
        self.problems: dict[bytes, str] = {}
        self.unwatched = 0  # directories for which no watch was left
        try:
            self._root = Node(self._inotify.add(root), None, b"")
        except OSError:
            self._inotify.close()
            raise
        self._nodes[self._root.wd] = self._root
        self._to_scan.append((self._root, False))

    def fileno(self) -> int:
        return self._inotify.fileno()

    def close(self) -> None:
        self._inotify.close()

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def scanning(self) -> bool:
        return bool(self._to_scan)

    # ------------------------------------------------------------------ from events to what was seen

    def read(self) -> Reading:
        """Take the events that wait.  New directories are watched and walked at once, but for no longer than 10 ms:
        what is left of them is for `scan()`."""
        reading = Reading()
        for wd, mask, _cookie, name in self._inotify.read():
            reading.events += 1
            if mask & kernel.Q_OVERFLOW:
                reading.overflow = True
                continue
            node = self._nodes.get(wd)
            if node is not None:
                self._handle(node, mask, name, reading)
        if self._to_scan:
            self.scan(reading, 0.010)
        return reading

    def _handle(self, node: Node, mask: int, name: bytes, reading: Reading) -> None:
        if not name:
            self._handle_itself(node, mask, reading)
            return
        here = self._path(node)
        if here is None:
            return
        path = here + b"/" + name if here else name
        is_dir = bool(mask & kernel.ISDIR)
        if self._excluded(path, is_dir):
            if mask & _ENTRIES:  # it has changed its directory's time all the same
                reading.seen.append((Seen.DIRECTORY_ATTRIBUTES, here))
        elif is_dir:
            if mask & (kernel.CREATE | kernel.MOVED_TO):
                reading.seen.append((Seen.DIRECTORY_NEW, path))
                self._adopt(node, name, path, report=True)
            elif mask & (kernel.DELETE | kernel.MOVED_FROM):
                reading.seen.append((Seen.DIRECTORY_GONE, path))
                self._no_problem_below(path)
            elif mask & kernel.ATTRIB:
                reading.seen.append((Seen.DIRECTORY_ATTRIBUTES, path))
        else:
            reading.seen.append((self._what_of_file(mask, path), path))

    def _what_of_file(self, mask: int, path: bytes) -> Seen:
        if mask & kernel.MODIFY:
            return Seen.WRITTEN
        if mask & kernel.CLOSE_WRITE:
            return Seen.CLOSED
        if mask & kernel.CREATE:
            return Seen.WRITTEN if self._will_be_closed(path) else Seen.COMPLETE
        if mask & kernel.MOVED_TO:
            return Seen.COMPLETE
        if mask & (kernel.DELETE | kernel.MOVED_FROM):
            return Seen.GONE
        return Seen.ATTRIBUTES

    def _will_be_closed(self, path: bytes) -> bool:
        """A regular file of one name was made by open(2) and will be closed; links and devices are there at once."""
        try:
            status = os.lstat(self._absolute(path))
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_nlink == 1

    def _handle_itself(self, node: Node, mask: int, reading: Reading) -> None:
        if mask & kernel.UNMOUNT:
            reading.unmounted = True
        if node is self._root:
            if mask & (kernel.UNMOUNT | kernel.DELETE_SELF | kernel.MOVE_SELF | kernel.IGNORED):
                reading.lost_root = True
            elif mask & kernel.ATTRIB:
                reading.seen.append((Seen.DIRECTORY_ATTRIBUTES, b""))
        elif mask & kernel.IGNORED:
            self._forget(node)
        elif mask & kernel.MOVE_SELF:
            self._where_is(node)

    # ------------------------------------------------------------------ who stands where

    def _absolute(self, path: bytes) -> bytes:
        return self._root_path + b"/" + path if path else self._root_path

    def _path(self, node: Node) -> Optional[bytes]:
        """The node's path relative to the source; None when it has been moved out of the tree."""
        path = self._paths.get(node.wd)
        if path is not None:
            return path
        names = []
        at: Optional[Node] = node
        while at is not None and at is not self._root:
            names.append(at.name)
            at = at.parent
        if at is None:
            return None
        path = b"/".join(reversed(names))
        if len(self._paths) >= PATH_CACHE:
            self._paths.clear()
        self._paths[node.wd] = path
        return path

    def _adopt(self, parent: Node, name: bytes, path: bytes, report: bool) -> None:
        """Watch the directory at this path and have it walked."""
        node = self._stands_at(parent, name, path)
        if node is not None:
            self._to_scan.append((node, report))

    def _stands_at(self, parent: Node, name: bytes, path: bytes) -> Optional[Node]:
        """Whoever stands at this path now, watched and hung in there."""
        try:
            wd = self._inotify.add(self._absolute(path))
        except OSError as err:
            self._cannot_watch(path, err)
            return None
        node = self._nodes.get(wd)
        if node is None:
            node = self._nodes[wd] = Node(wd, parent, name)
        elif node is self._root:
            return None
        elif node.parent is not parent or node.name != name:
            if node.parent is None:
                self._detached -= 1
            node.parent, node.name = parent, name
            self._paths.clear()
        if self.problems:
            self.problems.pop(path, None)
        return node

    def _where_is(self, node: Node) -> None:
        """A directory was moved: if another one, or none, stands where it was last known, it has left the tree."""
        path = self._path(node)
        if path is None or node.parent is None:
            return
        if self._stands_at(node.parent, node.name, path) is not node:
            self._detached += 1
            node.parent = None
            self._paths.clear()

    def _forget(self, node: Node) -> None:
        if node.parent is None:
            self._detached -= 1
        self._nodes.pop(node.wd, None)
        self._paths.pop(node.wd, None)

    def sweep(self) -> int:
        """Give back the watches of what has been moved out of the tree; how many.  One pass over all watches."""
        if self._detached <= 0:
            return 0
        gone = [node for node in self._nodes.values() if self._path(node) is None]
        for node in gone:
            self._inotify.remove(node.wd)
            del self._nodes[node.wd]
            self._paths.pop(node.wd, None)
        self._detached = 0
        return len(gone)

    # ------------------------------------------------------------------ the walk

    def rescan(self) -> None:
        """Walk the whole tree again, for directories that came without an event, or could not be watched before."""
        self.problems.clear()
        self._to_count.clear()
        self.unwatched = 0
        self._to_scan.append((self._root, False))

    def scan(self, reading: Reading, seconds: float) -> bool:
        """Watch what is still to be walked, for about so long; True when nothing is left."""
        until = time.monotonic() + seconds
        while self._to_scan:
            node, report = self._to_scan.popleft()
            path = self._path(node)
            if path is not None and self._nodes.get(node.wd) is node:
                self._scan_directory(node, path, report, reading)
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

    def _scan_directory(self, node: Node, path: bytes, report: bool, reading: Reading) -> None:
        prefix = path + b"/" if path else b""
        try:
            with os.scandir(self._absolute(path)) as entries:
                for entry in entries:
                    name = entry.name
                    found = prefix + name
                    is_dir = entry.is_dir(follow_symlinks=False)
                    if self._excluded(found, is_dir):
                        continue
                    if is_dir:
                        if report:
                            reading.seen.append((Seen.DIRECTORY_NEW, found))
                        self._adopt(node, name, found, report)
                    elif report:
                        reading.seen.append((Seen.FOUND, found))
        except OSError as err:
            self._cannot_watch(path, err)

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
