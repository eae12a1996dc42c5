# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Old configurations of several hosts become one list of mirrors, or a sentence on each thing in the way."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.migrated_mirrors import migrated_mirrors
from ansible_collections.lockstep.realtime.plugins.plugin_utils import _daemon_text

RSYNCD = """\
uid = root
path = /of/nobody
[backup]
  path = /srv/copies
[odd name]
Path=/a b
[later]
path = /home/%USER%
"""
HOSTVARS = {
    "backup01": {"ansible_host": "172.16.1.41"},
    "backup02": {"ansible_host": "10.0.0.2", "lockstep_address": "172.16.1.42"},
}
BACKUPS = list(HOSTVARS)


def lsyncd(target="172.16.1.41::backup", source="/data", more=""):
    return {"kind": "lsyncd", "text": f'sync {{ default.rsync, source="{source}", target="{target}"{more} }}'}


def migrated(configurations, **more):
    return migrated_mirrors(configurations, BACKUPS, HOSTVARS, **more)["mirrors"]


def test_the_paths_of_modules_are_those_of_rsyncd_conf():
    assert _daemon_text.module_paths(RSYNCD) == {"backup": "/srv/copies", "odd name": "/a b"}


def test_a_target_is_found_by_its_address_and_its_path_in_the_daemons_configuration():
    (mirror,) = migrated({"nfs01": lsyncd()}, daemons={"backup01": RSYNCD})
    assert mirror == {
        "name": "backup",
        "source": "/data",
        "path": "/srv/copies",
        "targets": ["backup01"],
        "hosts": ["nfs01"],
    }
    (mirror,) = migrated({"nfs01": lsyncd("172.16.1.42::backup")}, daemons={"backup01": RSYNCD})
    assert (mirror["targets"], mirror["path"]) == (["backup02"], "/backup")
    (mirror,) = migrated({"nfs01": lsyncd()}, daemons={"backup01": RSYNCD}, paths={"backup": "/else"})
    assert mirror["path"] == "/else"


def test_what_hosts_mirror_alike_is_one_mirror_and_what_differs_is_two():
    (mirror,) = migrated({"nfs01": lsyncd(), "nfs02": lsyncd()})
    assert mirror["hosts"] == ["nfs01", "nfs02"]
    two = migrated({"nfs01": lsyncd(), "nfs02": lsyncd(more=', exclude={"x"}')})
    assert [(mirror["hosts"], mirror.get("exclude")) for mirror in two] == [(["nfs01"], None), (["nfs02"], ["x"])]


def test_what_cannot_be_migrated_is_told_of_every_host():
    with pytest.raises(AnsibleFilterError) as caught:
        migrated({"nfs01": lsyncd("10.9.9.9::backup"), "nfs02": lsyncd("/local/folder")})
    assert "nfs01: mirror backup: 10.9.9.9 is no host of group backup (known are 10.0.0.2, 172.16.1.41" in str(
        caught.value
    )
    assert "nfs02: a target that is a folder of this host" in str(caught.value)


def test_sersync_is_known_by_its_kind():
    text = '<head><sersync><localpath watch="/d"><remote ip="backup02" name="m"/></localpath></sersync></head>'
    (mirror,) = migrated({"nfs01": {"kind": "sersync", "text": text}})
    assert (mirror["source"], mirror["path"], mirror["targets"]) == ("/d", "/m", ["backup02"])


@pytest.mark.parametrize(
    ("text", "uid", "gid"),
    [
        ("[other]\nuid = root\ngid = root\n[backup]\nuid = 1000\n gid=users, wheel", "1000", ["users"]),
        ("UID = deploy\ngid = 100 4\n[backup]\npath=/a\n[other]\nuid = root", "deploy", ["100"]),
        ("uid = a\n[backup]\n[global]\nuid = b\n[other]\n", "a", ["nobody", "nogroup"]),
        ("# uid = root\n; gid = root\n[backup]\n", "nobody", ["nobody", "nogroup"]),
        ("uid = www\n[backup]\ngid = *", "www", []),
        ("[backup]\nu i d = www\ngid = , domain users, x\n", "www", ["domain users"]),
        ("uid = www\ngid = www\n[other]\nuid = root", "www", ["www"]),  # the module is not there
    ],
)
def test_copies_go_on_to_belong_to_the_user_of_the_module_that_is_migrated(text, uid, gid):
    assert _daemon_text.owner(text, "backup") == {"uid": uid, "gid": gid}
    migrations = migrated_mirrors({"nfs01": lsyncd()}, BACKUPS, HOSTVARS, {"backup01": text})
    assert migrations["owners"] == {"backup01": {"uid": uid, "gid": gid}}


def test_modules_of_two_users_are_refused_until_the_inventory_says_as_whom():
    text = "[backup]\nuid = www\ngid = www\n[more]\nuid = deploy\ngid = *\n[unused]\nuid = root\n"
    both = {"nfs01": lsyncd(), "nfs02": lsyncd("172.16.1.41::more")}
    with pytest.raises(AnsibleFilterError) as caught:
        migrated(both, daemons={"backup01": text})
    assert "backup01: its modules are kept as different users (backup: uid www, gid www; more: uid deploy" in str(
        caught.value
    )
    assert "rsync_daemon_ownership: root, or rsync_daemon_user" in str(caught.value)
    said = {**HOSTVARS, "backup01": {**HOSTVARS["backup01"], "rsync_daemon_user": "www"}}
    assert migrated_mirrors(both, BACKUPS, said, {"backup01": text})["owners"] == {}
    assert migrated_mirrors({"nfs01": lsyncd()}, BACKUPS, HOSTVARS, {"backup01": text})["owners"] == {
        "backup01": {"uid": "www", "gid": ["www"]}
    }


def test_a_module_that_may_be_in_an_included_file_is_not_guessed_at():
    with pytest.raises(AnsibleFilterError, match=r"backup01: rsyncd\.conf has no module backup, but it includes other"):
        migrated({"nfs01": lsyncd()}, daemons={"backup01": "uid = root\n&include /etc/rsyncd.d\n"})
