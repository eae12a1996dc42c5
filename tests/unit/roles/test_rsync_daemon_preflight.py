"""What the role rsync_daemon refuses of its variables before it changes anything: its tasks, evaluated by ansible."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

# jinja says so of a backslash in a regular expression
pytestmark = pytest.mark.filterwarnings("ignore:decoding with 'unicode-escape'", "ignore:invalid escape sequence")

ROLE = Path(__file__).parents[3] / "roles/rsync_daemon"
GOOD: dict[str, Any] = {
    "rsync_daemon_password": "a password of the test",
    "rsync_daemon_modules": [{"name": "data", "path": "/srv/backup"}],
    "rsync_daemon_service_manager": "process",
    "rsync_daemon_port": 8730,
    "rsync_daemon_address": "",
    "rsync_daemon_proxy_port": 0,
    "rsync_daemon_hosts_allow": [],
    "rsync_daemon_max_connections": 200,
    "ansible_facts": {"effective_user_id": 0, "service_mgr": "systemd", "python": {"executable": "/usr/bin/python3"}},
    "inventory_hostname": "backup01",
}
FILES = ("config", "secrets_file", "lock_file", "pid_file", "log_file")
PATHS = (*FILES, "secrets_dir", "tools_dir", "logrotate_dir", "binary")
# What ends a line, a word or a string, or means something to systemd, rsync, logrotate or Python's search for modules.
HOSTILE = (
    "a\nb",
    "a\r",
    'a"b',
    "a'b",
    "a\\",
    "a%n",
    "$a",
    "a*",
    "[a]",
    "{a}",
    "a:b",
    "a ",
    "../a",
    "./a",
    "/a",
    "\x1b",
)
SHARED = ("/", "/run", "/etc", "/usr/local/lib/", "/var/log", "/srv")
CASES: list[tuple[str, Any]] = [
    ("rsync_daemon_hosts_allow", "10.0.0.1"),
    ("rsync_daemon_hosts_allow", '["10.0.0.1"]'),
    ("rsync_daemon_hosts_allow", ["10.0.0.1\nlist = yes"]),
    ("rsync_daemon_options", '{"max verbosity": 1}'),
    ("rsync_daemon_options", "max verbosity = 1"),
    ("rsync_daemon_options", {"charset": "utf-8\nlist = yes"}),
    ("rsync_daemon_options", {"charset": "utf-8\\"}),
    ("rsync_daemon_options", {"charset": ["utf-8"]}),
    ("rsync_daemon_options", {"&include /tmp/x": 1}),
    ("rsync_daemon_options", {"[data": "x]"}),
    ("rsync_daemon_modules", '[{"name": "data", "path": "/srv/backup"}]'),
    ("rsync_daemon_modules", [{"name": "data", "path": "/srv/backup\nlist = yes"}]),
    ("rsync_daemon_modules", [{"name": "data]\nlist = yes", "path": "/srv/backup"}]),
    ("rsync_daemon_modules", [{"name": "data", "path": "/srv/backup", "hosts_allow": "10.0.0.1"}]),
    ("rsync_daemon_password", "a password\nof two lines"),
    ("rsync_daemon_previous_password", "a password\nof two lines"),
    ("rsync_daemon_passwords", "text of 12 letters"),
    ("rsync_daemon_passwords", {"data": "elevenchars"}),
    ("rsync_daemon_passwords", {"data": "a password\nof two lines"}),
    ("rsync_daemon_passwords", {"data": None}),
    ("rsync_daemon_passwords", {"other": "a password of no module"}),
    ("rsync_daemon_previous_passwords", {"data": "of a module that has none now"}),
    *((f"rsync_daemon_{name}", "a\nlist = yes") for name in ("auth_user", "user", "group", "address")),
]
# What is read as a number, and written as one.
NUMBERS = {f"rsync_daemon_{name}" for name in ("port", "proxy_port", "max_connections", "timeout")}


def trusted(value: Any) -> Any:
    """What the role's own files say is a template, as for ansible, and what an inventory says here is none."""
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


def read(name: str) -> Any:
    return trusted(yaml.safe_load((ROLE / name).read_text()))


KNOWN = {**read("defaults/main.yml"), **read("vars/main.yml"), **read("vars/Debian.yml"), **GOOD}
VARIABLES, HOST = read("tasks/preflight_variables.yml"), read("tasks/preflight_host.yml")[:1]


def refusal(given: dict[str, Any], state: str) -> str:
    """What the first task says that does not take these variables; empty where all do."""
    known = {**KNOWN, **given, "rsync_daemon_state": state}
    for task in [*(VARIABLES if state == "present" else []), *HOST]:
        templar = Templar(loader=DataLoader(), variables={**known, **task.get("vars", {})})
        for item in templar.template(task.get("loop", [None])):
            one = Templar(loader=DataLoader(), variables={**known, **task.get("vars", {}), "item": item})
            if "ansible.builtin.fail" in task:
                return str(item)
            asked = task["ansible.builtin.assert"]
            conditions = asked["that"] if isinstance(asked["that"], list) else [asked["that"]]
            if not all(one.evaluate_conditional(condition) for condition in conditions):
                return str(one.template(asked["fail_msg"]))
    return ""


@pytest.mark.parametrize(("name", "value"), [*CASES, *((f"rsync_daemon_{name}", "/opt/a\nb") for name in PATHS)])
def test_a_value_that_could_mean_more_than_it_should_is_refused_by_its_name(name: str, value: Any) -> None:
    assert name in refusal({name: value}, "present")


@pytest.mark.parametrize("value", [*(f"/opt/{tail}" for tail in HOSTILE), "relative", "~/file", "", *SHARED])
def test_no_place_of_others_is_taken_for_the_daemons_own_when_that_is_removed(value: str) -> None:
    names = {f"rsync_daemon_{name}" for name in PATHS}
    if value in ("", *SHARED):
        names -= {"rsync_daemon_logrotate_dir", *(["rsync_daemon_log_file"] if not value else ["rsync_daemon_binary"])}
    said = refusal(dict.fromkeys(names, value), "absent")
    assert {name for name in names if name not in said} == set()


def test_a_previous_password_of_a_module_is_another_one_and_in_one_line() -> None:
    own = {"data": "a password of data"}
    for before in ({"data": "a password\nof two lines"}, own, {"data": 5}, "text"):
        given = {"rsync_daemon_passwords": own, "rsync_daemon_previous_passwords": before}
        assert "rsync_daemon_previous_passwords" in refusal(given, "present")
    given = {"rsync_daemon_passwords": own, "rsync_daemon_previous_passwords": {"data": "the one before"}}
    assert refusal(given, "present") == ""


@pytest.mark.parametrize("password", ["", "elevenchars", "a password\nof two lines"])
def test_a_wrong_password_is_named_by_the_variable_of_the_inventory_and_not_by_what_is_made_of_it(
    password: str,
) -> None:
    said = refusal({"lockstep_mirrors": [], "rsync_daemon_password": password}, "present")
    assert said.startswith("rsync_daemon_password (taken from lockstep_password) must have 12 to 256 characters")


@pytest.mark.parametrize("folder", ["/etc", "/etc/", "/opt/daemon"])
def test_secrets_of_modules_have_a_folder_without_other_files_of_the_daemon(folder: str) -> None:
    given = {"rsync_daemon_secrets_dir": folder, "rsync_daemon_secrets_file": "/opt/daemon/secrets"}
    assert "rsync_daemon_secrets_dir" in refusal(given, "absent")


def test_no_two_files_of_the_daemon_are_the_same() -> None:
    assert "rsync_daemon_lock_file" in refusal({"rsync_daemon_lock_file": "/etc/rsyncd.conf"}, "absent")


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {f"rsync_daemon_{name}": f"/opt/a folder/ünlike-{name}.1" for name in PATHS},
        {"rsync_daemon_log_file": "", "rsync_daemon_logrotate_dir": "", "rsync_daemon_tools_dir": "/opt/tools/"},
        {"rsync_daemon_options": {"max verbosity": 1, "munge symlinks": True}, "rsync_daemon_hosts_allow": ["::1"]},
    ],
)
def test_plain_paths_lists_and_mappings_are_taken(given: dict[str, Any], state: str) -> None:
    assert refusal(given, state) == ""


def test_every_variable_that_lands_in_a_file_is_tried_or_one_of_few_words_or_a_number() -> None:
    texts = [file.read_text() for file in (ROLE / "templates").iterdir()]
    variables = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    seen: set[str] = set()
    while texts:
        words = re.findall(r"\b(?:__)?rsync_daemon_\w+", texts.pop())
        texts += [str(variables[word]) for word in words if word in variables and word not in seen]
        seen |= set(words)
    options = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    few = {name for name, option in options.items() if "choices" in option or option["type"] == "bool"}
    landing = seen & set(options)
    assert {"rsync_daemon_log_file", "rsync_daemon_tools_dir", "rsync_daemon_binary"} <= landing
    assert landing - few - NUMBERS - {name for name, _ in CASES} <= {f"rsync_daemon_{name}" for name in PATHS}


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_a_number_is_written_as_one(name: str) -> None:
    """For a text that begins like one passes as one."""
    texts = [file.read_text() for file in (*(ROLE / "templates").iterdir(), ROLE / "vars/main.yml")]
    bare = [text for text in texts if re.search(rf"(\{{\{{ |=' ~ ){name}(?! \| int\b)", text)]
    assert bare == []
