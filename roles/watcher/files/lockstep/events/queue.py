"""The events that were taken from the kernel and wait to be told; and, by name, what is still to come of each."""

from __future__ import annotations

import fcntl
import struct
import termios
import time
from collections import deque
from collections.abc import Collection, MutableSequence
from itertools import islice
from typing import Optional

from lockstep.source import inotify as kernel

ARRIVED = kernel.CREATE | kernel.MOVED_TO
ENTRIES = ARRIVED | kernel.DELETE | kernel.MOVED_FROM
_AHEAD = ENTRIES | kernel.MODIFY | kernel.CLOSE_WRITE
_SMALLEST = 16  # bytes of one event
_NEARBY = 64  # events: the halves of a rename lie next to each other, or all but
_MANY = 64  # events of one name: from here on a list, which costs a tenth of a deque, is slow at its beginning
_TOGETHER = 0.0002  # seconds: we may come between the halves


class Queue:
    """`by_name`: whether `ahead` will be asked, which costs a little for each event."""

    def __init__(self, inotify: kernel.Inotify, by_name: bool) -> None:
        self._inotify = inotify
        self._by_name = by_name
        self._waiting: deque[kernel.Event] = deque()
        self._ahead: dict[tuple[int, bytes], MutableSequence[int]] = {}
        self._filled = time.time()
        self._lost_since: deque[float] = deque()

    def fill(self) -> None:
        """Take over all that waits now.  Reading also makes room in the kernel's queue."""
        sure, self._filled = self._filled, time.time()
        bytes_waiting = struct.unpack("i", fcntl.ioctl(self._inotify.fileno(), termios.FIONREAD, b"\0\0\0\0"))[0]
        most = bytes_waiting // _SMALLEST
        while most > 0:
            events = self._inotify.read()
            if not events:
                break
            most -= len(events)
            self._waiting.extend(events)
            # up to the last time that the queue had room again nothing was lost
            self._lost_since.extend(sure for event in events if event[1] & kernel.Q_OVERFLOW)
            if self._by_name:
                for wd, mask, _cookie, name in events:
                    if mask & _AHEAD and name:
                        self._note_ahead((wd, name), mask)

    def _note_ahead(self, of: tuple[int, bytes], mask: int) -> None:
        masks = self._ahead.setdefault(of, [])
        if len(masks) == _MANY:
            masks = self._ahead[of] = deque(masks)
        masks.append(mask)

    def take(self) -> Optional[kernel.Event]:
        """The next one; None when there is none."""
        if not self._waiting:
            return None
        event = self._waiting.popleft()
        wd, mask, _cookie, name = event
        if self._ahead and mask & _AHEAD:
            masks = self._ahead.get((wd, name))
            if masks is not None:
                del masks[0]
                if not masks:
                    del self._ahead[wd, name]
        return event

    def lost_since(self) -> float:
        """Of the event just taken, which says that some were dropped: the time before which none was."""
        return self._lost_since.popleft()

    def ahead(self, wd: int, name: bytes) -> Collection[int]:
        """What is still to come of a name: entries made and gone, contents written and closed, in order."""
        return self._ahead.get((wd, name), ())

    def moves_to(self, cookie: int) -> bool:
        """Whether the other half of this rename is here."""
        for last in (False, True):
            for _wd, mask, other, _name in islice(self._waiting, _NEARBY):
                if other == cookie and mask & kernel.MOVED_TO:
                    return True
            if not last and len(self._waiting) < _NEARBY:
                time.sleep(_TOGETHER)
                self.fill()
        return False
