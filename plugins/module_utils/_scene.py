# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder in the source in which a verification makes its changes, and the way back."""

from __future__ import annotations

import os
import secrets
import shutil

from ansible_collections.lockstep.realtime.plugins.module_utils._expect import Want

RESERVED = b".lockstep/verify"


class Scene:
    """`<source>/.lockstep/verify/<random>/`. Names are bytes, relative to the source; errors are OSError.

    C(marker) lies there from the begin to the end: a read that finds it has read the right place, whatever it misses.
    """

    def __init__(self, source: str) -> None:
        self.folder = os.path.join(RESERVED, os.fsencode(secrets.token_hex(8)))
        self._root = os.fsencode(source)
        self._made: list[bytes] = []
        self.marker = self.name(b"marker")
        self._marker_content = secrets.token_hex(16).encode()

    @property
    def present(self) -> dict[bytes, Want]:
        return {self.marker: Want(self._marker_content)}

    def name(self, below: bytes) -> bytes:
        """The name, relative to the source, of something in the folder."""
        return os.path.join(self.folder, below)

    def path(self, name: bytes) -> bytes:
        return os.path.join(self._root, name)

    def begin(self) -> None:
        """Make the folder, what is missing above it, and the marker."""
        name = b""
        for part in self.folder.split(b"/"):
            name = os.path.join(name, part)
            self.make_folder(name)
        self.write(self.marker, self._marker_content)

    def end(self) -> bool:
        """Remove all that begin() made. Returns whether there was anything."""
        made = self.folder in self._made
        for name in reversed(self._made):
            try:
                if name == self.folder:
                    shutil.rmtree(self.path(name))
                else:
                    os.rmdir(self.path(name))
            except FileNotFoundError:
                pass  # somebody else's tidying
            except OSError:
                if name == self.folder:
                    raise
                break  # another verification is at work in it
        self._made.clear()
        return made

    def make_folder(self, name: bytes) -> None:
        """With a mode that lets the watcher in, whatever the umask. Those of the folder's own path are remembered."""
        try:
            os.mkdir(self.path(name))
        except FileExistsError:
            if name == self.folder or not self.folder.startswith(name + b"/"):
                raise
            return
        if self.folder == name or self.folder.startswith(name + b"/"):
            self._made.append(name)
        os.chmod(self.path(name), 0o755)

    def write(self, name: bytes, content: bytes, flags: int = os.O_TRUNC) -> None:
        """Write and close, as a program does that is done with its file."""
        descriptor = os.open(self.path(name), os.O_CREAT | os.O_WRONLY | flags, 0o644)
        with open(descriptor, "wb") as file:
            file.write(content)
