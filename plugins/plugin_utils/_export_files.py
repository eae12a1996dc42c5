# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From exports without a mistake to the text of both servers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.realtime.plugins.plugin_utils._exports import Export, id_of, place_of

_KERNEL_SQUASH = {"root": "root_squash", "all": "all_squash", "none": "no_root_squash"}
_GANESHA_SQUASH = {"root": "Root_Squash", "all": "All_Squash", "none": "No_Root_Squash"}


def kernel_line(export: Export) -> str:
    """One export as exports(5) has it. No blank is between a client and its options: it would be for everybody."""
    clients = " ".join(f"{place_of(client['host'])}({_options(export, client)})" for client in export["clients"])
    return f"{_octal(export['path'])} {clients}\n"


def ganesha_blocks(exports: Sequence[Export]) -> str:
    """EXPORT blocks as ganesha-export-config(8) has them. Who is not among the clients has no access."""
    return "\n".join(_block(export) for export in exports)


def _octal(path: str) -> str:
    """Whatever could end a word, begin a comment or be a quote is its bytes in octal."""
    data = path.encode("utf-8", "surrogateescape")
    return "".join(
        chr(byte) if re.match(rb"[A-Za-z0-9/._@:+=,~-]", bytes([byte])) else f"\\{byte:03o}" for byte in data
    )


def _options(export: Export, client: Mapping[str, Any]) -> str:
    given = list(client.get("options") or [])
    words = [client.get("access") or "rw"]
    words += [] if "async" in given else ["sync"]
    # its check costs, and refuses renamed files that are open: exports(5) advises against it
    words += [] if "subtree_check" in given else ["no_subtree_check"]
    words.append(_KERNEL_SQUASH[client.get("squash") or "root"])
    words += [
        f"{word}={client[key]}" for key, word in (("anon_uid", "anonuid"), ("anon_gid", "anongid")) if _has(client, key)
    ]
    words += [f"sec={':'.join(client['sec'])}"] if client.get("sec") else []
    words += [f"fsid={export['id']}"] if _has(export, "id") else []
    return ",".join(dict.fromkeys([*words, *given]))


def _block(export: Export) -> str:
    path = '"' + re.sub(r'(["\\])', r"\\\1", export["path"]) + '"'
    clients = "".join(_client(client) for client in export["clients"])
    return f"""\
EXPORT {{
  Export_Id = {id_of(export)};
  Path = {path};
  Pseudo = {path};
  Protocols = 3, 4;
  Transports = TCP;
  Access_Type = None;
  FSAL {{ Name = VFS; }}
{clients}}}
"""


def _client(client: Mapping[str, Any]) -> str:
    settings = [
        f"Clients = {place_of(client['host'])}",
        f"Access_Type = {(client.get('access') or 'rw').upper()}",
        f"Squash = {_GANESHA_SQUASH[client.get('squash') or 'root']}",
    ]
    names = (("anon_uid", "Anonymous_Uid"), ("anon_gid", "Anonymous_Gid"))
    settings += [f"{name} = {client[key]}" for key, name in names if _has(client, key)]
    settings.append(f"SecType = {', '.join(client.get('sec') or ['sys'])}")
    return f"  CLIENT {{ {'; '.join(settings)}; }}\n"


def _has(entry: Mapping[str, Any], key: str) -> bool:
    return entry.get(key) not in (None, "")
