"""Renames: the data are on the target already and are not sent again; whatever happens meanwhile, the trees end equal.

What the watcher made of a rename shows in its log at level debug; that no data travelled shows in rsync's statistics of
the daemon ("log format = %l %b"), which know nothing of the watcher.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from pathlib import Path

import pytest
from conftest import Rig, assembled
from rig import wait_for

MEGABYTE = 1 << 20
DATA = random.Random(7).randbytes(3 * MEGABYTE)


@pytest.fixture(params=["no", "yes"], ids=["chroot=no", "chroot=yes"])
def logging_rig(tmp_path: Path, request: pytest.FixtureRequest):
    """A rig whose daemon writes the bytes that it received for each transferred file."""
    if request.param == "yes" and os.geteuid() != 0:
        pytest.fail("run as root: a daemon that is not root cannot chroot")
    with assembled(tmp_path) as rig:
        rig.daemon.kill()
        text = rig.daemon._config.read_text().replace("use chroot = no", f"use chroot = {request.param}")
        rig.daemon._config.write_text(f"transfer logging = yes\nlog format = RECEIVED %b %f\n{text}")
        rig.daemon.start()
        yield rig


def received(rig: Rig) -> int:
    """Bytes of file data, sums and headers that the daemon has received so far."""
    log = (rig.daemon.folder / "rsyncd.log").read_text(errors="replace")
    return sum(int(match[1]) for match in re.finditer(r"RECEIVED (\d+) ", log))


def lanes(rig: Rig) -> str:
    return " ".join(re.findall(r"backup: (\S+): confirmed", rig.log()))


def fill(top: Path, count: int, size: int = 200_000) -> None:
    chance = random.Random(count)
    for number in range(count):
        path = top / f"s{number % 3}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DATA[: chance.randrange(1, size)])


def grown(rig: Rig) -> None:
    """Everything so far is on the target, and old enough to be no file that is still written."""
    rig.equal()
    rig.passed()


def test_a_renamed_directory_is_linked_on_the_target_and_not_sent(logging_rig: Rig) -> None:
    rig = logging_rig
    fill(rig.source / "a", 100)
    (rig.source / "a" / "empty").mkdir()
    (rig.source / "a" / "link").symlink_to("s0/f0")
    (rig.source / "a" / "mode").write_bytes(DATA)
    rig.start()
    grown(rig)
    inode = (rig.target / "a" / "s1" / "f1").stat().st_ino
    before = received(rig)
    (rig.source / "a").rename(rig.source / "b")
    rig.equal()
    assert (rig.target / "b" / "s1" / "f1").stat().st_ino == inode
    assert received(rig) - before < 100_000
    assert "link" in lanes(rig)


def test_a_rename_is_no_mass_deletion(rig: Rig) -> None:
    rig.start(max_delete={"percent": 1, "at_least": 5})
    fill(rig.source / "a", 60)
    grown(rig)
    (rig.source / "a").rename(rig.source / "b")
    rig.equal()
    assert rig.watcher.target()["held"] is None


def test_a_deletion_beside_a_rename_still_is_one(rig: Rig) -> None:
    fill(rig.source / "a", 60)
    fill(rig.source / "c", 60)
    rig.start(max_delete={"percent": 1, "at_least": 5})
    grown(rig)
    rig.watcher.ask(command="pause", mirror="data")  # so that it is one deletion
    (rig.source / "a").rename(rig.source / "b")
    shutil.rmtree(rig.source / "c")
    rig.watcher.ask(command="resume", mirror="data")
    rig.watcher.wait_state("held")
    wait_for((rig.target / "b" / "s0" / "f0").exists)
    assert len(list((rig.target / "c").rglob("f*"))) == 60
    assert "64 of" in rig.watcher.target()["reason"]
    rig.watcher.ask(command="release", mirror="data")
    rig.equal()


def test_a_chain_of_renames(logging_rig: Rig) -> None:
    rig = logging_rig
    fill(rig.source / "a", 50)
    rig.start()
    grown(rig)
    before = received(rig)
    for old, new in ("ab", "bc", "cd", "de"):
        (rig.source / old).rename(rig.source / new)
    rig.equal()
    assert received(rig) - before < 100_000, rig.log()


def test_there_and_back_and_away(rig: Rig) -> None:
    fill(rig.source / "a", 50)
    rig.start()
    grown(rig)
    for old, new in ("ab", "ba", "ac", "ca", "ad"):
        (rig.source / old).rename(rig.source / new)
    rig.equal()


def test_directories_that_change_places(rig: Rig) -> None:
    """Of equal names, sizes and times: only the data tell which is which."""
    for name, byte in (("a", b"A"), ("b", b"B")):
        for number in range(20):
            path = rig.source / name / f"f{number}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(byte * 100_000)
            os.utime(path, (1_000_000_000, 1_000_000_000))
    rig.start()
    grown(rig)
    for old, new in (("a", "t"), ("b", "a"), ("t", "b")):
        (rig.source / old).rename(rig.source / new)
    rig.equal()
    assert (rig.target / "a" / "f3").read_bytes()[:1] == b"B"
    assert (rig.target / "b" / "f3").read_bytes()[:1] == b"A"


def test_changes_inside_right_after(rig: Rig) -> None:
    fill(rig.source / "a", 60)
    rig.start()
    grown(rig)
    (rig.source / "a" / "s0" / "f3").write_bytes(b"just before")
    (rig.source / "a").rename(rig.source / "b")
    (rig.source / "b" / "s0" / "f0").write_bytes(b"rewritten")
    (rig.source / "b" / "s1" / "f1").unlink()
    (rig.source / "b" / "s1" / "new").write_bytes(b"new")
    (rig.source / "b" / "s2").rename(rig.source / "b" / "s3")
    (rig.source / "b" / "s3" / "f2").chmod(0o600)
    (rig.source / "a").mkdir()
    (rig.source / "a" / "other").write_bytes(b"another a")
    rig.equal()


def test_a_rewrite_of_equal_size_and_time_before_the_rename_arrives(rig: Rig) -> None:
    """What the target has under the old name looks like it and is not."""
    rig.start()
    target = rig.source / "a"
    target.mkdir()
    for number in range(30):
        (target / f"f{number}").write_bytes(b"1" * 100_000)
        os.utime(target / f"f{number}", (1_000_000_000, 1_000_000_000))
    grown(rig)
    for number in range(30):
        (target / f"f{number}").write_bytes(b"2" * 100_000)
        os.utime(target / f"f{number}", (1_000_000_000, 1_000_000_000))
    target.rename(rig.source / "b")
    rig.equal()
    assert (rig.target / "b" / "f29").read_bytes()[:1] == b"2"


def test_another_directory_in_the_place_of_a_renamed_ones_child(rig: Rig) -> None:
    """Its files look like those that stood there and are others."""
    for top, byte in (("a/sub", b"1"), ("other", b"2")):
        (rig.source / top).mkdir(parents=True)
        for number in range(20):
            path = rig.source / top / f"f{number}"
            path.write_bytes(byte * 100_000)
            os.utime(path, (1_000_000_000, 1_000_000_000))
    rig.start()
    grown(rig)
    (rig.source / "a").rename(rig.source / "b")
    shutil.rmtree(rig.source / "b" / "sub")
    (rig.source / "other").rename(rig.source / "b" / "sub")
    rig.equal()
    assert (rig.target / "b" / "sub" / "f7").read_bytes()[:1] == b"2"


@pytest.mark.parametrize(
    ("old", "new"),
    [("f", "g"), ("f", "d/f"), ("d/f", "f"), ("d/f", "e/g"), ("f", "d/exists"), ("d/f", "d/exists")],
)
def test_a_large_file_that_is_renamed(logging_rig: Rig, old: str, new: str) -> None:
    rig = logging_rig
    for name in "de":
        (rig.source / name).mkdir()
    (rig.source / "d" / "exists").write_bytes(b"x" * len(DATA))
    (rig.source / old).write_bytes(DATA)
    os.utime(rig.source / old, (1_000_000_000, 1_000_000_000))
    if new == "d/exists":  # nothing but its data tells that it is another
        os.utime(rig.source / new, (1_000_000_000, 1_000_000_000))
    rig.start()
    grown(rig)
    before = received(rig)
    (rig.source / old).rename(rig.source / new)
    rig.equal()
    chroot = "use chroot = yes" in rig.daemon._config.read_text()
    if new == "d/exists" or (old == "d/f" and new == "e/g" and not chroot):
        return  # sent, for the target has something else there, or cannot look into another directory
    assert received(rig) - before < 300_000


def test_a_large_file_renamed_over_one_that_looks_like_it(rig: Rig) -> None:
    """What stands at a name already is not taken for what was linked there."""
    (rig.source / "d").mkdir()
    for path, data in ((rig.source / "f", DATA), (rig.source / "d" / "f", b"x" * len(DATA))):
        path.write_bytes(data)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    rig.start()
    grown(rig)
    (rig.source / "f").rename(rig.source / "d" / "f")
    rig.equal()
    assert (rig.target / "d" / "f").read_bytes() == DATA
    assert "link" in rig.log()


def test_names_that_a_daemon_could_take_for_patterns_or_options(rig: Rig) -> None:
    for name in (b"s*r", b"q?", b"[x]", b"-dash", b"#c", b"back\\slash", b"new\nline", b"\xff\xfe", b"a b"):
        top = os.fsencode(rig.source) + b"/" + name
        os.mkdir(top)
        with open(top + b"/f", "wb") as file:
            file.write(DATA)
    rig.start()
    grown(rig)
    for number, name in enumerate(sorted(os.listdir(os.fsencode(rig.source)))):
        if os.path.isdir(os.fsencode(rig.source) + b"/" + name):
            os.rename(
                os.fsencode(rig.source) + b"/" + name, os.fsencode(rig.source) + b"/" + name[:1] + b"%d" % number + name
            )
    rig.equal()


def test_a_daemon_that_refuses_links_gets_the_data(tmp_path: Path) -> None:
    with assembled(tmp_path) as rig:
        rig.daemon.kill()
        config = rig.daemon._config
        config.write_text(config.read_text() + "refuse options = link-dest fuzzy\n")
        rig.daemon.start()
        fill(rig.source / "a", 40)
        (rig.source / "large").write_bytes(DATA)
        rig.start()
        grown(rig)
        (rig.source / "a").rename(rig.source / "b")
        (rig.source / "large").rename(rig.source / "larger")
        rig.equal()
        assert rig.watcher.target()["state"] == "live"
        assert "renamed files are sent as new" in rig.log()
