"""What a process holds, once a second, from proc(5): memory, CPU, descriptors, children, inotify watches."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Sample:
    """`at`: seconds since the soak began; `memory` in KiB; `cpu` in seconds; `events`: what the watcher has read."""

    at: float
    pid: int
    memory: int
    cpu: float
    descriptors: int
    pipes: int
    children: int
    zombies: int
    watches: int
    events: int


def sample(pid: int, at: float, events: int) -> Sample | None:
    """None when the process has ended."""
    try:
        fields = _stat(pid)
        links = _links(pid)
        own = children(pid)
        return Sample(
            at=at,
            pid=pid,
            memory=int(fields[21]) * _PAGE // 1024,
            cpu=(int(fields[11]) + int(fields[12])) / _TICKS,
            descriptors=len(links),
            pipes=sum(link.startswith("pipe:") for link in links),
            children=len(own),
            zombies=sum(state == "Z" for state in own.values()),
            watches=_watches(pid),
            events=events,
        )
    except (OSError, IndexError):
        return None


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def _links(pid: int) -> list[str]:
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue  # closed meanwhile
    return found


def children(pid: int) -> dict[int, str]:
    """The state of each, by number."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = _stat(int(entry))
            except OSError:
                continue  # it has ended
            if len(fields) > 1 and int(fields[1]) == pid:
                found[int(entry)] = fields[0]
    return found


def _watches(pid: int) -> int:
    """As the kernel counts them; proc(5), /proc/PID/fdinfo."""
    total = 0
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            total += Path(f"/proc/{pid}/fdinfo/{name}").read_bytes().count(b"inotify wd:")
        except OSError:
            continue
    return total


class Sampler:
    """Samples what `pid()` says, until stopped; `events()` is asked now and then."""

    def __init__(self, pid: Callable[[], int | None], events: Callable[[], int], every: float = 1.0) -> None:
        self.samples: list[Sample] = []
        self._pid = pid
        self._events = events
        self._every = every
        self._over = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def take(self) -> Sample | None:
        pid = self._pid()
        found = sample(pid, time.monotonic() - self._began, self._events()) if pid is not None else None
        if found is not None:
            self.samples.append(found)
        return found

    def _run(self) -> None:
        while not self._over.wait(self._every):
            self.take()
