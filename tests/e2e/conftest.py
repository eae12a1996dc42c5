"""One lab for all tests, deployed once; only the demo is tested without root, which a lab needs."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import string
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import NodeManager

sys.path[:0] = [str(Path(__file__).parent), *(str(Path(__file__).parents[1] / room) for room in ("hosts", "tools"))]

import limits_lock  # noqa: E402 (found by the line above)
from fleet import BACKUP, HOSTS, NFS  # noqa: E402
from machines import Machines  # noqa: E402
from playing import Played, Player  # noqa: E402
from polling import wait_for  # noqa: E402
from trees import differences  # noqa: E402

if os.geteuid() != 0:
    collect_ignore_glob = ["test_[0-9]*.py"]

DATA = {
    "name": "data",
    "source": "/srv/data",
    "path": "/srv/backup/data",
    "hosts": ["nfs01"],
    "targets": ["backup01"],
    "rsync_options": ["-A", "-X", "-H"],
}
HOME = {"name": "home", "source": "/srv/home", "path": "/srv/backup/home"}
# Source and copy of each module: a mirror of one host, and one of all hosts to all hosts.
COPIES = [("nfs01", "/srv/data", "backup01", "/srv/backup/data")] + [
    (nfs, "/srv/home", backup, f"/srv/backup/home/{nfs}") for nfs in NFS for backup in BACKUP
]
# Each module with the backup host that serves it, and of which NFS host it is.
MODULES = {("data", "backup01"): "nfs01", **{(f"home-{nfs}", backup): nfs for nfs in NFS for backup in BACKUP}}


def pytest_configure() -> None:
    # A test run that is told to end takes its hosts down as well.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))
    NodeManager.EXIT_TIMEOUT = 60  # seconds: hosts are not down within the ten that xdist leaves its processes


class Rooms(LoadScopeScheduling):
    """The tests of the lab build on each other, in one process; the demo's need neither them nor to wait for them."""

    def _split_scope(self, nodeid: str) -> str:
        return "lab" if re.search(r"\btest_\d", nodeid) else "demo"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Rooms:
    return Rooms(config, log)


@dataclass
class Scene:
    """The lab's hosts, the playbooks that are run on them, and the trees that they keep equal."""

    machines: Machines
    player: Player

    def unequal(self) -> list[str]:
        """What differs between the sources and their copies, owners apart, which are in extended attributes."""
        found = []
        for nfs, source, backup, copy in COPIES:
            one, other = self.machines.disk(nfs, source), self.machines.disk(backup, copy)
            try:
                found += differences(one, other)
            except (FileNotFoundError, NotADirectoryError) as error:
                found.append(f"{error} while being compared")  # it moved under our eyes
        return found

    def sources(self, below: str) -> list[Path]:
        """A path below each source of an NFS host, as this machine has it."""
        return list(dict.fromkeys(self.machines.disk(nfs, source) / below for nfs, source, _backup, _copy in COPIES))

    def become_equal(self, seconds: float = 30) -> None:
        """All trees become equal, whatever the watchers say of themselves."""
        wait_for(lambda: not self.unequal(), seconds, lambda: "equal trees, but\n" + "\n".join(self.unequal()[:20]))


@pytest.fixture(scope="session")
def lab() -> Iterator[Scene]:
    """Hosts that are up, with something in the sources, and nothing of this collection."""
    folder = Path(tempfile.mkdtemp(prefix="lockstep-e2e-", dir="/var/tmp"))
    alphabet = string.ascii_letters + string.digits
    # An ordinary user with sudo: the playbooks become root where they have to.
    machines = Machines(folder, HOSTS, f"e2e{os.getpid()}", user="ops")
    try:
        scene = Scene(machines, Player(machines, "".join(secrets.choice(alphabet) for _ in range(24))))
        scene.player.ends += MODULES
        scene.player.write("mirrors", {"lockstep_mirrors": [DATA, HOME]})
        machines.lab("up")
        for host, source in [("nfs01", "/srv/data"), *((nfs, "/srv/home") for nfs in NFS)]:
            folders = machines.disk(host, source) / "old/deep"
            folders.mkdir(parents=True)
            (folders / "file").write_text(f"was there before, on {host}\n")
        yield scene
    finally:
        machines.lab("down")
        shutil.rmtree(folder)


@dataclass
class Snapshot:
    """What is on the hosts that a playbook could have changed."""

    files: dict[str, dict[str, tuple[object, ...]]]
    disks: dict[str, list[str]]
    limits: dict[str, int]

    def changed_until(self, later: Snapshot) -> list[str]:
        """What is otherwise in a later one, a line each."""
        found = []
        for host, before in self.files.items():
            after = later.files[host]
            paths = [path for path in sorted(before | after) if before.get(path) != after.get(path)]
            found += [f"{host}:{path}: {before.get(path)} and then {after.get(path)}" for path in paths]
            found += [f"{host}:{path}" for path in {*self.disks[host]} ^ {*later.disks[host]}]
        return found + [f"{name}: {value}" for name, value in later.limits.items() if value != self.limits[name]]


def snapshot(machines: Machines) -> Snapshot:
    return Snapshot(
        {host: machines.written(host, "etc", "usr", "opt", "home", "var") for host in HOSTS},
        {host: sorted(map(str, machines.disk(host, "/srv").rglob("*"))) for host in HOSTS},
        machines.kernel_limits(),
    )


@dataclass
class Checked:
    """A run in check mode on fresh hosts, and what they had before and after."""

    played: Played
    before: Snapshot
    after: Snapshot


@pytest.fixture(scope="session")
def checked(lab: Scene) -> Checked:
    with limits_lock.unchanged():
        before = snapshot(lab.machines)
        played = lab.player.play("site.yml", "--check", "--diff")
        return Checked(played, before, snapshot(lab.machines))


@pytest.fixture(scope="session")
def first(lab: Scene, checked: Checked) -> Played:
    """The first deployment, as talkative as can be: the player looks for the password in what it says."""
    return lab.player.play("site.yml", "-vvvv", "--diff")


@pytest.fixture(scope="session")
def deployed(lab: Scene, first: Played) -> Scene:
    """The same hosts, deployed."""
    return lab
