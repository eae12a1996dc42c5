"""How a mirror goes to each target: what both ends are told of it, and what is refused before anything changes."""

from __future__ import annotations

import ipaddress

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.daemon_transports import daemon_transports
from ansible_collections.lockstep.realtime.plugins.filter.rsync_url import rsync_url
from ansible_collections.lockstep.realtime.plugins.filter.tls_tunnels import tls_tunnels
from ansible_collections.lockstep.realtime.plugins.filter.watcher_mirrors import watcher_mirrors
from ansible_collections.lockstep.realtime.plugins.plugin_utils import _tunnels

FLEET = {"nfs": ["nfs01", "nfs02"], "backup": ["backup01", "backup02"]}
HOSTVARS = {
    "nfs01": {"ansible_host": "172.16.1.31"},
    "nfs02": {"ansible_host": "172.16.1.32"},
    "backup01": {"ansible_host": "172.16.1.41"},
    "backup02": {"ansible_host": "jump", "lockstep_address": "fd00::42", "tls_name": "b2.example"},
}
DATA = {"name": "data", "source": "/data", "path": "/backup"}
MIXED = {**DATA, "targets": ["backup01", {"host": "backup02", "transport": "tls"}]}


def everywhere(transport):
    return {host: {**known, "lockstep_transport": transport} for host, known in HOSTVARS.items()}


def used(mirrors, hostvars):
    return {host: daemon_transports(mirrors, host, FLEET, hostvars) for host in FLEET["backup"]}


def test_a_target_without_a_transport_is_plain_and_told_as_ever():
    (mirror,) = watcher_mirrors([DATA], "nfs01", FLEET, HOSTVARS)
    assert [target["url"].split("@")[1] for target in mirror["targets"]] == [
        "172.16.1.41:873/data-nfs01",
        "[fd00::42]:873/data-nfs01",
    ]
    assert not any("tls" in target for target in mirror["targets"])
    assert used([DATA], HOSTVARS) == {"backup01": ["plain"], "backup02": ["plain"]}
    assert tls_tunnels([DATA], "nfs01", FLEET, HOSTVARS) == []


def test_a_target_may_be_a_mapping_with_a_transport():
    plain, encrypted = watcher_mirrors([MIXED], "nfs01", FLEET, HOSTVARS, tls_dir="/t/")[0]["targets"]
    assert "tls" not in plain
    assert encrypted["url"] == "rsync://rsync_backup@[fd00::42]:874/data-nfs01"
    assert encrypted["tls"] == {
        "connect": _tunnels.near("backup02"),
        "ca": "/t/ca.pem",
        "certificate": "/t/host.pem",
        "key": "/t/host.key",
        "server_name": "b2.example",
    }
    assert used([MIXED], HOSTVARS) == {"backup01": ["plain"], "backup02": ["tls"]}


def test_the_near_end_is_where_the_watcher_is_told_that_it_is():
    (tunnel,) = tls_tunnels([MIXED, {**MIXED, "name": "more", "source": "/m", "path": "/m"}], "nfs01", FLEET, HOSTVARS)
    assert tunnel == {
        "host": "backup02",
        "name": "b2.example",
        "accept": watcher_mirrors([MIXED], "nfs01", FLEET, HOSTVARS)[0]["targets"][1]["tls"]["connect"],
        "connect": "[fd00::42]:874",
    }


def test_all_targets_have_the_transport_of_the_fleet_but_those_with_one_of_their_own():
    assert used([DATA], everywhere("tls")) == {"backup01": ["tls"], "backup02": ["tls"]}
    own = {**DATA, "targets": ["backup01", {"host": "backup02", "transport": "plain"}]}
    assert used([own], everywhere("tls")) == {"backup01": ["tls"], "backup02": ["plain"]}
    other = {**DATA, "name": "other", "source": "/other", "path": "/other", "targets": ["backup02"]}
    assert used([own, other], everywhere("tls"))["backup02"] == ["plain", "tls"]


def test_a_near_end_is_an_address_of_the_loopback_that_another_host_does_not_move():
    ends = [_tunnels.near(f"backup{number:02}") for number in range(100)]
    assert len(set(ends)) == 100
    for end in ends:
        address = ipaddress.ip_address(end.partition(":")[0])
        assert address.is_loopback
        assert int(address) & 0xFF not in (0, 255)
        assert address not in ipaddress.ip_network("127.0.0.0/15")


def test_two_backup_hosts_of_one_near_end_are_refused(monkeypatch):
    monkeypatch.setattr(_tunnels, "near", lambda host: "127.70.1.1:8740")
    with pytest.raises(AnsibleFilterError, match="the tunnels to backup01 and backup02 would both be at"):
        daemon_transports([DATA], "backup01", FLEET, everywhere("tls"))
    assert daemon_transports([MIXED], "backup01", FLEET, HOSTVARS) == ["plain"]


@pytest.mark.parametrize(
    ("targets", "hostvars", "said"),
    [
        ([{"host": "backup01", "transport": "tsl"}], HOSTVARS, "transport of backup01 must be one of plain, tls"),
        ([{"host": "backup01", "transport": ["tls"]}], HOSTVARS, "transport of backup01 must be one of plain, tls"),
        ([{"host": "backup01", "transports": "tls"}], HOSTVARS, "'transports' is not a key"),
        ([{"transport": "tls"}], HOSTVARS, "targets: must hold strings that are not empty"),
        ([{"host": "backup09", "transport": "tls"}], HOSTVARS, "'backup09' is not in group backup"),
        (["backup01", {"host": "backup01", "transport": "tls"}], HOSTVARS, "names backup01 more than once"),
        (["backup01"], everywhere("TLS"), "must be one of plain, tls and ssh, not 'TLS'"),
    ],
)
def test_a_transport_that_is_none_is_refused(targets, hostvars, said):
    with pytest.raises(AnsibleFilterError) as error:
        daemon_transports([{**DATA, "targets": targets}], "backup01", FLEET, hostvars)
    assert said in str(error.value)


@pytest.mark.parametrize("given", [{"tls_port": 0}, {"tls_port": "874"}, {"tls_dir": "t"}])
def test_what_a_tunnel_cannot_have_is_refused(given):
    with pytest.raises(AnsibleFilterError, match=f"{next(iter(given))} must be"):
        watcher_mirrors([MIXED], "nfs01", FLEET, HOSTVARS, **given)


def test_rsync_is_told_the_near_end_where_there_is_one():
    target = {"url": "rsync://u@[fd00::42]:874/data/x@y/z", "tls": {"connect": "127.70.1.1:8740"}}
    assert rsync_url(target) == "rsync://u@127.70.1.1:8740/data/x@y/z"
    assert rsync_url({"url": "rsync://u@h:873/m"}) == "rsync://u@h:873/m"
    with pytest.raises(AnsibleFilterError, match="no target of the watcher's configuration"):
        rsync_url("rsync://u@h/m")
