"""A head start writes where it is to, whatever stands on the target: with a daemon in a chroot, as only root has it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from conftest import Rig
from rig import wait_for

STRAINED = str(Path(__file__).with_name("strained.py"))
TOLD = "were sent together"


def chrooted(rig: Rig) -> None:
    """As the role has it where links are kept as they are: none of them leads out of the module."""
    rig.daemon.kill()
    config = rig.daemon.folder / "rsyncd.conf"
    text = config.read_text().replace("use chroot = no", "use chroot = yes")
    config.write_text(text.replace("munge symlinks = yes", "munge symlinks = no"))
    rig.daemon.start()


def test_a_link_of_somebody_else_s_is_replaced_and_not_written_through(rig: Rig) -> None:
    chrooted(rig)
    (rig.target / "mine").mkdir()
    (rig.target / "other" / "sub").mkdir(parents=True)
    (rig.target / "mine" / "current").symlink_to("../other")
    (rig.source / "current" / "sub").mkdir(parents=True)
    for number in range(60):
        (rig.source / "current" / "sub" / f"f{number}").write_text("x")
    rig.watcher.mirrors[0]["targets"][0]["url"] += "/mine"
    rig.watcher.program = [STRAINED, json.dumps({"lockstep.head_start.LEAST": 50})]
    rig.start()
    rig.watcher.wait_in_step()
    assert TOLD in rig.log()
    assert [os.listdir(rig.target / "other"), os.listdir(rig.target / "other" / "sub")] == [["sub"], []]
    assert len(os.listdir(rig.target / "mine" / "current" / "sub")) == 60


def test_a_link_that_takes_a_directory_s_place_meanwhile_is_not_written_through(rig: Rig) -> None:
    """With `delete: false` nobody would clear away what came by it into the other directory."""
    chrooted(rig)
    for number in range(12_000):
        folder = rig.source / "a" / f"e{number % 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number}").write_bytes(b"x" * 200)
    for name in ("current", "zreal"):
        (rig.source / name).mkdir()
    (rig.source / "zreal" / "own").write_text("x")
    for number in range(900):
        (rig.source / "current" / f"g{number}").write_bytes(b"x" * 20_000)
    rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["--bwlimit=2m"]
    rig.watcher.write()
    rig.watcher.start(wait=False)
    wait_for((rig.target / "current" / "g10").exists, 60, rig.log)
    assert TOLD not in rig.log()
    shutil.rmtree(rig.source / "current")
    (rig.source / "current").symlink_to("zreal")
    wait_for(lambda: TOLD in rig.log(), 20, rig.log)
    assert "ended by signal" in rig.log(), "it was cut"
    wait_for((rig.target / "current").is_symlink, 30, rig.log)
    there = os.listdir(rig.target / "zreal") if (rig.target / "zreal").exists() else []
    assert set(there) <= {"own"}
    rig.equal()
