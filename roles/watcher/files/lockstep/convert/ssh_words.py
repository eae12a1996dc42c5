"""What becomes of a target that was reached over ssh: user, port and key, from a command of ssh or lsyncd's ssh{…}."""

from __future__ import annotations

import re
import shlex
from typing import Callable, Optional

from . import lua
from .model import Mirror, Target, name_for, ssh_url

_EXPANDED = re.compile(r"[*?\[\]{}\\]")
_KEY = re.compile(r"/[^\s'\"\\%$~]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DAEMONS_ALONE = ("--contimeout", "--address", "-s")


class Way:
    """Port, key and user of a target, as far as they were said otherwise than in its address."""

    def __init__(self) -> None:
        self.port = 22
        self.key: Optional[str] = None
        self.user: Optional[str] = None

    def command(self, text: str, note: Callable[[str, str], None]) -> None:
        """A command of ssh, as rsync's -e takes it."""
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        if not words or words[0].rpartition("/")[2] != "ssh":
            note(text, "is no command of ssh; the watcher's own is used")
            return
        words = words[1:]
        while words:
            word = words.pop(0)
            value = word[2:] or (words.pop(0) if words and word[:2] in ("-p", "-i", "-l", "-o") else "")
            if word[:2] == "-p":
                self.give_port(value, note)
            elif word[:2] == "-i":
                self.give_key(value, note)
            elif word[:2] == "-l" and _USER.fullmatch(value):
                self.user = value
            else:
                note(f"ssh {word[:2]} {value}".rstrip(), "the watcher asks nobody, and believes known hosts alone")

    def table(self, given: lua.Value, note: Callable[[str, str], None]) -> None:
        """lsyncd's ssh{…}."""
        if not isinstance(given.value, lua.Table):
            note("ssh", "is no table, and left out")
            return
        for name, one in given.value.named.items():
            if name == "port":
                self.give_port(str(one.value), note)
            elif name == "identityFile":
                self.give_key(str(one.value), note)
            else:
                note(f"ssh {name}", "the watcher calls ssh in its own way, which asks nobody")

    def give_port(self, text: str, note: Callable[[str, str], None]) -> None:
        number = re.fullmatch(r"([0-9]{1,5})(?:\.0)?", text)
        if number and 1 <= int(number[1]) <= 65535:
            self.port = int(number[1])
        else:
            note(f"ssh port {text}", "is no port; 22 is taken")

    def give_key(self, path: str, note: Callable[[str, str], None]) -> None:
        if _KEY.fullmatch(path):
            self.key = path
            note(f"ssh key {path}", "stays the key in lockstep.yml; site.yml makes one of its own instead")
        else:
            note(f"ssh key {path}", "must be an absolute path without spaces and quotes; give another as ssh_key")


def target(where: str, path: str, way: Way) -> tuple[Optional[Target], str]:
    """The target, or what is wrong with it.  Who names no user went as root: both systems ran as that."""
    user, _at, host = where.rpartition("@")
    user = user or way.user or "root"
    if not path.startswith("/"):
        return None, f"{path!r} counts from a user's home, and an absolute path is needed"
    if not path.strip("/") or ".." in path.split("/"):
        return None, f"{path!r} must be a directory, and without .."
    if _EXPANDED.search(path) or not path.isprintable():
        return None, rf"{path!r} has one of * ? [ ] {{ }} \, which rsync expands at the other end"
    if not _USER.fullmatch(user):
        return None, f"the user {user!r} must be of letters, digits, _ . and -"
    host = host.strip("[]")
    name = name_for(path.rstrip("/").rpartition("/")[2], [])
    return Target(ssh_url(host, user, way.port, path), host, name, path, ssh_key=way.key, over_ssh=True), ""


def way_of(target: Target) -> str:
    """What becomes of the way to it, for people."""
    user = target.url.partition("@")[0][len("ssh://") :]
    return (
        "goes over ssh here too, as ssh://; site.yml makes a key for it, which may write there and do nothing else, "
        f"and a user of its own there in place of {user}"
    )


def leave_out(mirror: Mirror, line: int) -> None:
    """Options of rsync that are for daemons alone."""
    for option in [option for option in mirror.rsync_options if option.partition("=")[0] in _DAEMONS_ALONE]:
        mirror.rsync_options.remove(option)
        mirror.note(line, f"rsync {option}", "is for rsync daemons alone, and has no use over ssh")
