"""Talking to the service manager: ready, alive, stopping, and one line of status.  sd_notify(3).

Without systemd (NOTIFY_SOCKET is not set) everything here does nothing.
"""

from __future__ import annotations

import os
import socket
import time
from functools import lru_cache


@lru_cache(maxsize=1)
def _channel() -> socket.socket:
    """Kept: a service that has no descriptor left is still alive, and has to be able to say so.  Raises OSError."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    # The manager can be slow under load; the event loop must not wait for it.
    channel.setblocking(False)
    return channel


def notify(text: str) -> bool:
    """Send assignments, one a line. False when there is nobody to tell or it could not be told: neither is an error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        # An abstract address, written with @ for its NUL.
        address = "\0" + address[1:]
    try:
        _channel().sendto(text.encode("utf-8", "replace"), address)
    except OSError:
        return False
    return True


def ready() -> bool:
    """The start, or a reload, is done."""
    return notify("READY=1")


def reloading() -> bool:
    """A reload begins; `ready` ends it. Type=notify-reload wants the time too, in microseconds."""
    return notify(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping() -> bool:
    """The stop begins."""
    return notify("STOPPING=1")


def status(text: str) -> bool:
    """One line for `systemctl status`."""
    return notify("STATUS=" + " ".join(text.split()))


def watchdog() -> bool:
    """Still alive."""
    return notify("WATCHDOG=1")


def watchdog_interval() -> float | None:
    """Seconds within which `watchdog` must be called again and again; None when nobody waits for it.

    The manager's own limit is twice as long, as sd_watchdog_enabled(3) advises.
    """
    try:
        limit = int(os.environ.get("WATCHDOG_USEC", "0"))
        # The variables are inherited: they speak to the process that they name, not to its children.
        mine = int(os.environ.get("WATCHDOG_PID", os.getpid())) == os.getpid()
    except ValueError:
        return None
    return limit / 2_000_000 if limit > 0 and mine else None
