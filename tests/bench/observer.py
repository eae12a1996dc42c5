"""When names appear in directories, by a process of its own that knows nothing of who brings them.  inotify(7).

The kernel's inotify is called through ctypes.  An appearance is a rename to the final name (IN_MOVED_TO), which is how
rsync ends every file.  A read takes whatever has gathered, and all of it counts from the moment of that read.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import select
import signal
import struct
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Optional

_MOVED_TO = 0x80
_OVERFLOW = 0x4000
_HEAD = struct.Struct("iIII")
_BUFFER = 1 << 20
_LIBC = ctypes.CDLL(None, use_errno=True)


class Overflow(Exception):
    """The kernel dropped events, so what was seen is not all that happened."""


def names_in(data: bytes) -> list[bytes]:
    """The names in what a read from an inotify descriptor returned.  Raises Overflow."""
    names, at = [], 0
    while at < len(data):
        _wd, mask, _cookie, length = _HEAD.unpack_from(data, at)
        if mask & _OVERFLOW:
            raise Overflow
        at += _HEAD.size
        names.append(data[at : at + length].rstrip(b"\0"))
        at += length
    return names


class Observer:
    """Watches these directories from its making until `result`; names must differ between the directories."""

    def __init__(self, directories: list[Path], expected: Optional[int] = None, gather: float = 0.0) -> None:
        """`expected`: end by itself at so many names.  `gather`: seconds between reads, so that at thousands of files
        a second the observer does not take a core from those it observes; no lag is seen better than that."""
        context = multiprocessing.get_context("fork")
        self._end: Event = context.Event()
        self._here, there = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_observe, args=(directories, expected, gather, self._end, there), daemon=True
        )
        self._process.start()
        there.close()
        self._here.recv()  # it watches

    def result(self, wait: float) -> dict[bytes, float]:
        """Name → moment (time.perf_counter) of its first appearance; waits for the expected number up to `wait` s."""
        self._here.poll(wait)
        self._end.set()
        seen = self._here.recv()
        self._process.join()
        if isinstance(seen, Exception):
            raise seen
        return dict(seen)

    def close(self) -> None:
        """Ends it, whatever it has seen."""
        self._process.kill()
        self._process.join()


def _observe(
    directories: list[Path], expected: Optional[int], gather: float, end: Event, channel: Connection
) -> None:  # pragma: no cover - in a process of its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    descriptor = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    for directory in directories:
        if descriptor < 0 or _LIBC.inotify_add_watch(descriptor, os.fsencode(directory), _MOVED_TO) < 0:
            channel.send(None)
            channel.send(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(directory)))
            return
    channel.send(None)
    seen: dict[bytes, float] = {}
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        while not end.is_set() and (expected is None or len(seen) < expected):
            if poll.poll(100):
                now = time.perf_counter()
                for name in names_in(os.read(descriptor, _BUFFER)):
                    seen.setdefault(name, now)
                if gather:
                    time.sleep(gather)
    except Overflow as wrong:
        channel.send(wrong)
        return
    channel.send(seen)
