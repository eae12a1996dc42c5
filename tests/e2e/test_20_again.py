"""Deployed hosts: nothing is done twice, no secret is told, and what runs is told apart from what does not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import Scene
from fleet import BACKUP, HOSTS, NFS
from peeking import Peeking
from playing import Played
from polling import wait_for

SECRETS = {
    **{host: {"/etc/rsyncd.secrets": 0o600} for host in BACKUP},
    **{host: {f"/etc/lockstep/secrets/{backup}": 0o600 for backup in BACKUP} for host in NFS},
}
QUICK = ("-e", "lockstep_verify_timeout=3", "--limit", "nfs01")


@pytest.fixture(scope="module")
def second(deployed: Scene, first: Played) -> tuple[Played, Peeking]:
    """The second deployment, while all processes are looked at."""
    with Peeking(deployed.player.password) as peeking:
        played = deployed.player.play("site.yml")
    print(f"site.yml on {len(HOSTS)} hosts: first run {first.seconds:.1f} s, second run {played.seconds:.1f} s")
    return played, peeking


def test_second_run_changes_nothing(second: tuple[Played, Peeking]) -> None:
    assert second[0].changed == dict.fromkeys(HOSTS, 0)


def test_no_process_shows_the_password(second: tuple[Played, Peeking]) -> None:
    assert {"ansible-playbook", "rsync"} <= second[1].seen
    assert not second[1].found


def test_password_is_in_no_file_that_others_can_read(deployed: Scene, second: tuple[Played, Peeking]) -> None:
    for host, files in SECRETS.items():
        assert deployed.machines.holders(host, deployed.player.password) == files
    owners = deployed.machines.on_each(NFS, "stat -c %U:%G /etc/lockstep/secrets/backup01")
    assert {owner.strip() for owner in owners.values()} == {"root:root"}


def test_password_is_in_no_file_of_the_controller_but_the_inventory(deployed: Scene, second: object) -> None:
    secret, folder = deployed.player.password.encode(), deployed.machines.folder
    holders = []
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(top, name) != folder / "hosts"]
        files = [path for path in map(Path(top).joinpath, names) if path.is_file()]
        holders += [path.relative_to(folder) for path in files if secret in path.read_bytes()]
    assert holders == [Path("group_vars/all/password.yml")]


def test_check_mode_on_deployed_hosts_finds_nothing_to_change(deployed: Scene) -> None:
    services = deployed.machines.services()
    assert deployed.player.play("site.yml", "--check", "--diff").changed == dict.fromkeys(HOSTS, 0)
    assert deployed.machines.services() == services


def test_what_was_altered_by_hand_is_put_right_and_nothing_else(deployed: Scene) -> None:
    machines = deployed.machines
    machines.run("nfs01", "chmod 0644 /etc/lockstep/secrets/backup01; rm /etc/sysctl.d/99-zz-lockstep.conf")
    machines.run("nfs01", "echo >>/usr/local/bin/lockstep; usermod --shell /bin/sh lockstep")
    machines.run("backup01", "echo >>/etc/rsyncd.conf; chown rsync /etc/rsyncd.secrets; usermod --shell /bin/sh rsync")
    machines.run("nfs01", "systemctl disable lockstep")
    machines.run("backup01", "systemctl stop rsync")
    altered = machines.written("nfs01", "etc", "usr"), machines.written("backup01", "etc")
    announced = deployed.player.play("site.yml", "--check", "--limit", "nfs01,backup01")
    assert altered == (machines.written("nfs01", "etc", "usr"), machines.written("backup01", "etc"))
    played = deployed.player.play("site.yml", "--limit", "nfs01,backup01")
    assert announced.changes == played.changes
    assert {(host, task.rpartition(" : ")[2]) for host, task in played.changes} == {
        ("nfs01", "The watcher's user exists and cannot log in"),
        ("nfs01", "The lockstep command is installed"),
        ("nfs01", "The backup hosts' passwords are in place"),
        ("nfs01", "The file sets the limits"),
        ("nfs01", "The service runs what was deployed"),
        ("backup01", "The user of the files exists"),
        ("backup01", "The secrets are in a file of the daemon's own"),
        ("backup01", "The configuration is in place, and has been checked before"),
        ("backup01", "The daemon runs now and after each boot"),
    }
    states = {"nfs01": "lockstep.service", "backup01": "rsync.service"}
    for host, unit in states.items():
        assert machines.run(host, f"systemctl is-active {unit}; systemctl is-enabled {unit}").split() == [
            "active",
            "enabled",
        ]
    deployed.become_equal()


def test_verify_prints_steps_and_lags_and_leaves_nothing_behind(deployed: Scene) -> None:
    played = deployed.player.play("playbooks/verify.yml")
    for word in ("create", "rename", "delete_tree", "lag", "172.16.1.41/data", "172.16.1.42/home-nfs02"):
        assert word in played.output
    assert played.changed == {"nfs01": 0, "nfs02": 0}
    deployed.become_equal()


def test_status_prints_a_line_for_each_mirror_and_target(deployed: Scene) -> None:
    lines = deployed.player.play("playbooks/status.yml").output.splitlines()
    for mirror, target in (("data", "172.16.1.41/data"), ("home", "172.16.1.42/home-nfs02")):
        assert [line for line in lines if mirror in line and target in line and " live " in line]


def test_watcher_that_is_down_fails_the_verification_with_step_and_target(deployed: Scene) -> None:
    deployed.machines.run("nfs01", "systemctl stop lockstep")
    try:
        said = deployed.player.play("playbooks/verify.yml", *QUICK, succeeds=False).said()
    finally:
        deployed.machines.run("nfs01", "systemctl start lockstep")
    assert "mirror data: step folder on 172.16.1.41/data: " in said
    deployed.machines.wait_live("nfs01")
    deployed.become_equal()


def test_daemon_that_is_down_is_named_with_reason_and_comes_back(deployed: Scene) -> None:
    machines, player = deployed.machines, deployed.player
    machines.run("backup01", "systemctl stop rsync")
    try:
        said = player.play("playbooks/verify.yml", *QUICK, succeeds=False).said()
        assert "mirror data: target 172.16.1.41/data: " in said
        assert "Connection refused" in said
        (machines.disk("nfs01", "/srv/data") / "while it was down").write_text("this waits\n")
        refused = "Connection refused"  # the first reason is that of the connection which stood already
        wait_for(lambda: refused in json.dumps(machines.status("nfs01")), 20, "the watcher to be refused")
        lines = player.play("playbooks/status.yml", "--limit", "nfs01").output.splitlines()
        assert [line for line in lines if "172.16.1.41/data" in line and " down " in line and refused in line]
    finally:
        machines.run("backup01", "systemctl start rsync")
    machines.wait_live("nfs01")
    deployed.become_equal()
