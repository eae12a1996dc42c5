"""A mirror comes, moves to another backup host and goes, and the watcher is replaced, while the sources change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DATA, HOME, Scene
from fleet import BACKUP, HOSTS, NFS
from loading import Load
from polling import wait_for
from trees import differences

pytestmark = pytest.mark.long

MOVING = {"name": "moving", "source": "/srv/moving", "path": "/srv/backup/moving", "hosts": ["nfs01"]}
STARTS = "journalctl -o cat -u lockstep | grep -c '^Started '"


def mirrors(scene: Scene, *more: dict[str, object]) -> None:
    scene.player.write("mirrors", {"lockstep_mirrors": [DATA, HOME, *more]})


@pytest.fixture(scope="module")
def source(deployed: Scene) -> Iterator[Path]:
    """What the mirror has that comes and goes."""
    folder = deployed.machines.disk("nfs01", "/srv/moving")
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/file").write_text("it moves\n")
    yield folder
    mirrors(deployed)
    deployed.machines.run("nfs01", "rm -rf /srv/moving")
    deployed.machines.on_each(("backup01", "backup02"), "rm -rf /srv/backup/moving")


def copy(scene: Scene, backup: str) -> Path:
    return scene.machines.disk(backup, "/srv/backup/moving")


def unlike(scene: Scene, source: Path, backup: str) -> list[str]:
    try:
        return differences(source, copy(scene, backup))
    except (FileNotFoundError, NotADirectoryError) as error:
        return [str(error)]


def becomes_like(scene: Scene, source: Path, backup: str) -> None:
    wait_for(lambda: not unlike(scene, source, backup), 30, lambda: "\n".join(unlike(scene, source, backup)[:20]))


def test_check_mode_says_what_the_run_then_does(deployed: Scene, source: Path) -> None:
    """A mirror more, other settings of both services: each task that would change is one that does, and no other."""
    services = deployed.machines.services()
    mirrors(deployed, {**MOVING, "targets": ["backup01"]})
    deployed.player.write("more", {"rsync_daemon_timeout": 900, "watcher_max_lag": 45})
    announced = deployed.player.play("site.yml", "--check", "--diff")
    assert deployed.machines.services() == services
    assert not copy(deployed, "backup01").exists()
    done = deployed.player.play("site.yml")
    assert announced.changes == done.changes != set()
    assert announced.changed == done.changed
    becomes_like(deployed, source, "backup01")
    after = deployed.machines.services()
    # the daemon reads its settings at each connection; the watcher's limit of lag takes a restart
    assert {host for host in HOSTS if after[host] != services[host]} == set(NFS)


def test_a_mirror_moves_to_another_backup_host_while_it_changes(deployed: Scene, source: Path) -> None:
    """The other mirrors do not notice, and the copy that it had stays as it was."""
    services = deployed.machines.services()
    mirrors(deployed, {**MOVING, "targets": ["backup02"]})
    with Load([source / "load", *deployed.sources("load")]) as load:
        deployed.player.play("site.yml")
    assert load.written > 50
    becomes_like(deployed, source, "backup02")
    deployed.become_equal()
    assert deployed.machines.services() == services
    assert (copy(deployed, "backup01") / "a/b/file").read_text() == "it moves\n"


def test_a_mirror_is_removed_and_the_watcher_replaced_with_one_restart(deployed: Scene, source: Path) -> None:
    """The settings of before are back with the same restart."""
    machines = deployed.machines
    mirrors(deployed)
    deployed.player.remove("more")
    package = deployed.player.checkout / "roles/watcher/files/lockstep/plan.py"
    package.write_text(f"{package.read_text()}\n# a later release\n")
    before, daemons = machines.on_each(NFS, STARTS), machines.services()
    with Load(deployed.sources("load")) as load:
        deployed.player.play("site.yml")
    assert load.written > 50
    deployed.become_equal()
    after = {host: int(count) for host, count in machines.on_each(NFS, STARTS).items()}
    assert after == {host: int(count) + 1 for host, count in before.items()}
    assert {host: machines.services()[host] for host in BACKUP} == {host: daemons[host] for host in BACKUP}
    assert [mirror["name"] for mirror in machines.status("nfs01")["mirrors"]] == ["data", "home"]
    assert (copy(deployed, "backup02") / "a/b/file").read_text() == "it moves\n"
    assert "[moving]" not in machines.run("backup02", "cat /etc/rsyncd.conf")
    assert deployed.player.play("site.yml").changed == dict.fromkeys(HOSTS, 0)
