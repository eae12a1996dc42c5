"""The daemon on a backup host fails as a whole: that target alone is down, says why, and catches up (C11, C19)."""

from __future__ import annotations

from functools import partial

import daemon
import pytest
from fault import Fault


@pytest.mark.short
def test_daemon_is_stopped(fault: Fault) -> None:
    fault.about("the rsync daemon is stopped", "`systemctl stop rsync`", "C11, C19")
    start = partial(daemon.start, fault.scene)
    fault.at_the_end.callback(start)
    fault.load()
    daemon.stop(fault.scene)
    fault.shows("down", "nothing listens")
    fault.others_go_on()
    fault.cured(start, drains=True)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        pytest.param("reject with tcp reset", "nothing listens", id="resets"),
        pytest.param("reject with icmpx admin-prohibited", "no route", id="prohibits"),
        pytest.param("drop", "in time", id="drops"),
    ],
)
def test_firewall_refuses(fault: Fault, how: str, reason: str) -> None:
    fault.about("a firewall between the hosts refuses", f"nftables on the backup host: `tcp dport 873 {how}`", "C11")
    admit = partial(daemon.admit, fault.scene)
    fault.at_the_end.callback(admit)
    fault.load()
    daemon.reject(fault.scene, how)
    fault.shows("down", reason, seconds=120)
    fault.others_go_on()
    fault.cured(admit, drains=True)


@pytest.mark.parametrize(
    ("title", "file", "script", "reason"),
    [
        pytest.param(
            "the password is another one",
            daemon.SECRETS,
            "s/:.*/:not the right one/",
            "wrong user or password",
            id="password",
        ),
        pytest.param("the module is gone", daemon.CONFIG, "s/^.data.$/[other]/", "no such module", id="module"),
        pytest.param(
            "the daemon does not let the host in",
            daemon.CONFIG,
            "s/^hosts allow = .*/hosts allow = 127.0.0.1/",
            "does not let this host in",
            id="host",
        ),
        pytest.param("the module is read-only", daemon.CONFIG, "s/:rw$/:ro/", "read only", id="read-only"),
    ],
)
def test_daemon_turns_the_watcher_away(fault: Fault, title: str, file: str, script: str, reason: str) -> None:
    fault.about(title, f"`sed -i '{script}' {file}`".replace("\n", "\\n"), "C11")
    restore = partial(daemon.restore, fault.scene, file)
    fault.at_the_end.callback(restore)
    fault.load()
    daemon.edit(fault.scene, file, script)
    fault.shows("down", reason)
    fault.others_go_on()
    fault.cured(restore, drains=True)


def test_max_connections_are_all_in_use(fault: Fault) -> None:
    """Some get through and others are turned away: one state all the while, not one every second (C11)."""
    fault.about(
        "the daemon's `max connections` are all in use", "`max connections = 1`, where the watcher wants several", "C11"
    )
    restore = partial(daemon.restore, fault.scene, daemon.CONFIG)
    fault.at_the_end.callback(restore)
    fault.load()
    daemon.edit(fault.scene, daemon.CONFIG, "s/^max connections = .*/max connections = 1/")
    fault.shows("down", "max connections")
    fault.others_go_on()
    fault.cured(restore, drains=True)
