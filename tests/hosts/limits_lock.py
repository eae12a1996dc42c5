"""fs.inotify.* is one for all labs of a machine, so that a playbook of one lab changes it under the eyes of another."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator

_LIMITS = "/proc/sys/fs/inotify"  # the lock is on this directory, so that nothing is left of it

Lock = Callable[[], contextlib.AbstractContextManager[None]]


def may_change() -> contextlib.AbstractContextManager[None]:
    """For as long as a playbook runs that may set the limits: as many at a time as there are."""
    return _locked(fcntl.LOCK_SH)


def unchanged() -> contextlib.AbstractContextManager[None]:
    """For as long as nobody else may set the limits."""
    return _locked(fcntl.LOCK_EX)


@contextlib.contextmanager
def _locked(how: int) -> Iterator[None]:
    directory = os.open(_LIMITS, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, how)
        yield
    finally:
        os.close(directory)
