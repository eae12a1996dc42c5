# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From checked mirrors to whom a backup host lets in, and how many connections they may have."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.plugin_utils._mirrors import Mirror

# What a mirror takes of one target at most, far away and with everything happening at once: roles/watcher/README.md.
A_MIRROR = 31
# A link that was cut, or a host that lost its power, leaves its connections behind until the daemon's timeout is over.
# So there is room for those that are, and for two times those that were.
TIMES = 3
A_HOST = 8  # sync_verify and sync_audit, beside its watcher

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")

HostVars = Mapping[str, Mapping[str, Any]]


def clients_of(mirrors: Sequence[Mirror], backup_host: str, hostvars: HostVars) -> list[str]:
    """Where the NFS hosts of a backup host's modules come from, in the order of the mirrors, each once.

    Raises AnsibleFilterError where that is neither a name nor an address.
    """
    hosts = [host for mirror in mirrors if backup_host in mirror.targets for host in mirror.hosts]
    return list(dict.fromkeys(place for host in dict.fromkeys(hosts) for place in places_of(host, hostvars)))


def kept_apart(
    modules: Sequence[Mapping[str, str]], mirrors: Sequence[Mirror], backup_host: str, hostvars: HostVars | None
) -> list[dict[str, Any]]:
    """The modules of _ends.modules_of(), each with the places of the one NFS host that it is for."""
    if hostvars is None:
        return [dict(module) for module in modules]
    hosts = [host for mirror in mirrors if backup_host in mirror.targets for host in mirror.hosts]
    return [{**module, "hosts_allow": places_of(host, hostvars)} for module, host in zip(modules, hosts)]


def connections_of(mirrors: Sequence[Mirror], backup_host: str) -> int:
    """How many connections the daemon of a backup host has to have room for."""
    pairs = [host for mirror in mirrors if backup_host in mirror.targets for host in mirror.hosts]
    return len(pairs) * A_MIRROR * TIMES + len(set(pairs)) * A_HOST


def places_of(host: str, hostvars: HostVars) -> list[str]:
    """Where one NFS host comes from. Raises AnsibleFilterError where that is neither a name nor an address."""
    try:
        known: Mapping[str, Any] = hostvars[host]
    except KeyError:
        known = {}
    given = known.get("lockstep_clients")
    if given is None or given == "":
        given = known.get("lockstep_address") or known.get("ansible_host") or host
        if known.get("ansible_connection") == "local" and given == host:
            given = "127.0.0.1"
    places = [given] if isinstance(given, str) else given
    if not isinstance(places, Sequence) or not places:
        raise AnsibleFilterError(f"lockstep_clients of {host} must be an address or a list of them, not {given!r}")
    for place in places:
        if not isinstance(place, str) or not (_is_network(place) or _NAME.match(place)):
            raise AnsibleFilterError(
                f"{host} comes from {place!r}, which is neither an address, a network nor a name; set lockstep_clients"
            )
    return [str(place) for place in places]


def _is_network(place: str) -> bool:
    try:
        ipaddress.ip_network(re.sub(r"%[A-Za-z0-9_.-]+", "", place), strict=False)
    except ValueError:
        return False
    return True
