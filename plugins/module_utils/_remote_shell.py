# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How rsync goes over ssh to a target: as whom, to whom, and without asking anybody (ssh_config(5))."""

from __future__ import annotations

# as the watcher has them
KEY_FILE = "/etc/lockstep/secrets/ssh_key"
KNOWN_HOSTS = "/etc/lockstep/secrets/ssh_known_hosts"

# No file of the host or the user says otherwise, nobody is asked, and only a host whose key is known is believed.
_SSH = (
    *("-F", "none", "-T", "-x", "-a"),
    *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
    *("-o", "PreferredAuthentications=publickey", "-o", "StrictHostKeyChecking=yes"),
    *("-o", "GlobalKnownHostsFile=/dev/null", "-o", "UpdateHostKeys=no", "-o", "CheckHostIP=no"),
    *("-o", "KexAlgorithms=-sntrup*"),  # it takes 0.1 s of CPU
    *("-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3", "-o", "LogLevel=ERROR"),
)
# rsync says -@-1 to the other end, which rrsync takes for no option
_NANOSECONDS = "--modify-window=-1"


def options(port: int, key: str, known_hosts: str, fake_super: bool) -> tuple[str, ...]:
    """rsync's options for a target over ssh; nothing in them holds a space."""
    words = ("ssh", *_SSH, "-p", str(port), "-i", key, "-o", f"UserKnownHostsFile={known_hosts}")
    return ("--rsh=" + " ".join(words), *(("-M--fake-super",) if fake_super else ()))


def said(command: list[str]) -> list[str]:
    """The same command, as it can be said over ssh where the target is the receiver."""
    return [f"-M{_NANOSECONDS}" if word == _NANOSECONDS else word for word in command]
