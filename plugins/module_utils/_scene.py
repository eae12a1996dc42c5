# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder in the source in which a verification makes its changes, and the way back."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from typing import Optional

from ansible_collections.lockstep.realtime.plugins.module_utils._client import Client, ClientError
from ansible_collections.lockstep.realtime.plugins.module_utils._expect import Want

RESERVED = b".lockstep/verify"


class Scene:
    """`<source>/.lockstep/verify/<random>/`. Names are bytes, relative to the source; errors are OSError.

    C(marker) lies there from the begin to the end: a read that finds it has read the right place, whatever it misses.
    With a client the folder is made and removed in the source itself, as the client's user may do neither in its root;
    what is done in it is done in the client's mount.
    """

    def __init__(self, source: str, client: Optional[Client] = None) -> None:
        self.folder = os.path.join(RESERVED, os.fsencode(secrets.token_hex(8)))
        self._source = os.fsencode(source)
        self._client = client
        self._root = self._source if client is None else os.fsencode(client.mount)
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

    def acting(self) -> contextlib.AbstractContextManager[None]:
        """As whom the changes are made."""
        return contextlib.nullcontext() if self._client is None else self._client.acting()

    def begin(self) -> None:
        """Make the folder, what is missing above it, and the marker. Raises ClientError too."""
        name = b""
        for part in self.folder.split(b"/"):
            name = os.path.join(name, part)
            self._make_own(name)
        if self._client is not None:
            if self._client.user is not None and os.geteuid() == 0:
                os.chown(self._own(self.folder), self._client.user.pw_uid, self._client.user.pw_gid)
            if not os.path.isdir(self.path(self.folder)):
                raise ClientError(
                    f"client: mount {self._client.mount}: does not show what is in {os.fsdecode(self._source)}; name "
                    "the mount of this source"
                )
        with self.acting():
            self.write(self.marker, self._marker_content)

    def end(self) -> bool:
        """Remove all that begin() made. Returns whether there was anything."""
        made = self.folder in self._made
        for name in reversed(self._made):
            try:
                if name == self.folder:
                    shutil.rmtree(self._own(name))
                else:
                    os.rmdir(self._own(name))
            except FileNotFoundError:
                pass  # somebody else's tidying
            except OSError:
                if name == self.folder:
                    raise
                break  # another verification is at work in it
        self._made.clear()
        return made

    def make_folder(self, name: bytes) -> None:
        """With a mode that lets the watcher in, whatever the umask."""
        os.mkdir(self.path(name))
        os.chmod(self.path(name), 0o755)

    def _make_own(self, name: bytes) -> None:
        """The folder, or one above it, which may be there already. What is made is remembered."""
        try:
            os.mkdir(self._own(name))
        except FileExistsError:
            if name == self.folder:
                raise
            return
        self._made.append(name)
        os.chmod(self._own(name), 0o755)

    def _own(self, name: bytes) -> bytes:
        """Where it is in the source itself."""
        return os.path.join(self._source, name)

    def write(self, name: bytes, content: bytes, flags: int = os.O_TRUNC, second: Optional[int] = None) -> None:
        """Write and close, as a program does that is done with its file. C(second): the one its mtime is to be in."""
        descriptor = os.open(self.path(name), os.O_CREAT | os.O_WRONLY | flags, 0o644)
        with open(descriptor, "wb") as file:
            file.write(content)
            if second is not None:
                file.flush()
                now = time.time_ns()
                os.utime(file.fileno(), ns=(now, second * 10**9 + now % 10**9))
