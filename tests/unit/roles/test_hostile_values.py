"""What lands in a file, names one or is removed is checked first: nothing that is given can mean more than it says."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible.plugins.filter.mathstuff import FilterModule as MathFilters
from ansible.plugins.test.core import TestModule as CoreTests
from jinja2 import StrictUndefined
from jinja2.nativetypes import NativeEnvironment

# a regular expression's, in a string of Jinja's
pytestmark = pytest.mark.filterwarnings("ignore:.*invalid escape sequence:DeprecationWarning")
ROLES = Path(__file__).parents[3] / "roles"
ENVIRONMENT = NativeEnvironment(undefined=StrictUndefined)
ENVIRONMENT.filters.update({**CoreFilters().filters(), **MathFilters().filters()})
ENVIRONMENT.tests.update(CoreTests().tests())


def as_list(lazy: Callable[..., Iterator[Any]]) -> Callable[..., list[Any]]:
    """As Ansible has it: a filter that gives its results one by one gives a list."""
    return functools.wraps(lazy)(lambda *words, **named: list(lazy(*words, **named)))


for filter_name in ("map", "select", "reject", "selectattr", "rejectattr"):
    ENVIRONMENT.filters[filter_name] = as_list(ENVIRONMENT.filters[filter_name])

# Names of folders that are somebody else's, or of none
NO_FOLDERS = (
    *("", ".", "etc/x", "/", "/etc", "/etc/", "/etc/ssl", "/usr/local", "/var/lib", "/x/../etc", "/var/x/.."),
    *("//etc/ssl", "/var//lib", "/var/lib/.", "/var/x\n", "/var/x\ty", "/var/x\x00", "/var/x\x7f"),
)


def known_of(role: str) -> dict[str, Any]:
    """The role's variables as they are written."""
    files = (ROLES / role / name for name in ("defaults/main.yml", "vars/main.yml"))
    return {name: value for file in files for name, value in yaml.safe_load(file.read_text()).items()}


def worked_out(value: Any, known: dict[str, Any]) -> Any:
    """What Ansible makes of a value: templates in it are filled in, by variables that are templates themselves."""
    if isinstance(value, list):
        return [worked_out(one, known) for one in value]
    if isinstance(value, dict):
        return {key: worked_out(one, known) for key, one in value.items()}
    if not isinstance(value, str) or "{{" not in value:
        return value
    filled = {name: worked_out(known[name], known) for name in known if name in value and known[name] is not value}
    return ENVIRONMENT.from_string(value).render(filled)


def refused(role: str, demands: Any, **given: Any) -> list[str]:
    """What the role says of these variables before it changes anything."""
    known = {**known_of(role), **given}
    found = []
    for demand in demands if isinstance(demands, list) else known[demands]:
        if not worked_out(demand["that"], known):
            found.append(worked_out(demand["said"], known))
    return found


def of_ssh_target(**given: Any) -> list[str]:
    return refused("ssh_target", "__ssh_target_demands", **{"rsync_daemon_modules": [], **given})


SAFE_SSH = {"ssh_target_ownership": "fake_super", "ssh_target_group": "lockstep-ssh"}


@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_comes_over_ssh_is_fine_with_the_defaults(state: str) -> None:
    assert of_ssh_target(ssh_target_state=state, **SAFE_SSH) == []


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("home", [*NO_FOLDERS, "/var/a b", "/var/a:/bin/sh"])
def test_a_home_that_is_not_the_user_s_alone_is_refused(home: str, state: str) -> None:
    (said,) = of_ssh_target(ssh_target_state=state, **SAFE_SSH, ssh_target_home=home)
    assert said.startswith("ssh_target_home ")


@pytest.mark.parametrize("which", ["ssh_target_targets", "rsync_daemon_modules"])
def test_a_home_above_a_mirror_is_refused(which: str) -> None:
    given = {which: [{"path": "/backup/data"}], "ssh_target_home": "/backup"}
    assert "in which no mirror lies" in of_ssh_target(**SAFE_SSH, **given)[0]
    assert of_ssh_target(**SAFE_SSH, **{**given, "ssh_target_home": "/backup/dat"}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("ssh_target_user", value) for value in ("root", "a b", "a\nb", "a:b", "-o", "", 'a"', "a\n")),
        *(("ssh_target_group", value) for value in ("a b", "a\nb", "a,b", "")),
        *(("ssh_target_rrsync", value) for value in ("rrsync", '/bin/sh" ssh-ed25519 x', "/a b", "/a\n", "/x/../y")),
        *(("ssh_target_ownership", value) for value in ("root", "")),
    ],
)
def test_what_would_let_in_more_over_ssh_is_refused(name: str, value: str) -> None:
    assert len(of_ssh_target(**{**SAFE_SSH, name: value})) == 1


PLACE = {"name": "data", "host": "nfs01", "path": "/srv/b", "key": "/etc/k.pub", "from": ["10.0.0.1", "fd00::/64"]}


def fits(place: dict[str, Any]) -> bool:
    tasks = yaml.safe_load((ROLES / "ssh_target/tasks/preflight.yml").read_text())
    demands = next(task for task in tasks if task["name"] == "The places are fit")["ansible.builtin.assert"]["that"]
    return all(ENVIRONMENT.from_string(f"{{{{ {demand} }}}}").render(item=place) for demand in demands)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, "x\nssh-ed25519 AAAA attacker") for field in ("name", "host", "path", "key")),
        *((field, "/x\nssh-ed25519 AAAA attacker") for field in ("path", "key")),
        *(("path", value) for value in ("", "srv", "/srv/../etc", "/srv/\x7f", "/srv\r")),
        *(("host", value) for value in ("", "a b", "a\r")),
        *(("key", value) for value in ("", "k.pub")),
        *(("from", value) for value in ([], ["*"], ['10.0.0.1"'], ["10.0.0.1\n"], ["10.0.0.1,*"])),
        ("name", ""),
    ],
)
def test_a_place_that_would_write_another_line_into_authorized_keys_is_refused(field: str, value: object) -> None:
    assert fits(PLACE)
    assert fits({**PLACE, "path": '/srv/it\'s "%" é', "name": "data of Zoë"})
    assert not fits({**PLACE, field: value})


TUNNEL = {"host": "backup01", "name": "b1.example", "accept": "127.70.1.1:8740", "connect": "[fd00::42]:874"}


def of_tls(**given: Any) -> list[str]:
    tasks = yaml.safe_load((ROLES / "tls/tasks/preflight.yml").read_text())
    demands = next(task["vars"]["__tls_demands"] for task in tasks if "__tls_demands" in task.get("vars", {}))
    known = {
        "inventory_hostname": "nfs01",
        "tls_names": ["nfs01"],
        "tls_authority": "/a",
        "tls_daemon_port": 8730,
        "tls_tunnels": [TUNNEL],
    }
    facts = {"service_mgr": "systemd", "effective_user_id": 0}
    return refused("tls", demands, **{**known, "ansible_facts": facts, **given})


def test_tunnels_are_fine_with_the_defaults() -> None:
    assert of_tls() == []
    assert of_tls(tls_address="::", tls_dir="/var/lib/lockstep-tls/", tls_stunnel="/usr/bin/stunnel") == []


@pytest.mark.parametrize(
    "folder", [*NO_FOLDERS, "/etc/letsencrypt", "/etc/stunnel/", "/etc/a b", '/etc/a"', "/etc/a%n"]
)
def test_a_folder_of_certificates_that_is_not_the_role_s_own_is_refused(folder: str) -> None:
    assert [said[:8] for said in of_tls(tls_dir=folder)] == ["tls_dir "]
    absent = yaml.safe_load((ROLES / "tls/tasks/absent.yml").read_text())
    assert absent[0]["ansible.builtin.assert"]["that"] == "__tls_dir_fit | bool"
    assert worked_out(known_of("tls")["__tls_dir_fit"], {**known_of("tls"), "tls_dir": folder}) is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("tls_user", value) for value in ("root", "a b", "a\n", "a\nUser=root", "%n", "-a", "")),
        *(("tls_stunnel", value) for value in ("stunnel", "/bin/sh -c", "/bin/x\n", "/bin/%n", '/bin/"')),
        *(("tls_log_level", value) for value in ("debug\nverifyChain = no", "", "7\n")),
        *(("tls_address", value) for value in ("localhost", "::\n", "1.2.3.4]", "127.0.0.1\nx = y")),
        *(("tls_port", value) for value in ("874\nverifyChain = no", 0, 65536, 8730)),
        ("tls_daemon_port", "8730\nx"),
        *(("tls_name", value) for value in ("a\n", "a b", "", "../x", "%h")),
        ("tls_names", ["nfs01", "x\ny"]),
    ],
)
def test_what_would_write_more_into_stunnel_s_configuration_is_refused(name: str, value: object) -> None:
    assert len(of_tls(**{name: value})) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, "x\nverifyChain = no") for field in TUNNEL),
        *(("host", value) for value in ("", "a]", "[a", "a b", "a%n", 'a"', "a\n")),
        *(("name", value) for value in ("", "*", "a b", "../a", "a\n")),
        *((field, value) for field in ("accept", "connect") for value in ("", "a", "a:b", "a:1\n", "a b:1", "a:1;x")),
    ],
)
def test_a_tunnel_that_would_write_another_setting_is_refused(field: str, value: str) -> None:
    (said,) = of_tls(tls_tunnels=[TUNNEL, {**TUNNEL, field: value}])
    assert said.startswith("tls_tunnels ")


def of_inotify(**given: Any) -> list[str]:
    return refused("inotify_limits", "__inotify_limits_demands", **given)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_limits_are_fine_with_the_defaults_and_without_a_file(state: str) -> None:
    assert of_inotify(inotify_limits_state=state) == []
    assert of_inotify(inotify_limits_state=state, inotify_limits_sysctl_file="") == []


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    "file",
    [
        *("/etc/sysctl.d", "sysctl.d/x.conf", "x.conf", "/x.conf", "//etc/sysctl.conf", "/etc/sysctl.conf"),
        *("/etc//sysctl.conf", "/etc/sysctl.d/99-sysctl.conf", "/etc/sysctl.d/../x.conf", "/etc/sysctl.d/.conf/"),
        *("/etc/sysctl.d/x.conf\n", "/etc/sysctl.d/x\n.conf", "/etc/sysctl.d/\x7f.conf", " "),
    ],
)
def test_a_file_for_the_boot_that_cannot_be_is_refused_before_the_kernel_is_told(file: str, state: str) -> None:
    (said,) = of_inotify(inotify_limits_state=state, inotify_limits_sysctl_file=file)
    assert said.startswith("inotify_limits_sysctl_file ")
    tasks = [task["name"] for task in yaml.safe_load((ROLES / "inotify_limits/tasks/main.yml").read_text())]
    assert tasks[0] == "The variables are fit"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inotify_limits_max_user_watches", -1),
        ("inotify_limits_max_queued_events", 2**31),
        ("inotify_limits_max_user_instances", "-5"),
        ("inotify_limits_headroom", 0.5),
        ("inotify_limits_headroom", 1001),
    ],
)
def test_a_limit_that_the_kernel_cannot_hold_is_refused(name: str, value: object) -> None:
    assert len(of_inotify(**{name: value})) == 1


@pytest.mark.parametrize("name", ["nfs_export_exports_dir", "nfs_export_ganesha_config"])
@pytest.mark.parametrize(
    "path",
    [
        *("", "etc/exports.d", "//etc/exports.d", "/etc/../x", "/etc/..", "/etc/x\n", "/etc/a b", '/etc/a"', "/etc/a'"),
        *("/etc/a\n%include x", "/etc/%include", "/etc/a;b", "/etc/$(x)", "/etc/a\\", "/etc/]"),
    ],
)
def test_a_path_that_would_write_more_into_a_server_s_configuration_is_refused(name: str, path: str) -> None:
    known = known_of("nfs_export")
    assert worked_out(known["__nfs_export_place_problems"], known) == []
    (said,) = worked_out(known["__nfs_export_place_problems"], {**known, name: path})
    assert said.startswith(f"{name} must be ")
