"""One NFS host and one backup host, deployed as a person would, and on the NFS host a server with real clients."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import string
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), *(str(Path(__file__).parents[1] / room) for room in ("hosts", "tools"))]

import ganesha  # noqa: E402 (found by the line above)
from export import HOSTS, Export  # noqa: E402
from machines import Machines  # noqa: E402
from mount import Mount  # noqa: E402
from playing import Player  # noqa: E402
from table import Lags  # noqa: E402

if os.geteuid() != 0:
    collect_ignore_glob = ["test_*.py"]  # a lab needs root

VERSIONS = (3, 4)


def pytest_configure() -> None:
    # A test run that is told to end takes its hosts down as well.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))


@pytest.fixture(scope="session")
def export() -> Iterator[Export]:
    """Hosts that site.yml has made a mirror of.

    With NFS_LAB=FOLDER in the environment they stay up, and the next run with it takes them as they are.
    """
    kept = os.environ.get("NFS_LAB")
    folder = Path(kept or tempfile.mkdtemp(prefix="lockstep-nfs-", dir="/var/tmp"))
    machines = Machines(folder, HOSTS, f"nfs-{folder.name}")
    try:
        if not (folder / "deployed").exists():
            _deploy(machines)
            (folder / "deployed").touch()
        machines.wait_live("nfs01")
        export = Export(machines)
        (export.source / export.top.lstrip("/")).mkdir()
        yield export
    finally:
        if not kept:
            machines.lab("down")
            shutil.rmtree(folder)


def _deploy(machines: Machines) -> None:
    alphabet = string.ascii_letters + string.digits
    player = Player(machines, "".join(secrets.choice(alphabet) for _ in range(24)))
    exports = [ganesha.exports("data", Export.MIRROR["source"])]
    player.write("exports", {"nfs_export_server": "ganesha", "nfs_exports": exports})
    player.write("mirrors", {"lockstep_mirrors": [Export.MIRROR]})
    machines.lab("up")
    machines.disk("nfs01", Export.MIRROR["source"]).mkdir()
    ganesha.configure(machines, "nfs01")
    player.play("playbooks/exports.yml")
    player.play("site.yml")


@pytest.fixture
def mount(export: Export) -> Iterator[Callable[[int], Mount]]:
    """Makes a client of a version; at the end of the test it is gone, and both trees are equal."""
    mounts: list[Mount] = []

    def made(version: int) -> Mount:
        mounts.append(export.mount(version))
        return mounts[-1]

    try:
        yield made
        export.become_equal()  # while the clients still have open what they had open
    finally:
        for one in mounts:
            one.end()


@pytest.fixture(params=VERSIONS, ids=[f"v{version}" for version in VERSIONS])
def client(request: pytest.FixtureRequest, mount: Callable[[int], Mount]) -> Mount:
    """A client, once of each version."""
    return mount(int(request.param))


@pytest.fixture(scope="session")
def lags() -> Iterator[Lags]:
    lags = Lags()
    yield lags
    lags.write()
