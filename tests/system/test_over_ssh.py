"""Over ssh, with a key that rrsync restricts to the target: the same trees, the same guards, and its own failures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Rig, assembled
from rig import processes, wait_for
from sshd import Sshd, make_key


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[Rig]:
    with assembled(tmp_path, sshd=Sshd(tmp_path)) as rig:
        yield rig


def _fill(top: Path) -> None:
    for number in range(30):
        folder = top / f"folder {number % 4}" / "below"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file {number}").write_bytes(os.urandom(1 + 3_000 * number))
        (folder / f"file {number}").chmod(0o600 + number % 8)
    (top / "a link").symlink_to("folder 1/below")
    (top / "empty").mkdir()
    for name in (
        b"line\nbreak",
        b"#hash",
        b";s",
        b"-dash",
        b" space ",
        b"\xff\xfe",
        b"$(id)",
        b"`x`",
        b"q'\"",
        b"st*r?",
    ):
        (Path(os.fsdecode(os.fsencode(top) + b"/" + name))).write_text("odd")
    (top / "\u3000wide {a,b}").mkdir()
    (top / "\u3000wide {a,b}" / "f[1]").write_text("odd")


def _reason(rig: Rig, text: str, state: str = "down") -> dict[str, Any]:
    def told() -> dict[str, Any]:
        status = rig.watcher.wait_state(state)
        return status if text in status["reason"] else {}

    return dict(wait_for(told, 20, lambda: f"{text!r}; {rig.log()[-3000:]}"))


def test_what_is_there_and_what_comes_arrives(ssh: Rig) -> None:
    """C1, C2, C3."""
    _fill(ssh.source)
    ssh.start()
    ssh.equal()
    _fill(ssh.source / "empty")
    for number in range(100):
        (ssh.source / f"new {number}").write_text(str(number))
    ssh.equal()


def test_rewrites_of_equal_size_within_a_second_arrive(ssh: Rig) -> None:
    """C22: times are compared in nanoseconds at the other end too."""
    ssh.start()
    for text in ("AAAA", "BBBB", "CCCC"):
        for number in range(20):
            (ssh.source / f"f{number}").write_text(text)
        ssh.passed()
        ssh.equal()


def test_deletions_and_changes_of_kind_arrive(ssh: Rig) -> None:
    _fill(ssh.source)
    ssh.start()
    ssh.equal()
    shutil.rmtree(ssh.source / "folder 1")
    (ssh.source / "folder 2" / "below" / "file 2").unlink()
    shutil.rmtree(ssh.source / "folder 3")
    (ssh.source / "folder 3").write_text("a file now")
    (ssh.source / "line\nbreak").unlink()
    (ssh.source / "line\nbreak").mkdir()
    ssh.equal()


@pytest.mark.parametrize(
    ("old", "new", "linked"),
    [
        ("plain", "another", True),
        ("with space", "quo'te\" $(id) `x` ~ ; & |", True),
        ("é", "ü", True),
        ("a\nb", "c", False),
        ("a", "{b,c}", False),
        ("a", "wide\u3000space", False),
        ("a[1]", "b", False),
        ("back\\slash", "b", False),
    ],
)
def test_a_renamed_directory_is_made_of_what_the_target_has(ssh: Rig, old: str, new: str, linked: bool) -> None:
    """Where rrsync would read the name otherwise, it is sent as new; equal it is in any case."""
    (ssh.source / old / "below").mkdir(parents=True)
    for number in range(10):
        (ssh.source / old / "below" / f"{number}").write_bytes(os.urandom(300_000))
    ssh.start()
    ssh.equal()
    (ssh.source / old).rename(ssh.source / new)
    ssh.equal()
    assert ("link: confirmed" in ssh.log()) == linked
    assert not ssh.watcher.target()["problems"]


def test_a_renamed_file_is_made_of_what_the_target_has(ssh: Rig) -> None:
    (ssh.source / "before it").write_bytes(os.urandom(3 << 20))
    ssh.start()
    ssh.equal()
    (ssh.source / "before it").rename(ssh.source / "after it")
    ssh.equal()
    assert "fuzzy: confirmed" in ssh.log()


def test_what_changed_while_nobody_watched_is_found(ssh: Rig) -> None:
    """C12, C23: more and less and otherwise, with size and time as before."""
    _fill(ssh.source)
    ssh.start()
    ssh.equal()
    ssh.watcher.stop()
    kept = ssh.source / "folder 0" / "below" / "file 4"
    before = kept.stat()
    kept.write_bytes(os.urandom(before.st_size))
    os.utime(kept, ns=(before.st_atime_ns, before.st_mtime_ns))
    shutil.rmtree(ssh.source / "folder 2")
    (ssh.source / "later").write_text("later")
    (ssh.target / "not of the source").write_text("x")
    ssh.watcher.start()
    ssh.equal()


def test_folders_of_the_mirror_on_the_target_are_found_there(ssh: Rig) -> None:
    """rrsync takes them from where it is restricted to, rsync from the target: from its root both take the same."""
    (ssh.source / "f").write_text("first")
    ssh.start(backup_dir=".before", temp_dir=".half")
    ssh.equal(b".before", b".half")
    (ssh.source / "f").write_text("second")
    (ssh.source / "g").write_text("g")
    ssh.equal(b".before", b".half")
    (ssh.source / "g").unlink()
    ssh.equal(b".before", b".half")
    assert (ssh.target / ".before" / "f").read_text() == "first"
    assert (ssh.target / ".before" / "g").read_text() == "g"
    assert sorted(path.name for path in ssh.target.parent.iterdir() if path.name.startswith(".")) == []


def test_fake_super_keeps_owners_where_nobody_may_give_them(tmp_path: Path) -> None:
    with assembled(tmp_path, sshd=Sshd(tmp_path)) as rig:
        rig.watcher.mirrors[0]["targets"][0]["fake_super"] = True
        (rig.source / "f").write_text("x")
        (rig.source / "f").chmod(0o4755)
        rig.start()
        wait_for((rig.target / "f").exists, 20, rig.log)
        rig.watcher.wait_in_step()
        kept = os.getxattr(rig.target / "f", "user.rsync.%stat")
        assert kept.split()[0] == b"104755"
        assert not (rig.target / "f").stat().st_mode & 0o4000


@pytest.mark.parametrize("path", ["a target", "quo'te\"d", "semi;colon $(id) `id`"])
def test_a_target_of_an_odd_name_is_the_one_that_is_written_to(tmp_path: Path, path: str) -> None:
    with assembled(tmp_path, sshd=Sshd(tmp_path, path)) as rig:
        _fill(rig.source)
        rig.start()
        rig.equal()
        (rig.source / "folder 1").rename(rig.source / "renamed")
        rig.equal()


def test_a_key_that_nothing_restricts_ends_in_equal_trees_too(tmp_path: Path) -> None:
    with assembled(tmp_path, sshd=Sshd(tmp_path, "a b", restricted="")) as rig:
        _fill(rig.source)
        os.mkfifo(rig.source / "fifo")
        rig.start()
        rig.equal()
        (rig.source / "folder 1").rename(rig.source / "re named")
        (rig.source / "folder 2" / "below" / "file 2").unlink()
        rig.equal()


def test_an_address_of_ipv6_is_reached(tmp_path: Path) -> None:
    sshd = Sshd(tmp_path)
    sshd.know("::1")
    with assembled(tmp_path, sshd=sshd) as rig:
        rig.watcher.mirrors[0]["targets"][0]["url"] = sshd.url(host="[::1]")
        (rig.source / "f").write_text("x")
        rig.start()
        rig.equal()


def test_processes_stand_connected_before_anything_changes(ssh: Rig) -> None:
    ssh.start()
    (ssh.source / "f").write_text("x")
    ssh.equal()
    # at the other end rsync runs already, restricted to the folder
    restricted = f"--confine-root={ssh.source.parent}"
    # four for content, one each for the rest and for deletions
    wait_for(lambda: len(processes(restricted)) >= 6, 20, lambda: str(processes(restricted)))


def test_another_host_key_is_named_and_nothing_is_sent(ssh: Rig) -> None:
    (ssh.source / "f").write_text("x")
    ssh.start()
    ssh.equal()
    ssh.daemon.new_host_key()
    (ssh.source / "secret").write_text("not for everybody")
    status = _reason(ssh, "the target's host key has changed")
    assert "run site.yml" in status["reason"]
    assert not (ssh.target / "secret").exists()
    checked = ssh.watcher.command("check", str(ssh.watcher.config))
    assert checked.returncode != 0
    assert "the target's host key has changed" in checked.stdout + checked.stderr
    ssh.daemon.know()
    ssh.equal()


def test_a_host_that_is_not_known_is_not_trusted(ssh: Rig) -> None:
    (ssh.source / "f").write_text("x")
    ssh.daemon.known_hosts.write_text("")
    ssh.watcher.start(wait=False)
    _reason(ssh, "the target's host key is not known")
    assert not list(ssh.target.iterdir())
    ssh.daemon.know()
    ssh.equal()


def test_a_key_that_is_not_let_in_is_named(ssh: Rig) -> None:
    other = ssh.source.parent / "other_key"
    make_key(other)
    ssh.daemon.authorize(other)
    (ssh.source / "f").write_text("x")
    ssh.watcher.start(wait=False)
    _reason(ssh, "the target does not take ssh_key")
    ssh.daemon.authorize(other, ssh.daemon.key)
    ssh.equal()


def test_a_key_that_others_may_read_is_named(ssh: Rig) -> None:
    (ssh.source / "f").write_text("x")
    ssh.start()
    ssh.equal()
    ssh.daemon.key.chmod(0o644)
    ssh.daemon.kill()
    ssh.daemon.start()
    (ssh.source / "g").write_text("x")
    _reason(ssh, "ssh_key is open to others")
    ssh.daemon.key.chmod(0o600)
    ssh.equal()


def test_an_sshd_that_is_away_and_comes_back(ssh: Rig) -> None:
    """C11: nothing is compared for it, and only what had changed is sent."""
    ssh.start()
    (ssh.source / "f").write_text("x")
    ssh.equal()
    compared = ssh.watcher.target()["reconcile"]
    ssh.daemon.kill()
    (ssh.source / "f").write_text("changed")
    (ssh.source / "g").write_text("new")
    _reason(ssh, "is sshd running?")
    ssh.daemon.start()
    ssh.equal()
    assert ssh.watcher.target()["reconcile"] == compared


def test_an_sshd_that_hangs_is_given_up(ssh: Rig) -> None:
    ssh.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["--timeout=6"]
    ssh.start()
    (ssh.source / "f").write_text("x")
    ssh.equal()
    ssh.daemon.freeze()
    try:
        (ssh.source / "f").write_text("changed")
        assert "in time" in ssh.watcher.wait_state("down")["reason"]
    finally:
        ssh.daemon.freeze(False)
    ssh.equal()


def test_a_restriction_with_a_lock_is_named(tmp_path: Path) -> None:
    """rrsync lets in one connection at a time unless it is told not to."""
    with assembled(tmp_path, sshd=Sshd(tmp_path, restricted="/usr/bin/rrsync")) as rig:
        (rig.source / "f").write_text("x")
        rig.watcher.start(wait=False)
        _reason(rig, "write -no-lock")


def test_more_deletions_than_are_allowed_are_held(ssh: Rig) -> None:
    """C8."""
    for number in range(40):
        (ssh.source / f"f{number}").write_text("x")
    ssh.start(max_delete={"percent": 10, "at_least": 5})
    ssh.equal()
    for number in range(40):
        (ssh.source / f"f{number}").unlink()
    ssh.watcher.wait_all_held()
    assert len(list(ssh.target.iterdir())) >= 30
    ssh.watcher.ask(command="release", mirror="data")
    ssh.equal()
