"""What a target reached over ssh needs beside its URL: a key, the host's own key, and how owners are kept there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockstep import config_paths

if TYPE_CHECKING:
    from lockstep.config_url import Target
    from lockstep.config_yaml import Mapping, Value

KEYS = ("ssh_key", "ssh_known_hosts", "fake_super")
KEY_FILE = "/etc/lockstep/secrets/ssh_key"
KNOWN_HOSTS = "/etc/lockstep/secrets/ssh_known_hosts"

# rsync splits the command of a remote shell at spaces and quotes, and ssh expands % and $ in names of files
_FILE = re.compile(r"[^\s'\"\\%$~]+")
_DAEMONS_ALONE = ("--contimeout", "--address", "--secluded-args", "-s")


@dataclass(frozen=True)
class Ssh:
    """`key`: the private key that is shown. `known_hosts`: the keys of which the target must have one.

    `fake_super`: owners, modes and devices go into extended attributes, as with a daemon's 'fake super'.
    """

    key: str
    known_hosts: str
    fake_super: bool = False


def read(node: Mapping, target: Target) -> Ssh | None:
    """What a target says of ssh; notes what is wrong with it, and what is not for a target of its kind."""
    if target.scheme != "ssh":
        for name in KEYS if target.scheme else ():
            if not node.get(name).is_absent():
                node.get(name).problem("is for a target that is reached over ssh, as ssh://USER@HOST/PATH")
        return None
    if target.password_file is not None:
        node.get("password_file").problem("ssh shows a key and no password; name the key as ssh_key")
    for option in target.rsync_options:
        if option.partition("=")[0] in _DAEMONS_ALONE:
            node.get("rsync_options").problem(f"{option} is for rsync daemons, and refused over ssh; leave it out")
    return Ssh(
        key=_file(node.get("ssh_key"), KEY_FILE),
        known_hosts=_file(node.get("ssh_known_hosts"), KNOWN_HOSTS),
        fake_super=node.get("fake_super").boolean(False),
    )


def _file(value: Value, default: str) -> str:
    path = config_paths.absolute(value, default)
    if not value.failed and not _FILE.fullmatch(path):
        value.problem(rf"must have no spaces, quotes, \ % $ or ~, which ssh reads in its own way: {path!r}")
    return path
