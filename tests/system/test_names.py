"""Every name that a file system allows arrives, and none is ever seen by a shell (C2)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import Rig
from rig import wait_for

NAMES = {
    "newline": b"a\nb",
    "only a newline": b"\n",
    "carriage return and tab": b"a\r\tb",
    "hash": b"# no comment",
    "semicolon": b"; no comment",
    "dash": b"-rf",
    "long option": b"--delete",
    "leading space": b" a",
    "trailing space": b"a ",
    "only a space": b" ",
    "star": b"*",
    "question mark": b"a?b",
    "brackets": b"[a-z]",
    "braces": b"{a,b}",
    "backslash": b"a\\b",
    "trailing backslash": b"a\\",
    "rsync's escape": b"a\\#012b",
    "single quote": b"it's",
    "double quote": b'"a": b',
    "command": b"$(touch hacked)",
    "backticks": b"`touch hacked`",
    "variable": b"$HOME",
    "pipe": b"a | b && c > d",
    "colon": b"host:path",
    "double colon": b"host::module",
    "percent": b"%s%n",
    "tilde": b"~root",
    "dots": b"...",
    "filter rule": b"+ *",
    "latin-1": b"caf\xe9",
    "broken UTF-8": b"\xff\xfe\x80",
    "UTF-8": "ünïcödé-日本語-🙂".encode(),
    "combining": b"e\xcc\x81",
    "controls": bytes(range(1, 32)),
    "255 bytes": b"n" * 255,
    "255 bytes of UTF-8": "ü".encode() * 127 + b"x",
    "like a temporary": b".f.a1B2c3",
    "arrow": b"a -> b",
    "deleting": b"deleting a",
}


@pytest.fixture(scope="module")
def running(shared: Rig) -> Rig:
    return shared.start(max_delete={"percent": 100, "at_least": 1_000_000})


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_an_odd_name_comes_changes_and_goes(running: Rig, name: bytes) -> None:
    """C2: as a file, a directory, a link, the name of a link's target; by events."""
    source, target = os.fsencode(running.source), os.fsencode(running.target)
    with open(os.path.join(source, name), "wb") as file:
        file.write(name)
    for parent in (b"dir", b"named"):
        os.makedirs(os.path.join(source, parent), exist_ok=True)
    os.mkdir(os.path.join(source, b"dir", name))
    with open(os.path.join(source, b"dir", name, name), "wb") as file:
        file.write(b"deep")
    os.symlink(name, os.path.join(source, b"named", b"link"))
    os.symlink(b"nowhere", os.path.join(source, b"named", name))
    running.become_equal(seconds=10)
    os.chmod(os.path.join(source, name), 0o600)
    with open(os.path.join(source, b"dir", name, name), "ab") as file:
        file.write(b"er")
    moved = name + b"2" if len(name) < 255 else b"2"
    os.rename(os.path.join(source, b"dir", name), os.path.join(source, b"named", moved))
    os.unlink(os.path.join(source, name))
    running.become_equal(seconds=10)
    shutil.rmtree(os.path.join(source, b"named"))
    shutil.rmtree(os.path.join(source, b"dir"))
    running.become_equal(seconds=10)
    assert os.listdir(target) == []
    assert not Path("hacked").exists()
    assert not running.watcher.target()["problems"]


def test_odd_names_that_a_reconcile_finds_come_and_go(rig: Rig) -> None:
    """C2: all at once, made, changed and deleted while the watcher is down."""
    source = os.fsencode(rig.source)
    for name in NAMES.values():
        os.mkdir(os.path.join(source, b"d" + name[:254]))
        for path in (name, os.path.join(b"d" + name[:254], name)):
            with open(os.path.join(source, path), "wb") as file:
                file.write(name)
    rig.start(max_delete={"percent": 100, "at_least": 1000})
    rig.equal()
    rig.watcher.stop()
    for number, name in enumerate(NAMES.values()):
        if number % 2:
            os.unlink(os.path.join(source, name))
            shutil.rmtree(os.path.join(source, b"d" + name[:254]))
        else:
            with open(os.path.join(source, b"d" + name[:254], name), "ab") as file:
                file.write(b"more")
    rig.watcher.start()
    rig.equal()


def _make_deep(top: bytes, levels: int) -> None:
    """Directories one in the other, 200 bytes each, made from within: their path is longer than a call takes."""
    at = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for number in range(levels):
        name = b"%03d" % number + b"x" * 197
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = inner
    with open(os.open(b"bottom", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=at), "wb") as file:
        file.write(b"deep")
    os.close(at)


@pytest.mark.parametrize("when", ["before the start", "while it runs"])
def test_a_path_that_is_too_long_is_named_and_the_rest_goes_on(rig: Rig, when: str) -> None:
    """C2: beyond 4,096 bytes the kernel takes no path; the status says which, and it is cured when it is gone."""
    (rig.source / "deep").mkdir()
    if when == "before the start":
        _make_deep(os.fsencode(rig.source / "deep"), 22)
        rig.watcher.write()
        rig.watcher.start(wait=False)
    else:
        rig.start()
        _make_deep(os.fsencode(rig.source / "deep"), 22)

    def told() -> str:
        try:
            mirror = rig.watcher.status()["mirrors"][0]
        except OSError:
            return ""
        reasons = [problem["reason"] for problem in mirror["watch_problems"] + mirror["targets"][0]["problems"]]
        return "; ".join(reasons)

    wait_for(lambda: "long" in told(), 20, lambda: f"a path that is too long; {rig.log()[-2000:]}")
    rig.watcher.wait_state("behind")
    (rig.source / "beside").write_text("x")
    (rig.source / "deep" / "shallow").write_text("x")
    wait_for((rig.target / "beside").exists, 10, rig.log)
    wait_for((rig.target / "deep" / "shallow").exists, 10, rig.log)
    shutil.rmtree(rig.source / "deep")  # which goes by descriptors, and so to any depth
    assert rig.watcher.ask(command="resync", mirror="data")["ok"]
    rig.watcher.wait_state("live", seconds=60)
    rig.equal()
