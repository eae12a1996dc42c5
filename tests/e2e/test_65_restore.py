"""What comes back from a backup host: owners, modes, times, links and attributes, as the policy says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Scene
from playing import Played
from polling import wait_for
from trees import differences


def furnish(top: Path) -> None:
    """Every kind of entry that a backup has to keep, with owners that no host has a name for."""
    top.mkdir()
    (top / "deep/deeper").mkdir(parents=True)
    (top / "deep/deeper/empty").mkdir()
    for number, (name, mode) in enumerate([("plain", 0o644), ("setuid", 0o4711), ("for nobody", 0o000)]):
        (top / name).write_text(f"{name}\n")
        os.chown(top / name, 2200 + number, 3300 + number)
        (top / name).chmod(mode)
    os.setxattr(top / "plain", "user.colour", b"green\0blue")
    with open(top / "sparse", "wb") as file:
        file.truncate(8 << 20)
        file.write(b"at the front")
    os.link(top / "plain", top / "deep/another name of it")
    (top / "dangling").symlink_to("nowhere/at all")
    (top / "absolute").symlink_to("/etc/passwd")
    os.lchown(top / "dangling", 2200, 3300)
    os.mkfifo(top / "pipe", 0o640)
    os.chown(top / "deep", 4444, 5555)
    (top / "deep").chmod(0o2750)
    for number, path in enumerate([top / "plain", top / "deep/deeper", top / "deep"]):
        os.utime(path, ns=(1_500_000_000_123_456_789 + number,) * 2)


def links(top: Path) -> set[frozenset[str]]:
    """Names of one file, together."""
    found: dict[int, set[str]] = {}
    for path in top.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found.setdefault(path.stat().st_ino, set()).add(str(path.relative_to(top)))
    return {frozenset(names) for names in found.values() if len(names) > 1}


def unlike(source: Path, copy: Path) -> list[str]:
    """What differs of a copy that has owners, modes and kinds in extended attributes."""
    try:
        return differences(source, copy, fake_super=True)
    except OSError as error:
        return [f"{error} while being compared"]


def restore(scene: Scene, to: str, *options: str, succeeds: bool = True, **more: object) -> Played:
    given = {"lockstep_restore_mirror": "data", "lockstep_restore_to": to, **more}
    words = ("--limit", "nfs01", "-e", json.dumps(given), *options)
    return scene.player.play("playbooks/restore.yml", *words, succeeds=succeeds)


@pytest.fixture(scope="module")
def furnished(deployed: Scene) -> Iterator[Path]:
    source = deployed.machines.disk("nfs01", "/srv/data") / "furnished"
    copy = deployed.machines.disk("backup01", "/srv/backup/data/furnished")
    furnish(source)
    wait_for(lambda: copy.exists() and not unlike(source, copy), 20, lambda: unlike(source, copy))
    deployed.machines.wait_live("nfs01")
    yield source
    deployed.machines.run("nfs01", "rm -rf /srv/data/furnished /srv/restored /srv/part")
    deployed.become_equal()


def test_a_mirror_comes_back_as_it_was(deployed: Scene, furnished: Path) -> None:
    """With fake_super, in whose copy nothing has its owner, and no setuid bit is set."""
    source, back = furnished.parent, deployed.machines.disk("nfs01", "/srv/restored")
    announced = restore(deployed, "/srv/restored", "--check")
    assert not back.exists()
    assert restore(deployed, "/srv/restored").changes == announced.changes
    apart = frozenset({b".lockstep"})
    assert not differences(source, back, owners=True, xattrs=True, leave_out=apart)
    assert (back / "furnished/sparse").stat().st_blocks < 1000
    copy = deployed.machines.disk("backup01", "/srv/backup/data/furnished")
    # two names that were not sent together are two files on the copy: with -H, rsync links what is in one transfer
    assert links(back / "furnished") == links(copy)
    assert len({path.lstat().st_uid for path in copy.rglob("*")}) == 1


def test_a_part_comes_back_and_nothing_is_written_over_unasked(deployed: Scene, furnished: Path) -> None:
    part = deployed.machines.disk("nfs01", "/srv/part")
    restore(deployed, "/srv/part", lockstep_restore_path="furnished/deep")
    assert not differences(furnished / "deep", part, owners=True, xattrs=True)
    (part / "another name of it").write_text("later\n")
    (part / "mine").write_text("mine\n")
    said = restore(deployed, "/srv/part", lockstep_restore_path="furnished/deep", succeeds=False).said()
    assert "/srv/part is not empty" in said
    assert (part / "another name of it").read_text() == "later\n"
    restore(deployed, "/srv/part", lockstep_restore_path="furnished/deep", lockstep_restore_overwrite=True)
    assert (part / "another name of it").read_text() == "plain\n"
    assert (part / "mine").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"lockstep_restore_from": "backup02", "lockstep_restore_path": "../home"},
            ["the mirror has no copy on backup02; it has one on backup01", "without .."],
        ),
        (
            {"lockstep_restore_mirror": "dta", "lockstep_restore_to": "srv/restored"},
            ['has no mirror "dta"; it has data, home', "name the directory that it is to be brought back to"],
        ),
    ],
)
def test_a_restore_that_is_not_clear_is_refused(deployed: Scene, given: dict[str, object], says: list[str]) -> None:
    played = restore(deployed, "/srv/nowhere", succeeds=False, **given)
    for words in says:
        assert words in played.output.replace('\\"', '"')
    assert not played.changed["nfs01"]


PLAY = """
- hosts: nfs02
  gather_facts: false
  become: true
  roles: [lockstep.realtime.rsync_daemon]
"""
PASSWORD = "of the other daemon alone"
PUSH = "rsync -aAXHS --numeric-ids --modify-window=-1 --password-file=/srv/other.password"
URL = "rsync://rsync_backup@172.16.1.32/other/"


@pytest.fixture
def other_daemon(deployed: Scene, request: pytest.FixtureRequest) -> Iterator[str]:
    """A daemon of another ownership, on a host that is no backup host of the inventory, and what it said."""
    variables = {
        "rsync_daemon_ownership": request.param,
        "rsync_daemon_modules": [{"name": "other", "path": f"/srv/other-{request.param}"}],
        "rsync_daemon_hosts_allow": ["172.16.1.31"],
        "rsync_daemon_passwords": {"other": PASSWORD},
    }
    player = deployed.player
    kept = deployed.machines.disk("nfs01", "/srv/other.password")
    kept.touch(0o600)
    kept.write_text(f"{PASSWORD}\n")
    (player.checkout / "other.yml").write_text(PLAY)
    file = deployed.machines.folder / "other.json"
    file.write_text(json.dumps(variables))
    player.play("other.yml", "-e", f"@{file}")
    try:
        yield request.param
    finally:
        player.play("other.yml", "-e", f"@{file}", "-e", "rsync_daemon_state=absent")
        deployed.machines.run("nfs01", "rm -rf /srv/from /srv/back /srv/other.password")
        deployed.machines.run("nfs02", f"rm -rf /srv/other-{request.param}")


@pytest.mark.parametrize("other_daemon", ["root"], indirect=True)
def test_with_roots_ownership_the_copy_itself_has_owners_and_modes(deployed: Scene, other_daemon: str) -> None:
    machines = deployed.machines
    here, there = machines.disk("nfs01", "/srv/from"), machines.disk("nfs02", f"/srv/other-{other_daemon}")
    furnish(here)
    machines.run("nfs01", f"{PUSH} /srv/from/ {URL} && {PUSH} {URL} /srv/back/")
    assert not differences(here, there, owners=True, xattrs=True)
    assert not differences(here, machines.disk("nfs01", "/srv/back"), owners=True, xattrs=True)
    assert links(there) == links(here)


@pytest.mark.parametrize("other_daemon", ["squash"], indirect=True)
def test_squashed_everything_is_the_daemons_and_the_rest_is_kept(deployed: Scene, other_daemon: str) -> None:
    machines = deployed.machines
    here, there = machines.disk("nfs01", "/srv/from"), machines.disk("nfs02", f"/srv/other-{other_daemon}")
    furnish(here)
    machines.run("nfs01", f"{PUSH} /srv/from/ {URL}")
    assert not differences(here, there)
    owner = machines.run("nfs02", "id -u rsync").strip()
    assert {str(path.lstat().st_uid) for path in there.rglob("*")} == {owner}


def test_a_host_that_the_inventory_does_not_name_is_not_let_in(deployed: Scene) -> None:
    """nfs02 has no part in the mirror data, but in home; backup02 has none in either."""
    said = deployed.machines.run("backup01", "grep -m 1 '^hosts allow' /etc/rsyncd.conf")
    assert said.split() == ["hosts", "allow", "=", "127.0.0.1", "::1", "172.16.1.31", "172.16.1.32"]
    ask = "rsync --contimeout=5 --list-only rsync://rsync_backup@172.16.1.41/data/ 2>&1"
    for host in ("backup02", "nfs02"):
        # what is not listed is not known to somebody who may not come in, either: rsyncd.conf(5), list
        assert "Unknown module 'data'" in deployed.machines.run(host, ask, check=False)
