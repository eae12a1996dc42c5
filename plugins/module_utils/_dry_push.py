# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A push of nothing, as a dry run: the daemon says whether it would take anything (rsync's main.c, io.c, flist.c).

After the log-in the client names the server's options. What both say from then on comes in frames of a kind and a
length. The list of files is empty, so that all that follows, in both directions, is the byte 0: the list's end, and the
end of each phase. It is answered as often as rsync would, which leaves no error in the daemon's log.
"""

from __future__ import annotations

import struct
from typing import Optional

from ansible_collections.lockstep.realtime.plugins.module_utils._greeting import Connection, DaemonError

# -n and what this client can do; without v, so that nothing is negotiated, and without i: the list comes at once.
OPTIONS = (b"--server", b"-nre.LsfxC", b".")
MULTIPLEX_BASE = 7
DATA = 0
SAID = (1, 3, 5, 8)  # rsync.h: FERROR_XFER, FERROR, FERROR_SOCKET, FERROR_UTF8
PHASES = 3
MOST = 32  # more ends of phases than any protocol has


def refused(connection: Connection, module: str) -> Optional[str]:
    """Why the module takes nothing, in the daemon's words; None if it would. Raises DaemonError.

    C(connection) is one that has just been let in to the module.
    """
    arguments = [*OPTIONS, module.encode("utf-8", "surrogateescape") + b"/"]
    connection.send(b"".join(argument + b"\0" for argument in arguments) + b"\0")
    connection.read(1)  # what the server can do
    connection.read(4)  # the seed of its checksums
    said: list[str] = []
    ends = 0
    # the last word is the daemon's: it is told the end of each phase, and by 31 its own good-bye once more
    answers = PHASES + (connection.greeting.protocol >= 31)
    try:
        _send(connection, b"\0")
        while ends < MOST:
            kind, data = _frame(connection)
            if kind == DATA:
                new = data.count(b"\0")
                _send(connection, b"\0" * min(new, max(0, answers - ends)))
                ends += new
            elif kind in SAID:
                said.append(data.decode("utf-8", "backslashreplace").strip())
    except DaemonError as error:
        if not said and ends < answers:
            raise DaemonError(f"a push as a dry run was not gone through: {error}") from error
    return said[0] if said else None


def _frame(connection: Connection) -> tuple[int, bytes]:
    (head,) = struct.unpack("<I", connection.read(4))
    return (head >> 24) - MULTIPLEX_BASE, connection.read(head & 0xFFFFFF)


def _send(connection: Connection, data: bytes) -> None:
    if data:
        connection.send(struct.pack("<I", MULTIPLEX_BASE << 24 | len(data)) + data)
