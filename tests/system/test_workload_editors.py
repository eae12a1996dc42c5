"""The save dance of the real vim: a probe named 4913, the old file to a backup name, a new one in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import Rig
from workload import run, times

WAYS = {
    "renames the old file": "set backup writebackup backupcopy=no",
    "copies the old file and writes into it": "set backup writebackup backupcopy=yes",
    "chooses by itself, and keeps no backup": "set nobackup writebackup backupcopy=auto",
    "writes at once": "set nobackup nowritebackup",
    "backups and swap files elsewhere": "set backup writebackup backupcopy=no backupdir=./kept directory=./swap",
    "undo files and a patch file": "set backup undofile undodir=. patchmode=.orig",
}


def _edit(script: Path, folder: Path, name: str, *commands: str) -> None:
    """One session, which does these commands; without `-u NONE` it would read the user's own settings."""
    script.write_text("".join(f"{command}\n" for command in (*commands, "qa!")))
    run("vim", "-u", "NONE", "-N", "-i", "NONE", "-es", "-S", script, name, cwd=folder, TERM="dumb")


@pytest.mark.parametrize("way", WAYS)
def test_vim_saves(rig: Rig, tmp_path: Path, way: str) -> None:
    """C1, C22: saved over and over within a second, in equal size each time."""
    rig.start()
    folder = rig.source / "texts"
    for name in ("", "kept", "swap"):
        (folder / name).mkdir()
    names = ["notes.txt", "read-only.txt", "#odd name [1].txt"]
    for name in names:
        (folder / name).write_text("line AAAA\n" * 20)
    (folder / "read-only.txt").chmod(0o444)
    (folder / "link.txt").symlink_to("notes.txt")
    os.link(folder / "notes.txt", folder / "another name of notes.txt")
    saves = [command for turn in range(times(6, 40)) for command in (f"%s/ [A-Z]*/ {'ABCDEFGH'[turn % 8] * 4}/", "w!")]
    for name in [*names, "link.txt"]:
        _edit(tmp_path / "script.vim", folder, name, "set swapfile updatecount=1", WAYS[way], *saves)
    assert (folder / "notes.txt").read_text() != "line AAAA\n" * 20, "vim has saved nothing"
    rig.passed()
    if os.stat(folder / "notes.txt").st_nlink > 1:
        # written through one name: no event tells of the other one, a reconcile does
        rig.watcher.ask(command="resync", mirror="data")
    rig.equal()


def test_vim_is_killed_and_leaves_its_swap_file(rig: Rig, tmp_path: Path) -> None:
    rig.start(quiet=0.3)
    (rig.source / "notes.txt").write_text("line AAAA\n" * 20)
    crash = "call system('kill -9 ' . getpid())"
    with pytest.raises(AssertionError, match="ended with -9"):
        _edit(tmp_path / "script.vim", rig.source, "notes.txt", "set swapfile", "%s/AAAA/BBBB/", "preserve", crash)
    assert (rig.source / ".notes.txt.swp").exists()
    rig.equal()
