"""uninstall.yml removes what the roles put on the hosts, and never data."""

from __future__ import annotations

import pytest
from conftest import BACKUP, COPIES, HOSTS, NFS, Scene
from playing import Played
from trees import survey


def trees(scene: Scene) -> list[object]:
    """Everything that is mirrored, on both ends, with owners and extended attributes."""
    places = {(host, path) for nfs, source, backup, copy in COPIES for host, path in ((nfs, source), (backup, copy))}
    return [
        (host, path, survey(str(scene.machines.disk(host, path)).encode(), owners=True, xattrs=True))
        for host, path in sorted(places)
    ]


@pytest.fixture(scope="module")
def kept(deployed: Scene) -> list[object]:
    """The data as it was before anything was removed."""
    for host in NFS:
        deployed.machines.wait_live(host)
    deployed.become_equal()
    return trees(deployed)


@pytest.fixture(scope="module")
def announced(deployed: Scene, kept: list[object]) -> Played:
    return deployed.player.play("playbooks/uninstall.yml", "--check")


@pytest.fixture(scope="module")
def removed(deployed: Scene, announced: Played) -> Played:
    return deployed.player.play("playbooks/uninstall.yml")


def test_check_mode_says_what_is_then_removed(announced: Played, removed: Played) -> None:
    assert announced.changes == removed.changes


def test_nothing_of_it_runs_any_more(deployed: Scene, removed: Played) -> None:
    said = deployed.machines.on_each(HOSTS, "ps -eo pid,user,args | grep -E '[r]sync|[l]ockstep'", check=False)
    assert not "".join(said.values())
    for host, unit in [*((host, "lockstep") for host in NFS), *((host, "rsync") for host in BACKUP)]:
        state = deployed.machines.run(host, f"systemctl show --value -p ActiveState {unit}.service")
        assert state.strip() == "inactive", host
    failed = deployed.machines.on_each(HOSTS, "systemctl --failed --no-legend --plain")
    assert not any("lockstep" in lines or "rsync" in lines for lines in failed.values())


def test_no_file_of_it_is_left(deployed: Scene, removed: Played) -> None:
    for host in HOSTS:
        left = deployed.machines.written(host, "etc", "usr/local", "opt", "home", "var")
        mine = [path for path, (mode, *_) in left.items() if mode & 0o170000 != 0o020000]  # a whiteout is a deletion
        assert not [path for path in mine if "lockstep" in path or "rsyncd" in path], host
        assert not deployed.machines.run(host, "ls -d /run/*lockstep*", check=False)
        assert not deployed.machines.run(host, "getent passwd lockstep; getent group lockstep", check=False)


def test_data_of_both_sides_is_as_it_was(deployed: Scene, kept: list[object], removed: Played) -> None:
    assert trees(deployed) == kept


def test_removing_it_again_changes_nothing(deployed: Scene, removed: Played) -> None:
    assert deployed.player.play("playbooks/uninstall.yml").changed == dict.fromkeys(HOSTS, 0)
