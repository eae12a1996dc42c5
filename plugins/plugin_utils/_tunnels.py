# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tunnels of the transport tls: one from an NFS host to each backup host, whatever goes through it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

PORT = 874  # at which the backup hosts take them
NEAR_PORT = 8740
FOLDER = "/etc/lockstep-tls"


def near(host: str) -> str:
    """Where an NFS host's end of the tunnel to a backup host listens: an address of the loopback interface.

    By the name, and not one after the other, so that a new backup host moves no other one's: for a moment a watcher
    would be led to another host than it means.
    """
    digest = hashlib.sha256(host.encode("utf-8")).digest()
    # 127.0 and 127.1 are where others listen too
    return f"127.{64 + digest[0] % 128}.{digest[1]}.{1 + digest[2] % 254}:{NEAR_PORT}"


def server_name(host: str, known: Mapping[str, Any]) -> str:
    """The name that a backup host's certificate has to have."""
    return str(known.get("tls_name") or host)


def target(host: str, known: Mapping[str, Any], folder: str) -> dict[str, str]:
    """`tls` of a target in lockstep.yml."""
    folder = folder.rstrip("/")
    return {
        "connect": near(host),
        "ca": f"{folder}/ca.pem",
        "certificate": f"{folder}/host.pem",
        "key": f"{folder}/host.key",
        "server_name": server_name(host, known),
    }


def collisions(hosts: list[str]) -> list[str]:
    """Backup hosts whose names come to one address; of a thousand, two do so once in thirty times."""
    seen: dict[str, str] = {}
    said = []
    for host in hosts:
        other = seen.setdefault(near(host), host)
        if other != host:
            said.append(f"the tunnels to {other} and {host} would both be at {near(host)}; rename one of them")
    return said
