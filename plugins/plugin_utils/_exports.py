# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From nfs_exports to what is wrong with them: nothing that passes can mean more to an NFS server than it says."""

from __future__ import annotations

import difflib
import ipaddress
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SERVERS = ("kernel", "ganesha")
ACCESS = ("rw", "ro")
SQUASH = ("root", "all", "none")
SEC = ("sys", "krb5", "krb5i", "krb5p")
LARGEST_ID = 65535  # of Ganesha's Export_Id, and of what it puts into file handles
# exports(5), General Options, but for those that have keys of their own.
WORDS = (
    *("secure", "insecure", "sync", "async", "wdelay", "no_wdelay", "hide", "nohide", "crossmnt", "mp", "mountpoint"),
    *("subtree_check", "no_subtree_check", "secure_locks", "insecure_locks", "auth_nlm", "no_auth_nlm"),
    *("acl", "no_acl", "pnfs", "no_pnfs", "security_label"),
)
_KEYS = {
    "an export": ("name", "path", "clients", "id"),
    "a client": ("host", "access", "squash", "anon_uid", "anon_gid", "sec", "options"),
}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_LABEL = r"[A-Za-z0-9_*?-]{1,63}"
_HOST = re.compile(rf"(@[A-Za-z0-9_.-]{{1,255}}|{_LABEL}(\.{_LABEL})*\.?)\Z")

Export = Mapping[str, Any]


def problems_of(exports: Any, server: str) -> list[str]:
    """What is wrong with a list of exports, a sentence each; empty where a server can be given it."""
    if server not in SERVERS:
        return [f"nfs_export_server must be kernel or ganesha, not {server!r}"]
    if not isinstance(exports, Sequence) or isinstance(exports, str):
        return [f"nfs_exports must be a list of exports, not {exports!r}"]
    found = [problem for number, one in enumerate(exports, 1) for problem in _of_export(one, number, server)]
    return found or [*_used_twice(exports, "name"), *_used_twice(exports, "path"), *_same_ids(exports, server)]


def id_of(export: Export) -> int:
    """The number by which clients know an export in Ganesha: the one given, or one of its name, which stays."""
    return int(export["id"] if _given(export, "id") else zlib.crc32(str(export["name"]).encode()) % LARGEST_ID + 1)


def place_of(host: str) -> str:
    """A client as both servers understand it: of networks, the address and the length of the prefix."""
    if host == "*" or not re.match(r"[0-9./]+\Z|.*:", host):
        return host
    network = ipaddress.ip_network(host)
    return str(network if "/" in host else network.network_address)


def _of_export(export: Any, number: int, server: str) -> Iterator[str]:
    if not isinstance(export, Mapping):
        yield f"nfs_exports: entry {number} must have name, path and clients, and is {export!r}"
        return
    name = export.get("name")
    if not isinstance(name, str) or not _NAME.match(name):
        yield (
            f"nfs_exports: entry {number}: name {name!r} must be of letters, digits, dots, dashes and underscores, "
            "64 at most, and begin with a letter or digit"
        )
        return
    what = f"nfs_exports: {name}: "
    yield from (what + problem for problem in _unknown(export, "an export"))
    yield from (what + problem for problem in _of_path(export.get("path"), server))
    if _given(export, "id") and not _is_number(export["id"], 1, LARGEST_ID):
        yield f"{what}id {export['id']!r} must be a number within 1 and {LARGEST_ID}"
    clients = export.get("clients")
    if not isinstance(clients, Sequence) or isinstance(clients, str) or not clients:
        yield f"{what}clients must be a list of at least one, each with host; without one nobody could mount it"
        return
    wrong = [problem for client in clients for problem in _of_client(client, server)]
    yield from (what + problem for problem in wrong)
    if not wrong:
        places = [place_of(client["host"]) for client in clients]
        for place in sorted({place for place in places if places.count(place) > 1}):
            yield f"{what}client {place} is listed twice"


def _of_path(path: Any, server: str) -> Iterator[str]:
    if not isinstance(path, str) or not path.startswith("/"):
        yield f"path {path!r} must be absolute"
    elif re.search(r"(^|/)\.{1,2}(/|\Z)", path) or "//" in path or path == "/" or path.endswith("/"):
        yield f"path {path!r} must name one directory below /, without . or .. as folders and without needless slashes"
    elif "\0" in path or len(path.encode("utf-8", "surrogateescape")) > 1023:
        yield f"path {path!r} cannot be exported: it has a NUL, or more than 1023 bytes"
    elif server == "ganesha" and re.search(r"[\x00-\x1f\x7f]", path):
        yield f"path {path!r} has a control character, which Ganesha's configuration cannot hold; rename the directory"


def _of_client(client: Any, server: str) -> Iterator[str]:
    if not isinstance(client, Mapping) or not isinstance(client.get("host"), str):
        yield f"client {client!r} must have host: an address, a network, a name or *"
        return
    host = client["host"]
    what = f"client {host!r}: "
    yield from (what + problem for problem in _unknown(client, "a client"))
    everyone = False
    if re.match(r"[0-9./]+\Z|.*:", host):  # what looks like an address has to be one
        try:
            everyone = ipaddress.ip_network(host).prefixlen == 0
        except ValueError as error:
            yield f"{what}{error}"
    elif not _HOST.match(host):
        yield f"{what}must be an address, a network, a name (with * or ?), a @netgroup or *, without blanks or brackets"
    for key, choices in (("access", ACCESS), ("squash", SQUASH)):
        if _given(client, key) and client[key] not in choices:
            yield f"{what}{key} must be {' or '.join(choices)}, not {client[key]!r}"
    if client.get("squash") == "none" and (everyone or host == "*"):
        yield f"{what}with squash none the root of every host would be root here; name the hosts that may be"
    for key in ("anon_uid", "anon_gid"):
        if _given(client, key) and not _is_number(client[key], 0, 2**32 - 2):
            yield f"{what}{key} must be the number of a user or group, not {client[key]!r}"
    kinds = client.get("sec") or []
    if not isinstance(kinds, Sequence) or isinstance(kinds, str) or any(kind not in SEC for kind in kinds):
        yield f"{what}sec must be a list of {', '.join(SEC)}, not {kinds!r}"
    yield from (what + problem for problem in _of_options(client.get("options") or [], server))


def _of_options(options: Any, server: str) -> Iterator[str]:
    if not isinstance(options, Sequence) or isinstance(options, str):
        yield f"options must be a list of words of exports(5), not {options!r}"
    elif options and server == "ganesha":
        yield "options are those of the kernel's server, which Ganesha does not know; take them out"
    else:
        for word in options:
            if not isinstance(word, str) or word not in WORDS:
                near = difflib.get_close_matches(str(word), WORDS, 1)
                hint = f"; did you mean {near[0]}" if near else ""
                own = "access, squash, anon_uid, anon_gid, sec and id have keys of their own"
                yield (
                    f"options: {word!r} is none that is known{hint}? ({own})"
                    if near
                    else (f"options: {word!r} is none that is known; {own}")
                )


def _unknown(entry: Mapping[str, Any], kind: str) -> Iterator[str]:
    for key in entry:
        if key not in _KEYS[kind]:
            yield f"{kind} has no {key!r}; it may have {', '.join(_KEYS[kind])}"


def _used_twice(exports: Sequence[Export], key: str) -> Iterator[str]:
    values = [export[key] for export in exports]
    for value in sorted({value for value in values if values.count(value) > 1}):
        yield f"nfs_exports: {key} {value!r} is used more than once"


def _same_ids(exports: Sequence[Export], server: str) -> Iterator[str]:
    numbered = [export for export in exports if server == "ganesha" or _given(export, "id")]
    seen: dict[int, str] = {}
    for export in numbered:
        number = id_of(export)
        if number in seen:
            both = f"{seen[number]} and {export['name']}"
            yield f"nfs_exports: {both} have the same id {number}; give one of them another"
        seen.setdefault(number, export["name"])


def _given(entry: Mapping[str, Any], key: str) -> bool:
    return entry.get(key) not in (None, "")


def _is_number(value: Any, least: int, most: int) -> bool:
    if isinstance(value, bool) or not re.match(r"[0-9]{1,10}\Z", str(value)):
        return False
    return least <= int(value) <= most
