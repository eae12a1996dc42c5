"""lockstep_mirrors drives both ends: what each is told, and what is refused before anything changes."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.daemon_modules import daemon_modules
from ansible_collections.lockstep.realtime.plugins.filter.watcher_mirrors import watcher_mirrors
from ansible_collections.lockstep.realtime.plugins.filter.watcher_secrets import watcher_secrets

GROUPS = {"nfs": ["nfs01"], "backup": ["backup01"], "all": ["nfs01", "backup01"]}
FLEET = {"nfs": ["nfs01", "nfs02"], "backup": ["backup01", "backup02"]}
HOSTVARS = {
    "nfs01": {"ansible_host": "172.16.1.31"},
    "nfs02": {"ansible_host": "172.16.1.32"},
    "backup01": {"ansible_host": "172.16.1.41"},
    "backup02": {"ansible_host": "jump", "lockstep_address": "fd00::42"},
}
DATA = {"name": "data", "source": "/data", "path": "/backup"}


def refused(mirrors, groups=None, hostvars=None):
    """The error's lines."""
    with pytest.raises(AnsibleFilterError) as error:
        daemon_modules(mirrors, "backup01", groups or GROUPS, hostvars)
    return str(error.value)


def test_a_mirror_of_one_host_is_a_module_of_its_name():
    assert daemon_modules([DATA], "backup01", GROUPS) == [
        {"name": "data", "path": "/backup", "comment": "/data of nfs01"}
    ]


def test_a_mirror_of_several_hosts_is_a_module_and_a_folder_for_each():
    modules = daemon_modules([DATA], "backup01", FLEET)
    assert [(m["name"], m["path"]) for m in modules] == [
        ("data-nfs01", "/backup/nfs01"),
        ("data-nfs02", "/backup/nfs02"),
    ]


def test_a_backup_host_serves_only_the_mirrors_that_name_it():
    mirrors = [{**DATA, "hosts": ["nfs01"], "targets": ["backup02"]}]
    assert daemon_modules(mirrors, "backup01", FLEET) == []
    assert [m["name"] for m in daemon_modules(mirrors, "backup02", FLEET)] == ["data"]


def test_the_watcher_is_told_url_and_password_file_of_each_target():
    assert watcher_mirrors([DATA], "nfs01", GROUPS, HOSTVARS) == [
        {
            "name": "data",
            "source": "/data",
            "targets": [
                {
                    "url": "rsync://rsync_backup@172.16.1.41:873/data",
                    "password_file": "/etc/lockstep/secrets/data@backup01",
                }
            ],
        }
    ]


def test_both_ends_are_told_the_same_module():
    for host in FLEET["nfs"]:
        for number, target in enumerate(FLEET["backup"]):
            url = watcher_mirrors([DATA], host, FLEET, HOSTVARS)[0]["targets"][number]["url"]
            assert url.rpartition("/")[2] in [m["name"] for m in daemon_modules([DATA], target, FLEET)]


def test_an_address_of_its_own_goes_before_that_of_ansible_and_ipv6_stands_in_brackets():
    targets = watcher_mirrors([DATA], "nfs02", FLEET, HOSTVARS, user="u", port=8730, secrets_dir="/s/")[0]["targets"]
    assert targets[1] == {"url": "rsync://u@[fd00::42]:8730/data-nfs02", "password_file": "/s/data-nfs02@backup02"}


def test_a_host_without_variables_is_reached_by_its_name():
    assert watcher_mirrors([DATA], "nfs01", GROUPS, {})[0]["targets"][0]["url"].startswith(
        "rsync://rsync_backup@backup01:873/"
    )


def test_settings_reach_the_watcher_as_they_were_given():
    settings = {
        "exclude": [".nfs*", "a b"],
        "delete": False,
        "quiet": 0.5,
        "max_wait": 5,
        "reconcile_every": 0,
        "pace": 1,
        "max_delete": {"percent": 10, "at_least": 5, "window": 1.5},
        "filter": ["+ a", "- *.o"],
        "exclude_from": ["/etc/lockstep/exclude"],
        "include_regex_nocase": ["[.]jpg$"],
        "watch": False,
        "one_file_system": True,
        "reconcile_exclude": ["*.tmp"],
        "backup_dir": ".old/%Y",
        "temp_dir": ".tmp",
        "bwlimit": [{"from": "08:00", "limit": "5m"}],
        "reconcile_at": ["Sat 03:00"],
        "hooks": [{"command": ["/bin/x"], "include": ["*.jpg"]}, {"socket": "h:1", "interval": 0}],
    }
    told = watcher_mirrors([{**DATA, **settings, "rsync_options": ["-H"]}], "nfs01", GROUPS, HOSTVARS)[0]
    assert {key: told[key] for key in settings} == settings
    assert told["targets"][0]["rsync_options"] == ["-H"]


def test_two_spellings_of_a_path_are_one():
    told = watcher_mirrors([{**DATA, "source": "//data/./x/"}], "nfs01", GROUPS, HOSTVARS)
    assert told[0]["source"] == "/data/x"


def test_secrets_are_named_by_the_module_and_the_backup_host_whose_password_they_hold():
    assert watcher_secrets([DATA], "nfs01", FLEET) == {
        "data-nfs01@backup01": {"module": "data-nfs01", "host": "backup01"},
        "data-nfs01@backup02": {"module": "data-nfs01", "host": "backup02"},
    }
    assert watcher_secrets([{**DATA, "hosts": ["nfs02"]}], "nfs01", FLEET) == {}


def test_no_two_targets_share_a_password_file_and_each_is_one_that_is_written():
    mirrors = [DATA, {**DATA, "name": "home", "source": "/home", "path": "/h"}]
    for host in FLEET["nfs"]:
        told = watcher_mirrors(mirrors, host, FLEET, HOSTVARS)
        files = [target["password_file"].rpartition("/")[2] for mirror in told for target in mirror["targets"]]
        assert sorted(files) == sorted(watcher_secrets(mirrors, host, FLEET))
        assert len(set(files)) == 4


def test_a_host_is_told_of_no_module_of_another_host():
    modules = {end["module"] for end in watcher_secrets([DATA], "nfs01", FLEET, HOSTVARS).values()}
    assert modules == {"data-nfs01"}


@pytest.mark.parametrize(
    "name", ["a]", "a\nb", "a\n", "../x", ".x", "-x", "a/b", "a b", "é", "", "x" * 65, "%A%", 5, None, True]
)
def test_a_hostile_name_is_refused(name):
    assert "[0]: name: " in refused([{**DATA, "name": name}])


@pytest.mark.parametrize("key", ["source", "path"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("data", "must be an absolute path, not 'data'"),
        ("", "must be an absolute path"),
        (7, "must be an absolute path, not '7'"),
        (None, "is missing"),
        ("/data/../etc", "must not contain '..'"),
        ("/a\nb", "must not contain control characters"),
        ("/", "must not be /, which holds the system"),
        ("//./", "must not be /, which holds the system"),
        ("/proc/1", "must not be /proc/1, which holds the system"),
    ],
)
def test_a_path_must_be_absolute_and_plain(key, value, said):
    assert f"lockstep_mirrors[0] (data): {key}: {said}" in refused([{**DATA, key: value}])


def test_a_backup_may_not_replace_the_system_but_a_source_may_be_part_of_it():
    assert "path: must not be /etc" in refused([{**DATA, "path": "/etc"}])
    assert daemon_modules([{**DATA, "source": "/etc"}], "backup01", GROUPS)


def test_a_path_that_rsync_would_expand_is_refused():
    assert "path: rsync would take %NAME%" in refused([{**DATA, "path": "/srv/%HOME%"}])
    assert daemon_modules([{**DATA, "path": "/srv/100%"}], "backup01", GROUPS)


def test_an_unknown_key_names_the_nearest():
    assert "(data): 'exlude' is not a key of lockstep_mirrors; did you mean exclude?" in refused(
        [{**DATA, "exlude": []}]
    )
    assert "max_delete.'percnt' is not a key" in refused([{**DATA, "max_delete": {"percnt": 1}}])
    assert "did you mean percent?" in refused([{**DATA, "max_delete": {"percnt": 1}}])
    assert "known are name, source" in refused([{**DATA, "zzzz": 1}])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"quiet": -1}, "quiet: must be within 0 and 3600, not -1"),
        ({"quiet": "1"}, "quiet: must be a number, not '1'"),
        ({"quiet": True}, "quiet: must be a number, not 'True'"),
        ({"quiet": float("nan")}, "quiet: must be within"),
        ({"quiet": 5, "max_wait": 1}, "max_wait: must not be less than quiet (5): 1"),
        ({"max_wait": 1e9}, "max_wait: must be within"),
        ({"reconcile_every": -5}, "reconcile_every: must be within"),
        ({"pace": 1.5}, "pace: must be within 0 and 1, not 1.5"),
        ({"max_delete": {"percent": 101}}, "max_delete.percent: must be within 0 and 100, not 101"),
        ({"max_delete": {"at_least": 1.5}}, "max_delete.at_least: must be a whole number, not 1.5"),
        ({"max_delete": 5}, "max_delete: must be a mapping with percent, at_least and window, not a number"),
        ({"delete": "no"}, "delete: must be true, false, startup or running, not 'no'"),
        ({"exclude": "*.swp"}, "exclude: must be a list of strings, not a string"),
        ({"exclude": ["a\nb"]}, "exclude: must hold strings"),
        ({"exclude": [5]}, "exclude: must hold strings"),
        ({"rsync_options": {"a": 1}}, "rsync_options: must be a list of strings, not a mapping"),
        ({"hosts": []}, "hosts: names no host"),
        ({"hosts": "nfs01"}, "hosts: must be a list of strings"),
        ({"hosts": ["web01"]}, "hosts: 'web01' is not in group nfs (nfs01)"),
        ({"targets": ["backup10"]}, "targets: 'backup10' is not in group backup (backup01); did you mean backup01?"),
        ({"targets": ["backup01", "backup01"]}, "targets: names backup01 more than once"),
    ],
)
def test_a_wrong_setting_is_named_with_its_reason(settings, said):
    assert f"lockstep_mirrors[0] (data): {said}" in refused([{**DATA, **settings}])


@pytest.mark.parametrize(
    ("mirrors", "said"), [("x", "a string"), (DATA, "a mapping"), (None, "nothing"), (5, "a number")]
)
def test_the_list_must_be_a_list(mirrors, said):
    assert f"lockstep_mirrors: must be a list of mirrors, each with name, source and path, not {said}" in refused(
        mirrors
    )


def test_an_empty_list_and_an_entry_that_is_no_mapping_are_refused():
    assert "at least one mirror" in refused([])
    assert "[0]: must be a mapping" in refused(["data"])


def test_a_group_without_a_host_is_named():
    assert "the inventory's group backup has no host" in refused([DATA], {"nfs": ["nfs01"]})
    assert "the inventory's group nfs has no host" in refused([DATA], {"nfs": [], "backup": ["backup01"]})


def test_a_name_is_used_once():
    assert "the name data is used more than once" in refused([DATA, {**DATA, "source": "/b", "path": "/b"}])


def test_a_source_is_listed_once_for_a_host():
    assert "two and data both mirror /data of nfs01" in refused([DATA, {**DATA, "name": "two", "path": "/other"}])
    apart = [{**DATA, "hosts": ["nfs01"]}, {**DATA, "name": "two", "path": "/other", "hosts": ["nfs02"]}]
    assert daemon_modules(apart, "backup01", FLEET)


@pytest.mark.parametrize("path", ["/backup/in", "/backup"])
def test_two_mirrors_into_one_path_or_one_in_the_other_are_refused(path):
    said = refused([DATA, {"name": "two", "source": "/two", "path": path}])
    assert "both write to /backup" in said or "lie one in the other on backup01" in said


def test_a_name_that_only_begins_alike_is_another_path():
    assert daemon_modules([DATA, {"name": "two", "source": "/two", "path": "/backup2"}], "backup01", GROUPS)


def test_two_mirrors_may_have_one_path_on_different_hosts():
    apart = [
        {**DATA, "targets": ["backup01"]},
        {"name": "two", "source": "/two", "path": "/backup", "targets": ["backup02"]},
    ]
    assert daemon_modules(apart, "backup02", FLEET)
    assert "both write to" in refused(
        apart, FLEET, {"backup01": {"ansible_host": "h"}, "backup02": {"ansible_host": "h"}}
    )


def test_two_modules_of_one_name_are_refused():
    mirrors = [DATA, {"name": "data-nfs01", "source": "/two", "path": "/two", "hosts": ["nfs01"]}]
    assert "two modules on backup01 would be named data-nfs01" in refused(mirrors, FLEET)


@pytest.mark.parametrize(("source", "path"), [("/d", "/d"), ("/d/source", "/d"), ("/d", "/d/backup")])
def test_a_source_and_a_path_of_one_machine_lie_apart(source, path):
    mirror = [{"name": "data", "source": source, "path": path}]
    here = {"nfs": ["localhost"], "backup": ["localhost"]}
    assert "is both ends" in refused(mirror, here)
    named = {"nfs": ["a"], "backup": ["b"]}
    assert "is both ends" in refused(mirror, named, {name: {"ansible_connection": "local"} for name in "ab"})
    assert daemon_modules(mirror, "backup01", GROUPS)


CHAIN = {"nfs": ["a", "b"], "backup": ["b", "c"]}
FIRST = {"name": "data", "source": "/data", "path": "/copy", "hosts": ["a"], "targets": ["b"]}


@pytest.mark.parametrize("source", ["/copy", "/copy/part"])
def test_what_a_host_takes_in_it_may_send_on(source):
    onward = {"name": "offsite", "source": source, "path": "/offsite", "hosts": ["b"], "targets": ["c"]}
    assert [module["name"] for module in daemon_modules([FIRST, onward], "c", CHAIN)] == ["offsite"]


@pytest.mark.parametrize("back", ["/data", "/data/below"])
def test_a_chain_that_comes_back_is_refused_however_long(back):
    groups = {"nfs": ["a", "b", "c"], "backup": ["a", "b", "c"]}
    onward = {"name": "on", "source": "/copy", "path": "/third", "hosts": ["b"], "targets": ["c"]}
    home = {"name": "home", "source": "/third", "path": back, "hosts": ["c"], "targets": ["a"]}
    for mirrors in ([FIRST, onward, home], [home, FIRST, onward], [FIRST, {**home, "source": "/copy", "hosts": ["b"]}]):
        assert "would come back" in refused(mirrors, groups)
    assert daemon_modules([FIRST, onward, {**home, "path": "/elsewhere"}], "a", groups)


def test_every_mistake_is_named_at_once():
    assert len(refused([{**DATA, "quiet": -1, "pace": 9}, {"name": "x"}]).splitlines()) == 4


@pytest.mark.parametrize(
    "wrong", [{"user": "a@b"}, {"user": "a:b"}, {"port": 0}, {"port": "873"}, {"secrets_dir": "secrets"}]
)
def test_user_port_and_folder_of_the_secrets_are_checked(wrong):
    with pytest.raises(AnsibleFilterError):
        watcher_mirrors([DATA], "nfs01", GROUPS, HOSTVARS, **wrong)


@pytest.mark.parametrize("address", ["a/b", "a b", "h:873/x", "u@h", "a\n"])
def test_an_address_that_could_change_the_url_is_refused(address):
    with pytest.raises(AnsibleFilterError, match="set lockstep_address"):
        watcher_mirrors([DATA], "nfs01", GROUPS, {"backup01": {"ansible_host": address}})


def test_an_inventory_name_that_cannot_be_a_file_name_is_refused():
    assert "cannot be part of" in refused([DATA], {"nfs": ["nfs01"], "backup": ["../x"]})


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ("x", "hooks: must be a list of mappings, each with one of command, url, url_file, socket and purge"),
        (["x"], "hooks: must be a list of mappings"),
        ([{}], "hooks[0]: must have one of command"),
        ([{"url": "u", "socket": "s"}], "hooks[0]: must have one of command"),
        ([{"url": "u", "inlcude": []}], "hooks[0].'inlcude' is not a key of lockstep_mirrors; did you mean include?"),
        ([{"command": "x"}], "command: must be a list of strings, not a string"),
    ],
)
def test_a_hook_that_cannot_be_one_is_refused_for_both_ends(hooks, said):
    assert said in refused([{**DATA, "hooks": hooks}])


def test_a_schedule_that_cannot_be_one_is_refused_for_both_ends():
    assert "reconcile_at: must be a list of strings, not a string" in refused([{**DATA, "reconcile_at": "daily"}])
    assert "reconcile_at: must hold strings" in refused([{**DATA, "reconcile_at": [720]}])
    assert "watch: must be true or false, not 'no'" in refused([{**DATA, "watch": "no"}])
