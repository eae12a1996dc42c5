"""Two hosts on which the real lsyncd mirrors to an rsync daemon, as a guide has set them up."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import string
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [
    str(Path(__file__).parent),
    *(str(Path(__file__).parents[1] / room) for room in ("hosts", "tools", "e2e")),
]

from machines import Machines  # noqa: E402 (found by the line above)
from old_lsyncd import HOSTS, Old  # noqa: E402
from playing import Player  # noqa: E402

if os.geteuid() != 0:
    collect_ignore_glob = ["test_*.py"]  # a lab needs root


def pytest_configure() -> None:
    # A test run that is told to end takes its hosts down as well.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))


@pytest.fixture(scope="session")
def old() -> Iterator[Old]:
    """Hosts where lsyncd runs, and nothing of this collection is."""
    folder = Path(tempfile.mkdtemp(prefix="lockstep-migrate-", dir="/var/tmp"))
    machines = Machines(folder, HOSTS, f"mig{os.getpid()}")
    alphabet = string.ascii_letters + string.digits
    try:
        machines.lab("up")
        old = Old(machines, Player(machines, "".join(secrets.choice(alphabet) for _ in range(24))))
        old.install()
        yield old
    finally:
        machines.lab("down")
        shutil.rmtree(folder)
