"""Nothing outside of the mirror's own path is touched (C10), and no secret is where others can see it (C20)."""

from __future__ import annotations

import contextlib
import os
import urllib.request
from pathlib import Path

import pytest
from churn import Churn
from conftest import Rig
from rig import PASSWORD, processes
from trees import survey

FORBIDDEN = "--inplace --ignore-errors --append --partial --delete-excluded --remove-source-files -L".split()


def test_nothing_beside_the_mirrors_path_in_the_module_is_touched(rig: Rig, tmp_path: Path) -> None:
    """C10: the url leads below the module; what lies beside and above it stays as it is."""
    mine = rig.target / "mine"
    for folder in (mine, rig.target / "theirs", rig.target / "mine2"):
        folder.mkdir()
        (folder / "f").write_text("old")
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "f").write_text("x")
    others = (rig.target / "theirs", rig.target / "mine2", tmp_path / "aside")
    before = {path: survey(os.fsencode(path)) for path in others}
    top = (rig.target.stat().st_mode, rig.target.stat().st_mtime_ns)
    rig.watcher.mirrors[0]["targets"][0]["url"] = rig.daemon.url(path="/mine")
    rig.target = mine
    (rig.source / "up").symlink_to("../theirs")
    rig.start(max_delete={"percent": 100, "at_least": 1_000_000})
    rig.equal()
    assert not (mine / "f").exists()
    churn = Churn(os.fsencode(rig.source), os.fsencode(outside), 3)
    churn.run(150)
    churn.close()
    (rig.source / "link").symlink_to(str(tmp_path / "aside"))
    rig.passed()
    (rig.source / "link").unlink()
    (rig.source / "link").mkdir()  # what was a link out of the module on the target is none when files go below it
    (rig.source / "link" / "f").write_text("mine")
    rig.equal()
    assert {path: survey(os.fsencode(path)) for path in before} == before
    assert (mine.parent.stat().st_mode, mine.parent.stat().st_mtime_ns) == top


@pytest.mark.parametrize("option", FORBIDDEN)
def test_options_that_would_break_a_promise_are_refused(rig: Rig, option: str) -> None:
    """C10: by run and by check, with a line that names the option."""
    rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = [option]
    rig.watcher.write()
    for command in (["run", "--config"], ["check"]):
        done = rig.watcher.command(*command, str(rig.watcher.config), timeout=10)
        assert done.returncode == 2
        assert option in done.stderr
        assert "rsync_options" in done.stderr


def test_forbidden_options_are_never_used(rig: Rig) -> None:
    """C10: in no rsync that runs while a reconcile and changes go."""
    for number in range(300):
        (rig.source / f"f{number}").write_text("x")
    rig.start()
    seen = set(processes(str(rig.daemon.password_file)).values())
    for number in range(100):
        (rig.source / f"f{number}").unlink()
        seen |= set(processes(str(rig.daemon.password_file)).values())
    rig.equal()
    assert len(seen) >= 3
    for line in seen:
        assert not {"--inplace", "--ignore-errors", "--append", "--partial"} & set(line.split())


def test_the_password_is_nowhere_to_be_seen(rig: Rig) -> None:
    """C20: not in argv or environment of any process, in the log, the status, or the state directory."""
    rig.start()
    (rig.source / "f").write_text("x")
    rig.equal()
    (rig.daemon.password_file).write_text("another-one-that-is-wrong\n")
    rig.daemon.kill()
    rig.daemon.start()
    (rig.source / "f").write_text("y")  # a waiting rsync does not see that its peer is gone; one that has work does
    rig.watcher.wait_state("down")  # whoever complains of a password might show it
    (rig.daemon.password_file).write_text(PASSWORD + "\n")
    rig.watcher.wait_state("live")
    looked = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            for name in ("cmdline", "environ"):
                try:
                    content = (entry / name).read_bytes()
                except OSError:
                    continue
                assert PASSWORD.encode() not in content, (entry.name, name)
                looked += 1
    assert looked > 10
    texts = [rig.log(), str(rig.watcher.status())]
    for path in ("/", "/status.json", "/healthz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{rig.watcher.http}{path}") as answer:
            texts.append(answer.read().decode())
    texts.append(rig.watcher.command("status", "--json", "--socket", str(rig.watcher.socket)).stdout)
    for path in (rig.watcher.folder / "state").iterdir():
        with contextlib.suppress(FileNotFoundError):  # one that is being replaced
            texts.append(path.read_text())
    for text in texts:
        assert PASSWORD not in text
        assert "another-one-that-is-wrong" not in text
    assert rig.watcher.socket.stat().st_mode & 0o007 == 0
