"""What is on the host of what the role makes, as JSON, in one round trip; see survey().

Runs alone, before anything of the role is on the host.
"""

from __future__ import annotations

import glob
import json
import os
import re
import subprocess
import sys
from typing import Any

# systemd.unit(5), UNIT FILE LOAD PATH
_UNITS = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")


def survey(order: dict[str, Any]) -> dict[str, Any]:
    """What is there. Raises OSError for a file that cannot be read.

    `kept` are files of `exports_dir` with the `marker`, by name without its ending, `foreign` the other ones. `ganesha`
    says whether its configuration has the role's lines (`ours`) and exports besides (`others`). `paths` are those that
    are no directories. `units` are installed or not, and run or not.
    """
    kept, foreign = _exports(order["exports_dir"], order["marker"])
    return {
        "kept": kept,
        "foreign": foreign,
        "folders_missing": [folder for folder in order["folders"] if not os.path.isdir(folder)],
        "kernel_others": any(_says(path) for path in ["/etc/exports", *_files(order["exports_dir"], foreign)]),
        "ganesha": ganesha(_text(order["ganesha_config"]), order["block"]),
        "ganesha_file": order["marker"] in _text(order["ganesha_file"]),
        "paths": {
            path: "file" if os.path.lexists(path) else "missing" for path in order["paths"] if not os.path.isdir(path)
        },
        "installed": {
            unit: any(os.path.exists(f"{top}/systemd/system/{unit}.service") for top in _UNITS)
            for unit in order["units"]
        },
        "active": [unit for unit in order["units"] if _is_active(unit)],
    }


def ganesha(text: str, block: str) -> dict[str, bool]:
    """Whether ganesha.conf has the role's block, and whether it exports anything outside of it."""
    begin, end = (re.escape(f"# {word} {block}") for word in ("BEGIN", "END"))
    rest, ours = re.subn(rf"^{begin}$.*?^{end}$", "", text, flags=re.MULTILINE | re.DOTALL)
    rest = re.sub(r"#.*", "", rest)
    return {"ours": ours > 0, "others": bool(re.search(r"^\s*(EXPORT\s*\{|%)", rest, re.MULTILINE | re.IGNORECASE))}


def _exports(folder: str, marker: str) -> tuple[list[str], list[str]]:
    files = sorted(glob.glob(f"{glob.escape(folder)}/*.exports"))
    ours = [path for path in files if marker in _text(path)]
    return _names(ours), _names([path for path in files if path not in ours])


def _names(paths: list[str]) -> list[str]:
    return [os.path.basename(path)[: -len(".exports")] for path in paths]


def _files(folder: str, names: list[str]) -> list[str]:
    return [f"{folder}/{name}.exports" for name in names]


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def _says(path: str) -> bool:
    return bool(re.search(r"^\s*[^#\s]", _text(path), re.MULTILINE))


def _is_active(unit: str) -> bool:
    try:
        done = subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False, capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    try:
        json.dump(survey(json.loads(sys.argv[1])), sys.stdout)
    except OSError as failure:
        sys.exit(f"{failure.filename}: {failure.strerror}")
