"""Many to one: two NFS hosts with one backup host, kept apart from each other by a password of each module."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / room) for room in ("hosts", "tools")]

from machines import Machines  # noqa: E402 (found by the line above)
from module_passwords import password_of  # noqa: E402
from playing import Played, Player  # noqa: E402
from polling import wait_for  # noqa: E402
from trees import differences  # noqa: E402

NFS, BACKUP = ["nfs01", "nfs02"], "backup01"
HOSTS = {
    "nfs01": "172.16.1.31:nfs:bookworm",
    "nfs02": "172.16.1.32:nfs:bookworm",
    BACKUP: "172.16.1.41:backup:bookworm",
}
MIRRORS = [{"name": "home", "source": "/srv/home", "path": "/srv/backup/home"}]
MODULES = {f"home-{nfs}": nfs for nfs in NFS}


@dataclass
class Fleet:
    machines: Machines
    player: Player

    def log_in(self, module: str, password: str) -> bool:
        """Whether the daemon lets in somebody with this password, on its own host, which it lets in to all modules."""
        file = self.machines.disk(BACKUP, "/srv/candidate")
        file.touch(0o600)
        file.write_text(f"{password}\n")
        ask = "rsync --list-only --dirs '--exclude=*' --password-file=/srv/candidate"
        said = self.machines.run(BACKUP, f"{ask} rsync://rsync_backup@127.0.0.1/{module}/ 2>&1", check=False)
        file.unlink()
        assert "auth failed" in said or "@ERROR" not in said, said
        return "auth failed" not in said

    def unequal(self) -> list[str]:
        found = []
        for nfs in NFS:
            copy = self.machines.disk(BACKUP, f"/srv/backup/home/{nfs}")
            try:
                found += differences(self.machines.disk(nfs, "/srv/home"), copy)
            except (FileNotFoundError, NotADirectoryError) as error:
                found.append(f"{error} while being compared")  # it moved under our eyes
        return found

    def change_and_become_equal(self, text: str) -> None:
        for nfs in NFS:
            (self.machines.disk(nfs, "/srv/home") / "changed").write_text(text)
        wait_for(lambda: not self.unequal(), 60, lambda: "equal trees, but\n" + "\n".join(self.unequal()[:20]))


@pytest.fixture(scope="module")
def sharing() -> Iterator[Fleet]:
    """Deployed with one password of all, as before each module had its own."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))
    folder = Path(tempfile.mkdtemp(prefix="lockstep-many-", dir="/var/tmp"))
    machines = Machines(folder, HOSTS, f"many-{folder.name}")
    try:
        player = Player(machines, secrets.token_hex(12))
        player.ends += [(module, BACKUP) for module in MODULES]
        player.write("mirrors", {"lockstep_mirrors": MIRRORS, "rsync_daemon_passwords": {}})
        machines.lab("up")
        for nfs in NFS:
            machines.disk(nfs, "/srv/home").mkdir(parents=True, exist_ok=True)
        files = dict.fromkeys((f"{module}@{BACKUP}" for module in MODULES), player.password)
        shared = folder / "shared.json"
        shared.write_text(json.dumps({"watcher_passwords": files}))
        player.play("site.yml", "-e", f"@{shared}")
        # the name of before, and that of what this host has no part in any more
        machines.on_each(NFS, f"cp -p /etc/lockstep/secrets/home-nfs01@{BACKUP} /etc/lockstep/secrets/{BACKUP}")
        shared.unlink()
        yield Fleet(machines, player)
    finally:
        machines.lab("down")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def apart(sharing: Fleet) -> tuple[Fleet, Played]:
    """Each module has its own, after one run of the playbook site."""
    assert all(sharing.log_in(module, sharing.player.password) for module in MODULES)
    sharing.player.write("mirrors", {"lockstep_mirrors": MIRRORS})
    return sharing, sharing.player.play("site.yml", "-vvvv", "--diff")


def opens_its_own_module_alone(fleet: Fleet) -> None:
    """By what is on each NFS host, and not by what passwords are made of."""
    for module, nfs in MODULES.items():
        assert fleet.machines.run(nfs, "ls -A /etc/lockstep/secrets").split() == [f"{module}@{BACKUP}"]
        password = fleet.machines.run(nfs, f"cat /etc/lockstep/secrets/{module}@{BACKUP}").strip()
        assert {other for other in MODULES if fleet.log_in(other, password)} == {module}
        assert password == fleet.player.module_password(module, BACKUP)
    for secret in fleet.player.secrets:
        assert not [host for host in HOSTS if fleet.machines.holders(host, secret)]


def test_an_upgrade_leaves_each_nfs_host_what_opens_its_own_module_and_no_others(apart: tuple[Fleet, Played]) -> None:
    """Even on the backup host, whose daemon lets that in to all modules."""
    fleet = apart[0]
    opens_its_own_module_alone(fleet)
    assert not any(fleet.log_in(module, fleet.player.password) for module in MODULES)
    there = "ls -d /etc/rsyncd.secrets; stat -c '%a %U %n' /etc/rsyncd.secrets.d /etc/rsyncd.secrets.d/* 2>&1"
    assert fleet.machines.run(BACKUP, there, check=False).splitlines() == [
        "700 root /etc/rsyncd.secrets.d",
        *(f"600 root /etc/rsyncd.secrets.d/{module}" for module in MODULES),
    ]
    fleet.change_and_become_equal("each with its own\n")


def test_a_second_run_changes_nothing(apart: tuple[Fleet, Played]) -> None:
    assert apart[0].player.play("site.yml", "--check", "--diff").changed == dict.fromkeys(HOSTS, 0)


def test_passwords_are_changed_of_all_modules_at_once(apart: tuple[Fleet, Played]) -> None:
    fleet = apart[0]
    old = fleet.player.password
    fleet.player.set_password(secrets.token_hex(12), lockstep_previous_password=old)
    services = fleet.machines.services()
    fleet.player.play("playbooks/rotate_passwords.yml", "-vvvv", "--diff")
    assert fleet.machines.services() == services
    opens_its_own_module_alone(fleet)
    assert not any(fleet.log_in(module, password_of(module, BACKUP, old)) for module in MODULES)
    fleet.change_and_become_equal("another one\n")


def test_nothing_of_it_is_left_when_it_is_removed(apart: tuple[Fleet, Played]) -> None:
    machines = apart[0].machines
    announced = apart[0].player.play("playbooks/uninstall.yml", "--check")
    assert announced.changes == apart[0].player.play("playbooks/uninstall.yml").changes
    left = machines.on_each(HOSTS, "ls -d /etc/rsyncd* /etc/lockstep* 2>&-", check=False)
    assert not "".join(left.values()).split()
