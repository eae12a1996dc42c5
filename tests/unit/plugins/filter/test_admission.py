"""Whom a backup host lets in, and how many connections it has room for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.daemon_clients import daemon_clients
from ansible_collections.lockstep.realtime.plugins.filter.daemon_connections import daemon_connections
from ansible_collections.lockstep.realtime.plugins.filter.daemon_modules import daemon_modules
from ansible_collections.lockstep.realtime.plugins.plugin_utils import _admission

FLEET = {"nfs": ["nfs01", "nfs02", "nfs03"], "backup": ["backup01", "backup02"]}
HOSTVARS = {
    "nfs01": {"ansible_host": "172.16.1.31"},
    "nfs02": {"ansible_host": "jump.example", "lockstep_address": "fd00::32"},
    "nfs03": {},
}
DATA = {"name": "data", "source": "/data", "path": "/backup"}
HOME = {"name": "home", "source": "/home", "path": "/backups", "hosts": ["nfs01"], "targets": ["backup02"]}
ROOT = Path(__file__).parents[4]


def clients(mirrors, host="backup01", **changed):
    return daemon_clients(mirrors, host, FLEET, {**HOSTVARS, **changed})


def test_every_host_that_mirrors_to_it_may_connect_and_no_other():
    assert clients([DATA, HOME]) == ["172.16.1.31", "fd00::32", "nfs03"]
    assert clients([HOME]) == []
    assert clients([HOME, DATA], "backup02") == ["172.16.1.31", "fd00::32", "nfs03"]
    assert clients([HOME], "backup02") == ["172.16.1.31"]


def test_a_module_is_for_the_one_host_that_mirrors_into_it():
    modules = daemon_modules([DATA, HOME], "backup02", FLEET, HOSTVARS)
    assert {module["name"]: module["hosts_allow"] for module in modules} == {
        "data-nfs01": ["172.16.1.31"],
        "data-nfs02": ["fd00::32"],
        "data-nfs03": ["nfs03"],
        "home": ["172.16.1.31"],
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("10.0.0.5", ["10.0.0.5"]),
        (["10.0.0.0/24", "2001:db8::/32", "nat.example"], ["10.0.0.0/24", "2001:db8::/32", "nat.example"]),
        ("", ["172.16.1.31"]),
        (None, ["172.16.1.31"]),
    ],
)
def test_a_host_that_comes_from_elsewhere_says_so(given, told):
    nfs01 = {"ansible_host": "172.16.1.31", "lockstep_clients": given}
    assert clients([HOME], "backup02", nfs01=nfs01) == told


def test_what_runs_on_this_machine_comes_from_loopback():
    assert clients([HOME], "backup02", nfs01={"ansible_connection": "local"}) == ["127.0.0.1"]


@pytest.mark.parametrize("given", ["10.0.0.5 *", "*", ["10.0.0.5", 7], 7, [], "10.0.0.5\nlist = yes", {"a": "b"}])
def test_what_is_no_address_is_refused(given):
    with pytest.raises(AnsibleFilterError, match="lockstep_clients"):
        clients([HOME], "backup02", nfs01={"lockstep_clients": given})


def test_there_is_room_for_every_mirror_and_for_what_was_cut_off():
    of_one, of_three = (
        daemon_connections(m, "backup01", FLEET, HOSTVARS) for m in ([{**DATA, "hosts": ["nfs01"]}], [DATA])
    )
    assert of_one == 3 * 31 + 8
    assert of_three == 3 * of_one
    assert daemon_connections([HOME], "backup01", FLEET, HOSTVARS) == 0


def test_the_watchers_documentation_and_the_room_name_one_number():
    text = (ROOT / "roles/watcher/README.md").read_text()
    most = re.search(r"^\| together \|.*\| \d+ to (\d+) \|$", text, re.MULTILINE)
    assert most
    assert int(most[1]) == _admission.A_MIRROR
