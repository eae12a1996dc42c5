# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a mirror goes to a target: in an entry's `targets`, or in lockstep_transport of the backup host or of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _settings

PLAIN = "plain"
TRANSPORTS = (PLAIN, "tls", "ssh")
_KEYS = ("host", "transport")


def split(value: Any, problems: list[str]) -> tuple[Any, dict[str, str]]:
    """`targets` as names alone, and the transport of those that have one, which are mappings with `host`."""
    if not _settings.is_list(value):
        return value, {}
    names, transports = [], {}
    for target in value:
        if not isinstance(target, Mapping):
            names.append(target)
            continue
        _settings.unknown(target, _KEYS, "targets: ", problems)
        name, transport = target.get("host"), target.get("transport")
        names.append("" if name is None else name)
        if transport is not None:
            problems += [f"targets: transport of {name} {fault}" for fault in _faults(transport)]
            transports[str(name)] = str(transport)
    return names, transports


def of(transports: Mapping[str, str], host: str, known: Mapping[str, Any]) -> str:
    """The transport to a backup host, of which the variables are `known`."""
    return transports.get(host) or str(known.get("lockstep_transport") or PLAIN)


def wrong(hosts: Sequence[str], hostvars: Mapping[str, Any]) -> list[str]:
    """What is wrong with lockstep_transport of these hosts."""
    said = []
    for host in hosts:
        given = hostvars[host].get("lockstep_transport") if host in hostvars else None
        if given is not None and given != "":
            said += [f"lockstep_transport of {host} {fault}" for fault in _faults(given)]
    return list(dict.fromkeys(said))


def _faults(given: Any) -> list[str]:
    if isinstance(given, str) and given in TRANSPORTS:
        return []
    return [f"must be one of {_settings.listed(TRANSPORTS)}, not {_settings.show(given)}"]
