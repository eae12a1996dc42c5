"""Files and folders that go with the role, as a list in JSON: what may be another's is not among them.

Takes, as JSON, the `config`, whether it is `ours`, the role's `files` by variable, the folder of modules' `secrets`,
whose files begin with the line `marker`, and the folder of its `tools`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

_TOOLS = {"rsyncd_check", "firewall.py"}


def own(order: dict[str, Any]) -> list[str]:
    """What the role's own configuration names, a pid file that holds a number, secrets of modules, and the tools."""
    files = order["files"]
    named = _named(order["config"]) if order["ours"] else []
    found = [path for path in files.values() if path in named and _is_file(path)]
    found += [path for name, path in files.items() if name == "rsync_daemon_pid_file" and _holds_number(path)]
    return found + secrets(order["secrets"], order["marker"]) + tools(order["tools"])


def tools(folder: str) -> list[str]:
    """The folder, or only what the role has in it, where it holds more."""
    there = _names(folder)
    return _own(folder, there, there & _TOOLS)


def secrets(folder: str, marker: str) -> list[str]:
    """The folder, or only the files that tell that they are the role's, where it holds more."""
    there = _names(folder)
    return _own(folder, there, {name for name in there if _first_line(f"{folder}/{name}") == marker})


def _names(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def _own(folder: str, there: set[str], mine: set[str]) -> list[str]:
    # a link to a folder is somebody's
    whole = mine and mine == there and not os.path.islink(folder)
    return [folder] if whole else [f"{folder}/{name}" for name in sorted(mine)]


def _first_line(path: str) -> str:
    if not _is_file(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.readline(4096).rstrip("\n")


def _named(config: str) -> list[str]:
    with open(config, encoding="utf-8", errors="replace") as stream:
        return re.findall(r"^(?:secrets file|lock file|log file) = (.*)$", stream.read(), re.MULTILINE)


def _is_file(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path)


def _holds_number(path: str) -> bool:
    if not _is_file(path):
        return False
    with open(path, "rb") as stream:
        return re.fullmatch(rb"[0-9]{1,10}\s*", stream.read(64)) is not None


if __name__ == "__main__":
    json.dump(own(json.loads(sys.argv[1])), sys.stdout)
