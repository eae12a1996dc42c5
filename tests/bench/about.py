"""What a run ran on and with, in general terms: nothing that tells one machine from another of its kind."""

from __future__ import annotations

import dataclasses
import os
import platform
import re
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.extent import Extent

_ASKED = {
    "rsync": (["rsync", "--version"], r"version (\S+)"),
    "lsyncd": (["lsyncd", "--version"], r"Version: (\S+)"),
    "inotifywait": (["inotifywait", "--help"], r"inotifywait (\S+)"),
}


def version(command: list[str], pattern: str) -> str:
    """What a program says of itself; "unknown" if it says nothing of the kind."""
    try:
        said = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return "missing"
    found = re.search(pattern, said.stdout + said.stderr)
    return found[1] if found else "unknown"


def missing() -> list[str]:
    """Programs that the bench calls and that are not here."""
    return [name for name, (command, pattern) in _ASKED.items() if version(command, pattern) == "missing"]


def describe(extent: Extent, where: str, command: str) -> dict[str, Any]:
    """What the page of the documentation says, beside the figures."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    kernel = ".".join(platform.release().split(".")[:2])
    return {
        "command": command,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9),
        "where": where,
        "versions": {
            "Linux": kernel,
            "Python": platform.python_version(),
            **{name: version(command, pattern) for name, (command, pattern) in _ASKED.items()},
        },
        "extent": {**dataclasses.asdict(extent), "left_out": sorted(extent.left_out)},
    }


def file_system(folder: Path) -> str:
    """The type of the file system that a folder is on.  proc_pid_mountinfo(5)."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _dash, after = line.partition(" - ")
        point = before.split()[4]
        inside = point == "/" or f"{folder}/".startswith(point + "/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split()[0]
    return kind
