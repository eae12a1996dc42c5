# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification or an audit needs to know of a mirror: from the watcher's configuration, or as given."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from typing import Any, Optional

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.lockstep.realtime.plugins.module_utils import _endpoint, _left_out

try:
    import yaml
except ImportError:
    HAS_YAML = False
else:
    HAS_YAML = True

# where the watcher has these when its configuration does not say
STATE_DIR = "/var/lib/lockstep"
SOCKET = "/run/lockstep/status.sock"


class MirrorError(Exception):
    """A mirror that cannot be worked with; the text names it, the reason and the mend."""


class NotDeployed(MirrorError):
    """There is no configuration, or none with this mirror: as it must be in check mode before a deployment."""


@dataclass(frozen=True)
class MaxDelete:
    """As many deletions may go unasked as the greater of both; the defaults are the watcher's."""

    percent: float = 25.0
    at_least: int = 1000

    def limit(self, entries: int) -> int:
        """Of so many entries on the target."""
        return max(self.at_least, int(entries * self.percent / 100))


@dataclass(frozen=True)
class Mirror:
    """One source and its targets. C(deletes) is false for a mirror that never deletes on its targets.

    C(rules) has rsync's filter rules, C(hidden) what is left out that they cannot say; of C(max_delete) only percent
    and at_least. C(state_dir) and C(socket) are the watcher's, None for a mirror that was given; C(obscure) says why
    what it leaves out cannot be known.
    """

    name: str
    source: str
    targets: tuple[_endpoint.Endpoint, ...]
    deletes: bool = True
    rsync: Optional[str] = None
    rules: tuple[str, ...] = ()
    max_delete: MaxDelete = MaxDelete()
    state_dir: Optional[str] = None
    socket: Optional[str] = None
    obscure: Optional[str] = None
    watched: bool = True
    hidden: Optional[_left_out.Sieve] = None


def nearest(name: str, known: list[str]) -> str:
    """The end of a sentence about a mirror that is not there."""
    close = difflib.get_close_matches(name, known, n=1)
    return (f"; did you mean {close[0]}?" if close else "") + f" (there: {', '.join(known) or 'none'})"


def given(name: Optional[str], source: str, targets: list[dict[str, Any]]) -> Mirror:
    """A mirror whose source and targets are options of the task. Raises MirrorError, EndpointError."""
    return _checked(Mirror(name or source, source, tuple(_endpoint.told(target) for target in targets)))


def configured(path: str, name: str) -> Mirror:
    """A mirror of the watcher's configuration. Raises MirrorError, EndpointError."""
    document = _load(path)
    mirrors = [entry for entry in document.get("mirrors") or [] if isinstance(entry, dict)]
    found = [entry for entry in mirrors if entry.get("name") == name]
    if not found:
        known = [str(entry.get("name")) for entry in mirrors]
        raise NotDeployed(f"mirror {name}: not in {path}{nearest(name, known)}")
    entry = found[0]
    targets = entry.get("targets")
    if not isinstance(entry.get("source"), str) or not isinstance(targets, list) or not targets:
        raise MirrorError(f"mirror {name}: {path} gives it no source or no targets; lockstep check {path} tells more")
    if not all(isinstance(target, dict) and isinstance(target.get("url"), str) for target in targets):
        raise MirrorError(f"mirror {name}: {path} has a target without a url; lockstep check {path} tells more")
    status = document.get("status") or {}
    rules: tuple[str, ...] = ()
    obscure = hidden = None
    try:
        rules, hidden = _left_out.rules(entry), _left_out.sieve(entry)
    except _left_out.LeftOutError as error:
        obscure = f"mirror {name}: {error}"
    return _checked(
        Mirror(
            name,
            entry["source"],
            tuple(_endpoint.told(target) for target in targets),
            entry.get("delete", True) is True,
            document.get("rsync"),
            rules,
            limits(entry.get("max_delete")),
            document.get("state_dir") or STATE_DIR,
            status.get("socket") or SOCKET,
            obscure,
            entry.get("watch", True) is not False,
            hidden,
        )
    )


def limits(given_limits: Optional[dict[str, Any]]) -> MaxDelete:
    """max_delete of a configuration or of a task, with the watcher's defaults for what it does not say."""
    said = {key: value for key, value in (given_limits or {}).items() if value is not None}
    default = MaxDelete()
    return MaxDelete(float(said.get("percent", default.percent)), int(said.get("at_least", default.at_least)))


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        kind = NotDeployed if isinstance(error, FileNotFoundError) else MirrorError
        raise kind(
            f"config {path}: {error.strerror}; deploy the watcher, name its configuration, or give source and targets"
        ) from error
    except UnicodeDecodeError as error:
        raise MirrorError(f"config {path}: is not UTF-8: {error}") from error
    if not HAS_YAML:
        raise MirrorError(missing_required_lib("PyYAML"))
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise MirrorError(f"config {path}: is not YAML: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("mirrors"), list):
        raise MirrorError(f"config {path}: has no list of mirrors; is it the watcher's configuration?")
    return document


def _checked(mirror: Mirror) -> Mirror:
    start = f"mirror {mirror.name}: source {mirror.source}"
    if not os.path.isabs(mirror.source):
        raise MirrorError(f"{start}: is not an absolute path")
    if not os.path.exists(mirror.source):
        raise MirrorError(f"{start}: does not exist on this host; this is for the NFS host")
    if not os.path.isdir(mirror.source):
        raise MirrorError(f"{start}: is not a directory")
    for endpoint in mirror.targets:
        if endpoint.local and not os.path.isdir(endpoint.source):
            raise MirrorError(f"mirror {mirror.name}: target {endpoint.name}: is not a directory of this host")
    places = [(endpoint.source, endpoint.path, endpoint.shell) for endpoint in mirror.targets]
    for endpoint, place in zip(mirror.targets, places):
        if places.count(place) > 1:
            raise MirrorError(f"mirror {mirror.name}: target {endpoint.name}: is listed twice")
    return mirror
