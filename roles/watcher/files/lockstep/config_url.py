"""Addresses in the configuration: a target's URL, and where the status listens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockstep.transfer import remote_shell

if TYPE_CHECKING:
    from lockstep.config_ssh import Ssh
    from lockstep.config_tls import Tls
    from lockstep.config_yaml import Value

RSYNC_PORT = 873
SSH_PORT = 22
_FORMS = "rsync://USER@HOST[:PORT]/MODULE[/PATH], ssh://[USER@]HOST[:PORT]/PATH or file:///PATH"
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
_SSH_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_IPV6 = re.compile(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_.-]+)?")
_AUTHORITY = re.compile(r"(?:(?P<user>[^@]*)@)?(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[^:]*))?")


@dataclass(frozen=True)
class Target:
    """Where a mirror goes. `scheme` is "rsync" (a daemon), "ssh", or "file" (a folder of this host).

    `path` is below the module, without slashes at its ends ("" for the module's root), over ssh below the root or what
    the key is restricted to; of a folder it is absolute.
    `tls`: the tunnel to the daemon, where there is one.  `ssh`: what is needed to reach it over that.
    """

    url: str
    scheme: str
    user: str | None
    host: str
    port: int
    module: str
    path: str
    password_file: str | None
    rsync_options: tuple[str, ...]
    tls: Tls | None = None
    ssh: Ssh | None = None

    @property
    def name(self) -> str:
        """What people call it: `<host>/<module>`, with the path when there is one, or the folder."""
        if self.scheme == "file":
            return self.path
        return "/".join(part for part in (self.host, self.module, self.path) if part)


def target(value: Value, password_file: str | None, options: tuple[str, ...]) -> Target:
    """The target that a URL names; notes at `value` what is wrong with it."""
    url = value.text()
    nowhere = Target(url, "", None, "", 0, "", "", password_file, options)
    if value.failed:
        return nowhere
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("rsync", "file", "ssh"):
        value.problem(f"{_hidden(url)!r} is not an address of a target; write {_FORMS}")
        return nowhere
    if re.search(r"[\x00-\x1f\x7f]", url):
        value.problem("must not contain control characters")
        return nowhere
    if scheme == "file":
        return _folder(value, rest, nowhere)
    if scheme == "ssh":
        return _over_ssh(value, rest, nowhere)
    return _daemon(value, rest, nowhere)


def _folder(value: Value, rest: str, nowhere: Target) -> Target:
    parts = _parts(rest)
    if not rest.startswith("/"):
        value.problem("must have three slashes and an absolute path: file:///PATH")
    elif not parts:
        value.problem("must not be the root of this host")
    elif ".." in parts:
        value.problem("must not contain ..")
    if value.failed:
        return nowhere
    path = "/" + "/".join(parts)
    return Target(nowhere.url, "file", None, "", 0, "", path, nowhere.password_file, nowhere.rsync_options)


def _daemon(value: Value, rest: str, nowhere: Target) -> Target:
    # The host ends at the first slash, so an @ in a path is none of a user.
    authority, slash, path = rest.partition("/")
    if _holds_password(authority, rest):
        value.problem("must not contain a password, which others could read; put it into a file and name password_file")
        return nowhere
    match = _whereabouts(value, authority)
    if match is None:
        return nowhere
    user, port = match["user"], _port(value, match["port"], RSYNC_PORT)
    host = _host(value, match["host"])
    if user is not None and not re.fullmatch(r"[^\s:/@\[\]]+", user):
        value.problem(f"the user {user!r} must not be empty nor contain spaces, colons or brackets")
    module, _slash, below = path.partition("/")
    parts = _parts(below)
    if not slash or not module:
        value.problem(f"names no module; write {_FORMS}")
    elif module in (".", "..") or ".." in parts:
        value.problem("must not contain . or .. as a module, nor .. in its path")
    elif re.search(r"[*?\[\]\\]", path):
        # The daemon expands wildcards in what it is asked for (rsync's io.c, glob_expand_module).
        value.problem(r"must not contain * ? [ ] or \, which the rsync daemon expands")
    if value.failed:
        return nowhere
    return Target(
        nowhere.url, "rsync", user, host, port, module, "/".join(parts), nowhere.password_file, nowhere.rsync_options
    )


def _over_ssh(value: Value, rest: str, nowhere: Target) -> Target:
    authority, slash, path = rest.partition("/")
    if _holds_password(authority, rest):
        value.problem("must not contain a password, which ssh does not take; name a key as ssh_key")
        return nowhere
    match = _whereabouts(value, authority)
    if match is None:
        return nowhere
    user, port = match["user"], _port(value, match["port"], SSH_PORT)
    host = _host(value, match["host"])
    if user is not None and not _SSH_USER.fullmatch(user):
        value.problem(f"the user {user!r} must be of letters, digits, _ . and -, the first one a letter, digit or _")
    parts = _parts(path)
    if not slash:
        value.problem(f"names no path; write {_FORMS}")
    elif ".." in parts:
        value.problem("must not contain .. in its path")
    elif not remote_shell.can_be_said(path):
        value.problem(r"must not contain * ? [ ] { } or \, nor spaces other than plain ones: rrsync would expand them")
    elif not parts and user in (None, "root"):
        value.problem("must not be the root of the other host; name a path, or a user whose key is restricted to one")
    if value.failed:
        return nowhere
    path = "/".join(parts)
    return Target(nowhere.url, "ssh", user, host, port, "", path, nowhere.password_file, nowhere.rsync_options)


def _whereabouts(value: Value, authority: str) -> re.Match[str] | None:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        value.problem(f"{authority!r} is not a host with a port; write {_FORMS}, an IPv6 address in [ ]")
    return match


def listen(value: Value, default: str) -> tuple[str, int] | None:
    """HOST:PORT as the two; None for "". Notes at `value` what is wrong."""
    if value.is_empty_text():
        return None
    text = value.text(default)
    if value.failed:
        return None
    match = _AUTHORITY.fullmatch(text)
    if match is None or match["user"] is not None or not match["host"] or not match["port"]:
        value.problem(f"must be HOST:PORT, as in 127.0.0.1:8008 or [::1]:8008, or null for none, not {text!r}")
        return None
    return _host(value, match["host"]), _port(value, match["port"], 0)


def _host(value: Value, host: str) -> str:
    if host.startswith("["):
        if not _IPV6.fullmatch(host[1:-1]):
            value.problem(f"{host} is not an IPv6 address")
        return host[1:-1]
    if len(host) > 253 or not _HOST.fullmatch(host):
        value.problem(f"{host!r} is not the name or address of a host" if host else "names no host")
    return host


def _port(value: Value, port: str | None, default: int) -> int:
    if port is None:
        return default
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        value.problem(f"the port must be a number from 1 to 65535, not {port!r}")
        return default
    return int(port)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _holds_password(authority: str, rest: str) -> bool:
    """Is there one between a colon and an @?  It may hold a slash; then what is before that looks like a port."""
    if "@" in authority:
        return ":" in authority.rpartition("@")[0]
    return "@" in rest and ":" in authority and not re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:[0-9]*)?", authority)


def _hidden(url: str) -> str:
    """The URL without what may be a password, for a message that others read."""
    return re.sub(r":.*@", ":…@", url, flags=re.DOTALL)
