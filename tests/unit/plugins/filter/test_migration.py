# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Old configurations of several hosts become one list of mirrors, or a sentence on each thing in the way."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.migrated_mirrors import migrated_mirrors
from ansible_collections.lockstep.realtime.plugins.plugin_utils import _migration

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
    assert _migration.module_paths(RSYNCD) == {"backup": "/srv/copies", "odd name": "/a b"}


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
