# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python package in a folder of the host: what python_package makes of it, and whether it still is that."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Callable, Optional

FILE_MODE = 0o644
FOLDER_MODE = 0o755


def digest(files: dict[str, bytes]) -> str:
    """One digest for names, relative to the package, and contents."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode("utf-8", "surrogateescape") + b"\0" + hashlib.sha256(files[name]).digest())
    return total.hexdigest()


def source_of(compiled: str) -> Optional[str]:
    """The source that a compiled file belongs to: a/__pycache__/b.cpython-311.pyc is a/b.py; None for other files."""
    folder, name = os.path.split(compiled)
    parent, cache = os.path.split(folder)
    if cache != "__pycache__" or not name.endswith(".pyc"):
        return None
    return (parent + "/" if parent else "") + name.split(".", 1)[0] + ".py"


def is_installed(dest: str, sha256: str) -> bool:
    """Whether a folder is just the package of this digest, with the modes and the owner that python_package gives.

    Raises OSError for what cannot be looked at. Compiled files are passed over beside their source.
    """
    files: dict[str, bytes] = {}
    compiled = []
    if not _is_folder(dest):
        return False
    for parent, folders, names in os.walk(dest, onerror=_raise):
        here = os.path.relpath(parent, dest)
        prefix = "" if here == "." else here + "/"
        cache = os.path.basename(here) == "__pycache__"
        # a folder that holds nothing would not show in the digest
        if not cache and not names:
            return False
        if not all(_is_folder(f"{parent}/{name}", name == "__pycache__" and not cache) for name in folders):
            return False
        for name in names:
            if cache:
                compiled.append(source_of(prefix + name))
            elif not _is_own(os.lstat(f"{parent}/{name}"), stat.S_ISREG, FILE_MODE):
                return False
            else:
                with open(f"{parent}/{name}", "rb") as stream:
                    files[prefix + name] = stream.read()
    return digest(files) == sha256 and all(source in files for source in compiled)


def _raise(error: OSError) -> None:
    raise error


def _is_folder(path: str, whatever_mode: bool = False) -> bool:
    try:
        now = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISDIR(now.st_mode) if whatever_mode else _is_own(now, stat.S_ISDIR, FOLDER_MODE)


def _is_own(now: os.stat_result, kind: Callable[[int], bool], mode: int) -> bool:
    return kind(now.st_mode) and stat.S_IMODE(now.st_mode) == mode and now.st_uid == os.geteuid()
