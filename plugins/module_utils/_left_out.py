# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mirror of the watcher's configuration leaves out: its lists and their files as rsync's filter rules, and its
regular expressions, which rsync does not know, as a sieve for what rsync tells."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Callable, Optional

# whether what is at a path relative to the source is left out; the second is whether it is a directory
Sieve = Callable[[bytes, bool], bool]

# what the watcher keeps on the target for itself, below the target's own path
_FOLDERS = ("backup_dir", "temp_dir")
_WILDCARDS = re.compile(r"[*?\[]")
_MOUNTS = "/proc/self/mountinfo"
_RULE = re.compile(r"([+-]|include|exclude)[ _](.+)", re.DOTALL)


class LeftOutError(Exception):
    """What is left out cannot be known; the text says why."""


def rules(entry: dict[str, Any]) -> tuple[str, ...]:
    """In their order, each as in C(- PATTERN). Raises LeftOutError."""
    found = [f"- /{folder.split('/')[0]}" for folder in map(entry.get, _FOLDERS) if folder]
    if entry.get("one_file_system"):
        found += [f"- {_escaped(path)}" for path in mounted_below(str(entry["source"]), _MOUNTS)]
    for key, sign in (("filter", None), ("include", "+"), ("exclude", "-")):
        found += [_rule(str(text), sign) for text in entry.get(key) or ()]
        for path in entry.get(f"{key}_from") or ():
            found += [_rule(line, sign, True) for line in _lines(str(path))]
    return tuple(found)


def sieve(entry: dict[str, Any]) -> Optional[Sieve]:
    """What regular expressions leave out, with all that is in it; None where there are none. Raises LeftOutError."""
    exclude, include = _expressions(entry, "exclude_regex"), _expressions(entry, "include_regex")
    if not exclude and not include:
        return None

    def hidden(path: bytes, is_directory: bool) -> bool:
        parts = path.split(b"/")
        ways = (b"/".join(parts[: count + 1]) for count in range(len(parts)))
        if path and any(expression.search(way) for way in ways for expression in exclude):
            return True
        return bool(include) and not is_directory and not any(expression.search(path) for expression in include)

    return hidden


def _expressions(entry: dict[str, Any], key: str) -> list[re.Pattern[bytes]]:
    found = []
    for name, flags in ((key, 0), (f"{key}_nocase", re.IGNORECASE)):
        for text in entry.get(name) or ():
            try:
                found.append(re.compile(str(text).encode("utf-8", "surrogateescape"), flags))
            except re.error as error:
                raise LeftOutError(f"{name}: {text!r} is no regular expression: {error}") from error
    return found


def _rule(text: str, sign: Optional[str], from_file: bool = False) -> str:
    if sign is not None and not (from_file and re.match(r"[+-] ", text)):
        return f"{sign} {text}"
    match = _RULE.fullmatch(text)
    if match is None:
        raise LeftOutError(f"{text!r} is no filter rule that the watcher takes")
    return f"{'-' if match[1] in ('-', 'exclude') else '+'} {match[2]}"


def _lines(path: str) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            for line in file:
                bare = line.rstrip("\n")
                bare = bare[:-1] if bare.endswith("\r") else bare
                if bare and bare[0] not in "#;":
                    yield bare
    except OSError as error:
        raise LeftOutError(f"{path}: {error.strerror}") from error


def mounted_below(source: str, mounts: str) -> list[str]:
    """Where other file systems than its own are mounted below a source, from its root on, as C(/a/b). C(mounts): as in
    proc(5), mountinfo. Raises LeftOutError."""
    try:
        own = os.stat(source).st_dev
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            places = {re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split(" ")[4]) for line in file}
        prefix = source.rstrip("/") + "/"
        below = sorted(place for place in places if place.startswith(prefix))
        return [place[len(prefix) - 1 :] for place in below if os.lstat(place).st_dev != own]
    except OSError as error:
        raise LeftOutError(f"one_file_system: {error.filename}: {error.strerror}") from error


def _escaped(path: str) -> str:
    """A pattern that matches this path alone; in one without wildcards a backslash is only itself."""
    return re.sub(r"([*?\[\\])", r"\\\1", path) if _WILDCARDS.search(path) else path
