"""playbooks/vars/ends.yml: what the inventory comes to on an NFS host, as ansible evaluates it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.lockstep.realtime.plugins.filter.module_password import module_password
from ansible_collections.lockstep.realtime.plugins.filter.watcher_mirrors import watcher_mirrors
from ansible_collections.lockstep.realtime.plugins.filter.watcher_secrets import watcher_secrets

# jinja says so of a backslash in a regular expression
pytestmark = pytest.mark.filterwarnings("ignore:decoding with 'unicode-escape'", "ignore:invalid escape sequence")

ENDS = yaml.safe_load((Path(__file__).parents[3] / "playbooks/vars/ends.yml").read_text())
FIRST, SECOND = "the password of backup01", "the password of backup02"
HOSTVARS = {
    "nfs01": {"ansible_host": "172.16.1.31"},
    "backup01": {"ansible_host": "172.16.1.41", "lockstep_password": FIRST},
    "backup02": {"lockstep_address": "fd00::42", "lockstep_password": SECOND, "lockstep_transport": "tls"},
    "remote": {"ansible_host": "172.16.1.43", "lockstep_transport": "ssh"},
}
MIRRORS = [
    {"name": "data", "source": "/data", "path": "/d", "hosts": ["nfs01"]},
    {"name": "home", "source": "/home", "path": "/h", "targets": ["backup01"]},
]


def templar(known: dict[str, Any]) -> Templar:
    """As ansible's own, which finds the collection's filters only where it is installed."""
    made = Templar(loader=DataLoader(), variables=known)
    for one in (module_password, watcher_mirrors, watcher_secrets):
        made.environment.filters[f"lockstep.realtime.{one.__name__}"] = one
    return made


def value(name: str, hostvars: dict[str, dict[str, Any]] | None = None) -> Any:
    known = {
        **{key: trust_as_template(text) for key, text in ENDS.items()},
        "inventory_hostname": "nfs01",
        "lockstep_mirrors": MIRRORS,
        "groups": {"nfs": ["nfs01", "nfs02"], "backup": ["backup01", "backup02", "remote"]},
        "hostvars": hostvars or HOSTVARS,
    }
    return templar(known).template(known[name])


def test_each_password_file_has_what_its_backup_host_has_for_the_module() -> None:
    assert value("watcher_passwords") == {
        "data@backup01": module_password("data", FIRST, "backup01"),
        "data@backup02": module_password("data", SECOND, "backup02"),
        "home-nfs01@backup01": module_password("home-nfs01", FIRST, "backup01"),
    }


def test_each_file_that_a_target_refers_to_has_a_password() -> None:
    files = [end["password_file"].rpartition("/")[2] for end in value("lockstep_ends")]
    assert sorted(files) == sorted(value("watcher_passwords"))


@pytest.mark.parametrize("password", ["elevenchars", "", None])
def test_a_password_that_is_missing_or_short_stays_one_that_the_role_refuses(password: str | None) -> None:
    known = {name: dict(found) for name, found in HOSTVARS.items()}
    known["backup01"]["lockstep_password"] = password
    assert value("watcher_passwords", known)["data@backup01"] == password
    del known["backup01"]["lockstep_password"]
    assert value("watcher_passwords", known)["data@backup01"] == ""


def test_each_backup_host_of_a_daemon_is_looked_for_once_and_by_its_address() -> None:
    assert value("lockstep_ways") == {"backup01": "172.16.1.41", "backup02": "fd00::42"}
