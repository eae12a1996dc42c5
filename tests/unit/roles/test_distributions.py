"""Names that differ between distributions: chosen as ansible chooses them, from what ansible says of each of them.

Only Debian's were run: the others are as these distributions call them, and were not tried there. EL 8 has the names of
EL 9, and is left out: its rsync is 3.1.3 and its Python 3.6, which the roles refuse.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.facts.system.distribution import Distribution
from jinja2.nativetypes import NativeEnvironment

ROLES = Path(__file__).parents[3] / "roles"
# distribution, os_family
SYSTEMS = {
    "Debian 12 and 13": ("Debian", "Debian"),
    "Ubuntu 22.04 and 24.04": ("Ubuntu", "Debian"),
    "RHEL 9 and 10": ("RedHat", "RedHat"),
    "Rocky 9 and 10": ("Rocky", "RedHat"),
    "Alma 9 and 10": ("AlmaLinux", "RedHat"),
    "Fedora": ("Fedora", "RedHat"),
    "openSUSE Leap": ("openSUSE Leap", "Suse"),
    "openSUSE Tumbleweed": ("openSUSE Tumbleweed", "Suse"),
    "Arch, which no file is for": ("Archlinux", "Archlinux"),
}
DAEMON = {
    "Debian": (["rsync"], "rsync"),
    "RedHat": (["rsync", "rsync-daemon"], "rsyncd"),
    "Suse": (["rsync"], "rsyncd"),
    "Archlinux": (["rsync"], "rsyncd"),
}
KERNEL = {
    "Debian": ["nfs-kernel-server"],
    "RedHat": ["nfs-utils"],
    "Suse": ["nfs-kernel-server"],
    "Archlinux": ["nfs-utils"],
}
TLS = {
    "Debian": (["stunnel4", "openssl"], "/usr/bin/stunnel"),
    "RedHat": (["stunnel", "openssl"], "/usr/bin/stunnel"),
    "Suse": (["stunnel", "openssl"], "/usr/sbin/stunnel"),
    "Archlinux": (["stunnel", "openssl"], "/usr/bin/stunnel"),
}
WATCHER = {
    "Debian": ["python3-pyinotify", "python3-yaml", "python3-prometheus-client", "rsync"],
    "RedHat": ["python3-inotify", "python3-pyyaml", "python3-prometheus_client", "rsync"],
    "Suse": ["python3-pyinotify", "python3-PyYAML", "python3-prometheus_client", "rsync"],
    "Archlinux": ["python3-pyinotify", "python3-yaml", "python3-prometheus-client", "rsync"],
}
SSH = {
    "Debian": (["rsync"], ["openssh-client"]),
    "RedHat": (["rsync", "rsync-rrsync"], ["openssh-clients"]),
    "Suse": (["rsync"], ["openssh-clients"]),
    "Archlinux": (["rsync"], ["openssh-client"]),
}
# Whether a package has rrsync as a program, by the newest version without it and the oldest with it.
RRSYNC = {
    "Debian": {"12": True},
    "RedHat": {"9": False, "10": True},
    "Suse": {"15": False, "20261120": False},
    "Archlinux": {"NA": True},
}


def chosen(role: str, system: str) -> dict[str, object]:
    """The names that a role has on a system: the first of its files that is there."""
    distribution, family = SYSTEMS[system]
    files = [ROLES / role / "vars" / f"{name}.yml" for name in (distribution, family, "default")]
    return yaml.safe_load(next(file for file in files if file.is_file()).read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("role", ["nfs_export", "rsync_daemon", "ssh_target", "tls", "watcher"])
def test_a_role_looks_for_the_names_of_its_distribution_as_these_tests_do(role: str) -> None:
    tasks = [text for file in (ROLES / role / "tasks").glob("*.yml") if "first_found" in (text := file.read_text())]
    (words,) = tasks or [(ROLES / role / "defaults/main.yml").read_text()]
    at = [words.find(name) for name in ("['distribution']", "['os_family']", "default.yml")]
    assert -1 not in at
    assert at == sorted(at)


def test_families_are_those_that_ansible_knows() -> None:
    assert dict(SYSTEMS.values()) == {name: Distribution.OS_FAMILY[name] for name, _ in SYSTEMS.values()}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_daemon_has_its_package_and_unit_on_each_system(system: str) -> None:
    names = chosen("rsync_daemon", system)
    assert (names["__rsync_daemon_packages"], names["__rsync_daemon_service"]) == DAEMON[SYSTEMS[system][1]]


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_nfs_servers_have_their_packages_and_units_on_each_system(system: str) -> None:
    names = chosen("nfs_export", system)
    assert names["__nfs_export_packages"] == {
        "kernel": KERNEL[SYSTEMS[system][1]],
        "ganesha": ["nfs-ganesha", "nfs-ganesha-vfs"],
    }
    assert names["__nfs_export_units"] == {"kernel": "nfs-server", "ganesha": "nfs-ganesha"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_watcher_has_its_packages_on_each_system(system: str) -> None:
    names = chosen("watcher", system)["__watcher_os_packages"]
    assert names["packages"] == WATCHER[SYSTEMS[system][1]]  # type: ignore[index]
    assert "rsync" in names["venv"]  # type: ignore[index]


@pytest.mark.parametrize("system", SYSTEMS)
def test_stunnel_has_its_package_and_program_on_each_system(system: str) -> None:
    names = chosen("tls", system)
    assert (names["__tls_os_packages"], names["__tls_os_stunnel"]) == TLS[SYSTEMS[system][1]]


def test_every_role_with_names_of_distributions_is_in_these_tests() -> None:
    having = {file.parents[1].name for file in ROLES.glob("*/vars/*.yml") if file.name != "main.yml"}
    assert having == {"nfs_export", "rsync_daemon", "ssh_target", "tls", "watcher"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_goes_over_ssh_has_its_packages_on_each_system(system: str) -> None:
    rrsync, ssh = chosen("ssh_target", system), chosen("watcher", system)
    assert (rrsync["__ssh_target_packages"], ssh["__watcher_os_ssh"]) == SSH[SYSTEMS[system][1]]


@pytest.mark.parametrize("system", SYSTEMS)
def test_rrsync_is_asked_of_a_package_where_one_has_it(system: str) -> None:
    distribution, family = SYSTEMS[system]
    wanted = {"40": False, "41": True} if distribution == "Fedora" else RRSYNC[family]
    environment = NativeEnvironment()
    text = str(chosen("ssh_target", system)["__ssh_target_packaged"])
    for version, packaged in wanted.items():
        facts = {"distribution": distribution, "distribution_major_version": version}
        assert environment.from_string(text).render(ansible_facts=facts) is packaged, version
