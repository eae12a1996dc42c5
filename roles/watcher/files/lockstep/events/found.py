"""What must have happened to an entry that is found in a directory, when no event told it."""

from __future__ import annotations

import os

from lockstep.source import inotify as kernel


def happened(entry: os.DirEntry[bytes]) -> list[int]:
    """It came, and a file's contents too; nobody can say whether its writer has closed it: better once too often."""
    if not entry.is_file(follow_symlinks=False):
        return [kernel.CREATE]
    return [kernel.CREATE, *([kernel.MODIFY] if _has_content(entry) else []), kernel.CLOSE_WRITE]


def changed(entry: os.DirEntry[bytes], since: float) -> bool:
    """Whether anything of it has changed since then, by ctime, which nobody can set back."""
    try:
        return entry.stat(follow_symlinks=False).st_ctime >= since
    except OSError:
        return False  # it is gone again


def _has_content(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_size > 0
    except OSError:
        return False
