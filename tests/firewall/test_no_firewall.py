"""Firewalls that are installed, as the tests before have left them, and none of them runs.

A file of its own: a firewall runs until the last test of its file is over.
"""

from __future__ import annotations

from walled import Walled


def test_a_firewall_that_is_not_active_is_refused_by_name_and_passed_over_otherwise(hosts: Walled) -> None:
    for name in ("nftables", "ufw", "firewalld"):
        said = hosts.deploy(name, succeeds=False).said()
        assert f"rsync_daemon_firewall is {name}, and that is not active here" in said
    played = hosts.deploy("auto")
    assert "nothing is opened" in played.said()
    assert hosts.deploy("auto").changed == {"backup01": 0}
