# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both ends are told of a mirror that goes over ssh: each of an NFS host has a key, restricted to its place."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

SSH = "ssh"
USER = "lockstep-ssh"
PORT = 22
FOLDER = "/etc/lockstep/secrets"
KNOWN_HOSTS = "ssh_known_hosts"

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\Z")
_FOLDER = re.compile(r"/[^\s'\"\\%$~]*\Z")
# ssh reads from= as patterns, and looks names up by address alone, where it does so at all (sshd_config(5), UseDNS)
_ADDRESS = re.compile(r"([0-9]+\.[0-9.]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)(/[0-9]{1,3})?\Z")
_KEY = re.compile(r"(?P<kind>(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[A-Za-z0-9@.-]+) (?P<data>[A-Za-z0-9+/]+={0,2})(?: .*)?\Z")


def key_file(mirror: str, folder: str) -> str:
    """The private key of a mirror on its NFS host; the public one is beside it."""
    return f"{folder.rstrip('/')}/ssh_{mirror}"


def target(mirror: str, address: str, known: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """A target of lockstep.yml.  `known`: the variables of the backup host.  Raises AnsibleFilterError."""
    if not _FOLDER.match(folder):
        raise AnsibleFilterError(
            f"watcher_secrets_dir {folder!r} must have no spaces, quotes, \\ % $ or ~, which ssh reads in its own way"
        )
    shown = f"[{address}]" if ":" in address else address
    port = _port(known)
    told: dict[str, Any] = {
        "url": f"ssh://{_user(known)}@{shown}{'' if port == PORT else f':{port}'}/",
        "ssh_key": key_file(mirror, folder),
        "ssh_known_hosts": f"{folder.rstrip('/')}/{KNOWN_HOSTS}",
    }
    if ownership(known) == "fake_super":
        told["fake_super"] = True
    return told


def ownership(known: Mapping[str, Any]) -> str:
    """As whom files are kept on a backup host, of which the variables are `known`."""
    return str(known.get("ssh_target_ownership") or known.get("rsync_daemon_ownership") or "fake_super")


def problems(host: str, known: Mapping[str, Any], mirrors: Mapping[str, str]) -> list[str]:
    """What keeps a backup host from taking anything over ssh.  `mirrors`: their paths there, by name."""
    found = []
    if ownership(known) not in ("fake_super", "squash"):
        found.append(
            f"{host} keeps files as {ownership(known)}, for which root would have to log in; over ssh only fake_super "
            "and squash are offered: set ssh_target_ownership, or the transport plain or tls"
        )
    for name, path in mirrors.items():
        if not path.isprintable():
            found.append(f"path of {name}: over ssh it must be of printable characters, not {path!r}")
    return found


def authorized(place: Mapping[str, Any], clients: Sequence[str], key: str) -> dict[str, Any]:
    """Who may write where: a key, its NFS host's addresses, and the directory.  Raises AnsibleFilterError."""
    for client in clients:
        if not _ADDRESS.match(client):
            raise AnsibleFilterError(
                f"{place['host']} comes from {client!r}, and sshd restricts a key to addresses alone; set "
                f"lockstep_clients of {place['host']} to its address"
            )
    return {**place, "from": list(clients), "key": key}


def known_lines(address: str, known: Mapping[str, Any], keys: str) -> list[str]:
    """Lines of known_hosts for one backup host, of what its *.pub files hold.  Raises AnsibleFilterError."""
    port = _port(known)
    name = address if port == PORT else f"[{address}]:{port}"
    found = [match for match in (_KEY.match(line.strip()) for line in keys.splitlines()) if match and _is_key(match)]
    if not found:
        raise AnsibleFilterError(
            f"the host at {address} has no host key of ssh in /etc/ssh/ssh_host_*_key.pub; set ssh_target_host_keys of "
            "it to the lines of its *.pub files"
        )
    return sorted({f"{name} {match['kind']} {match['data']}" for match in found})


def public_key(text: str, where: str) -> str:
    """A public key without its comment.  Raises AnsibleFilterError where it is none."""
    match = _KEY.match(text.strip())
    if match is None or not _is_key(match):
        raise AnsibleFilterError(f"{where} is no public key of ssh; remove it with its private key, and run site.yml")
    return f"{match['kind']} {match['data']}"


def _is_key(match: re.Match[str]) -> bool:
    """Whether it says itself of which kind it is (RFC 4253, 6.6)."""
    try:
        data = base64.b64decode(match["data"], validate=True)
    except (binascii.Error, ValueError):
        return False
    return data[4 : 4 + int.from_bytes(data[:4], "big")] == match["kind"].encode()


def _user(known: Mapping[str, Any]) -> str:
    user = known.get("ssh_target_user") or USER
    if not isinstance(user, str) or not _USER.match(user) or user == "root":
        raise AnsibleFilterError(f"ssh_target_user must be the name of a user that is not root, not {user!r}")
    return user


def _port(known: Mapping[str, Any]) -> int:
    port = known.get("ssh_target_port") or PORT
    if isinstance(port, bool) or not re.fullmatch(r"[0-9]{1,5}", str(port)) or not 1 <= int(port) <= 65535:
        raise AnsibleFilterError(f"ssh_target_port must be a number within 1 and 65535, not {port!r}")
    return int(port)
