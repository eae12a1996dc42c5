# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python package in a folder of the controller: what of it goes to a host, and as what."""

from __future__ import annotations

import base64
import json
import os
import zlib


def read_package(folder):
    """The Python sources below a folder, as {path relative to it: text}; raises OSError and UnicodeDecodeError."""
    files = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or not (name.endswith(".py") or name == "py.typed"):
                continue
            path = os.path.join(parent, name)
            with open(path, encoding="utf-8", newline="") as stream:
                files[os.path.relpath(path, folder).replace(os.sep, "/")] = stream.read()
    return files


def pack(files):
    """Text that holds the files: equal for equal files, whatever the order in which they were found."""
    plain = json.dumps(files, sort_keys=True, separators=(",", ":")).encode("ascii")
    return base64.b64encode(zlib.compress(plain, 9)).decode("ascii")
