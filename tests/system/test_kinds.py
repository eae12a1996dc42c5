"""Every kind of change arrives (C1)."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Rig, assembled
from rig import wait_for

Change = Callable[[Path], object]


def _text(path: Path, text: str = "text") -> Path:
    path.write_text(text)
    return path


def _tree(path: Path) -> Path:
    (path / "sub" / "subsub").mkdir(parents=True)
    _text(path / "f")
    _text(path / "sub" / "g")
    (path / "sub" / "subsub" / "link").symlink_to("../g")
    return path


def _make_anything(path: Path, kind: str) -> None:
    if kind == "file":
        _text(path, "a file")
    elif kind == "directory":
        _tree(path)
    elif kind == "empty directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        os.mkfifo(path)


def _unmake(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _append(path: Path) -> None:
    with path.open("a") as file:
        file.write("more")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.seek(50 << 20)
        file.write(b"end")


CHANGES: dict[str, tuple[Change, Change]] = {
    "created": (lambda d: None, lambda d: (d / "f").touch()),
    "written and closed": (lambda d: None, lambda d: _text(d / "f")),
    "written again": (lambda d: _text(d / "f"), lambda d: _text(d / "f", "other")),
    "appended": (lambda d: _text(d / "f"), lambda d: _append(d / "f")),
    "truncated": (lambda d: _text(d / "f"), lambda d: os.truncate(d / "f", 2)),
    "grown by truncate": (lambda d: _text(d / "f"), lambda d: os.truncate(d / "f", 9000)),
    "mode of a file": (lambda d: _text(d / "f"), lambda d: (d / "f").chmod(0o4711)),
    "mode of a directory": (lambda d: (d / "e").mkdir(), lambda d: (d / "e").chmod(0o2701)),
    "times of a file": (lambda d: _text(d / "f"), lambda d: os.utime(d / "f", ns=(1, 10**18 + 1))),
    "times of a directory": (lambda d: (d / "e").mkdir(), lambda d: os.utime(d / "e", ns=(1, 10**18 + 1))),
    "file renamed": (lambda d: _text(d / "f"), lambda d: (d / "f").rename(d / "g")),
    "file renamed over another": (
        lambda d: (_text(d / "f"), _text(d / "g", "old")),
        lambda d: (d / "f").rename(d / "g"),
    ),
    "file moved to another directory": (
        lambda d: (_text(d / "f"), (d / "e").mkdir()),
        lambda d: (d / "f").rename(d / "e" / "f"),
    ),
    "directory renamed": (lambda d: _tree(d / "e"), lambda d: (d / "e").rename(d / "h")),
    "directory moved into another": (
        lambda d: (_tree(d / "e"), (d / "h").mkdir()),
        lambda d: (d / "e").rename(d / "h" / "e"),
    ),
    "directory renamed over an empty one": (
        lambda d: (_tree(d / "e"), (d / "h").mkdir()),
        lambda d: (d / "e").rename(d / "h"),
    ),
    "file deleted": (lambda d: _text(d / "f"), lambda d: (d / "f").unlink()),
    "empty directory deleted": (lambda d: (d / "e").mkdir(), lambda d: (d / "e").rmdir()),
    "tree deleted": (lambda d: _tree(d / "e"), lambda d: shutil.rmtree(d / "e")),
    "empty directories": (lambda d: None, lambda d: (d / "a" / "b" / "c").mkdir(parents=True)),
    "dangling link": (lambda d: None, lambda d: (d / "l").symlink_to("nowhere/at all")),
    "absolute link": (lambda d: None, lambda d: (d / "l").symlink_to("/nowhere/at/all")),
    "link out of the tree": (lambda d: None, lambda d: (d / "l").symlink_to("../../../..")),
    "link changed": (
        lambda d: (d / "l").symlink_to("one"),
        lambda d: ((d / "m").symlink_to("two"), (d / "m").rename(d / "l")),
    ),
    "link to a directory": (lambda d: (d / "e").mkdir(), lambda d: (d / "l").symlink_to("e")),
    "hard link": (lambda d: _text(d / "f"), lambda d: os.link(d / "f", d / "g")),
    "hard link over another": (
        lambda d: (_text(d / "f"), _text(d / "g", "gone")),
        lambda d: (os.link(d / "f", d / "h"), (d / "h").rename(d / "g")),
    ),
    "FIFO": (lambda d: None, lambda d: os.mkfifo(d / "p", 0o640)),
    "sparse file": (lambda d: None, lambda d: _sparse(d / "s")),
    "hole punched by a rewrite": (lambda d: _text(d / "s", "x" * 100_000), lambda d: _sparse(d / "s")),
    "unreadable for all but its owner": (lambda d: None, lambda d: _text(d / "f").chmod(0o400)),
}


@pytest.fixture(scope="module")
def running(shared: Rig) -> Rig:
    return shared.start(max_delete={"percent": 100, "at_least": 1_000_000})


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_arrives(running: Rig, kind: str) -> None:
    """C1."""
    before, change = CHANGES[kind]
    folder = running.source / "here"
    folder.mkdir()
    before(folder)
    running.become_equal(seconds=30)
    change(folder)
    running.become_equal(seconds=30)
    shutil.rmtree(folder)
    running.become_equal(seconds=30)
    assert not running.watcher.target()["problems"]


KINDS = ["file", "directory", "empty directory", "link", "FIFO"]


@pytest.mark.parametrize(("old", "new"), [(old, new) for old in KINDS for new in KINDS if old != new])
def test_what_is_replaced_by_another_type_arrives(running: Rig, old: str, new: str) -> None:
    """C1: at once, and by a rename where the kernel allows it."""
    path, beside = running.source / "thing", running.source / "beside"
    _make_anything(path, old)
    running.become_equal(seconds=30)
    _unmake(path)
    _make_anything(path, new)
    running.become_equal(seconds=30)
    if "directory" not in old and "directory" not in new:
        _make_anything(beside, old)
        beside.rename(path)
        running.become_equal(seconds=30)
    _unmake(path)
    running.become_equal(seconds=30)


def test_moves_in_and_out_of_the_tree(running: Rig) -> None:
    """C1: a file, a directory with everything below it, and back in under another name."""
    outside = running.source.with_name("outside")
    outside.mkdir()
    _tree(outside / "tree")
    _text(outside / "file")
    (outside / "tree").rename(running.source / "in")
    (outside / "file").rename(running.source / "file")
    running.become_equal()
    (running.source / "in" / "sub").rename(outside / "sub")
    (running.source / "file").rename(outside / "file")
    running.become_equal()
    _text(outside / "sub" / "while-outside")
    (running.source / "in" / "f").write_text("changed")
    (outside / "sub").rename(running.source / "in" / "back")
    running.become_equal()
    _text(running.source / "in" / "back" / "subsub" / "still seen")
    running.equal()


def test_a_socket_is_treated_as_rsync_treats_it(running: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """C1: it arrives as one."""
    monkeypatch.chdir(running.source)  # a socket's address is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("sock")
        wait_for(lambda: stat.S_ISSOCK((running.target / "sock").lstat().st_mode) if (running.target / "sock").exists()
                 else False, 10, running.log)  # fmt: skip
    (running.source / "sock").unlink()
    running.equal()


def test_what_is_written_and_not_closed_arrives(tmp_path: Path) -> None:
    """C1: as an NFSv3 server does it: within `quiet` after the last write, and within `max_wait` while it goes on."""
    with assembled(tmp_path) as rig:
        rig.start(quiet=0.3, max_wait=1.0)
        there = rig.target / "f"
        with (rig.source / "f").open("w") as file:
            file.write("one")
            file.flush()
            wait_for(lambda: there.exists() and there.read_text() == "one", 8, rig.log)
            sizes = set()

            def grows() -> bool:
                file.write("x")
                file.flush()
                sizes.add(there.stat().st_size)
                return len(sizes) >= 4

            wait_for(grows, 20, lambda: f"several states of it, but: {sizes}")  # it is never quiet for so long
            os.ftruncate(file.fileno(), 2)
            wait_for(lambda: there.read_text() == "on", 8, rig.log)
        rig.equal()


def test_acls_and_extended_attributes_arrive_where_they_are_asked_for(tmp_path: Path) -> None:
    """C1: rsync_options -A and -X; on files, directories and what a reconcile finds."""
    with assembled(tmp_path) as rig:
        rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["-A", "-X"]
        _tree(rig.source / "before")
        os.setxattr(rig.source / "before" / "f", "user.colour", b"blue\0\xff")
        subprocess.run(["setfacl", "-m", "u:12345:r", str(rig.source / "before" / "sub")], check=True)
        rig.start()
        rig.equal(xattrs=True)
        _text(rig.source / "f")
        os.setxattr(rig.source / "f", "user.colour", b"red")
        rig.equal(xattrs=True)
        os.setxattr(rig.source / "f", "user.colour", b"green")
        os.setxattr(rig.source / "before", "user.colour", b"grey")
        subprocess.run(["setfacl", "-m", "u:12345:rw,g:54321:r", str(rig.source / "f")], check=True)
        subprocess.run(["setfacl", "-d", "-m", "u:12345:rwx", str(rig.source / "before")], check=True)
        os.removexattr(rig.source / "before" / "f", "user.colour")
        rig.equal(xattrs=True)
        assert os.getxattr(rig.target / "f", "user.colour") == b"green"
