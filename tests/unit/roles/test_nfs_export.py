"""The small programs of the role nfs_export: what is there, and what a server says that it exports."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

FILES = Path(__file__).parents[3] / "roles/nfs_export/files"
MARKER = "# This file is kept by a role."
BLOCK = "a.role"
OURS = f'# BEGIN {BLOCK}\n%include "/etc/ganesha/lockstep-exports.conf"\n# END {BLOCK}\n'


def load(name):
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


survey, exported = load("survey"), load("exported")


@pytest.fixture
def look(tmp_path):
    def run(**given):
        order = {
            "exports_dir": str(tmp_path / "exports.d"),
            "marker": MARKER,
            "block": BLOCK,
            "ganesha_config": str(tmp_path / "ganesha/ganesha.conf"),
            "ganesha_file": str(tmp_path / "ganesha/lockstep-exports.conf"),
            "folders": [str(tmp_path / "exports.d")],
            "paths": [],
            "units": ["nobody-has-it"],
        }
        return survey.survey({**order, **given})

    return run


def test_a_fresh_host_has_nothing(look, tmp_path):
    found = look(paths=[str(tmp_path / "data")])
    assert found.pop("kernel_others") in (True, False)  # /etc/exports of this machine
    assert found == {
        "kept": [],
        "foreign": [],
        "folders_missing": [str(tmp_path / "exports.d")],
        "ganesha": {"ours": False, "others": False},
        "ganesha_file": False,
        "paths": {str(tmp_path / "data"): "missing"},
        "installed": {"nobody-has-it": False},
        "active": [],
    }


def test_files_of_the_role_are_told_from_others(look, tmp_path):
    folder = tmp_path / "exports.d"
    folder.mkdir()
    (folder / "mine.exports").write_text(f"{MARKER}\n/data *(ro)\n")
    (folder / "theirs.exports").write_text("/home *(ro)\n")
    (folder / "no export").write_text(MARKER)
    found = look()
    assert (found["kept"], found["foreign"], found["kernel_others"]) == (["mine"], ["theirs"], True)


def test_a_path_is_a_directory_or_told(look, tmp_path):
    (tmp_path / "file").write_text("")
    assert look(paths=[str(tmp_path), str(tmp_path / "file")])["paths"] == {str(tmp_path / "file"): "file"}


@pytest.mark.parametrize(
    ("text", "ours", "others"),
    [
        ("", False, False),
        ("#EXPORT\n#{\n#}\nLOG { Default_Log_Level = WARN; }\n", False, False),
        (OURS, True, False),
        ("EXPORT {\n}\n" + OURS, True, True),
        (OURS + "Export\n{\n}\n", True, True),
        ('%include "/etc/ganesha/more.conf"\n', False, True),
        (OURS.replace(BLOCK, "another.role"), False, True),
    ],
)
def test_what_ganesha_has_besides_is_seen(text, ours, others):
    assert survey.ganesha(text, BLOCK) == {"ours": ours, "others": others}


def test_what_the_kernel_exports_is_read_with_odd_bytes():
    text = "/srv/a\\040b\t10.0.0.0/24(rw)\n/srv/a\\040b\t*.x(ro)\n/srv/\xe9\tx(rw)\n/n\\012l\tx(rw)\n"
    assert exported.of_etab(text) == ["/n\nl", "/srv/a b", "/srv/\xe9"]


def test_what_ganesha_exports_is_read_without_its_tree_of_pseudo_paths():
    text = (
        '   array [\n      struct {\n         uint16 0\n         string "/"\n         array [\n'
        '            struct {\n               string "NFSv3"\n            }\n         ]\n      }\n'
        '      struct {\n         uint16 59121\n         string "/srv/a b"\n      }\n   ]\n'
    )
    assert exported.of_show_exports(text) == ["/srv/a b"]


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """The table of exportfs(8), written a second ago by a clock of the test's own, and the folder of the exports."""
    (tmp_path / "etab").write_text("/srv/a\t10.0.0.0/24(rw)\n")
    (tmp_path / "exports.d").mkdir()
    monkeypatch.setattr(exported, "ETAB", str(tmp_path / "etab"))

    def at(table, folder):
        os.utime(tmp_path / "etab", (table, table))
        os.utime(tmp_path / "exports.d", (folder, folder))
        return exported.newer([str(tmp_path / "exports.d"), str(tmp_path / "none")], exported.told_at("kernel"))

    return at


def test_a_client_that_an_interrupted_run_took_out_is_seen_by_the_time_of_its_file(kernel, tmp_path):
    assert kernel(table=1000.5, folder=1000.6) == [str(tmp_path / "exports.d")]


@pytest.mark.parametrize("folder", [1000.5, 1000.4])
def test_a_kernel_that_was_told_since_is_not_told_again(kernel, folder):
    assert kernel(table=1000.5, folder=folder) == []


@pytest.mark.parametrize(
    ("said", "changed", "outdated"),
    [
        ("StateChangeTimestamp=Fri 2026-01-02 10:00:00 UTC", 1767348002, True),
        ("StateChangeTimestamp=Fri 2026-01-02 10:00:00 UTC", 1767348000.9, False),
        ("StateChangeTimestamp=", 1767348002, False),
    ],
)
def test_what_ganesha_was_not_told_of_is_newer_than_its_last_reload(tmp_path, monkeypatch, said, changed, outdated):
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\n[ "$TZ" = UTC ] && echo "{said}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    config = tmp_path / "ganesha.conf"
    config.write_text("")
    os.utime(config, (changed, changed))
    assert bool(exported.newer([str(config)], exported.told_at("ganesha"))) is outdated
