"""Ports for the servers of tests and benches."""

from __future__ import annotations

import random
import socket

# Below those that the kernel gives to clients (ip_local_port_range: from 32768): a server that is started again would
# find its own taken by a connection of somebody else.
FROM, BELOW = 20_000, 32_000

_drawn = random.SystemRandom()  # processes that draw at the same time, and tests that seed `random`, draw differently


def free_port() -> int:
    """A port of the loopback interface on which nobody listens. Raises OSError if a thousand draws find none."""
    for _attempt in range(1000):
        port = _drawn.randrange(FROM, BELOW)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {FROM} to {BELOW - 1} of 127.0.0.1")
