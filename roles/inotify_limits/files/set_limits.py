"""Sets limits of inotify in the running kernel: {"wanted": {…}, "must": {…}, "lower": false, "write": true, …}.

`wanted` is what they are to be, `must` what they have to be at least when they cannot be written, as without root or
in a container; both by name. `lower`: whether a higher limit is lowered. `write`: false only tells. `file` is to
set them at boot, or empty: nothing is done where it is a folder, or sets anything else. Prints JSON:
{"changed": {name: [before, after]}, "limits": {name: in force}, "kept": [why a wish was left], "problems": [text]}.
proc(5), /proc/sys/fs/inotify; written directly, since not every host has sysctl(8).
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

FOLDER = "/proc/sys/fs/inotify"


def main(order: dict[str, Any], folder: str = FOLDER) -> dict[str, Any]:
    """Do it, and say what came of it."""
    result: dict[str, Any] = {"changed": {}, "limits": {}, "kept": [], "problems": []}
    in_the_way = _not_ours(order["file"]) if order["file"] else ""
    if in_the_way:
        mend = "set inotify_limits_sysctl_file to the path of a file of its own"
        return {**result, "problems": [f"{order['file']} {in_the_way}; {mend}"]}
    for name, wanted in order["wanted"].items():
        path = os.path.join(folder, name)
        before = _read(path)
        target = int(wanted) if order["lower"] else max(int(wanted), before)
        result["limits"][name] = target
        if target == before:
            continue
        result["changed"][name] = [before, target]
        if not order["write"]:
            continue
        reason = _write(path, target)
        if not reason:
            continue
        del result["changed"][name]
        result["limits"][name] = _read(path)
        said = f"fs.inotify.{name} is {before} and could not be set to {target}: {reason}"
        if before >= int(order["must"][name]):
            result["kept"].append(said)
        else:
            mend = f"{order['must'][name]} are needed; run with root's rights, and in a container set it on its host"
            result["problems"].append(f"{said}; at least {mend}")
    return result


def _not_ours(path: str) -> str:
    """Why a file is none that the role may write; "" where it may."""
    if os.path.isdir(path):
        return "is a folder"
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = [line.strip() for line in stream]
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    others = [line for line in lines if line and not re.match(r"[#;]|fs[./]inotify[./]", line)]
    return f"sets more than limits of inotify ({others[0]})" if others else ""


def _read(path: str) -> int:
    with open(path, encoding="ascii") as stream:
        return int(stream.read())


def _write(path: str, value: int) -> str:
    """Why the kernel did not take a value; "" when it did."""
    try:
        with open(path, "w", encoding="ascii") as stream:
            stream.write(str(value))
    except OSError as error:
        return error.strerror or str(error)
    found = _read(path)
    return "" if found == value else f"the kernel made it {found}"


if __name__ == "__main__":
    json.dump(main(json.loads(sys.argv[1])), sys.stdout)
