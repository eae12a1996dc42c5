# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit leaves out is what the watcher leaves out: both read one configuration."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
import yaml
from ansible_collections.lockstep.realtime.plugins.module_utils import _left_out, _mirror

from lockstep import config, rules


def entry(tmp_path, **more):
    return {"name": "data", "source": str(tmp_path), "targets": [{"url": "rsync://h/m"}], **more}


def written(tmp_path, **more) -> pathlib.Path:
    path = tmp_path / "lockstep.yml"
    path.write_text(yaml.safe_dump({"mirrors": [entry(tmp_path, **more)]}))
    return path


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"exclude": ["*.swp", "+ odd", "é"]},
        {"filter": ["+ */", "- x", "include_y", "exclude z"], "include": ["+ plus"], "exclude": ["- minus"]},
        {"exclude": ["a"], "exclude_from": True, "include_from": True},
        {"filter_from": "rules", "backup_dir": ".old/%Y", "temp_dir": ".tmp"},
    ],
)
def test_the_rules_are_those_of_the_watcher(tmp_path, given):
    (tmp_path / "list").write_bytes(b"# no\r\n;no\n\n*.o\r\n+ keep.o\n a\n")
    (tmp_path / "rules").write_bytes(b"- /r\ninclude q\n")
    files = {True: "list", "rules": "rules"}
    given = {key: [str(tmp_path / files[value])] if key.endswith("_from") else value for key, value in given.items()}
    ours = rules.of(config.parse(json.dumps({"mirrors": [entry(tmp_path, **given)]}).encode(), "x").mirrors[0])
    assert [f"--filter={rule}".encode() for rule in _left_out.rules(given)] == ours.rsync_args()


PATHS = [
    b"a",
    b"a.o",
    b"A.O",
    b"d/a.o",
    b"d.o/a",
    b"cache",
    b"d/cache",
    b"d/cache/x",
    b"cache2/x",
    b"\xff.jpg",
    b"p.JPG",
    b".",
]


@pytest.mark.parametrize(
    "given",
    [
        {"exclude_regex": [r"\.o$", "(^|/)cache$"]},
        {"exclude_regex_nocase": [r"\.o$"], "include_regex": ["a", "x"]},
        {"include_regex_nocase": [r"\.jpg$", "^d/"]},
        {"include_regex": [r"\.jpg$"], "include_regex_nocase": ["^P"], "exclude_regex": ["^d"]},
        {"exclude_regex": ["\udcff"]},
    ],
)
def test_regular_expressions_hide_what_they_hide_from_the_watcher(tmp_path, given):
    ours = rules.of(config.parse(json.dumps({"mirrors": [entry(tmp_path, **given)]}).encode(), "x").mirrors[0])
    hidden = _left_out.sieve(given)
    for path in PATHS:
        for is_directory in (False, True):
            assert hidden(path, is_directory) == ours.hidden(path, is_directory), (path, is_directory)
    assert not hidden(b"", True)
    assert _left_out.sieve({"exclude": ["*.o"]}) is None


def test_what_cannot_be_known_is_said_to_an_audit_and_keeps_nobody_else(tmp_path):
    found = _mirror.configured(str(written(tmp_path, exclude_regex_nocase=["(x"], watch=False)), "data")
    assert found.obscure.startswith("mirror data: exclude_regex_nocase: '(x' is no regular expression: ")
    assert not found.watched
    found = _mirror.configured(str(written(tmp_path, exclude_from=["/nowhere"])), "data")
    assert found.obscure == "mirror data: /nowhere: No such file or directory"
    found = _mirror.configured(str(written(tmp_path, exclude=["x"], delete="running")), "data")
    assert (found.obscure, found.rules, found.watched, found.deletes) == (None, ("- x",), True, False)


def test_what_is_mounted_below_is_left_out_of_an_audit_where_the_mirror_is_of_one_file_system(tmp_path, monkeypatch):
    """A mount of the source's own file system is none of another; a name's wildcards are only themselves."""
    for name in ("own", "elsewhere", "a b[*]"):
        (tmp_path / name).mkdir()
    mounts = tmp_path / "mountinfo"
    places = [f"{tmp_path}{name}" for name in ("/own", "/elsewhere", "/a\\040b[*]", "-beside-it-elsewhere")]
    mounts.write_text("".join(f"1 1 0:1 / {place} rw - tmpfs tmpfs rw\n" for place in places))
    real = os.lstat
    monkeypatch.setattr(_left_out, "_MOUNTS", str(mounts))
    monkeypatch.setattr(
        _left_out.os, "lstat", lambda path: real("/proc" if str(path).endswith(("elsewhere", "]")) else path)
    )
    given = entry(tmp_path, one_file_system=True, exclude=["x"])
    assert _left_out.rules(given) == ("- /a b\\[\\*]", "- /elsewhere", "- x")
    monkeypatch.setattr(_left_out, "_MOUNTS", "/nowhere")
    with pytest.raises(_left_out.LeftOutError, match="one_file_system: /nowhere: No such file"):
        _left_out.rules(given)
