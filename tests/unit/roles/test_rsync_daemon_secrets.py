"""What the role rsync_daemon writes into files of secrets, when, and which it removes, as ansible evaluates it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.lockstep.realtime.plugins.filter.module_password import module_password

ROLE = Path(__file__).parents[3] / "roles/rsync_daemon"
NOW, BEFORE = "the password of now", "the password before"
GIVEN: dict[str, Any] = {
    "inventory_hostname": "backup01",
    "lockstep_password": NOW,
    "lockstep_mirrors": [],
    "rsync_daemon_modules": [{"name": "data", "path": "/d"}, {"name": "home-nfs02", "path": "/h"}],
    "ansible_facts": {"effective_user_id": 0},
    "__rsync_daemon_found": {"login": {"group": ""}, "config": {"ours": True, "secrets": []}},
    "__rsync_daemon_seen": {"unlike": [], "surplus": []},
    "ansible_check_mode": False,
}
DATA, HOME, ALL = "/etc/rsyncd.secrets.d/data", "/etc/rsyncd.secrets.d/home-nfs02", "/etc/rsyncd.secrets"


def trusted(value: Any) -> Any:
    """What the role's own files say is a template."""
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


def read(name: str) -> Any:
    return trusted(yaml.safe_load((ROLE / name).read_text()))


KNOWN = {**read("defaults/main.yml"), **read("vars/main.yml"), **GIVEN}
WRITING = [
    task["vars"]["__rsync_daemon_written"]
    for task in read("tasks/configure.yml")
    if task.get("ansible.builtin.include_tasks") == "secrets.yml"
]


def templar(known: dict[str, Any]) -> Templar:
    """As ansible's own, which finds the collection's filters only where it is installed."""
    made = Templar(loader=DataLoader(), variables=known)
    made.environment.filters["lockstep.realtime.module_password"] = module_password
    return made


def value(name: str, **given: Any) -> Any:
    known = {**KNOWN, **given}
    return templar(known).template(known[name])


def lines(path: str, **given: Any) -> list[str]:
    text = value("__rsync_daemon_secrets", **given)[path]
    assert text.endswith("\n")
    return text.splitlines()


def test_each_module_has_a_file_with_its_own_password_and_nobody_the_one_they_are_made_of() -> None:
    found = value("__rsync_daemon_secrets")
    assert set(found) == {DATA, HOME}
    for path, module in ((DATA, "data"), (HOME, "home-nfs02")):
        assert lines(path)[1:] == [f"rsync_backup:{module_password(module, NOW, 'backup01')}"]
        assert lines(path)[0] == KNOWN["__rsync_daemon_marker"]
    assert NOW not in "".join(found.values())
    assert value("__rsync_daemon_sharing") == []


def test_while_passwords_change_each_file_has_two() -> None:
    given = {"rsync_daemon_previous_password": BEFORE}
    assert lines(HOME, **given)[1:] == [
        f"rsync_backup:{module_password('home-nfs02', NOW, 'backup01')}",
        f"@rsync_backup:{module_password('home-nfs02', BEFORE, 'backup01')}",
    ]


def test_modules_without_a_password_of_their_own_have_the_one_of_all_in_its_file() -> None:
    assert value("__rsync_daemon_secrets", rsync_daemon_passwords={}) == {ALL: f"rsync_backup:{NOW}\n"}
    given = {"rsync_daemon_passwords": {"data": "a password of data"}}
    assert set(value("__rsync_daemon_secrets", **given)) == {DATA, ALL}
    assert lines(ALL, **given, rsync_daemon_previous_password=BEFORE) == [
        f"rsync_backup:{NOW}",
        f"@rsync_backup:{BEFORE}",
    ]
    assert value("__rsync_daemon_sharing", **given) == ["home-nfs02"]


def test_without_mirrors_of_an_inventory_all_modules_have_the_one_password() -> None:
    known = {name: item for name, item in KNOWN.items() if name != "lockstep_mirrors"}
    assert set(templar(known).template(known["__rsync_daemon_secrets"])) == {ALL}


@pytest.mark.parametrize(("uid", "owner"), [(0, "root"), (1000, None)])
def test_files_of_secrets_and_their_folder_are_open_to_nobody_else(uid: int, owner: str | None) -> None:
    files = value("__rsync_daemon_files_secrets", ansible_facts={"effective_user_id": uid})
    assert [(file["path"], file.get("type", "file"), file["mode"]) for file in files] == [
        ("/etc/rsyncd.secrets.d", "directory", "0700"),
        (DATA, "file", "0600"),
        (HOME, "file", "0600"),
    ]
    assert {file.get("owner") for file in files} == {file.get("group") for file in files} == {owner}
    tasks = [*read("tasks/configure.yml"), *read("tasks/secrets.yml")]
    writing = [
        words
        for task in tasks
        for words in (task.get("ansible.builtin.copy") or task.get("ansible.builtin.file") or {},)
        if "secrets" in str(words.get("path")) or "secrets" in str(words.get("content"))
    ]
    assert [words["mode"] for words in writing] == ["0700", "0600"]
    assert all("'root' if __rsync_daemon_root" in words[key] for words in writing for key in ("owner", "group"))


def written(named: list[str], unlike: list[str], **given: Any) -> list[list[str]]:
    """What is written before the configuration, and what after it."""
    known = {
        **KNOWN,
        "__rsync_daemon_found": {"login": {"group": ""}, "config": {"ours": bool(named), "secrets": named}},
        "__rsync_daemon_seen": {"unlike": unlike, "surplus": []},
        **given,
    }
    before, after = (templar(known).template(item) for item in WRITING)
    return [before, after if templar(known).template(known["__rsync_daemon_rotating"]) else []]


def test_no_moment_refuses_a_password_that_is_right() -> None:
    """Before the configuration what it will name, and during a change after it what it names already."""
    both, change = [DATA, HOME], {"rsync_daemon_previous_password": BEFORE}
    assert written([], both) == [both, []]
    assert written([ALL], both) == [both, []]
    assert written(both, both) == [both, []]
    assert written(both, both, **change) == [[], both]
    assert written([], both, **change) == [both, []]
    assert written([DATA], both, **change) == [[HOME], [DATA]]
    assert written([ALL], [ALL], **change, rsync_daemon_passwords={}) == [[], [ALL]]


def test_secrets_of_what_is_no_more_are_removed_and_those_of_others_are_not() -> None:
    found = {"login": {"group": ""}, "config": {"ours": True, "secrets": [ALL, DATA]}}
    seen = {"unlike": [], "surplus": ["/etc/rsyncd.secrets.d/gone"]}
    given = {"__rsync_daemon_found": found, "__rsync_daemon_seen": seen}
    assert value("__rsync_daemon_secrets_left", **given) == [ALL, "/etc/rsyncd.secrets.d/gone"]
    # which is enough for the tasks that change something to be run
    rest = {"modules": {}, "logrotate": False}
    assert value("__rsync_daemon_differs", **{**given, "__rsync_daemon_found": {**found, **rest}})
    assert value("__rsync_daemon_secrets_left", **given, rsync_daemon_passwords={}) == [
        DATA,
        "/etc/rsyncd.secrets.d/gone",
    ]


def test_a_loop_over_what_is_left_can_be_evaluated_where_nothing_was_looked_for() -> None:
    """As in a removal, where ansible does so before it sees that the task is not to run."""
    given = {"rsync_daemon_state": "absent", "__rsync_daemon_seen": {"skipped": True}}
    assert value("__rsync_daemon_secrets_left", **given) == []


def test_no_secret_is_in_what_a_task_shows() -> None:
    tasks = [task for file in (ROLE / "tasks").glob("*.yml") for task in yaml.safe_load(file.read_text())]
    for task in tasks:
        # the names of the files are no secret, and an assertion shows but its words
        if "__rsync_daemon_secrets[" in str(task):
            assert task["no_log"] is True
            assert task["diff"] is False
    assert sum("__rsync_daemon_secrets[" in str(task) for task in tasks) == 1
    checking = next(task for task in tasks if "rsync_daemon_passwords" in str(task.get("ansible.builtin.assert")))
    assert "{{" not in checking["ansible.builtin.assert"]["fail_msg"]
    assert "loop" not in checking
