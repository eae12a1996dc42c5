"""Deployed hosts: nothing is done twice, no secret is told, and what runs is told apart from what does not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import MODULES, Scene
from fleet import HOSTS, NFS
from peeking import Peeking
from playing import Played
from polling import wait_for

QUICK = ("-e", "lockstep_verify_timeout=3", "--limit", "nfs01")


@pytest.fixture(scope="module")
def second(deployed: Scene, first: Played) -> tuple[Played, Peeking]:
    """The second deployment, while all processes are looked at."""
    made = [deployed.player.module_password(*end) for end in MODULES]
    with Peeking(deployed.player.password, *made) as peeking:
        played = deployed.player.play("site.yml")
    print(f"site.yml on {len(HOSTS)} hosts: first run {first.seconds:.1f} s, second run {played.seconds:.1f} s")
    return played, peeking


def test_second_run_changes_nothing(second: tuple[Played, Peeking]) -> None:
    assert second[0].changed == dict.fromkeys(HOSTS, 0)


def test_no_process_shows_the_password(second: tuple[Played, Peeking]) -> None:
    assert {"ansible-playbook", "rsync"} <= second[1].seen
    assert not second[1].found


def test_each_modules_password_is_at_its_two_ends_alone_and_what_it_is_made_of_is_nowhere(
    deployed: Scene, second: tuple[Played, Peeking]
) -> None:
    machines, player = deployed.machines, deployed.player
    for (module, backup), nfs in MODULES.items():
        ends = {nfs: f"/etc/lockstep/secrets/{module}@{backup}", backup: f"/etc/rsyncd.secrets.d/{module}"}
        found = {host: machines.holders(host, player.module_password(module, backup)) for host in HOSTS}
        assert {host: files for host, files in found.items() if files} == {
            host: {file: 0o600} for host, file in ends.items()
        }
    assert [machines.holders(host, player.password) for host in HOSTS] == [{}] * len(HOSTS)
    owners = machines.on_each(
        HOSTS, "stat -c %U:%G:%a /etc/lockstep/secrets/* /etc/rsyncd.secrets.d/* 2>&-", check=False
    )
    assert set("".join(owners.values()).split()) == {"root:root:600"}


def test_password_is_in_no_file_of_the_controller_but_the_inventory(deployed: Scene, second: object) -> None:
    player, folder = deployed.player, deployed.machines.folder
    made = [player.module_password(*end).encode() for end in MODULES]
    holders = []
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(top, name) != folder / "hosts"]
        files = [path for path in map(Path(top).joinpath, names) if path.is_file()]
        texts = {path: path.read_bytes() for path in files}
        assert not [path for path, text in texts.items() for secret in made if secret in text]
        holders += [path.relative_to(folder) for path, text in texts.items() if player.password.encode() in text]
    assert holders == [Path("group_vars/all/password.yml")]


def test_check_mode_on_deployed_hosts_finds_nothing_to_change(deployed: Scene) -> None:
    services = deployed.machines.services()
    assert deployed.player.play("site.yml", "--check", "--diff").changed == dict.fromkeys(HOSTS, 0)
    assert deployed.machines.services() == services


def test_what_was_altered_by_hand_is_put_right_and_nothing_else(deployed: Scene) -> None:
    machines = deployed.machines
    machines.run("nfs01", "chmod 0644 /etc/lockstep/secrets/data@backup01; rm /etc/sysctl.d/99-zz-lockstep.conf")
    machines.run("nfs01", "echo >>/usr/local/bin/lockstep; usermod --shell /bin/sh lockstep")
    machines.run(
        "backup01", "echo >>/etc/rsyncd.conf; chown rsync /etc/rsyncd.secrets.d/data; chmod 755 /etc/rsyncd.secrets.d"
    )
    machines.run("backup01", "usermod --shell /bin/sh rsync")
    # what is for nothing any more, and what is none of the role's
    machines.run(
        "backup01", "cd /etc/rsyncd.secrets.d; cp -p data gone; echo mine >others; echo mine >/etc/rsyncd.secrets"
    )
    machines.run("nfs01", "cd /etc/lockstep/secrets; echo x >gone@backup01; echo x >backup02; echo mine >others")
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
        ("nfs01", "Passwords of what is mirrored no more are gone"),
        ("nfs01", "The file sets the limits"),
        ("nfs01", "The service runs what was deployed"),
        ("backup01", "The user of the files exists"),
        ("backup01", "The folder of the modules' secrets is closed to others"),
        ("backup01", "The secrets are in files of the daemon's own"),
        ("backup01", "Secrets of what is no more are gone"),
        ("backup01", "The configuration is in place, and has been checked before"),
        ("backup01", "The daemon runs now and after each boot"),
    }
    secrets = "cd /etc/rsyncd.secrets.d; ls; cat others /etc/rsyncd.secrets; rm others /etc/rsyncd.secrets"
    assert machines.run("backup01", secrets).split() == ["data", "home-nfs01", "home-nfs02", "others", "mine", "mine"]
    assert machines.run("nfs01", "cd /etc/lockstep/secrets; ls; rm others").split() == [
        *("data@backup01", "home-nfs01@backup01", "home-nfs01@backup02", "others"),
    ]
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
        refused = "Connection refused"
        wait_for(lambda: refused in json.dumps(machines.status("nfs01")), 20, "the watcher to be refused")
        lines = player.play("playbooks/status.yml", "--limit", "nfs01").output.splitlines()
        assert [line for line in lines if "172.16.1.41/data" in line and " down " in line and refused in line]
    finally:
        machines.run("backup01", "systemctl start rsync")
    for host in NFS:
        machines.wait_live(host, 150)  # tries have become rare by now
    deployed.become_equal()
