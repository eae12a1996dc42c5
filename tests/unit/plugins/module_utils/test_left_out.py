# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit leaves out is what the watcher leaves out: both read one configuration."""

from __future__ import annotations

import json
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


def test_what_rsync_cannot_be_told_is_said_to_an_audit_and_keeps_nobody_else(tmp_path):
    found = _mirror.configured(str(written(tmp_path, exclude_regex=["x"], watch=False)), "data")
    assert found.obscure.startswith("mirror data: exclude_regex: rsync knows no regular expressions")
    assert not found.watched
    found = _mirror.configured(str(written(tmp_path, exclude_from=["/nowhere"])), "data")
    assert found.obscure == "mirror data: /nowhere: No such file or directory"
    found = _mirror.configured(str(written(tmp_path, exclude=["x"], delete="running")), "data")
    assert (found.obscure, found.rules, found.watched, found.deletes) == (None, ("- x",), True, False)
