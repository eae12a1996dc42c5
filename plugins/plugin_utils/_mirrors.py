# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From lockstep_mirrors as an inventory has it to checked Mirror objects: what each entry alone must be."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _settings, _transport
from ansible_collections.lockstep.realtime.plugins.plugin_utils._settings import is_list, kind, near, show

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
NAME_RULE = "must be 1 to 64 letters, digits, dots, dashes or underscores, the first one a letter or digit"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEYS = ("name", "source", "path", "hosts", "targets", *_settings.KEYS, "rsync_options")
# A mirror deletes what its source does not have: these hold the backup host itself.
_KERNEL = ("/dev", "/proc", "/sys")
_SYSTEM = ("/", "/bin", "/boot", "/etc", "/lib", "/lib64", "/root", "/run", "/sbin", "/usr", "/var", *_KERNEL)


@dataclasses.dataclass(frozen=True)
class Mirror:
    """One entry: `source` on each of `hosts` goes to `path` on each of `targets` (inventory names).

    `settings` are the watcher's own keys, as given and in a fixed order; what is not given is the watcher's default.
    `transports`: of the targets whose entry says one.
    """

    name: str
    source: str
    path: str
    hosts: tuple[str, ...]
    targets: tuple[str, ...]
    settings: dict[str, Any]
    rsync_options: tuple[str, ...]
    transports: dict[str, str] = dataclasses.field(default_factory=dict)


def read(mirrors: Any, groups: Mapping[str, Sequence[str]]) -> tuple[list[Mirror], list[str]]:
    """The mirrors and what is wrong with them; a mirror with a mistake is not among the first."""
    if not is_list(mirrors):
        return [], [f"must be a list of mirrors, each with name, source and path, not {kind(mirrors)}"]
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
            self.problems.append(f"must be a mapping with name, source and path, not {kind(entry)}")

    def read(self) -> Mirror | None:
        if self.problems:
            return None
        _settings.unknown(self.entry, _KEYS, "", self.problems)
        targets, transports = _transport.split(self.entry.get("targets"), self.problems)
        self.entry = {**self.entry, "targets": targets}
        return Mirror(
            name=self._name(),
            source=self._path("source", ("/", *_KERNEL)),
            path=self._path("path", _SYSTEM),
            hosts=self._members("hosts", "nfs"),
            targets=self._members("targets", "backup"),
            settings=_settings.read(self.entry, self.problems),
            rsync_options=self._texts("rsync_options"),
            transports=transports,
        )

    def _name(self) -> str:
        name = self.entry.get("name")
        if isinstance(name, str) and NAME.match(name):
            self.shown = f" ({name})"
            return str(name)
        self.problems.append("name: is missing" if name is None else f"name: {NAME_RULE}, not {show(name)}")
        return ""

    def _path(self, key: str, refused: Sequence[str]) -> str:
        """Absolute, without the slashes and dots that make two spellings of one path."""
        value = self.entry.get(key)
        if value is None:
            self.problems.append(f"{key}: is missing; give an absolute path")
            return ""
        if not isinstance(value, str) or not value.startswith("/"):
            self.problems.append(f"{key}: must be an absolute path, not {show(value)}")
            return ""
        if _CONTROL.search(value):
            self.problems.append(f"{key}: must not contain control characters: {show(value)}")
        parts = [part for part in value.split("/") if part not in ("", ".")]
        if ".." in parts:
            self.problems.append(f"{key}: must not contain '..': {show(value)}")
        path = "/" + "/".join(parts)
        if key == "path" and re.search(r"%\w+%", path):
            self.problems.append(f"{key}: rsync would take %NAME% for an environment variable: {show(value)}")
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
                    f"{key}: {show(host)} is not in group {group} ({', '.join(members)}){near(host, members)}"
                )
            if wanted.count(host) > 1:
                self.problems.append(f"{key}: names {host} more than once")
        return wanted

    def _texts(self, key: str) -> tuple[str, ...]:
        return _settings.texts(self.entry, key, self.problems)
