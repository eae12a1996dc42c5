"""A reboot of all hosts at once, while the sources change."""

from __future__ import annotations

import threading
import time

import limits_lock
import pytest
from conftest import Scene
from fleet import HOSTS, NFS
from machines import INOTIFY


@pytest.fixture(scope="module")
def rebooted(deployed: Scene) -> dict[str, int]:
    """How many files each NFS host's source got while all hosts were rebooted."""
    with limits_lock.unchanged():  # no playbook of another lab may take the lowered limits for the machine's own
        return _reboot_all(deployed)


def _reboot_all(deployed: Scene) -> dict[str, int]:
    machines = deployed.machines
    # The hosts' kernel is this machine's and is not booted: a lower limit shows that they set it at their boot.
    for name, value in machines.set_limits("nfs01").items():
        (INOTIFY / name).write_text(str(value - 1))
    reboots = [threading.Thread(target=machines.lab, args=("reboot", host)) for host in HOSTS]
    folders = {host: machines.disk(host, "/srv/home") / "around the reboot" for host in NFS}
    for folder in folders.values():
        folder.mkdir()
    for thread in reboots:
        thread.start()
    count = 0
    while any(thread.is_alive() for thread in reboots):
        for folder in folders.values():
            (folder / f"{count}").write_text(f"{count}\n")
            (folder / "rewritten").write_text(f"{count:09}\n")
        count += 1
        time.sleep(0.02)
    for host in NFS:
        machines.wait_live(host, 150)  # tries may have become rare by then
    return dict.fromkeys(NFS, count)


def test_services_come_back_by_themselves(deployed: Scene, rebooted: dict[str, int]) -> None:
    for host, said in deployed.machines.services().items():
        assert "ActiveState=active" in said, host
        assert "UnitFileState=enabled" in said, host


def test_limits_are_set_at_the_boot(deployed: Scene, rebooted: dict[str, int]) -> None:
    for host in NFS:
        limits = deployed.machines.set_limits(host)
        assert limits == {name: deployed.machines.kernel_limits()[name] for name in limits}


def test_changes_around_the_reboot_arrive(deployed: Scene, rebooted: dict[str, int]) -> None:
    deployed.become_equal()
    for host, count in rebooted.items():
        folder = deployed.machines.disk("backup01", f"/srv/backup/home/{host}/around the reboot")
        # one that is sent once more has a temporary name meanwhile
        assert sum(not path.name.startswith(".") for path in folder.iterdir()) == count + 1


def test_mirrors_are_verified_after_the_reboot(deployed: Scene, rebooted: dict[str, int]) -> None:
    assert deployed.player.play("playbooks/verify.yml").changed == dict.fromkeys(NFS, 0)
