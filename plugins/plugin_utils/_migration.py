# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what old systems of several NFS hosts mirror to lockstep_mirrors of one inventory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.plugin_utils import _convert

_SECTION = re.compile(r"\s*\[([^\]]+)\]\s*")
_SETTING = re.compile(r"\s*path\s*=\s*(\S.*?)\s*", re.IGNORECASE)


def module_paths(text: str) -> dict[str, str]:
    """Module to directory, as an rsyncd.conf says it; a path with a % in it is not known before somebody connects."""
    found, module = {}, None
    for line in text.replace("\\\n", "").splitlines():
        section, setting = _SECTION.fullmatch(line), _SETTING.fullmatch(line)
        if section:
            module = section[1].strip()
        elif setting and module and "%" not in setting[1]:
            found[module] = setting[1]
    return found


def addresses(names: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Each name and address by which a host may be meant, to its name in the inventory."""
    found = {}
    for name in names:
        for key in ("lockstep_address", "ansible_host"):
            address = hostvars[name].get(key)
            if address:
                found[str(address)] = str(name)
    return {**found, **{str(name): str(name) for name in names}}


def migrated(
    configurations: Mapping[str, Mapping[str, str]],
    backups: Sequence[str],
    hostvars: Mapping[str, Mapping[str, Any]],
    daemons: Mapping[str, str],
    paths: Mapping[str, str],
) -> dict[str, Any]:
    """C(mirrors) of all NFS hosts, and the C(differences) of each. Raises AnsibleFilterError with every reason.

    C(configurations): NFS host to C(kind) and C(text); C(daemons): backup host to the text of its rsyncd.conf.
    """
    known = addresses(backups, hostvars)
    found: list[dict[str, Any]] = []
    differences, problems = {}, []
    for host, given in configurations.items():
        converter = "from_confxml" if given["kind"] == "sersync" else "from_lsyncd"
        converted = _convert.converted(converter, given["text"], {}, {})
        differences[host] = converted["differences"]
        if len(converted["lockstep_mirrors"]) < len(converted["watcher_mirrors"]):
            problems.append(
                f"{host}: a target that is a folder of this host cannot be migrated; make it a backup host's"
            )
        for mirror in converted["lockstep_mirrors"]:
            strange = [name for name in map(_name, mirror["targets"]) if name not in known]
            if strange:
                problems.append(
                    f"{host}: mirror {mirror['name']}: {', '.join(strange)} is no host of group backup (known are "
                    f"{', '.join(sorted(known))}); add it, or give a host of it lockstep_address"
                )
                continue
            targets = [known[name] for name in map(_name, mirror["targets"])]
            there = {**module_paths(daemons.get(targets[0], "")), **paths}
            again = _convert.converted(converter, given["text"], there, known)["lockstep_mirrors"]
            _add(found, next(other for other in again if other["name"] == mirror["name"]), host)
    if problems:
        raise AnsibleFilterError("\n".join(problems))
    return {"mirrors": found, "differences": differences}


def _name(target: Any) -> str:
    """The host of a target, which is a name, or a mapping with one."""
    return str(target["host"] if isinstance(target, Mapping) else target)


def _add(found: list[dict[str, Any]], mirror: dict[str, Any], host: str) -> None:
    """One that several hosts have alike is one mirror of all of them."""
    for other in found:
        if {key: value for key, value in other.items() if key != "hosts"} == mirror:
            other["hosts"].append(host)
            return
    found.append({**mirror, "hosts": [host]})
