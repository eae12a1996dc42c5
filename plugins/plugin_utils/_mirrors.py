# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From lockstep_mirrors as an inventory has it to checked Mirror objects: what each entry alone must be."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
NAME_RULE = "must be 1 to 64 letters, digits, dots, dashes or underscores, the first one a letter or digit"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_YEAR = 366 * 86400.0

# What the watcher takes as it is: key -> lowest, highest value.
_NUMBERS = {"quiet": (0.0, 3600.0), "max_wait": (0.0, 86400.0), "reconcile_every": (0.0, _YEAR), "pace": (0.0, 1.0)}
_MAX_DELETE = {"percent": (0.0, 100.0), "at_least": (0.0, 1e12), "window": (0.0, 86400.0)}
_KEYS = (
    "name", "source", "path", "hosts", "targets", "exclude", "delete", "quiet", "max_wait", "reconcile_every",
    "max_delete", "pace", "rsync_options",
)  # fmt: skip
# A mirror deletes what its source does not have: these hold the backup host itself.
_KERNEL = ("/dev", "/proc", "/sys")
_SYSTEM = ("/", "/bin", "/boot", "/etc", "/lib", "/lib64", "/root", "/run", "/sbin", "/usr", "/var", *_KERNEL)


@dataclasses.dataclass(frozen=True)
class Mirror:
    """One entry: `source` on each of `hosts` goes to `path` on each of `targets` (inventory names).

    `settings` are the watcher's own keys, as given and in a fixed order; what is not given is the watcher's default.
    """

    name: str
    source: str
    path: str
    hosts: tuple[str, ...]
    targets: tuple[str, ...]
    settings: dict[str, Any]
    rsync_options: tuple[str, ...]


def read(mirrors: Any, groups: Mapping[str, Sequence[str]]) -> tuple[list[Mirror], list[str]]:
    """The mirrors and what is wrong with them; a mirror with a mistake is not among the first."""
    if isinstance(mirrors, (str, bytes, Mapping)) or not isinstance(mirrors, Sequence):
        return [], [f"must be a list of mirrors, each with name, source and path, not {_kind(mirrors)}"]
    if not mirrors:
        return [], ["must have at least one mirror, with name, source and path"]
    found: list[Mirror] = []
    problems: list[str] = []
    for number, entry in enumerate(mirrors):
        reader = _Entry(entry, groups)
        mirror = reader.read()
        problems += [f"[{number}]{reader.shown}: {problem}" for problem in reader.problems]
        if not reader.problems:
            found.append(mirror)
    return found, problems


class _Entry:
    """Reads one entry and keeps what is wrong with it."""

    def __init__(self, entry: Any, groups: Mapping[str, Sequence[str]]) -> None:
        self.entry = entry if isinstance(entry, Mapping) else {}
        self.groups = groups
        self.problems: list[str] = []
        self.shown = ""
        if not isinstance(entry, Mapping):
            self.problems.append(f"must be a mapping with name, source and path, not {_kind(entry)}")

    def read(self) -> Mirror | None:
        if self.problems:
            return None
        _unknown(self.entry, _KEYS, "", self.problems)
        return Mirror(
            name=self._name(),
            source=self._path("source", ("/", *_KERNEL)),
            path=self._path("path", _SYSTEM),
            hosts=self._members("hosts", "nfs"),
            targets=self._members("targets", "backup"),
            settings=self._settings(),
            rsync_options=self._texts("rsync_options"),
        )

    def _name(self) -> str:
        name = self.entry.get("name")
        if isinstance(name, str) and NAME.match(name):
            self.shown = f" ({name})"
            return str(name)
        self.problems.append("name: is missing" if name is None else f"name: {NAME_RULE}, not {_show(name)}")
        return ""

    def _path(self, key: str, refused: Sequence[str]) -> str:
        """Absolute, without the slashes and dots that make two spellings of one path."""
        value = self.entry.get(key)
        if value is None:
            self.problems.append(f"{key}: is missing; give an absolute path")
            return ""
        if not isinstance(value, str) or not value.startswith("/"):
            self.problems.append(f"{key}: must be an absolute path, not {_show(value)}")
            return ""
        if _CONTROL.search(value):
            self.problems.append(f"{key}: must not contain control characters: {_show(value)}")
        parts = [part for part in value.split("/") if part not in ("", ".")]
        if ".." in parts:
            self.problems.append(f"{key}: must not contain '..': {_show(value)}")
        path = "/" + "/".join(parts)
        if key == "path" and re.search(r"%\w+%", path):
            self.problems.append(f"{key}: rsync would take %NAME% for an environment variable: {_show(value)}")
        if path in refused or path.startswith(tuple(f"{place}/" for place in _KERNEL)):
            self.problems.append(f"{key}: must not be {path}, which holds the system; name a directory of its own")
        return path

    def _members(self, key: str, group: str) -> tuple[str, ...]:
        members = [str(host) for host in self.groups.get(group) or ()]
        if not members:
            self.problems.append(f"{key}: the inventory's group {group} has no host; add one")
            return ()
        if self.entry.get(key) is None:
            return tuple(members)
        wanted = self._texts(key)
        if not wanted and not self.problems:
            self.problems.append(f"{key}: names no host; leave {key} out for all of group {group}")
        for host in wanted:
            if host not in members:
                self.problems.append(
                    f"{key}: {_show(host)} is not in group {group} ({', '.join(members)}){_near(host, members)}"
                )
            if wanted.count(host) > 1:
                self.problems.append(f"{key}: names {host} more than once")
        return wanted

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self.entry.get(key)
        if value is None:
            return ()
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
            self.problems.append(f"{key}: must be a list of strings, not {_kind(value)}")
            return ()
        for item in value:
            if not isinstance(item, str) or not item or _CONTROL.search(item):
                said = "must hold strings that are not empty and have no control characters"
                self.problems.append(f"{key}: {said}, not {_show(item)}")
                return ()
        return tuple(str(item) for item in value)

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        if self.entry.get("exclude") is not None:
            settings["exclude"] = list(self._texts("exclude"))
        if self.entry.get("delete") is not None:
            settings["delete"] = self.entry["delete"]
            if not isinstance(settings["delete"], bool):
                self.problems.append(f"delete: must be true or false, not {_show(settings['delete'])}")
        _numbers(self.entry, _NUMBERS, "", settings, self.problems)
        quiet, max_wait = settings.get("quiet"), settings.get("max_wait")
        if quiet is not None and max_wait is not None and max_wait < quiet:
            self.problems.append(f"max_wait: must not be less than quiet ({quiet}): {max_wait}")
        if self.entry.get("max_delete") is not None:
            settings["max_delete"] = self._max_delete(self.entry["max_delete"])
        return settings

    def _max_delete(self, given: Any) -> dict[str, Any]:
        limits: dict[str, Any] = {}
        if not isinstance(given, Mapping):
            self.problems.append(f"max_delete: must be a mapping with {_listed(_MAX_DELETE)}, not {_kind(given)}")
            return limits
        _unknown(given, tuple(_MAX_DELETE), "max_delete.", self.problems)
        _numbers(given, _MAX_DELETE, "max_delete.", limits, self.problems)
        if isinstance(limits.get("at_least"), float):
            self.problems.append(f"max_delete.at_least: must be a whole number, not {limits['at_least']}")
        return limits


def _numbers(
    given: Mapping[str, Any],
    ranges: Mapping[str, tuple[float, float]],
    prefix: str,
    into: dict[str, Any],
    problems: list[str],
) -> None:
    for key, (low, high) in ranges.items():
        value = given.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            problems.append(f"{prefix}{key}: must be a number, not {_show(value)}")
        elif not low <= value <= high:  # also refuses NaN
            problems.append(f"{prefix}{key}: must be within {low:g} and {high:g}, not {value}")
        else:
            into[key] = float(value) if isinstance(value, float) else int(value)


def _unknown(given: Mapping[str, Any], known: Sequence[str], prefix: str, problems: list[str]) -> None:
    for key in given:
        if key not in known:
            problems.append(f"{prefix}{str(key)!r} is not a key of lockstep_mirrors{_near(str(key), known)}")


def _near(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known are {_listed(known)}"


def _listed(words: Any) -> str:
    words = list(words)
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _show(value: Any) -> str:
    return repr(str(value)) if isinstance(value, str) else f"'{value}'"


def _kind(value: Any) -> str:
    names = ((str, "a string"), (Mapping, "a mapping"), (bool, "a boolean"), ((int, float), "a number"))
    return next((name for kind, name in names if isinstance(value, kind)), "nothing" if value is None else "a list")
