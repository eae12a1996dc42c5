"""transport: ssh in lockstep_mirrors: what each end is told, and what is refused before anything changes."""

from __future__ import annotations

import base64

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.daemon_clients import daemon_clients
from ansible_collections.lockstep.realtime.plugins.filter.daemon_connections import daemon_connections
from ansible_collections.lockstep.realtime.plugins.filter.daemon_modules import daemon_modules
from ansible_collections.lockstep.realtime.plugins.filter.migrated_mirrors import migrated_mirrors
from ansible_collections.lockstep.realtime.plugins.filter.rsync_way import rsync_way
from ansible_collections.lockstep.realtime.plugins.filter.ssh_hosts import ssh_hosts
from ansible_collections.lockstep.realtime.plugins.filter.ssh_known_hosts import ssh_known_hosts
from ansible_collections.lockstep.realtime.plugins.filter.ssh_public_key import ssh_public_key
from ansible_collections.lockstep.realtime.plugins.filter.ssh_targets import ssh_targets
from ansible_collections.lockstep.realtime.plugins.filter.target_hosts import target_hosts
from ansible_collections.lockstep.realtime.plugins.filter.watcher_mirrors import watcher_mirrors
from ansible_collections.lockstep.realtime.plugins.filter.watcher_secrets import watcher_secrets

GROUPS = {"nfs": ["nfs01", "nfs02"], "backup": ["backup01", "backup02"]}
HOSTVARS = {
    "nfs01": {"ansible_host": "172.16.1.31"},
    "nfs02": {"ansible_host": "172.16.1.32", "lockstep_clients": ["172.16.1.32", "fd00::/64"]},
    "backup01": {"ansible_host": "172.16.1.41"},
    "backup02": {"ansible_host": "172.16.1.42", "lockstep_address": "fd00::42", "ssh_target_port": 2222},
}
SSH = {"host": "backup01", "transport": "ssh"}
DATA = {"name": "data", "source": "/data", "path": "/b", "hosts": ["nfs01"], "targets": [SSH, "backup02"]}


def key_of(kind="ssh-ed25519", data=b"k" * 32):
    blob = len(kind).to_bytes(4, "big") + kind.encode() + len(data).to_bytes(4, "big") + data
    return f"{kind} {base64.b64encode(blob).decode()}"


def told(mirror, nfs="nfs01", hostvars=None):
    return watcher_mirrors([mirror], nfs, GROUPS, hostvars or HOSTVARS)[0]["targets"]


def test_a_target_over_ssh_has_a_key_of_its_mirror_and_the_others_a_password():
    assert told(DATA) == [
        {
            "url": "ssh://lockstep-ssh@172.16.1.41/",
            "ssh_key": "/etc/lockstep/secrets/ssh_data",
            "ssh_known_hosts": "/etc/lockstep/secrets/ssh_known_hosts",
            "fake_super": True,
        },
        {"url": "rsync://rsync_backup@[fd00::42]:873/data", "password_file": "/etc/lockstep/secrets/data@backup02"},
    ]


def test_all_go_over_ssh_where_the_inventory_says_so_and_one_target_may_not():
    hostvars = {host: {**known, "lockstep_transport": "ssh"} for host, known in HOSTVARS.items()}
    urls = [target["url"] for target in told({**DATA, "targets": None}, hostvars=hostvars)]
    assert urls == ["ssh://lockstep-ssh@172.16.1.41/", "ssh://lockstep-ssh@[fd00::42]:2222/"]
    plain = {**DATA, "targets": [{"host": "backup01", "transport": "plain"}]}
    assert told(plain, hostvars=hostvars)[0]["url"].startswith("rsync://")


def test_who_forgets_owners_does_not_keep_them_over_ssh_either():
    hostvars = {**HOSTVARS, "backup01": {"ansible_host": "h", "rsync_daemon_ownership": "squash"}}
    assert "fake_super" not in told(DATA, hostvars=hostvars)[0]


def test_the_daemon_serves_what_does_not_come_over_ssh_and_nobody_else():
    assert daemon_modules([DATA], "backup01", GROUPS, HOSTVARS) == []
    assert daemon_clients([DATA], "backup01", GROUPS, HOSTVARS) == []
    assert daemon_connections([DATA], "backup01", GROUPS, HOSTVARS) == 0
    assert [module["name"] for module in daemon_modules([DATA], "backup02", GROUPS, HOSTVARS)] == ["data"]
    assert watcher_secrets([DATA], "nfs01", GROUPS, HOSTVARS) == {
        "data@backup02": {"module": "data", "host": "backup02"}
    }


def test_a_backup_host_is_told_of_each_directory_its_addresses_and_where_the_key_is():
    both = {**DATA, "hosts": ["nfs01", "nfs02"]}
    assert ssh_targets([both], "backup01", GROUPS, HOSTVARS) == [
        {
            "name": "data-nfs01",
            "path": "/b/nfs01",
            "host": "nfs01",
            "from": ["172.16.1.31"],
            "key": "/etc/lockstep/secrets/ssh_data.pub",
        },
        {
            "name": "data-nfs02",
            "path": "/b/nfs02",
            "host": "nfs02",
            "from": ["172.16.1.32", "fd00::/64"],
            "key": "/etc/lockstep/secrets/ssh_data.pub",
        },
    ]
    assert ssh_targets([both], "backup02", GROUPS, HOSTVARS) == []


def test_an_nfs_host_is_told_whom_it_reaches_over_ssh():
    assert ssh_hosts([DATA], "nfs01", GROUPS, HOSTVARS) == ["backup01"]
    assert ssh_hosts([DATA], "nfs02", GROUPS, HOSTVARS) == []
    assert target_hosts([DATA], "nfs01", GROUPS, HOSTVARS, "data") == ["backup01", "backup02"]
    assert target_hosts([DATA], "nfs01", GROUPS, HOSTVARS, "other") == []


def test_host_keys_are_written_as_ssh_looks_them_up():
    mirror = {**DATA, "targets": [SSH, {"host": "backup02", "transport": "ssh"}]}
    rsa = key_of("ssh-rsa", b"n" * 64)
    read = {"backup01": f"{key_of()} root@backup01\n{rsa} x\nno key at all\n", "backup02": key_of()}
    assert ssh_known_hosts([mirror], "nfs01", GROUPS, HOSTVARS, read) == [
        f"172.16.1.41 {key_of()}",
        f"172.16.1.41 {rsa}",
        f"[fd00::42]:2222 {key_of()}",
    ]
    given = {**HOSTVARS, "backup01": {"ansible_host": "172.16.1.41", "ssh_target_host_keys": [rsa]}}
    assert ssh_known_hosts([DATA], "nfs01", GROUPS, given, read) == [f"172.16.1.41 {rsa}"]


def test_a_backup_host_without_a_host_key_is_named():
    with pytest.raises(AnsibleFilterError, match=r"172\.16\.1\.41 has no host key .* set ssh_target_host_keys"):
        ssh_known_hosts([DATA], "nfs01", GROUPS, HOSTVARS, {"backup01": "cat: no such file"})


def test_only_a_key_gets_into_authorized_keys():
    assert ssh_public_key(f"{key_of()} comment\n", "f") == key_of()
    for text in ("", "no key", f'command="x" {key_of()}', f"{key_of()}\n{key_of()}", "ssh-ed25519 AAAA", "ssh-rsa !!"):
        with pytest.raises(AnsibleFilterError, match="f is no public key"):
            ssh_public_key(text, "f")
    # one that says it is of another kind than it is
    with pytest.raises(AnsibleFilterError):
        ssh_public_key("ssh-rsa " + key_of().split()[1], "f")


@pytest.mark.parametrize(
    ("mirror", "known", "said"),
    [
        ({"targets": [{"host": "backup01", "transport": "shh"}]}, {}, "transport of backup01 must be one of"),
        ({"targets": [{"host": "backup01", "transport": 1}]}, {}, "transport of backup01 must be one of"),
        ({"targets": [{"transport": "ssh"}]}, {}, "targets: must hold strings"),
        ({"targets": [{"host": "backup01", "way": "ssh"}]}, {}, "'way' is not a key"),
        ({}, {"lockstep_transport": "tele"}, "lockstep_transport of backup01 must be one of"),
        ({}, {"rsync_daemon_ownership": "root"}, "for which root would have to log in"),
        ({}, {"ssh_target_user": "root"}, "the name of a user that is not root"),
        ({}, {"ssh_target_user": "-oProxyCommand=x"}, "the name of a user that is not root"),
        ({}, {"ssh_target_user": "a b"}, "the name of a user that is not root"),
        ({}, {"ssh_target_port": 70000}, "ssh_target_port must be a number"),
        ({}, {"ssh_target_port": "22 -x"}, "ssh_target_port must be a number"),
        ({"path": "/a\u3000\u2028b"}, {}, "must be of printable characters"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(mirror, known, said):
    hostvars = {**HOSTVARS, "backup01": {**HOSTVARS["backup01"], **known}}
    with pytest.raises(AnsibleFilterError) as refused:
        told({**DATA, **mirror}, hostvars=hostvars)
    assert said in str(refused.value)


@pytest.mark.parametrize("place", ["nfs01.example.org", "172.16.1.*", '1.2.3.4",command="x'])
def test_a_key_is_restricted_to_addresses_alone(place):
    hostvars = {**HOSTVARS, "nfs01": {"lockstep_clients": place}}
    with pytest.raises(AnsibleFilterError, match="lockstep_clients"):
        ssh_targets([DATA], "backup01", GROUPS, hostvars)


def test_a_folder_of_secrets_that_ssh_would_read_otherwise_is_refused():
    with pytest.raises(AnsibleFilterError, match="must have no spaces"):
        watcher_mirrors([DATA], "nfs01", GROUPS, HOSTVARS, secrets_dir="/etc/lock step")


def test_a_restore_goes_the_way_that_the_mirror_went():
    over_ssh, daemon = told(DATA)
    way = rsync_way(over_ssh)
    assert way["place"] == "lockstep-ssh@172.16.1.41:"
    assert way["options"][0].startswith("--rsh=ssh -F none")
    assert "-i /etc/lockstep/secrets/ssh_data " in way["options"][0]
    assert way["options"][1:] == ["-M--fake-super"]
    assert rsync_way(daemon) == {
        "place": "rsync://rsync_backup@[fd00::42]:873/data",
        "options": ["--password-file=/etc/lockstep/secrets/data@backup02", "--contimeout=20"],
    }
    assert rsync_way({}) == {"options": [], "place": ""}
    with pytest.raises(AnsibleFilterError, match="rsync_way"):
        rsync_way({"url": "ftp://x"})


def test_what_lsyncd_sent_over_ssh_migrates_to_that():
    lua = "sync { default.rsyncssh, source = '/data', host = 'root@172.16.1.41', targetdir = '/b' }"
    found = migrated_mirrors({"nfs01": {"kind": "lsyncd", "text": lua}}, ["backup01"], HOSTVARS)
    (mirror,) = found["mirrors"]
    assert (mirror["path"], mirror["targets"]) == ("/b", [{"host": "backup01", "transport": "ssh"}])
