"""What the units are made of: a reason for each line, and nothing hidden that the services need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"
WATCHER = ("/usr/bin/rsync", "/srv/data", "/etc/lockstep/secrets")
DAEMON = ("/usr/bin/rsync", "/srv/backup/data", "/etc/rsyncd.conf")
# What says what runs, and hardens nothing.
PLAIN = ("ExecStart", "ExecReload", "Restart", "RestartSec")


def rendered(role: str, template: str, **given: Any) -> list[str]:
    """The lines of a unit with the role's defaults."""
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(comment=str, bool=bool, regex_replace=lambda text, what, new: re.sub(what, new, text))
    environment.tests["match"] = lambda text, what: re.match(what, text) is not None
    known = {**yaml.safe_load((ROLES / role / "defaults/main.yml").read_text()), "ansible_managed": "# managed"}
    text = (ROLES / role / "templates" / template).read_text()
    return environment.from_string(text).render({**known, **given}).splitlines()


def watcher(*touched: str) -> list[str]:
    given = {"watcher_group": "lockstep", "__watcher_config_file": "/etc/lockstep/lockstep.yml"}
    return rendered("watcher", "lockstep.service.j2", **given, __watcher_touched=[*WATCHER, *touched])


def daemon(*touched: str, ownership: str = "fake_super", **given: Any) -> list[str]:
    known = {
        "rsync_daemon_ownership": ownership,
        "__rsync_daemon_own_user": ownership != "root",
        "__rsync_daemon_unit_argv": ["/usr/bin/rsync", "--daemon"],
        "__rsync_daemon_touched": [*DAEMON, *touched],
    }
    return rendered("rsync_daemon", "drop-in.conf.j2", **{**known, **given})


def tunnels(**given: Any) -> list[str]:
    known = {"tls_serve": True, "__tls_program": "/usr/bin/stunnel", "__tls_config": "/etc/lockstep-tls/stunnel.conf"}
    return rendered("tls", "lockstep-tls.service.j2", **{**known, **given})


def capabilities(lines: list[str]) -> set[str]:
    words = [line.partition("=")[2].split() for line in lines if line.startswith("CapabilityBoundingSet=")]
    return {word for line in words for word in line}


@pytest.mark.parametrize(
    "lines", [watcher(), tunnels(), *(daemon(ownership=kind) for kind in ("fake_super", "root", "squash"))]
)
def test_each_hardening_line_stands_below_its_reason(lines: list[str]) -> None:
    """A reason is a comment, and holds for the lines up to the next empty one."""
    bare, reason = [], False
    service = lines[lines.index("[Service]") + 1 :]
    for line in service[: service.index("[Install]") if "[Install]" in service else None]:
        if not line:
            reason = False
        elif line.startswith("#"):
            reason = True
        elif not reason and line.partition("=")[0] not in PLAIN:
            bare.append(line)
    assert bare == []


@pytest.mark.parametrize("unit", [watcher, daemon])
def test_homes_and_temporary_files_are_hidden_but_where_something_in_them_is_needed(unit: Any) -> None:
    assert {"ProtectHome=yes", "PrivateTmp=yes"} <= set(unit("/homes/x", "/srv/home", "/tmpfs", "/run/users"))
    for place in ("/home/x", "/root", "/run/user/7/x"):
        assert {"PrivateTmp=yes"} <= set(unit(place))
        assert "ProtectHome=yes" not in unit(place)
    for place in ("/tmp/x", "/var/tmp"):
        assert {"ProtectHome=yes", "PrivateTmp=no"} <= set(unit(place))


@pytest.mark.parametrize("unit", [watcher, daemon])
def test_a_system_call_that_is_not_allowed_is_an_error_and_kills_nobody(unit: Any) -> None:
    assert "SystemCallErrorNumber=EPERM" in unit()


def test_the_daemon_has_the_capabilities_that_its_ownership_and_port_take() -> None:
    few = {"CAP_SYS_CHROOT", "CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH"}
    low, owners = {"CAP_NET_BIND_SERVICE"}, {"CAP_CHOWN", "CAP_FOWNER", "CAP_FSETID", "CAP_SETFCAP", "CAP_MKNOD"}
    assert capabilities(daemon()) == capabilities(daemon(ownership="squash")) == few | low
    assert capabilities(daemon(rsync_daemon_port=1873)) == few
    assert capabilities(daemon(ownership="root")) == few | low | owners | {"CAP_DAC_OVERRIDE"}


def test_only_extended_attributes_make_setuid_files_needless() -> None:
    assert "RestrictSUIDSGID=yes" in daemon()
    for ownership in ("root", "squash"):
        assert "RestrictSUIDSGID=no" in daemon(ownership=ownership)


def test_with_roots_ownership_devices_can_be_made_and_not_opened() -> None:
    lines = daemon(ownership="root")
    assert {"PrivateDevices=no", "DevicePolicy=closed", "DeviceAllow=char-* m", "DeviceAllow=block-* m"} <= {*lines}
    assert "PrivateDevices=yes" in daemon()


def test_the_tunnels_have_a_capability_only_where_they_take_connections_at_a_low_port() -> None:
    assert capabilities(tunnels()) == {"CAP_NET_BIND_SERVICE"}
    assert capabilities(tunnels(tls_port=8740)) == capabilities(tunnels(tls_serve=False)) == set()
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in tunnels()
