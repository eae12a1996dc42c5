# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target as rsync is told of it: rsync://USER@HOST:PORT/MODULE[/PATH] or file:///PATH."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import Optional

_FORMS = "write rsync://USER@HOST[:PORT]/MODULE[/PATH] or file:///PATH"
_DAEMON = re.compile(
    r"rsync://(?:(?P<user>[^@/:]+)@)?(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w][\w.-]*)(?::(?P<port>\d{1,5}))?"
    r"/(?P<module>[^/]+)(?P<path>/.*)?"
)


class EndpointError(Exception):
    """A target that cannot be used; the text names it, the reason and the mend."""


@dataclass(frozen=True)
class Endpoint:
    """One target; there is no secret in any of it.

    C(source) is what rsync is told, with a slash at the end: the module's root. C(path) is the place below it, as bytes
    for names ("" or with a slash at the end): told as part of the source, rsync 3.5.0's daemon without chroot takes
    every name given by list for vanished (exit 24). C(options) are the operator's own for transfers to it. C(through)
    is this host's end of a tunnel to it, as HOST:PORT, which then stands in C(source).
    """

    url: str
    name: str
    source: str
    path: bytes
    daemon: bool
    password_file: Optional[str]
    options: tuple[str, ...] = ()
    through: Optional[str] = None


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
        raise EndpointError(f"target {url}: ssh:// is not supported; {_FORMS}")
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
