"""The kernel's side of inotify, through pyinotify: descriptors, watches and raw events, in bytes.

pyinotify is the binding (init, remove, the constants); adding a watch goes to the C library directly, because
pyinotify encodes names strictly and dies of one that is not UTF-8.  See inotify(7) for the structure of an event.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
import termios

import pyinotify

pyinotify.log.handlers.clear()  # its import adds a handler of its own, and ours would print everything twice

CREATE: int = pyinotify.IN_CREATE
MODIFY: int = pyinotify.IN_MODIFY
CLOSE_WRITE: int = pyinotify.IN_CLOSE_WRITE
ATTRIB: int = pyinotify.IN_ATTRIB
MOVED_FROM: int = pyinotify.IN_MOVED_FROM
MOVED_TO: int = pyinotify.IN_MOVED_TO
DELETE: int = pyinotify.IN_DELETE
DELETE_SELF: int = pyinotify.IN_DELETE_SELF
MOVE_SELF: int = pyinotify.IN_MOVE_SELF
UNMOUNT: int = pyinotify.IN_UNMOUNT
Q_OVERFLOW: int = pyinotify.IN_Q_OVERFLOW
IGNORED: int = pyinotify.IN_IGNORED
ISDIR: int = pyinotify.IN_ISDIR

_EXCL_UNLINK = 0x04000000  # IN_EXCL_UNLINK, which pyinotify 0.9.6 does not name: no events of what is unlinked already
MASK: int = (
    CREATE
    | MODIFY
    | CLOSE_WRITE
    | ATTRIB
    | MOVED_FROM
    | MOVED_TO
    | DELETE
    | MOVE_SELF
    | DELETE_SELF
    | pyinotify.IN_ONLYDIR
    | pyinotify.IN_DONT_FOLLOW
    | _EXCL_UNLINK
)

READ_BYTES = 1 << 16  # for a larger buffer malloc asks the kernel anew at every read, at 14 µs each
READS = 4  # in a row, or some 6,000 events
_HEAD = struct.Struct("iIII")
_LARGEST = _HEAD.size + 256  # bytes of one event: whatever waits is read if so many fit in besides
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)


# One raw event: watch descriptor, mask, cookie, and the name below the watched directory (b"" for itself).  A plain
# tuple: there are ten thousands of them in a second.
Event = tuple[int, int, int, bytes]


def parse_events(data: bytes) -> list[Event]:
    """What a read from an inotify descriptor returned, event by event.  Raises ValueError for a cut-off buffer."""
    events: list[Event] = []
    add = events.append
    unpack, head, at, end = _HEAD.unpack_from, _HEAD.size, 0, len(data)
    while at < end:
        if at + head > end:
            raise ValueError(f"inotify: {end - at} bytes left of an event's head of {head}")
        wd, mask, cookie, length = unpack(data, at)
        at += head
        if at + length > end:
            raise ValueError(f"inotify: a name of {length} bytes, {end - at} left")
        name_end = at + length
        add((wd, mask, cookie, data[at:name_end].rstrip(b"\0")))
        at = name_end
    return events


class Inotify:
    """One inotify instance.  Every failure is an OSError with the errno that the kernel gave."""

    def __init__(self) -> None:
        self._api = pyinotify.INotifyWrapper.create()
        if self._api is None:
            raise OSError(errno.ENOSYS, "pyinotify found no inotify in the C library")
        self._fd: int = self._api.inotify_init()
        if self._fd < 0:
            number = self._api.get_errno()
            if number == errno.EMFILE:
                raise OSError(
                    number,
                    "too many inotify instances: raise fs.inotify.max_user_instances "
                    "(variable inotify_limits_max_user_instances)",
                )
            raise OSError(number, f"inotify_init: {os.strerror(number)}")
        self.drained = True  # the last read left nothing waiting
        os.set_blocking(self._fd, False)
        os.set_inheritable(self._fd, False)

    def fileno(self) -> int:
        return self._fd

    def add(self, path: bytes, mask: int = MASK) -> int:
        """Watch the directory at this absolute path; its descriptor, the same one for a directory watched already."""
        wd: int = _LIBC.inotify_add_watch(self._fd, path, mask)
        if wd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return wd

    def remove(self, wd: int) -> None:
        """Stop watching.  A descriptor that the kernel has dropped by itself is not an error."""
        self._api.inotify_rm_watch(self._fd, wd)

    def read(self) -> list[Event]:
        """The events that wait, at most a quarter of a megabyte of them; none when nothing waits."""
        events: list[Event] = []
        self.drained = False
        try:
            for _read in range(READS):
                data = os.read(self._fd, READ_BYTES)
                events += parse_events(data)
                if len(data) <= READ_BYTES - _LARGEST:
                    self.drained = True
                    break
        except BlockingIOError:
            self.drained = True
        return events

    @property
    def waits(self) -> bool:
        """Does any event wait to be read?  (FIONREAD, inotify(7))"""
        return fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4)) != bytes(4)

    def close(self) -> None:
        os.close(self._fd)
