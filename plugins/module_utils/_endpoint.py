# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target as rsync is told of it: rsync://USER@HOST:PORT/MODULE[/PATH], ssh://USER@HOST:PORT/PATH or file:///PATH."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils import _remote_shell

_FORMS = "write rsync://USER@HOST[:PORT]/MODULE[/PATH], ssh://[USER@]HOST[:PORT]/PATH or file:///PATH"
_DAEMON = re.compile(
    r"rsync://(?:(?P<user>[^@/:]+)@)?(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w][\w.-]*)(?::(?P<port>\d{1,5}))?"
    r"/(?P<module>[^/]+)(?P<path>/.*)?"
)
_SSH = re.compile(
    r"ssh://(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w][\w.-]*)"
    r"(?::(?P<port>\d{1,5}))?/(?P<path>.*)"
)


class EndpointError(Exception):
    """A target that cannot be used; the text names it, the reason and the mend."""


@dataclass(frozen=True)
class Endpoint:
    """One target; there is no secret in any of it.

    C(source) is what rsync is told, with a slash at the end: the module's root. C(path) is the place below it, as bytes
    for names ("" or with a slash at the end): told as part of the source, rsync 3.5.0's daemon without chroot takes
    every name given by list for vanished (exit 24). C(options) are the operator's own for transfers to it. C(through)
    is this host's end of a tunnel to it, as HOST:PORT, which then stands in C(source). C(shell) are the options by
    which rsync goes over ssh, to C(port).
    """

    url: str
    name: str
    source: str
    path: bytes
    daemon: bool
    password_file: Optional[str]
    options: tuple[str, ...] = ()
    through: Optional[str] = None
    shell: tuple[str, ...] = ()
    port: int = 0

    @property
    def local(self) -> bool:
        """Is it a directory of this host?"""
        return not self.daemon and self.url.startswith("file://")


def password_in(url: str) -> Optional[str]:
    """The password that somebody wrote into a URL, so that it can be kept out of every answer."""
    match = re.match(r"[a-z]+://[^@/:]*:([^/]*)@", url)
    return match.group(1) if match else None


def parse(url: str, password_file: Optional[str] = None, through: Optional[str] = None) -> Endpoint:
    """The target that a URL names, reached by way of HOST:PORT on this host where that is given.

    Raises EndpointError for what is no such URL.
    """
    shown = re.sub(r"://.*@", "://***@", url)
    if re.search(r"[\x00-\x1f\x7f]", url):
        raise EndpointError(f"target {shown!r}: a URL has no control characters")
    if password_in(url) is not None:
        raise EndpointError(f"target {shown}: a password has no place in a URL; give it in a password_file")
    if url.startswith("ssh://"):
        return _over_ssh(url)
    if url.startswith("file://"):
        path = url[len("file://") :]
        if not path.startswith("/"):
            raise EndpointError(f"target {url}: file:// needs an absolute path; {_FORMS}")
        path = os.path.normpath(path)
        return Endpoint(url, path, os.path.join(path, ""), b"", False, None)
    match = _DAEMON.fullmatch(url)
    if match is None:
        raise EndpointError(f"target {shown}: not the address of a target; {_FORMS}")
    if match["port"] and not 1 <= int(match["port"]) <= 65535:
        raise EndpointError(f"target {url}: port {match['port']} is not between 1 and 65535")
    path = (match["path"] or "").strip("/")
    if ".." in path.split("/"):
        raise EndpointError(f"target {url}: a path has no '..'")
    name = "/".join(part for part in (match["host"], match["module"], path) if part)
    root = url[: match.end("module")] + "/"
    if through is not None:
        if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d{1,5}", through):
            raise EndpointError(
                f"target {url}: tls.connect {through!r}: write HOST:PORT, where this host's end listens"
            )
        root = f"{url[: match.start('host')]}{through}/{match['module']}/"
    return Endpoint(url, name, root, os.fsencode(path + "/" if path else ""), True, password_file, through=through)


def told(target: Mapping[str, Any]) -> Endpoint:
    """The target that an entry names, with all that it says beside the url. Raises EndpointError."""
    endpoint = parse(target["url"], target.get("password_file"), (target.get("tls") or {}).get("connect"))
    options = tuple(map(str, target.get("rsync_options") or ()))
    if not endpoint.url.startswith("ssh://"):
        check_password_file(endpoint)
        return replace(endpoint, options=options)
    key = str(target.get("ssh_key") or _remote_shell.KEY_FILE)
    known = str(target.get("ssh_known_hosts") or _remote_shell.KNOWN_HOSTS)
    for name, path in (("ssh_key", key), ("ssh_known_hosts", known)):
        if not re.fullmatch(r"/[^\s'\"\\%$~]*", path):
            raise EndpointError(f"target {endpoint.name}: {name} {path}: must be absolute, without spaces and quotes")
        if not os.access(path, os.R_OK):
            raise EndpointError(f"target {endpoint.name}: {name} {path}: is not there, or this user may not read it")
    shell = _remote_shell.options(endpoint.port, key, known, bool(target.get("fake_super")))
    return replace(endpoint, options=options, shell=shell)


def _over_ssh(url: str) -> Endpoint:
    match = _SSH.fullmatch(url)
    if match is None:
        raise EndpointError(f"target {url}: not the address of a target; {_FORMS}")
    port = int(match["port"] or 22)
    if not 1 <= port <= 65535:
        raise EndpointError(f"target {url}: port {match['port']} is not between 1 and 65535")
    path = "/".join(part for part in match["path"].split("/") if part not in ("", "."))
    if ".." in path.split("/"):
        raise EndpointError(f"target {url}: a path has no '..'")
    if not path.isprintable() or set("*?[]{}\\") & set(path):
        raise EndpointError(f"target {url}: rsync or rrsync would expand what is in the path")
    user = f"{match['user']}@" if match["user"] else ""
    root = f"{user}{match['host']}:/{path}"
    name = "/".join(part for part in (match["host"], path) if part)
    return Endpoint(url, name, root.rstrip("/") + "/", b"", False, None, port=port)


def check_password_file(endpoint: Endpoint) -> None:
    """Find what rsync would refuse, and more, before anything is done. Raises EndpointError."""
    path = endpoint.password_file
    if path is None:
        return
    start = f"target {endpoint.name}: password_file {path}"
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            empty = not file.readline().strip()
    except OSError as error:
        raise EndpointError(f"{start}: {error.strerror}; this user must be able to read it") from error
    if not stat.S_ISREG(status.st_mode):
        raise EndpointError(f"{start}: is not a regular file")
    if status.st_mode & 0o007:
        raise EndpointError(
            f"{start}: mode {stat.S_IMODE(status.st_mode):04o} lets others at it, which rsync refuses; chmod o= {path}"
        )
    if os.geteuid() == 0 and status.st_uid != 0:
        raise EndpointError(
            f"{start}: belongs to user {status.st_uid}; rsync run by root wants root's; chown root {path}"
        )
    if empty:
        raise EndpointError(f"{start}: is empty; its first line is the password")
