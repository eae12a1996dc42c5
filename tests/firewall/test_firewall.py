"""The daemon's port in real firewalls of a real host: opened for who mirrors, and closed again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from polling import wait_for
from walled import RECORD, Walled

APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=60 install --yes --no-install-recommends"
RULESET = """\
flush ruleset
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iif lo accept
    icmp type echo-request accept
    tcp dport 22 accept
  }
}
"""


@dataclass
class Kind:
    """A firewall: what makes it keep everybody out, what it says of its rules, what loads these anew, what ends it."""

    name: str
    begin: str
    say: str
    anew: str
    end: str


NFTABLES = Kind(
    "nftables",
    f"{APT} nftables; cat >/etc/nftables.conf <<'END'\n{RULESET}END\nsystemctl enable --now nftables",
    "nft -s list ruleset",
    "systemctl reload nftables",
    "systemctl disable --now nftables; rm /etc/nftables.conf",
)
UFW = Kind(
    "ufw",
    f"{APT} ufw; ufw allow 22/tcp; ufw --force enable",
    "ufw show added",
    "ufw reload",
    "ufw --force disable; ufw --force reset",
)
FIREWALLD = Kind(
    "firewalld",
    f"{APT} firewalld; systemctl enable --now firewalld",
    "firewall-cmd --list-all; firewall-cmd --permanent --list-all",
    "firewall-cmd --reload",
    "systemctl disable --now firewalld",
)


@pytest.fixture(scope="module", params=[NFTABLES, UFW, FIREWALLD], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest, hosts: Walled) -> Iterator[Kind]:
    """A firewall that runs on the backup host, and lets nobody reach the daemon."""
    kind: Kind = request.param
    hosts.run("apt-get -qq update")
    hosts.run(f"set -e\n{kind.begin}\n")
    wait_for(lambda: not hosts.reached_from(), 20, f"{kind.name} keeps everybody out")
    yield kind
    hosts.run(kind.end)


@pytest.fixture
def closed(hosts: Walled, kind: Kind) -> Iterator[str]:
    """The firewall's own rules, before the role and after the test."""
    before = hosts.run(kind.say)
    yield before
    hosts.deploy("none")
    assert hosts.run(kind.say) == before
    assert not hosts.reached_from()
    assert not hosts.run(f"ls {RECORD}; find /etc/systemd -name '*lockstep-rsyncd*'", check=False)


def test_the_port_is_open_for_who_mirrors_and_for_nobody_else(hosts: Walled, kind: Kind, closed: str) -> None:
    foretold = hosts.deploy(kind.name, "--check", "--diff")
    assert foretold.changed == {"backup01": len(foretold.changes)}
    assert "172.16.1.31" in foretold.output
    assert hosts.run(kind.say) == closed
    assert not hosts.reached_from()
    hosts.deploy(kind.name, "--diff")
    assert hosts.reached_from() == {"nfs01"}
    again = hosts.run(kind.say)
    assert hosts.deploy(kind.name).changed == {"backup01": 0}
    assert hosts.deploy("auto", "--check").changed == {"backup01": 0}
    assert hosts.run(kind.say) == again


def test_it_stays_open_when_the_firewall_is_loaded_anew_and_over_a_reboot(
    hosts: Walled, kind: Kind, closed: str
) -> None:
    hosts.deploy("auto")
    hosts.run(kind.anew)
    assert hosts.reached_from() == {"nfs01"}
    hosts.machines.lab("reboot", "backup01")
    wait_for(lambda: hosts.reached_from() == {"nfs01"}, 30, "the daemon to be reached by nfs01 alone")
    assert hosts.deploy("auto").changed == {"backup01": 0}


def test_who_is_listed_no_more_is_shut_out_and_another_port_takes_the_place_of_the_first(
    hosts: Walled, kind: Kind, closed: str
) -> None:
    hosts.deploy(kind.name, rsync_daemon_hosts_allow=["172.16.1.31", "172.16.1.39", "fd00::/64"])
    assert hosts.reached_from() == {"nfs01", "other01"}
    assert "fd00::/64" in hosts.run(kind.say)
    hosts.deploy(kind.name, rsync_daemon_hosts_allow=["172.16.1.39"])
    assert hosts.reached_from() == {"other01"}
    assert "172.16.1.31" not in hosts.run(kind.say)
    hosts.deploy(kind.name, rsync_daemon_port=8730)
    assert not hosts.reached_from()
    assert "8730" in hosts.run(kind.say)
    hosts.deploy(kind.name, rsync_daemon_hosts_allow=[])
    assert hosts.reached_from() == {"nfs01", "other01"}


def test_a_rule_that_somebody_took_away_is_put_back(hosts: Walled, kind: Kind, closed: str) -> None:
    hosts.deploy(kind.name)
    for kind_of, place, line in json.loads(hosts.run(f"cat {RECORD}")):
        if kind_of == "ufw":
            hosts.run(f"ufw delete {line}")
        elif kind_of == "nftables":
            hosts.run(f"nft flush chain {' '.join(place.split()[:2])} lockstep_rsyncd")
        elif line.startswith("runtime "):
            hosts.run(f"firewall-cmd --zone={place} --remove-rich-rule='{line.partition(' ')[2]}'")
    assert not hosts.reached_from()
    hosts.deploy(kind.name)
    assert hosts.reached_from() == {"nfs01"}


def test_removing_the_daemon_closes_its_port(hosts: Walled, kind: Kind, closed: str) -> None:
    hosts.deploy(kind.name)
    gone = ("-e", "rsync_daemon_state=absent")
    hosts.deploy(kind.name, "--check", *gone)
    assert hosts.run(kind.say) != closed
    hosts.deploy(kind.name, *gone)
    assert hosts.run(kind.say) == closed
    assert hosts.deploy(kind.name, *gone).changed == {"backup01": 0}


MISTAKES: list[tuple[dict[str, object], str]] = [
    ({"rsync_daemon_hosts_allow": ["nfs01.example.org"]}, "nfs01.example.org is no address"),
    ({"rsync_daemon_firewall_chain": "inet filter input; flush ruleset"}, "a family (inet, ip or ip6), a table"),
    ({"rsync_daemon_firewall_zone": "public --panic-on"}, "the name of a zone or nothing"),
]


@pytest.mark.parametrize(("wrong", "said"), MISTAKES, ids=["a name", "a hostile chain", "a hostile zone"])
def test_a_mistake_is_refused_and_the_firewall_left_alone(
    hosts: Walled, kind: Kind, wrong: dict[str, object], said: str
) -> None:
    before = hosts.run(kind.say)
    assert said in hosts.deploy(kind.name, succeeds=False, **wrong).said()
    assert hosts.run(kind.say) == before
