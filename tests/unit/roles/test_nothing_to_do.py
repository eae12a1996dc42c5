"""Tasks that change something are left out together only where each of them would have nothing to do."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

ROLES = pathlib.Path(__file__).parents[3] / "roles"

WATCHER: dict[str, Any] = {
    "__watcher_unlike": [],
    "__watcher_over_ssh": [],
    "__watcher_host": ["complete", "group", "0", "0", "1000"],
    "watcher_packages": [],
    "watcher_install": "system",
    "watcher_manage_user": True,
    "watcher_marker": True,
    "__watcher_unmarked": [],
}
FOUND: dict[str, Any] = {
    "program": True,
    "unit": True,
    "user": True,
    "group": True,
    "login": {"group": "rsyncd", "made": False},
    "folders_missing": [],
    "logrotate": False,
}
DAEMON: dict[str, Any] = {
    "rsync_daemon_manage_package": True,
    "__rsync_daemon_root": True,
    "rsync_daemon_manage_user": True,
    "__rsync_daemon_own_user": True,
    "__rsync_daemon_user_wanting": False,
    "__rsync_daemon_rotating": True,
    "__rsync_daemon_rotates_log": False,
    "__rsync_daemon_unlike": [],
    "__rsync_daemon_modules_unlike": [],
    "__rsync_daemon_secrets_left": [],
    "__rsync_daemon_found": FOUND,
}


def truth(role: str, name: str, values: dict[str, Any]) -> bool:
    """What a variable of the role is with these values."""
    environment = NativeEnvironment()
    environment.filters["bool"] = bool
    text = yaml.safe_load((ROLES / role / "vars/main.yml").read_text())[name]
    answer = environment.from_string(text).render(values)
    assert isinstance(answer, bool)
    return answer


def found(**other: object) -> dict[str, object]:
    return {"__rsync_daemon_found": {**FOUND, **other}}


@pytest.mark.parametrize(
    ("wanted", "other"),
    [
        (False, {}),
        (True, {"__watcher_unlike": ["/etc/lockstep/lockstep.yml"]}),
        (True, {"__watcher_over_ssh": [{"host": "backup01"}]}),  # its key and host keys are looked at there
        (True, {"__watcher_host": ["lacking", *WATCHER["__watcher_host"][1:]]}),
        (True, {"watcher_packages": ["attr"]}),
        (True, {"watcher_install": "venv"}),
        (True, {"__watcher_host": ["complete", "-", "0", "0", "1000"]}),
        (True, {"__watcher_host": ["complete", "group", "0", "0", "-"]}),
        (False, {"__watcher_host": ["complete", "-", "0", "0", "-"], "watcher_manage_user": False}),
        (True, {"__watcher_unmarked": ["/srv/data"]}),
        (False, {"__watcher_unmarked": ["/srv/data"], "watcher_marker": False}),
    ],
)
def test_the_watcher_is_deployed_where_anything_is_otherwise(wanted: bool, other: dict[str, object]) -> None:
    assert truth("watcher", "__watcher_lacks", {**WATCHER, **other}) is wanted


@pytest.mark.parametrize(
    ("wanted", "other"),
    [
        (False, {}),
        (True, found(program=False)),
        (True, found(unit=False)),
        (False, {**found(program=False), "rsync_daemon_manage_package": False}),
        (False, {**found(unit=False), "__rsync_daemon_root": False}),
        (True, {"__rsync_daemon_user_wanting": True}),
        (True, found(group=False)),
        (False, {**found(group=False), "__rsync_daemon_own_user": False}),
        (False, {**found(group=False), "rsync_daemon_manage_user": False}),
        (True, found(login={"group": "", "made": False})),
        (False, {**found(login={"group": "", "made": False}), "__rsync_daemon_rotating": False}),
        (True, found(folders_missing=["/etc/rsyncd.secrets.d"])),
    ],
)
def test_rsync_is_installed_where_anything_is_missing(wanted: bool, other: dict[str, object]) -> None:
    assert truth("rsync_daemon", "__rsync_daemon_lacks", {**DAEMON, **other}) is wanted


@pytest.mark.parametrize(
    ("wanted", "other"),
    [
        (False, {}),
        (True, {"__rsync_daemon_unlike": ["/etc/rsyncd.conf"]}),
        (True, {"__rsync_daemon_modules_unlike": ["data"]}),
        (True, {"__rsync_daemon_secrets_left": ["/etc/rsyncd.secrets.d/old"]}),
        (True, found(logrotate=True)),
        (False, {**found(logrotate=True), "__rsync_daemon_rotates_log": True}),
        (False, found(login={"group": "rsyncd", "made": True})),
        (True, {**found(login={"group": "rsyncd", "made": True}), "__rsync_daemon_rotating": False}),
    ],
)
def test_the_daemon_is_configured_where_anything_is_otherwise(wanted: bool, other: dict[str, object]) -> None:
    assert truth("rsync_daemon", "__rsync_daemon_differs", {**DAEMON, **other}) is wanted
