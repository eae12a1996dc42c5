"""What a hook is told in one go, and how it reaches a program, a server, a socket or a cache.

Called in a thread of its own; may take its time.  Names are never seen by a shell.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional
from urllib.parse import quote, urlsplit

from lockstep import __version__
from lockstep.config_hooks import Hook, Purge, Receiver, Stream
from lockstep.config_notify import Command
from lockstep.notify import delivery
from lockstep.notify.delivery import DeliveryError

_TOLD_WITH_LINES = re.compile(rb"[\x00-\x1f\x7f]|\\(?=#[0-7]{3})")
NOT_CACHED = frozenset({404, 410, 412})  # what a cache says of what it does not have, which is what was wanted


class Told(NamedTuple):
    """A path, relative to the source, and what became of it on the target: `changed` or `deleted`."""

    path: bytes
    kind: str


@dataclass(frozen=True)
class Parcel:
    """Paths of one target.  `dropped`: how many were not told, as too many waited."""

    mirror: str
    source: str
    target: str
    changes: Sequence[Told]
    dropped: int = 0


def name(to: Receiver) -> str:
    """What people may call it; of an address only the host is told."""
    if isinstance(to, Stream):
        return f"socket {to.path}" if to.path is not None else f"socket {to.host}:{to.port}"
    if isinstance(to, Purge):
        return f"{to.method} to {urlsplit(to.template).hostname}"
    return delivery.name(to)


def deliver(hook: Hook, parcel: Parcel) -> None:
    """Raises DeliveryError."""
    to = hook.to
    if isinstance(to, Command):
        about = {"LOCKSTEP_MIRROR": parcel.mirror, "LOCKSTEP_SOURCE": parcel.source, "LOCKSTEP_TARGET": parcel.target}
        delivery.run(to, names(parcel, hook.end), about)
    elif isinstance(to, Stream):
        _send(to, names(parcel, b"\n"))
    elif isinstance(to, Purge):
        _purge(to, parcel)
    else:
        delivery.post(to, document(parcel))


def names(parcel: Parcel, end: bytes) -> bytes:
    r"""Each name and its end.  In lines, what would end or change one is written `\#ooo`, as rsync writes it."""
    paths = [told.path for told in parcel.changes]
    if end == b"\n":
        paths = [_TOLD_WITH_LINES.sub(lambda match: b"\\#%03o" % match[0][0], path) for path in paths]
    return b"".join([path + end for path in paths])


def document(parcel: Parcel) -> bytes:
    """A line of JSON; bytes that are no text are surrogates in it, as in the status."""
    found: dict[str, Any] = {
        "service": "lockstep",
        "version": __version__,
        "host": socket.gethostname(),
        "sent": time.time(),
        "mirror": parcel.mirror,
        "source": parcel.source,
        "target": parcel.target,
        "changes": [{"path": os.fsdecode(told.path), "kind": told.kind} for told in parcel.changes],
        "dropped": parcel.dropped,
    }
    return json.dumps(found).encode("ascii") + b"\n"


def _send(to: Stream, lines: bytes) -> None:
    """It is told when the receiver has closed after the last line: only that says that it has read it."""
    where = to.path if to.path is not None else to.host
    until = time.monotonic() + to.timeout
    try:
        with contextlib.ExitStack() as stack:
            if to.path is not None:
                link = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                link.settimeout(to.timeout)
                link.connect(to.path)
            else:
                link = stack.enter_context(socket.create_connection((to.host, to.port), to.timeout))
            link.sendall(lines)
            link.shutdown(socket.SHUT_WR)
            while link.recv(4096):
                left = until - time.monotonic()
                if left <= 0:
                    raise DeliveryError(f"{where}: goes on talking and does not close")
                link.settimeout(left)
    except socket.timeout as error:
        raise DeliveryError(f"{where}: has not read all and closed within {to.timeout:g} s") from error
    except OSError as error:
        raise DeliveryError(f"{where}: {error.strerror or error}") from error


def _purge(to: Purge, parcel: Parcel) -> None:
    headers = delivery.more_headers(to.token_file, to.headers_file)
    expression = None if to.match is None else re.compile(os.fsencode(to.match))
    start = "/".join(to.template.split("/", 3)[:3])
    with delivery.connected(start, to.timeout) as connection:
        for told in parcel.changes:
            url = address(to.template, told.path, expression)
            if url is not None:
                delivery.ask(connection, to.method, url[len(start) :] or "/", None, headers, NOT_CACHED)


def address(template: str, path: bytes, expression: Optional[re.Pattern[bytes]]) -> Optional[str]:
    """What to ask for a path, every byte of a name escaped that could mean something; None where `match` is not."""
    found = expression.search(path) if expression is not None else None
    if expression is not None and found is None:
        return None
    places = {"path": path}
    if found is not None:
        places.update((str(number), group or b"") for number, group in enumerate(found.groups(), 1))
    return re.sub(r"\{(path|[1-9])\}", lambda place: quote(places[place[1]], safe="/"), template)


def problem(to: Receiver) -> Optional[str]:
    """What is wrong on this host with what a hook needs; None when nothing is."""
    if isinstance(to, Stream):
        return None
    if isinstance(to, Purge):
        try:
            delivery.more_headers(to.token_file, to.headers_file)
        except DeliveryError as error:
            return str(error)
        return None
    return delivery.problem(to)
