# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client's view of the source: a mount of it, and the user who works there."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional


class ClientError(Exception):
    """A mount or a user that cannot be used; the text names it, the reason and the mend."""


@dataclass(frozen=True)
class Client:
    """C(mount) is the client's mount of the source. C(user) makes the changes; None: whoever runs the module."""

    mount: str
    user: Optional[pwd.struct_passwd] = None

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Do it as the client's user. All threads of the process are that user meanwhile: let none be at work."""
        if self.user is None or self.user.pw_uid == os.geteuid():
            yield
            return
        group, groups = os.getegid(), os.getgroups()
        os.setgroups(os.getgrouplist(self.user.pw_name, self.user.pw_gid))
        os.setegid(self.user.pw_gid)
        os.seteuid(self.user.pw_uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)


def checked(source: str, mount: str, user: Optional[str]) -> Client:
    """The client, if it is one. Raises ClientError."""
    start = f"client: mount {mount}"
    try:
        there, here = os.stat(mount), os.stat(source)
    except OSError as error:
        raise ClientError(f"{start}: {error.strerror}; mount the source there, or name where it is mounted") from error
    if not os.path.isdir(mount):
        raise ClientError(f"{start}: is not a directory")
    if there.st_dev == here.st_dev:
        raise ClientError(
            f"{start}: lies on the file system of the source itself and not on a client's mount of it, so that nothing "
            "would be seen as a client sees it"
        )
    if user is None:
        return Client(mount)
    try:
        known = pwd.getpwnam(user)
    except KeyError as error:
        raise ClientError(f"client: user {user}: there is no such user on this host") from error
    if os.geteuid() not in (0, known.pw_uid):
        raise ClientError(f"client: user {user}: only root can act as another user; run the task as root")
    return Client(mount, known)
