"""What the role's variables come to in rsyncd.conf."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest
import yaml

ROLE = Path(__file__).parents[3] / "roles/rsync_daemon"
VARIABLES = {
    "rsync_daemon_log_file": "/var/log/rsyncd.log",
    "rsync_daemon_max_connections": 77,
    "rsync_daemon_lock_file": "/run/rsyncd.lock",
    "rsync_daemon_timeout": 600,
    "rsync_daemon_auth_user": "somebody",
    "rsync_daemon_secrets_file": "/etc/secrets",
    "rsync_daemon_hosts_allow": ["172.16.1.0/24"],
    "rsync_daemon_address": "172.16.1.41",
    "rsync_daemon_user": "keeper",
    "rsync_daemon_group": "keepers",
    "rsync_daemon_ownership": "fake_super",
    "rsync_daemon_options": {"temp dir": "/spare", "munge symlinks": True},
    "rsync_daemon_modules": [{"name": "data", "path": "/backup", "comment": "of nfs01"}],
    "__rsync_daemon_root": True,
    "__rsync_daemon_own_user": True,
    "__rsync_daemon_refused": ["delete-excluded"],
    "__rsync_daemon_marker": "#",
    "__rsync_daemon_rotating": False,
    "__rsync_daemon_login_group": "keepers",
    "rsync_daemon_passwords": {},
    "__rsync_daemon_sharing": ["data"],
    "__rsync_daemon_secrets_dir": "/etc/secrets.d",
}


def rendered(**changed: object) -> list[str]:
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(
        comment=str, bool=bool, regex_replace=lambda text, pattern, new: re.sub(pattern, new, text, count=1)
    )
    environment.filters["unique"] = lambda words: list(dict.fromkeys(words))
    environment.tests["version"] = lambda _version, _other, _how: False
    known = {**yaml.safe_load((ROLE / "defaults/main.yml").read_text()), **VARIABLES, **changed, "ansible_managed": ""}
    return environment.from_string((ROLE / "templates/rsyncd.conf.j2").read_text()).render(known).splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "log file = /var/log/rsyncd.log",
        "max connections = 77",
        "lock file = /run/rsyncd.lock",
        "timeout = 600",
        "auth users = somebody:rw",
        "secrets file = /etc/secrets",
        "strict modes = yes",
        "hosts allow = 127.0.0.1 ::1 172.16.1.41 172.16.1.0/24",
        "list = no",
        "uid = keeper",
        "gid = keepers",
        "use chroot = yes",
        "fake super = yes",
        "read only = no",
        "write only = no",
        "ignore errors = no",
        "refuse options = delete-excluded",
        "temp dir = /spare",
        "munge symlinks = yes",
        "[data]",
        "comment = of nfs01",
        "path = /backup/",
    ],
)
def test_each_setting_of_the_daemon_is_written_as_its_variable_says(line: str) -> None:
    assert line in rendered()


def test_a_module_is_for_its_own_hosts_where_these_may_connect_at_all() -> None:
    modules = [{"name": "a", "path": "/a", "hosts_allow": ["10.0.0.1"]}, {"name": "b", "path": "/b", "hosts_allow": []}]
    lines = rendered(rsync_daemon_modules=modules, rsync_daemon_hosts_allow=["10.0.0.1", "10.0.0.2"])
    assert "hosts allow = 127.0.0.1 ::1 172.16.1.41 10.0.0.1" in lines[lines.index("[a]") : lines.index("[b]")]
    assert not [line for line in lines[lines.index("[b]") :] if line.startswith("hosts allow")]
    lines = rendered(rsync_daemon_modules=modules, rsync_daemon_hosts_allow=["10.0.0.0/8"])
    assert [line for line in lines if line.startswith("hosts allow")] == [
        "hosts allow = 127.0.0.1 ::1 172.16.1.41 10.0.0.0/8"
    ]


def test_without_root_there_is_no_chroot_and_no_other_user() -> None:
    lines = rendered(__rsync_daemon_root=False)
    assert "use chroot = no" in lines
    assert not [line for line in lines if line.startswith(("uid", "gid"))]


def test_while_a_password_changes_a_group_has_the_other_one() -> None:
    assert "auth users = @keepers:rw somebody:rw" in rendered(__rsync_daemon_rotating=True)


def test_a_module_with_a_password_of_its_own_has_a_file_of_its_own_and_the_others_that_of_all() -> None:
    modules = [{"name": "a", "path": "/a"}, {"name": "b", "path": "/b"}]
    known = {"rsync_daemon_modules": modules, "rsync_daemon_passwords": {"a": "x"}}
    lines = rendered(**known, __rsync_daemon_sharing=["b"])
    first, second = lines.index("[a]"), lines.index("[b]")
    assert [line for line in lines[:first] if line.startswith("secrets")] == ["secrets file = /etc/secrets"]
    assert [line for line in lines[first:second] if line.startswith("secrets")] == ["secrets file = /etc/secrets.d/a"]
    assert not [line for line in lines[second:] if line.startswith("secrets")]
    assert "secrets file = /etc/secrets" not in rendered(**known, __rsync_daemon_sharing=[])
