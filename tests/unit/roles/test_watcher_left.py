"""Which password files the role watcher removes: those that it wrote, and that no mirror refers to any more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).parents[3] / "roles/watcher"
FOLDER = "/etc/lockstep/secrets"
VARIABLES = yaml.safe_load((ROLE / "vars/main.yml").read_text())
GIVEN: dict[str, Any] = {
    "watcher_secrets_dir": FOLDER,
    "watcher_passwords": {"data@backup.01": "x", "of somebody's own": "x"},
    "watcher_mirrors": [
        {"targets": [{"url": "ssh://h/", "ssh_key": f"{FOLDER}/key@backup02"}]},
        {"targets": [{"url": "rsync://u@h/m", "password_file": f"{FOLDER}/by@hand"}]},
    ],
}


def trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


def value(name: str, **given: Any) -> Any:
    known = {**trusted(VARIABLES), **GIVEN, **given}
    return Templar(loader=DataLoader(), variables=known).template(known[name])


def test_a_module_and_a_backup_host_or_the_host_alone_as_before_make_a_name_of_the_roles() -> None:
    (asked,) = value("__watcher_surplus")
    assert asked["folder"] == FOLDER
    names = re.compile(asked["names"])
    for mine in ("data@backup01", "home-nfs01@backup.09", "backup.01"):
        assert names.fullmatch(mine)
    for other in ("backup02", "backup-01", "shop", ".status-token", "ssh_data", "ssh_known_hosts", "of somebody's own"):
        assert not names.fullmatch(other)


def test_a_file_that_a_mirror_refers_to_stays_whoever_put_it_there() -> None:
    found = [f"{FOLDER}/{name}" for name in ("by@hand", "key@backup02", "gone@backup.01", "backup.01")]
    left = value("__watcher_left", __watcher_seen={"surplus": found})
    assert left == [f"{FOLDER}/gone@backup.01", f"{FOLDER}/backup.01"]


def test_they_go_when_the_watcher_that_needed_them_does_not_run_any_more() -> None:
    tasks = yaml.safe_load((ROLE / "tasks/present.yml").read_text())
    files = [task.get("ansible.builtin.import_tasks") for task in tasks]
    removing = next(number for number, task in enumerate(tasks) if task.get("loop") == "{{ __watcher_left }}")
    assert removing > files.index("live.yml")
