"""What stands at a path of a source now.  An event is a hint; this is asked before anything is sent or deleted."""

from __future__ import annotations

import errno
import os
import stat
from typing import Optional

from lockstep.changes import ancestors

PATH_MAX = 4_095  # bytes of a path that the kernel takes (path_resolution(7))
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
        if err.errno == errno.ENAMETOOLONG and not _may_lead_on(source, path):
            return None  # the kernel looks at the length first
        return UNREADABLE


def _may_lead_on(source: bytes, path: bytes) -> bool:
    """Does anything stand at the deepest directory above that can be looked at?  That may be thousands of names up."""
    room = PATH_MAX - len(source) - 1
    end = path.rfind(b"/", 0, max(0, room) + 1)
    try:
        os.lstat(source + b"/" + path[:end] if end > 0 else source)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
