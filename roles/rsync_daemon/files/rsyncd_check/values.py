"""The settings that rsyncd knows and what each takes. rsyncd.conf(5), GLOBAL PARAMETERS and MODULE PARAMETERS."""

from __future__ import annotations

import grp
import ipaddress
import pwd
import re
from collections.abc import Callable

_TRUE = ("yes", "true", "1")
_FALSE = ("no", "false", "0")
DIGESTS = ("sha512", "sha256", "sha1", "md5", "md4")


def truth(value: str) -> bool | None:
    """What rsync takes a switch for; None when it is none or not given."""
    return True if value.lower() in _TRUE else False if value.lower() in _FALSE else None


def _switch(value: str) -> str:
    return "" if truth(value) is not None else "must be yes or no"


def _number(low: int, high: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        fits = re.match(r"-?[0-9]{1,10}\Z", value) and low <= int(value) <= high
        return "" if fits else f"must be a whole number within {low} and {high}"

    return check


def _path(value: str) -> str:
    return "" if value.startswith("/") and ".." not in value.split("/") else "must be an absolute path without '..'"


def _text(value: str) -> str:
    return "" if value else "must not be empty"


def _user(value: str) -> str:
    try:
        pwd.getpwuid(int(value)) if value.isdigit() else pwd.getpwnam(value)
    except KeyError:
        return "must be a user of this host"
    return ""


def _groups(value: str) -> str:
    for name in re.split(r"[\s,]+", value):
        try:
            if name != "*":
                grp.getgrgid(int(name)) if name.isdigit() else grp.getgrnam(name)
        except KeyError:
            return "must be groups of this host"
    return ""


def _address(value: str) -> str:
    try:
        ipaddress.ip_address(value.partition("%")[0])
    except ValueError:
        return "must be an IP address"
    return ""


def _hosts(value: str) -> str:
    for token in re.split(r"[\s,]+", value):
        if re.match(r"[0-9a-fA-F:.]*[.:][0-9a-fA-F:.]*(%\w+)?(/|\Z)", token):
            try:
                ipaddress.ip_network(re.sub(r"%\w+", "", token), strict=False)
            except ValueError:
                return f"{token} is neither an address nor a network; must be addresses, networks or names"
        elif not re.match(r"@?[A-Za-z0-9_.*?-]+\Z", token):
            return f"{token!r} must be an address, a network or a name"
    return ""


def _users(value: str) -> str:
    for rule in re.split(r"[\s,]+", value):
        if not re.match(r"@?[A-Za-z0-9_][A-Za-z0-9_.-]*(:(rw|ro|deny))?\Z", rule):
            return "must be plain names, a group's with @, each with :rw, :ro or :deny if wanted"
    return ""


def _socket(value: str) -> str:
    names = ("SO_KEEPALIVE", "SO_REUSEADDR", "SO_SNDBUF", "SO_RCVBUF", "SO_SNDLOWAT", "SO_RCVLOWAT", "TCP_NODELAY")
    for token in re.split(r"[\s,]+", value):
        if not re.match(rf"({'|'.join(names)})(=[0-9]+)?\Z", token):
            return f"must be some of {', '.join(names)}"
    return ""


def _digest(value: str) -> str:
    return "" if value in DIGESTS else f"must be one of {', '.join(DIGESTS)}"


def _kinds() -> dict[str, tuple[str, Callable[[str], str]]]:
    table: tuple[tuple[Callable[[str], str], str], ...] = (
        (_switch, "use chroot, numeric ids, munge symlinks, insecure links, read only, write only, open noatime, list"),
        (_switch, "fake super, strict modes, reverse lookup, forward lookup, ignore errors, ignore nonreadable"),
        (_switch, "transfer logging"),
        (_path, "path, log file, lock file, pid file, secrets file, motd file, temp dir, exclude from, include from"),
        (_text, "comment, charset, syslog facility, syslog tag, filter, exclude, include, incoming chmod, log format"),
        (_text, "outgoing chmod, refuse options, dont compress"),
        (_user, "uid"),
        (_groups, "gid"),
        (_users, "auth users"),
        (_hosts, "hosts allow, hosts deny"),
        (_address, "address"),
        (_socket, "socket options"),
        (_digest, "auth digest"),
        (_number(1, 65535), "port"),
        (_number(1, 65535), "listen backlog"),
        (_number(0, 1000000), "max connections, timeout"),
        (_number(0, 9), "max verbosity"),
    )
    return {name.replace(" ", ""): (name, check) for check, names in table for name in names.split(", ")}


# Left out on purpose: programs to run (pre-xfer exec and its kind, name converter), daemon chroot, daemon uid and gid,
# proxy protocol. They change whom the daemon trusts, and a mirror needs none of them.
KINDS = _kinds()
GLOBAL_ONLY = ("motdfile", "pidfile", "port", "address", "socketoptions", "listenbacklog")
