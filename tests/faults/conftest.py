"""One lab for all faults, deployed once; each test begins with equal trees and a watcher that is in step."""

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

sys.path[:0] = [str(Path(__file__).parent), *(str(Path(__file__).parents[1] / room) for room in ("hosts", "tools"))]

from fault import Fault  # noqa: E402 (found by the line above)
from machines import Machines  # noqa: E402
from playing import Player  # noqa: E402
from scene import HOSTS, SOURCE_HOST, SOURCES, Scene, mirrors  # noqa: E402


def pytest_configure() -> None:
    if os.geteuid() != 0:
        pytest.exit("the faults need the lab, and the lab needs root", 1)
    # A test run that is told to end takes its hosts down as well.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A run takes most of an hour: what failed is told at once, and not at its end alone."""
    if report.failed:
        sys.stderr.write(f"\n{report.nodeid}, {report.when}:\n{report.longreprtext}\n")


@pytest.fixture(scope="session")
def scene() -> Iterator[Scene]:
    """Hosts that site.yml has made mirrors of, with something in each source.

    With FAULTS_LAB=FOLDER in the environment they stay up, and the next run with it takes them as they are.
    """
    kept = os.environ.get("FAULTS_LAB")
    folder = Path(kept or tempfile.mkdtemp(prefix="lockstep-faults-", dir="/var/tmp"))
    machines = Machines(folder, HOSTS, f"faults-{folder.name}")
    try:
        if not (folder / "deployed").exists():
            _deploy(machines)
            (folder / "deployed").touch()
        yield Scene(machines)
    finally:
        if not kept:
            machines.lab("down")
            shutil.rmtree(folder)


def _deploy(machines: Machines) -> None:
    alphabet = string.ascii_letters + string.digits
    player = Player(machines, "".join(secrets.choice(alphabet) for _ in range(24)))
    player.write("mirrors", {"lockstep_mirrors": mirrors()})
    machines.lab("up")
    for source in SOURCES.values():
        deep = machines.disk(SOURCE_HOST, source) / "old/deep"
        deep.mkdir(parents=True)
        (deep / "file").write_text("was there before\n")
    player.play("site.yml")


@pytest.fixture(scope="module", autouse=True)
def fresh(scene: Scene) -> None:
    """A watcher started anew: more faults than a file has would be too many for its log, which it keeps short."""
    scene.run(SOURCE_HOST, "systemctl restart lockstep")


@pytest.fixture
def fault(scene: Scene, request: pytest.FixtureRequest) -> Iterator[Fault]:
    """A fault that is yet to come, on hosts on which all is well; a test has to see it through to its cure."""
    scene.become_equal()
    scene.wait_in_step()
    fault = Fault(scene, f"{Path(request.node.fspath).name}::{request.node.name}")
    with fault.at_the_end:
        yield fault
    assert fault.done, "the test ended before the cure"
