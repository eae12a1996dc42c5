# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an rsyncd.conf that somebody wrote says of its modules, by the rules of rsyncd.conf(5)."""

from __future__ import annotations

import re
from typing import Any

_SECTION = re.compile(r"\s*\[([^\]]+)\]\s*")
# What rsync takes where a daemon of root's is told nothing; its group is the first of these that the host had when
# rsync was built.
_USER, _GROUPS = "nobody", ["nobody", "nogroup"]


def _sections(text: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """What holds for all, and each module with what is in force in it; of a parameter's name no space counts."""
    defaults: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    here = defaults
    for line in text.replace("\\\n", "").splitlines():
        bare, section = line.strip(), _SECTION.fullmatch(line)
        if section:
            name = section[1].strip()
            # what is said of all counts for the modules after it
            here = defaults if name.lower() == "global" else found.setdefault(name, dict(defaults))
        elif bare and bare[0] not in "#;":
            name, sign, value = bare.partition("=")
            if sign:
                here["".join(name.split()).lower()] = value.strip()
    return defaults, found


def modules(text: str) -> set[str]:
    """The names of the modules."""
    return set(_sections(text)[1])


def includes(text: str) -> bool:
    """Does it take in other files?"""
    return any(line.lstrip().startswith(("&include", "&merge")) for line in text.splitlines())


def module_paths(text: str) -> dict[str, str]:
    """Module to directory; a path with a % in it is not known before somebody connects."""
    paths = {name: settings.get("path", "") for name, settings in _sections(text)[1].items()}
    return {name: path for name, path in paths.items() if path and "%" not in path}


def owner(text: str, module: str) -> dict[str, Any]:
    """As whom a module's files are kept: C(uid), a name or a number, and C(gid), of which the first that exists counts.

    C(gid) is empty where it is the user's own group.
    """
    defaults, found = _sections(text)
    settings = found.get(module, defaults)
    listed = settings.get("gid", "")
    # one that begins with a comma has names with spaces in them
    words = listed.split(",") if listed.startswith(",") else re.split(r"[\s,]+", listed)
    groups = [word.strip() for word in words if word.strip()]
    if groups[:1] == ["*"]:
        return {"uid": settings.get("uid") or _USER, "gid": []}
    return {"uid": settings.get("uid") or _USER, "gid": groups[:1] or list(_GROUPS)}
