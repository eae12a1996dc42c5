"""What stands at a path of a source now.  An event is a hint; this is asked before anything is sent or deleted."""

from __future__ import annotations

import errno
import os
import stat
from typing import Optional

from lockstep.changes import ancestors, parent_of

UNREADABLE = os.lstat(os.devnull)  # what `look` returns for what cannot be looked at


def is_inside(source: bytes, path: bytes) -> bool:
    """Is nothing above this path but directories?  Through a link it would be read elsewhere, or nowhere."""
    for above in ancestors(path):
        status = look(source, above)
        if status is None or not (stat.S_ISDIR(status.st_mode) or status is UNREADABLE):
            return False
    return True


def look(source: bytes, path: bytes) -> Optional[os.stat_result]:
    """What lstat(2) says of `path` (relative to `source`); None when nothing is there.

    What cannot be read is not missing: it looks like a device then, and rsync will say what is wrong with it.
    """
    try:
        return os.lstat(source + b"/" + path if path else source)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as err:
        if err.errno == errno.ENAMETOOLONG and look(source, parent_of(path)) is None:
            return None  # the kernel looks at the length first
        return UNREADABLE
