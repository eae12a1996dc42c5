"""Ports for the servers of tests and benches."""

from __future__ import annotations

import os
import random
import socket

# Below those that the kernel gives to clients (ip_local_port_range: from 32768): a server that is started again would
# find its own taken by a connection of somebody else.
FROM, BELOW = 20_000, 32_000

# No port is given twice while there are others, and no two workers of pytest-xdist draw from one part: a port is free
# until its server listens, and once more while that is down.
_PARTS = 8
_given: set[int] = set()

_drawn = random.SystemRandom()  # processes that draw at the same time, and tests that seed `random`, draw differently


def free_port() -> int:
    """A port of the loopback interface on which nobody listens. Raises OSError if a thousand draws find none."""
    size = (BELOW - FROM) // _PARTS
    start = FROM + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _PARTS * size
    for attempt in range(1000):
        port = _drawn.randrange(start, start + size)
        if port in _given and attempt < 500:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise OSError(f"no free port from {start} to {start + size - 1} of 127.0.0.1")
