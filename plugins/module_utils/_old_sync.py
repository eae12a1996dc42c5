# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides for sersync, lsyncd and inotifywait leave on a host: a configuration, processes, edits of files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Optional

CONFIGURATIONS = (
    "/etc/lsyncd/lsyncd.conf.lua",
    "/etc/lsyncd.conf",
    "/usr/local/sersync/confxml.xml",
    "/usr/local/sersync/conf/confxml.xml",
    "/usr/local/GNU-Linux-x86/confxml.xml",
    "/etc/sersync/confxml.xml",
)
FILES = ("/etc/rc.local", "/etc/rc.d/rc.local", "/etc/sysctl.conf", "/etc/crontab")
FOLDERS = ("/etc/sysctl.d", "/etc/cron.d", "/var/spool/cron", "/var/spool/cron/crontabs")
OURS = "lockstep"  # in the name of a file that the roles wrote
MAX_BYTES = 1024 * 1024
PROGRAMS = ("lsyncd", "sersync", "sersync2", "inotifywait")
_LIMIT = re.compile(r"fs[./]inotify[./]max_(?:user_watches|user_instances|queued_events)\b")
_START = re.compile(r"(?:^|[\s;&|/])(?:lsyncd|sersync2?|inotifywait)(?=$|[\s;&|])|\binotify[\w.-]*\.sh\b")
_SCHEDULE = re.compile(r"(?:^|[\s;&|/])rsync\s")
_PASSWORD = re.compile(r"(?i)((?:passw\w*|secret)\s*[= ]\s*)\S+")


class Edit(NamedTuple):
    """A line of a file. C(what): V(limit), V(start) of the old system, or V(schedule) of an rsync beside it."""

    path: str
    line: int
    text: str
    what: str

    def shown(self) -> dict[str, Any]:
        """As the module returns it; a password in the line is not told."""
        told = _PASSWORD.sub(r"\1...", self.text.strip())
        return {"path": self.path, "line": self.line, "text": told, "what": self.what}


def edits(path: str, text: str) -> list[Edit]:
    """What somebody wrote into a file of the system; comments count for nothing."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            continue
        if _LIMIT.search(bare):
            found.append(Edit(path, number, line, "limit"))
        elif "sysctl" not in path and _START.search(bare):
            found.append(Edit(path, number, line, "start"))
        elif "cron" in path and _SCHEDULE.search(bare):
            found.append(Edit(path, number, line, "schedule"))
    return found


def without(text: str, taken: Iterable[Edit]) -> str:
    """The text with these lines made comments, which say why."""
    lines = text.splitlines(keepends=True)
    for edit in taken:
        lines[edit.line - 1] = f"# replaced by lockstep: {lines[edit.line - 1]}"
    return "".join(lines)


def kind_of(path: str, text: str) -> str:
    """V(sersync) or V(lsyncd), by what stands in the file."""
    return "sersync" if path.endswith(".xml") or text.lstrip().startswith("<") else "lsyncd"


def configuration(given: Optional[str], known: Iterable[str] = CONFIGURATIONS) -> Optional[dict[str, str]]:
    """The path and kind of the given file, or of the first one that exists. Raises OSError for a given one."""
    for path in [given] if given else known:
        if given or os.path.isfile(path):
            return {"path": path, "kind": kind_of(path, read(path))}
    return None


def read(path: str) -> str:
    """A file's text. Raises OSError."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read(MAX_BYTES)


def files(root: str = "") -> Iterator[str]:
    """Those of the places where the guides write that exist, each once."""
    seen = set()
    paths = [root + path for path in FILES]
    for folder in FOLDERS:
        if os.path.isdir(root + folder):
            paths += sorted(os.path.join(root + folder, name) for name in os.listdir(root + folder))
    for path in paths:
        if OURS in os.path.basename(path) or not os.path.isfile(path):
            continue
        real = os.path.realpath(path)  # /etc/sysctl.d/99-sysctl.conf is a link to /etc/sysctl.conf
        if real not in seen:
            seen.add(real)
            yield real


def processes(proc: str = "/proc") -> list[dict[str, Any]]:
    """The old systems' own, by their program's name and this host's process namespace."""
    found = []
    for pid, text in _each(proc, "comm"):
        if text.strip() in PROGRAMS:
            found.append({"pid": pid, "program": text.strip()})
    return found


def watchers(proc: str = "/proc") -> list[dict[str, Any]]:
    """The processes of C(lockstep run), whoever started them and wherever the program is."""
    return [{"pid": pid} for pid, text in _each(proc, "cmdline") if _is_watcher(text.rstrip("\0").split("\0"))]


def _is_watcher(argv: list[str]) -> bool:
    """By its command, which follows the program, or the folder that the program's launcher takes it from."""
    for place, word in enumerate(argv):
        if word == "run" and place > 0:
            launcher = argv[place - 2] if place > 1 else ""
            return os.path.basename(argv[place - 1]) == "lockstep" or 'run_module("lockstep"' in launcher
    return False


def _each(proc: str, name: str) -> Iterator[tuple[int, str]]:
    """This file of every process, in the order of their numbers."""
    for pid in sorted(int(one) for one in os.listdir(proc) if one.isdigit()):
        try:
            with open(f"{proc}/{pid}/{name}", encoding="utf-8", errors="replace") as file:
                yield pid, file.read()
        except OSError:
            continue  # it has ended
