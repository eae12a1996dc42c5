"""What processes cost: CPU seconds and resident memory of a process with all that it has started.  proc_pid_stat(5)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROCESS_CLOCK = 2  # CPUCLOCK_SCHED, in the kernel's numbering of CPU clocks
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str]:
    """The fields after the program's name, of which the state is the first; empty when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def family(pid: int) -> list[int]:
    """This process and its descendants that live."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, left = [], [pid]
    while left:
        one = left.pop()
        found.append(one)
        left += children.get(one, [])
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of this process, of the descendants that live and of those it has waited for.

    The living are asked by their CPU clock (clock_getcpuclockid(3)): the ticks of proc(5) are each rounded down, and
    the roundings of a few processes that idle would look like work.
    """
    total = 0.0
    for one in family(pid):
        if fields := _stat(one):
            with contextlib.suppress(OSError):  # it has just ended
                total += time.clock_gettime((~one << 3) | _PROCESS_CLOCK)
            total += (int(fields[13]) + int(fields[14])) / _TICKS
    return total


def own_cpu_seconds(pid: int) -> float:
    """User and system time of this process alone."""
    return time.clock_gettime((~pid << 3) | _PROCESS_CLOCK)


def machine_cpu_seconds() -> float:
    """What all processors have worked since the machine's start, whoever for.  proc_stat(5)."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


def resident(pid: int) -> int:
    """Bytes of memory that this process alone has resident."""
    fields = _stat(pid)
    return int(fields[21]) * _PAGE if fields else 0


def measured(argv: Sequence[str]) -> tuple[float, float]:
    """Run a program to its end: seconds by the clock, and of CPU with what it waited for.  Raises when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        status, usage = os.wait4(process.pid, 0)[1:]
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime
