"""Drift made by hand on the backup is found, mended and gone, without the watcher; and what the watcher can be told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import Scene
from fleet import BACKUP, NFS
from polling import wait_for
from watching import Prometheus

ONLY_DATA = ("--limit", "nfs01", "-e", '{"lockstep_audit_mirrors": ["data"]}')
CHECKSUM = ("-e", "lockstep_audit_checksum=true")
REPAIR = ("-e", "lockstep_audit_repair=true")
FIRST, LATER = "as it was written\n", "as it has rotten\n\n"


def of(well: int, hosts: int) -> str:
    return f"{well} of {hosts} host{'s' if hosts != 1 else ''}"


@pytest.fixture(scope="module")
def copies(deployed: Scene) -> Path:
    """A folder with files of the mirror, on the backup."""
    source = deployed.machines.disk("nfs01", "/srv/data") / "audited"
    source.mkdir()
    for name in ("rotten", "gone", "well"):
        (source / name).write_text(FIRST)
    copy = deployed.machines.disk("backup01", "/srv/backup/data") / "audited"
    deployed.become_equal()
    for host in NFS:
        deployed.machines.wait_live(host)
    return copy


def damage(copies: Path) -> None:
    """One file is changed with equal size and time, one is deleted, one is added, and the folder's time is kept."""
    before, folder = (copies / "rotten").stat(), copies.stat()
    with open(copies / "rotten", "r+") as file:
        file.write(LATER[: len(FIRST)])
    os.utime(copies / "rotten", ns=(before.st_atime_ns, before.st_mtime_ns))
    (copies / "gone").unlink()
    (copies / "too much").write_text("nobody sent this\n")
    os.utime(copies, ns=(folder.st_atime_ns, folder.st_mtime_ns))


@pytest.fixture
def drift(deployed: Scene, copies: Path) -> Iterator[Path]:
    """On the backup one file is changed with equal size and time, one is deleted, one is added; the watcher is down,
    so that whatever is mended is mended by the audit."""
    deployed.machines.run("nfs01", "systemctl stop lockstep")
    damage(copies)
    try:
        yield copies
    finally:
        deployed.machines.run("nfs01", "systemctl start lockstep")
        deployed.machines.wait_live("nfs01")
        deployed.become_equal()


def test_drift_made_by_hand_is_found_repaired_and_gone(deployed: Scene, drift: Path) -> None:
    player = deployed.player
    quick = player.play("playbooks/audit.yml", *ONLY_DATA, succeeds=False).said()
    assert "1 missing, 0 different, 1 extra" in quick
    found = player.play("playbooks/audit.yml", *ONLY_DATA, *CHECKSUM, succeeds=False).said()
    assert "0 of 1 host in step: 1 missing, 1 different, 1 extra" in found
    for words in ("different audited/rotten (content)", "missing audited/gone", "extra audited/too much"):
        assert words in found
    looked = player.play("playbooks/audit.yml", *ONLY_DATA, *CHECKSUM, *REPAIR, "--check", "--diff", succeeds=False)
    assert looked.changed == {"nfs01": 1}
    assert (drift / "too much").exists()
    assert not (drift / "gone").exists()

    repaired = player.play("playbooks/audit.yml", *ONLY_DATA, *CHECKSUM, *REPAIR)
    assert repaired.changed == {"nfs01": 1}
    assert "mended: 2 sent, 1 deleted" in repaired.said()
    assert (drift / "rotten").read_text() == FIRST
    assert (drift / "gone").read_text() == FIRST
    assert not (drift / "too much").exists()
    assert not deployed.unequal()

    again = player.play("playbooks/audit.yml", *ONLY_DATA, *CHECKSUM, *REPAIR)
    assert again.changed == {"nfs01": 0}
    assert "1 of 1 host in step: 0 missing, 0 different, 0 extra" in again.said()


@pytest.fixture
def prometheus(deployed: Scene, tmp_path: Path) -> Iterator[Prometheus]:
    """The real one, with the collection's rules, where nfs01's own addresses are."""
    with Prometheus(deployed.machines, "nfs01", tmp_path) as running:
        yield running


def test_drift_is_on_the_page_and_an_alert_until_it_is_mended(
    deployed: Scene, copies: Path, prometheus: Prometheus
) -> None:
    """The watcher lives all the while, and nothing that flows tells it: only the audit does."""
    machines, player = deployed.machines, deployed.player
    damage(copies)
    wait_for(lambda: prometheus.value("lockstep_healthy") == 1, 60, prometheus.log, every=1)
    assert "An audit found drift" not in machines.read("nfs01", "http://127.0.0.1:8008/")
    assert not prometheus.firing()

    player.play("playbooks/audit.yml", *ONLY_DATA, *CHECKSUM, succeeds=False)
    assert "An audit found drift: data on 172.16.1.41/data." in machines.read("nfs01", "http://127.0.0.1:8008/")
    assert "1 missing, 1 different, 1 extra, by content" in machines.run("nfs01", "lockstep status", check=False)
    wait_for(lambda: prometheus.firing() == {"LockstepDrift"}, 60, prometheus.log, every=1)

    player.play("playbooks/audit.yml", *ONLY_DATA, *CHECKSUM, *REPAIR)
    page = machines.read("nfs01", "http://127.0.0.1:8008/")
    assert "An audit found drift" not in page
    assert "all equal, by content" in page
    wait_for(lambda: not prometheus.firing(), 60, prometheus.log, every=1)
    assert not deployed.unequal()


def test_a_source_that_was_swapped_is_not_repaired_to(deployed: Scene, copies: Path) -> None:
    """The watcher is down; what it remembered of the source keeps the backup."""
    machines = deployed.machines
    machines.run("nfs01", "systemctl stop lockstep; mv /srv/data /srv/moved; mkdir /srv/data; touch /srv/data/one")
    try:
        said = deployed.player.play("playbooks/audit.yml", *ONLY_DATA, *REPAIR, succeeds=False).said()
        assert "the source /srv/data is not the one it was" in said
        assert (copies / "well").read_text() == FIRST
    finally:
        machines.run("nfs01", "rm -r /srv/data; mv /srv/moved /srv/data; systemctl start lockstep")
        machines.wait_live("nfs01")
    deployed.become_equal()


def test_audit_of_a_living_mirror_is_in_step_on_every_host(deployed: Scene, copies: Path) -> None:
    played = deployed.player.play("playbooks/audit.yml")
    assert played.changed == dict.fromkeys(NFS, 0)
    assert f"{of(len(NFS), len(NFS))} in step: 0 missing, 0 different, 0 extra" in played.said()


def test_resync_finds_what_was_changed_on_the_backup_and_sends_it(deployed: Scene, copies: Path) -> None:
    (copies / "gone").unlink()
    options = ("--limit", "nfs01", "-e", '{"lockstep_resync_mirrors": ["data"], "lockstep_resync_path": "audited"}')
    first = deployed.player.play("playbooks/resync.yml", *options)
    assert first.changed == {"nfs01": 1}
    assert (copies / "gone").read_text() == FIRST
    assert deployed.player.play("playbooks/resync.yml", *options).changed == {"nfs01": 0}
    deployed.become_equal()


def test_status_is_one_table_of_all_hosts(deployed: Scene, copies: Path) -> None:
    played = deployed.player.play("playbooks/status.yml", "-e", "lockstep_status_strict=true")
    mirrors, targets = len(NFS) + 1, len(NFS) * len(BACKUP) + 1  # data is one of nfs01 alone
    said = f"{of(len(NFS), len(NFS))} in step: {mirrors} mirrors on {targets} targets, largest lag"
    assert said in played.said()
    machines, host = deployed.machines, NFS[-1]
    machines.run(host, "systemctl stop lockstep")
    try:
        said = deployed.player.play("playbooks/status.yml", succeeds=False).said()
    finally:
        machines.run(host, "systemctl start lockstep")
    assert f"{of(len(NFS) - 1, len(NFS))} in step" in said
    assert "no such socket; the watcher does not run here" in said
    machines.wait_live(host)


PLAY = """
- hosts: nfs01
  gather_facts: false
  become: true
  tasks:
    - lockstep.realtime.rsync_daemon_info:
        host: 172.16.1.41
        module: data
        user: rsync_backup
        password_file: /etc/lockstep/secrets/data@backup01
      register: daemon
    - ansible.builtin.assert:
        that: [daemon.ok, daemon.login.required, daemon.login.digest == 'sha512', daemon.writable, not daemon.listed]
    - lockstep.realtime.rsync_daemon_info: {host: 172.16.1.41, module: data, user: rsync_backup, password: not it}
      register: stranger
    - ansible.builtin.assert:
        that: [not stranger.ok, not stranger.login.ok, "'auth failed' in stranger.reason"]
    - lockstep.realtime.sync_control: {command: pause, mirror: data, wait: true}
      register: paused
    - lockstep.realtime.sync_control: {command: pause, mirror: data}
      register: again
    - ansible.builtin.copy: {content: "while paused\\n", dest: /srv/data/audited/paused, mode: "0644"}
    - lockstep.realtime.sync_audit: {mirror: data, settle: 0.2}
      register: behind
    - lockstep.realtime.sync_control: {command: resume, mirror: data, wait: true}
      register: resumed
    - lockstep.realtime.sync_audit: {mirror: data}
      register: caught_up
    - lockstep.realtime.sync_control: {command: release, mirror: data}
      register: nothing
    - ansible.builtin.assert:
        that:
          - paused is changed
          - again is not changed
          - behind.missing == 1 or behind.targets[0].changing.count == 1
          - resumed is changed and resumed.in_step
          - caught_up.in_step
          - nothing is not changed
"""


def test_the_modules_tell_what_can_be_asserted(deployed: Scene, copies: Path) -> None:
    assert yaml.safe_load(PLAY)
    (deployed.player.checkout / "asserted.yml").write_text(PLAY)
    deployed.player.play("asserted.yml")
    wait_for((copies / "paused").exists, 30, "what was written while it was paused")
    deployed.become_equal()
