# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From checked mirrors to what each end is told: modules for a backup host, targets for an NFS host."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.plugin_utils import _ssh, _transport, _tunnels
from ansible_collections.lockstep.realtime.plugins.plugin_utils._mirrors import Mirror, read

# Module names, secret files and URLs are made of these.
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_ADDRESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_.-]+)?\Z")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")

Groups = Mapping[str, Sequence[str]]
HostVars = Mapping[str, Mapping[str, Any]]


def checked(mirrors: Any, groups: Groups, hostvars: HostVars | None = None) -> list[Mirror]:
    """All mirrors of the inventory, each right in itself and with the others.

    Raises AnsibleFilterError that names every mistake: what one host is told depends on all entries.
    """
    if not isinstance(groups, Mapping):
        raise AnsibleFilterError("lockstep_mirrors: the filter needs the magic variable groups")
    found, problems = read(mirrors, groups)
    problems += _twice(found)
    if not problems:
        problems = _host_names(found) + _collisions(found, hostvars or {}) + _transports(found, hostvars or {})
    if problems:
        raise AnsibleFilterError("\n".join(f"lockstep_mirrors{'' if p.startswith('[') else ': '}{p}" for p in problems))
    return found


def modules_of(mirrors: Sequence[Mirror], backup_host: str) -> list[dict[str, str]]:
    """The daemon's modules on one backup host, in the order of the list."""
    return [
        {"name": _module(mirror, host), "path": _place(mirror, host), "comment": f"{mirror.source} of {host}"}
        for mirror in mirrors
        if backup_host in mirror.targets
        for host in mirror.hosts
    ]


def mirrors_of(
    mirrors: Sequence[Mirror],
    nfs_host: str,
    hostvars: HostVars,
    user: str,
    port: int,
    secrets_dir: str,
    tls_port: int = _tunnels.PORT,
    tls_dir: str = _tunnels.FOLDER,
) -> list[dict[str, Any]]:
    """`mirrors` of lockstep.yml for one NFS host. Raises AnsibleFilterError where an address cannot be one."""
    if not isinstance(user, str) or not _USER.match(user):
        raise AnsibleFilterError(f"watcher_mirrors: user must be letters, digits, . _ or -, not {user!r}")
    for name, number in (("port", port), ("tls_port", tls_port)):
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 65535:
            raise AnsibleFilterError(f"watcher_mirrors: {name} must be a number within 1 and 65535, not {number!r}")
    for name, path in (("secrets_dir", secrets_dir), ("tls_dir", tls_dir)):
        if not isinstance(path, str) or not path.startswith("/"):
            raise AnsibleFilterError(f"watcher_mirrors: {name} must be an absolute path, not {path!r}")
    told = []
    for mirror in mirrors:
        if nfs_host not in mirror.hosts:
            continue
        module = _module(mirror, nfs_host)
        targets = []
        for host in mirror.targets:
            address = _address(host, hostvars)
            shown = f"[{address}]" if ":" in address else address
            transport = transport_of(mirror, host, hostvars)
            if transport == _ssh.SSH:
                target = _ssh.target(mirror.name, address, vars_of(host, hostvars), secrets_dir)
            else:
                target = {
                    "url": f"rsync://{user}@{shown}:{tls_port if transport == 'tls' else port}/{module}",
                    "password_file": f"{str(secrets_dir).rstrip('/')}/{secret_of(module, host)}",
                }
            if transport == "tls":
                target["tls"] = _tunnels.target(host, vars_of(host, hostvars), tls_dir)
            if mirror.rsync_options:
                target["rsync_options"] = list(mirror.rsync_options)
            targets.append(target)
        told.append({"name": mirror.name, "source": mirror.source, **mirror.settings, "targets": targets})
    return told


def places_of(mirror: Mirror, backup_host: str) -> list[dict[str, str]]:
    """Where a mirror writes on one backup host: the name, the path, and of which NFS host it is."""
    return [
        {"name": _module(mirror, host), "path": _place(mirror, host), "host": host}
        for host in mirror.hosts
        if backup_host in mirror.targets
    ]


def secret_of(module: str, backup_host: str) -> str:
    """The name of the file with the password of a module, on its NFS host; there is no @ in either name."""
    return f"{module}@{backup_host}"


def transport_of(mirror: Mirror, backup_host: str, hostvars: HostVars) -> str:
    """How a mirror goes to one of its targets."""
    return _transport.of(mirror.transports, backup_host, vars_of(backup_host, hostvars))


def transports_to(mirrors: Sequence[Mirror], backup_host: str, hostvars: HostVars) -> list[str]:
    """All ways by which mirrors come to a backup host."""
    used = [transport_of(mirror, backup_host, hostvars) for mirror in mirrors if backup_host in mirror.targets]
    return sorted(set(used))


def tunnels_of(mirrors: Sequence[Mirror], nfs_host: str, hostvars: HostVars, port: int) -> list[dict[str, Any]]:
    """The tunnels that an NFS host has, one to each backup host that it reaches by tls, in the order of the mirrors."""
    hosts = dict.fromkeys(
        host
        for mirror in mirrors
        if nfs_host in mirror.hosts
        for host in mirror.targets
        if transport_of(mirror, host, hostvars) == "tls"
    )
    told = []
    for host in hosts:
        address, name = _address(host, hostvars), _tunnels.server_name(host, vars_of(host, hostvars))
        shown = f"[{address}]" if ":" in address else address
        told.append({"host": host, "name": name, "accept": _tunnels.near(host), "connect": f"{shown}:{port}"})
    return told


def by_daemon(mirrors: Sequence[Mirror], hostvars: HostVars | None) -> list[Mirror]:
    """The mirrors with those targets alone that an rsync daemon serves."""
    return _only(mirrors, hostvars or {}, over_ssh=False)


def over_ssh(mirrors: Sequence[Mirror], hostvars: HostVars) -> list[Mirror]:
    """The mirrors with those targets alone that are reached over ssh."""
    return _only(mirrors, hostvars, over_ssh=True)


def address_of(host: str, hostvars: HostVars) -> str:
    """Where others reach a host. Raises AnsibleFilterError where that is neither a name nor an address."""
    return _address(host, hostvars)


def _only(mirrors: Sequence[Mirror], hostvars: HostVars, over_ssh: bool) -> list[Mirror]:
    kept = []
    for mirror in mirrors:
        targets = [host for host in mirror.targets if (transport_of(mirror, host, hostvars) == _ssh.SSH) is over_ssh]
        kept.append(dataclasses.replace(mirror, targets=tuple(targets)))
    return kept


def _transports(mirrors: Sequence[Mirror], hostvars: HostVars) -> list[str]:
    hosts = list(dict.fromkeys(host for mirror in mirrors for host in mirror.targets))
    problems = _transport.wrong(hosts, hostvars)
    for host in hosts if not problems else ():
        paths = {mirror.name: mirror.path for mirror in over_ssh(mirrors, hostvars) if host in mirror.targets}
        if paths:
            problems += _ssh.problems(host, vars_of(host, hostvars), paths)
    encrypted = [
        host for host in hosts if any(host in m.targets and transport_of(m, host, hostvars) == "tls" for m in mirrors)
    ]
    return problems + _tunnels.collisions(encrypted)


def _module(mirror: Mirror, host: str) -> str:
    return mirror.name if len(mirror.hosts) == 1 else f"{mirror.name}-{host}"


def _place(mirror: Mirror, host: str) -> str:
    return mirror.path if len(mirror.hosts) == 1 else f"{mirror.path}/{host}"


def _address(host: str, hostvars: HostVars) -> str:
    known = vars_of(host, hostvars)
    address = str(known.get("lockstep_address") or known.get("ansible_host") or host)
    if not _ADDRESS.match(address):
        raise AnsibleFilterError(
            f"the address of {host} is {address!r}, which is neither a name nor an IP address; set lockstep_address"
        )
    return address


def vars_of(host: str, hostvars: HostVars) -> Mapping[str, Any]:
    """The variables of a host; none of one that is not in the inventory."""
    try:
        return hostvars[host]
    except KeyError:
        return {}


def _twice(mirrors: Sequence[Mirror]) -> list[str]:
    problems, names, sources = [], set(), {}
    for mirror in mirrors:
        if mirror.name in names:
            problems.append(f"the name {mirror.name} is used more than once; each mirror needs its own")
        names.add(mirror.name)
        for host in mirror.hosts:
            other = sources.setdefault((host, mirror.source), mirror.name)
            if other != mirror.name:
                problems.append(
                    f"{mirror.name} and {other} both mirror {mirror.source} of {host}; "
                    "give one mirror more targets instead"
                )
    return problems


def _host_names(mirrors: Sequence[Mirror]) -> list[str]:
    hosts = dict.fromkeys(host for mirror in mirrors for host in (*mirror.hosts, *mirror.targets))
    return [
        f"the inventory name {host!r} cannot be part of a module's or a file's name; "
        "use letters, digits, dots, dashes and underscores, and ansible_host for the address"
        for host in hosts
        if not _HOST.match(host)
    ]


def _collisions(mirrors: Sequence[Mirror], hostvars: HostVars) -> list[str]:
    """Each of two modules in one place would delete the other's files; a source in its module would mirror itself."""
    problems = []
    modules = [
        (target, _module(mirror, host), _place(mirror, host))
        for mirror in mirrors
        for target in mirror.targets
        for host in mirror.hosts
    ]
    for number, (target, name, path) in enumerate(modules):
        for other_target, other, other_path in modules[:number]:
            if not _same_machine(target, other_target, hostvars):
                continue
            if name == other:
                problems.append(f"two modules on {target} would be named {name}; rename one of the mirrors")
            if path == other_path:
                problems.append(f"{other} and {name} both write to {path} on {target}; give each its own path")
            elif _inside(path, other_path) or _inside(other_path, path):
                problems.append(
                    f"{other} ({other_path}) and {name} ({path}) lie one in the other on {target}, "
                    "so one would delete the other's files; give each its own path"
                )
    return problems + _rounds(mirrors, hostvars)


def _rounds(mirrors: Sequence[Mirror], hostvars: HostVars) -> list[str]:
    """What a host takes in it may send on, as in a chain, unless that comes back to where it was taken from."""
    links = [(mirror, host, target) for mirror in mirrors for host in mirror.hosts for target in mirror.targets]
    onward = [
        [
            number
            for number, (later, host, _target) in enumerate(links)
            if _overlap(later.source, _place(mirror, sender)) and _same_machine(host, target, hostvars)
        ]
        for mirror, sender, target in links
    ]
    problems = []
    for number, (mirror, sender, _target) in enumerate(links):
        for later in onward[number]:
            if number in _reached(later, onward):
                onwards, host, _end = links[later]
                problems.append(
                    f"the source {onwards.source} of {onwards.name} and the path {_place(mirror, sender)} of "
                    f"{_module(mirror, sender)} lie one in the other, and {host} is both ends, so that what is sent "
                    "would come back; choose directories apart from each other"
                )
    return problems


def _reached(start: int, onward: Sequence[Sequence[int]]) -> set[int]:
    """All that comes after one, and itself."""
    found, waiting = {start}, [start]
    while waiting:
        new = set(onward[waiting.pop()]) - found
        found |= new
        waiting += new
    return found


def _overlap(one: str, other: str) -> bool:
    return _inside(one, other) or _inside(other, one)


def _inside(path: str, tree: str) -> bool:
    return path == tree or path.startswith(f"{tree}/")


def _same_machine(one: str, other: str, hostvars: HostVars) -> bool:
    if one == other:
        return True
    first, second = vars_of(one, hostvars), vars_of(other, hostvars)
    if first.get("ansible_connection") == second.get("ansible_connection") == "local":
        return True
    # Two names with one address may still be two machines behind different jump hosts or ports.
    keys = ("ansible_host", "ansible_port", "ansible_connection")
    return bool(first.get("ansible_host")) and all(first.get(key) == second.get(key) for key in keys)
