"""A backup host that keeps everybody out but for ssh, by one of three firewalls, and an NFS host that is to come in."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), *(str(Path(__file__).parents[1] / room) for room in ("hosts", "tools"))]

from machines import Machines  # noqa: E402 (found by the line above)
from playing import Player  # noqa: E402
from walled import HOSTS, MIRROR, Walled  # noqa: E402

if os.geteuid() != 0:
    collect_ignore_glob = ["test_*.py"]  # a lab needs root


def pytest_configure() -> None:
    # A test run that is told to end takes its hosts down as well.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))


@pytest.fixture(scope="session")
def hosts() -> Iterator[Walled]:
    """Deployed without a word about the firewall, of which none is there yet."""
    folder = Path(tempfile.mkdtemp(prefix="lockstep-firewall-", dir="/var/tmp"))
    machines = Machines(folder, HOSTS, f"fw-{folder.name}")
    try:
        player = Player(machines, "a password for this test alone")
        player.write("mirrors", {"lockstep_mirrors": [MIRROR]})
        machines.lab("up")
        machines.disk("nfs01", MIRROR["source"]).mkdir()
        player.play("site.yml")
        yield Walled(machines, player)
    finally:
        machines.lab("down")
        shutil.rmtree(folder)
