"""Who can read the watcher's secrets: nobody but root, and the watcher by its capability."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import ChainableUndefined
from jinja2.nativetypes import NativeEnvironment

from lockstep import ssh_check

ROLE = Path(__file__).parents[3] / "roles/watcher"
VARIABLES = yaml.safe_load((ROLE / "vars/main.yml").read_text())
OWNER, GROUP = "{{ __watcher_root }}", "{{ __watcher_root_group }}"


def rendered(name: str, **given: Any) -> Any:
    environment = NativeEnvironment(undefined=ChainableUndefined)
    environment.filters.update(
        bool=bool,
        combine=lambda first, *more: {**first, **{key: text for one in more for key, text in one.items()}},
        basename=lambda path: path.rpartition("/")[2],
        hash=lambda text, kind: hashlib.new(kind, text.encode()).hexdigest(),
    )
    return environment.from_string(VARIABLES[name]).render(given)


def expected(manage: bool) -> list[dict[str, str]]:
    """What the role wants of the folder of the secrets and of what is in it."""
    known = {"watcher_manage_user": manage, "watcher_user": "watch", "watcher_group": "askers"}
    root = {name: rendered(name, **known) for name in ("__watcher_root", "__watcher_root_group")}
    given = {
        **known,
        **root,
        "watcher_secrets_dir": "/s",
        "watcher_lib_dir": "/lib",
        "watcher_config_dir": "/etc",
        "watcher_passwords": {"backup01": "a long password"},
        "watcher_notify_secrets": {"shop": "X-Key: 1"},
        "watcher_token": "a long token",
        "__watcher_token_file": "/s/.status-token",
        "__watcher_over_ssh": [1],
        "__watcher_known_hosts_file": "/s/ssh_known_hosts",
        "__watcher_known_hosts_text": "x",
        "__watcher_made_dirs": [],
        "__watcher_line_end": "\n",
    }
    found = [*rendered("__watcher_expected_folders", **given), *rendered("__watcher_expected_secrets", **given)]
    return [entry for entry in found if entry["path"] == "/s" or entry["path"].startswith("/s/")]


@pytest.mark.parametrize(("manage", "owner"), [(True, ("root", "root")), (False, ("watch", "askers"))])
def test_secrets_are_open_to_their_owner_alone(manage: bool, owner: tuple[str, str]) -> None:
    entries = expected(manage)
    names = {"/s", "/s/backup01", "/s/shop", "/s/.status-token", "/s/ssh_known_hosts"}
    assert {entry["path"] for entry in entries} == names
    assert {(entry["owner"], entry["group"]) for entry in entries} == {owner}
    assert {(entry.get("type", "file"), entry["mode"]) for entry in entries} == {
        ("directory", "0700"),
        ("file", "0600"),
    }


def test_the_tasks_write_them_as_they_are_expected_to_be() -> None:
    """Else each run would find them otherwise, and change them."""
    kept = ("watcher_secrets_dir", "__watcher_token_file", "__watcher_known_hosts_file")
    written = []
    for file in sorted((ROLE / "tasks").glob("*.yml")):
        for task in yaml.safe_load(file.read_text()):
            words = task.get("ansible.builtin.copy") or task.get("ansible.builtin.file") or {}
            place = str(words.get("dest") or words.get("path"))
            if any(name in place for name in kept):
                written.append((words.get("state", "file"), words["owner"], words["group"], words["mode"]))
    assert sorted(set(written)) == [("directory", OWNER, GROUP, "0700"), ("file", OWNER, GROUP, "0600")]
    assert len(written) == 6


def test_a_file_that_only_a_capability_opens_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For access(2), which does not count it, the service's user can read none of its secrets."""
    monkeypatch.setattr(ssh_check.os, "access", lambda *_: False)
    (tmp_path / "secret").write_text("x")
    assert ssh_check.readable(str(tmp_path / "secret"))
    assert not ssh_check.readable(str(tmp_path / "none"))
