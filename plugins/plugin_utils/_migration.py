# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what old systems of several NFS hosts mirror to lockstep_mirrors of one inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.plugin_utils import _convert, _daemon_text

# Who has said one of these of a backup host has said as whom its copies are kept.
_SET = ("rsync_daemon_ownership", "rsync_daemon_user")


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
    """C(mirrors) of all NFS hosts, the C(differences) of each, and the C(owners) of the copies on each backup host.

    Raises AnsibleFilterError with every reason.
    C(configurations): NFS host to C(kind) and C(text); C(daemons): backup host to the text of its rsyncd.conf.
    """
    known = addresses(backups, hostvars)
    found: list[dict[str, Any]] = []
    modules: dict[str, set[str]] = {}
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
            there = {**_daemon_text.module_paths(daemons.get(targets[0], "")), **paths}
            again = _convert.converted(converter, given["text"], there, known)["lockstep_mirrors"]
            _add(found, next(other for other in again if other["name"] == mirror["name"]), host)
        for target in _daemons_targets(converter, given["text"]):
            modules.setdefault(known.get(target.host, ""), set()).add(target.module)
    owners = {}
    for host, wanted in modules.items():
        if host in daemons and not any(hostvars[host].get(name) for name in _SET):
            owner, reasons = _owner(host, daemons[host], sorted(wanted))
            owners[host] = owner
            problems += reasons
    if problems:
        raise AnsibleFilterError("\n".join(problems))
    return {"mirrors": found, "differences": differences, "owners": owners}


def _daemons_targets(converter: str, text: str) -> list[Any]:
    """The targets that are modules of a daemon."""
    mirrors = _convert.read(converter, text).mirrors
    return [target for mirror in mirrors for target in mirror.targets if target.host and not target.over_ssh]


def _owner(host: str, text: str, modules: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """As whom a daemon keeps these modules' files, and what is in the way of going on so."""
    mend = f"set {_SET[0]}: root, or rsync_daemon_user and rsync_daemon_group, for {host} in the inventory"
    unknown = [name for name in modules if name not in _daemon_text.modules(text)]
    if unknown and _daemon_text.includes(text):
        return {}, [
            f"{host}: rsyncd.conf has no module {', '.join(unknown)}, but it includes other files, which are not read: "
            f"as whom the copies are kept is not known; {mend}"
        ]
    owners = {name: _daemon_text.owner(text, name) for name in modules}
    first = owners[modules[0]]
    if any(owner != first for owner in owners.values()):
        told = "; ".join(f"{name}: uid {one['uid']}, gid {', '.join(one['gid'])}" for name, one in owners.items())
        return {}, [
            f"{host}: its modules are kept as different users ({told}), and the role rsync_daemon keeps all of them as "
            f"one; {mend}, and give it the files of each"
        ]
    return first, []


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
