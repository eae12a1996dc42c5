"""A chain: nfs01 mirrors to relay01, which mirrors what it has to offsite01, and is in both groups therefore."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / room) for room in ("hosts", "tools")]

from machines import Machines  # noqa: E402 (found by the line above)
from playing import Played, Player  # noqa: E402
from polling import wait_for  # noqa: E402
from trees import differences  # noqa: E402

HOSTS = {
    "nfs01": "172.16.1.31:first:bookworm",
    "relay01": "172.16.1.41:second:trixie",
    "offsite01": "172.16.1.51:third:bookworm",
}
# Both groups have the one in the middle; docs/topologies.md has the same.
GROUPS = "[nfs]\nnfs01\nrelay01\n[backup]\nrelay01\noffsite01\n"
MIRRORS = [
    {"name": "data", "source": "/srv/data", "path": "/srv/backup/data", "hosts": ["nfs01"], "targets": ["relay01"]},
    {
        "name": "offsite",
        "source": "/srv/backup/data",
        "path": "/srv/offsite/data",
        "hosts": ["relay01"],
        "targets": ["offsite01"],
    },
]


@dataclass
class Chain:
    machines: Machines
    player: Player
    groups: Path

    def play(self, playbook: str, *options: str) -> Played:
        return self.player.play(playbook, "-i", str(self.groups), *options)

    @property
    def source(self) -> Path:
        return self.machines.disk("nfs01", "/srv/data")

    @property
    def middle(self) -> Path:
        return self.machines.disk("relay01", "/srv/backup/data")

    @property
    def end(self) -> Path:
        return self.machines.disk("offsite01", "/srv/offsite/data")

    def unequal(self, *copies: Path) -> list[str]:
        found = []
        for copy in copies or (self.middle, self.end):
            try:
                found += differences(self.source, copy, owners=True)
            except (FileNotFoundError, NotADirectoryError) as error:
                found.append(f"{error} while being compared")  # it moved under our eyes
        return found

    def become_equal(self, *copies: Path, seconds: float = 60) -> None:
        wait_for(
            lambda: not self.unequal(*copies),
            seconds,
            lambda: "equal trees, but\n" + "\n".join(self.unequal(*copies)[:20]),
        )


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))
    folder = Path(tempfile.mkdtemp(prefix="lockstep-chain-", dir="/var/tmp"))
    machines = Machines(folder, HOSTS, f"chain-{folder.name}")
    try:
        player = Player(machines, "one password of all hosts here")
        # owners are then what relay01 has in its file system, and can send on
        player.write("mirrors", {"lockstep_mirrors": MIRRORS, "rsync_daemon_ownership": "root"})
        groups = folder / "groups.ini"
        groups.write_text(GROUPS)
        machines.lab("up")
        made = machines.disk("nfs01", "/srv/data") / "before/deep"
        made.mkdir(parents=True)
        (made / "file").write_text("was there before\n")
        os.chown(made / "file", 1234, 4321)
        # What a mirror sends must be there before it is deployed: of the second one, the copy of the first.
        machines.disk("relay01", "/srv/backup/data").mkdir(parents=True)
        chain = Chain(machines, player, groups)
        chain.play("site.yml")
        yield chain
    finally:
        machines.lab("down")
        shutil.rmtree(folder)


def test_what_was_there_is_at_the_end_of_the_chain_with_its_owners(chain: Chain) -> None:
    chain.become_equal()
    assert (chain.end / "before/deep/file").read_text() == "was there before\n"


def test_a_second_run_changes_nothing_on_any_host(chain: Chain) -> None:
    assert chain.play("site.yml").changed == dict.fromkeys(HOSTS, 0)


def _make(chain: Chain) -> None:
    for number in range(50):
        folder = chain.source / f"folder {number % 5}/below"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}").write_bytes(os.urandom(1000 * number))
        os.chown(folder / f"{number}", 1000 + number, 2000 + number)
        (folder / f"{number}").chmod(0o600 + number % 8)


def _change(chain: Chain) -> None:
    _make(chain)
    (chain.source / "folder 0").rename(chain.source / "renamed")
    os.link(chain.source / "folder 1/below/1", chain.source / "second name")
    (chain.source / "a link").symlink_to("renamed/below")
    shutil.rmtree(chain.source / "folder 2")
    (chain.source / "folder 3/below/3").write_text("otherwise\n")
    (chain.source / "line\nbreak").write_text("odd\n")


@pytest.mark.parametrize("act", [_make, _change], ids=["made", "renamed, deleted, rewritten"])
def test_changes_go_through_to_the_end(chain: Chain, act: Callable[[Chain], None]) -> None:
    act(chain)
    chain.become_equal()


def test_the_end_that_is_away_holds_up_nobody_and_catches_up(chain: Chain) -> None:
    chain.machines.lab("cut", "offsite01")
    try:
        (chain.source / "while it was away").write_text("1\n")
        chain.become_equal(chain.middle)
        assert not (chain.end / "while it was away").exists()
    finally:
        chain.machines.lab("heal", "offsite01")
    chain.become_equal(seconds=150)


def test_the_middle_that_loses_its_power_loses_no_change(chain: Chain) -> None:
    chain.machines.lab("off", "relay01")
    (chain.source / "while the middle was off").write_text("1\n")
    shutil.rmtree(chain.source / "renamed")
    chain.machines.lab("on", "relay01")
    chain.become_equal(seconds=150)


def test_the_audit_finds_both_links_of_the_chain_in_step(chain: Chain) -> None:
    for host in ("nfs01", "relay01"):
        chain.machines.wait_live(host)
    said = chain.play("playbooks/audit.yml").output
    assert "172.16.1.41/data" in said
    assert "172.16.1.51/offsite" in said


def test_removing_it_leaves_data_on_all_hosts(chain: Chain) -> None:
    chain.become_equal()
    chain.play("playbooks/uninstall.yml")
    assert not chain.unequal()
    assert chain.machines.run("relay01", "systemctl is-active lockstep rsync", check=False).split() == ["inactive"] * 2
