"""A mirror of one file system alone: what is mounted below its source is left out, as rsync's -x leaves it out.

rsync would make an empty directory of each mount point; here that is left out too, so that what the target has there
stays whatever is mounted, and nothing is watched beyond it.
"""

from __future__ import annotations

import os
from typing import Callable, Optional

from lockstep.changes import parent_of
from lockstep.filters import Filter
from lockstep.source.nested import nested_mounts


class OneFileSystem(Filter):
    """Leaves out what another filter does, and all that is not on the source's own file system at that moment."""

    def __init__(self, source: bytes, others: Filter) -> None:
        super().__init__([])
        self._source = source
        self._others = others

    def __bool__(self) -> bool:
        return True

    def excluded(self, path: bytes, is_dir: bool) -> bool:
        return self._others.excluded(path, is_dir) or self._is_elsewhere(path if is_dir else parent_of(path))

    def elsewhere(self, path: bytes) -> bool:
        is_dir = os.path.isdir(self._source + b"/" + path) and not os.path.islink(self._source + b"/" + path)
        return self._is_elsewhere(path if is_dir else parent_of(path))

    def rsync_args(self) -> list[bytes]:
        return [*self._others.rsync_args(), b"--one-file-system"]

    @property
    def sieve(self) -> Optional[Callable[[bytes, bool], bool]]:
        return self.hidden  # for rsync tells the mount points themselves

    def _is_elsewhere(self, directory: bytes) -> bool:
        """Is it, or would it be if it were there, on another file system?  Under a mount point lies what it covers, of
        which events may still come."""
        try:
            own = os.stat(self._source).st_dev
        except OSError:
            return False  # a source that is lost is for the custody to tell
        while directory:
            try:
                return os.lstat(self._source + b"/" + directory).st_dev != own
            except (FileNotFoundError, NotADirectoryError):
                directory = parent_of(directory)
            except OSError:
                return True  # another user's FUSE, or a server that is away, and never what is on the source's own
        return False


class Mounts:
    """`changed()`: what is mounted below a source is not what it was; no event tells."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._known = self._now()

    def changed(self) -> bool:
        before, self._known = self._known, self._now()
        return before != self._known

    def _now(self) -> list[bytes]:
        try:
            return nested_mounts(self._source)
        except OSError:
            return []
