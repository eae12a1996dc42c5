"""Opens the daemon's ports in the firewall that is active, for whom the daemon lets in, and closes it again.

`firewall.py ORDER` prints as JSON what it did, or would do; see carry_out(). `firewall.py again RECORD` opens once more
what the record has, where the rules of nftables have been loaded anew. What is not in the record is never closed.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import subprocess
import sys
from typing import Any, Optional

COMMENT = "lockstep rsync_daemon"
CHAIN = "lockstep_rsyncd"
KINDS = ("firewalld", "ufw", "nftables")  # the first two write rules of nftables themselves
_BEYOND_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


class Unfit(Exception):
    """What was asked for cannot be done: why, and the mend."""


def carry_out(order: dict[str, Any]) -> dict[str, Any]:
    """The `firewall` that is used (empty: none is active), and what is `opened` and `closed`, a line each.

    `order` has firewall (none, auto or one of KINDS), chain, zone, ports, clients, record (a path) and write. Raises
    Unfit and OSError.
    """
    kind = chosen(order["firewall"], order["chain"])
    before = _recorded(order["record"])
    after = [[kind, place_of(kind, order), line] for line in lines_of(kind, order)] if kind else []
    closed = [rule for rule in before if rule not in after and is_there(rule)]
    opened = [rule for rule in after if not is_there(rule)]
    if order["write"]:
        # known before it is there, and opened before others are closed: nobody is shut out meanwhile
        _record(order["record"], before + [rule for rule in after if rule not in before])
        for rule in opened:
            change(rule, True)
        for rule in closed:
            change(rule, False)
        _record(order["record"], after)
    told = [[f"{rule[0]}: {rule[2]}" for rule in rules] for rules in (opened, closed)]
    return {"firewall": kind, "opened": told[0], "closed": told[1], "outdated": before != after}


def chosen(asked: str, chain: str) -> str:
    """Which firewall is used; empty for none. Raises Unfit for one that was asked for by name and is not active."""
    if asked == "none":
        return ""
    if asked == "auto":
        return next((kind for kind in KINDS if is_active(kind, chain)), "")
    if not is_active(asked, chain):
        raise Unfit(
            f"rsync_daemon_firewall is {asked}, and that is not active here"
            + (f": there is no chain {chain}; correct rsync_daemon_firewall_chain, or" if asked == "nftables" else ";")
            + " start it, or set rsync_daemon_firewall to none or auto"
        )
    return asked


def is_active(kind: str, chain: str) -> bool:
    """Does it run, and for nftables, is there the chain that takes what comes in?"""
    if kind == "firewalld":
        return _ask("firewall-cmd", "--state") is not None
    if kind == "ufw":
        return (_ask("ufw", "status") or "").startswith("Status: active")
    return _ask("nft", "list", "chain", *chain.split()) is not None


def place_of(kind: str, order: dict[str, Any]) -> str:
    """The zone, or the chain, that the rules are in. Raises Unfit for a zone that is not there."""
    if kind == "nftables":
        return " ".join(order["chain"].split())
    if kind == "ufw":
        return ""
    zone = order["zone"] or (_ask("firewall-cmd", "--get-default-zone") or "").strip()
    if zone not in (_ask("firewall-cmd", "--get-zones") or "").split():
        raise Unfit(f"rsync_daemon_firewall_zone: firewalld has no zone {zone!r}; see firewall-cmd --get-zones")
    return str(zone)


def lines_of(kind: str, order: dict[str, Any]) -> list[str]:
    """What the firewall is to have, a line each, as it says it itself. Raises Unfit for a client that is no address."""
    clients = [_network(client) for client in order["clients"]]
    return [line for port in order["ports"] for line in _lines_of_port(kind, int(port), clients, order["chain"])]


def _lines_of_port(kind: str, port: int, clients: list[str], chain: str) -> list[str]:
    if kind == "nftables":
        family = chain.split(maxsplit=1)[0]
        for client in clients:
            if family != "inet" and family != _family(client, "ip", "ip6"):
                raise Unfit(f"rsync_daemon_firewall_chain is of family {family}, and {client} is not; use one of inet")
        sources = [f"{_family(client, 'ip', 'ip6')} saddr {client} " for client in clients] or [""]
        return [f"{source}tcp dport {port} accept" for source in sources] + [f"tcp dport {port} jump {CHAIN}"]
    if kind == "firewalld":
        sources = [f'family="{_family(client, "ipv4", "ipv6")}" source address="{client}" ' for client in clients] or [
            ""
        ]
        rules = [f'rule {source}port port="{port}" protocol="tcp" accept' for source in sources]
        return [f"{when} {rule}" for rule in rules for when in ("permanent", "runtime")]
    if not clients:
        return [f"allow {port}/tcp"]
    return [f"allow from {client} to any port {port} proto tcp" for client in clients]


def is_there(rule: list[str]) -> bool:
    """Whether the firewall has it now."""
    kind, place, line = rule
    if kind == "nftables":
        return bool(_handles(place, line))
    if kind == "ufw":
        said = _ask("ufw", "show", "added") or ""
        return any(each.split(" comment ")[0] == f"ufw {line}" for each in said.splitlines())
    when, _space, rich = line.partition(" ")
    return rich in (_ask(*_firewalld(when), f"--zone={place}", "--list-rich-rules") or "").splitlines()


def change(rule: list[str], there: bool) -> None:
    """Put a rule there, or take it away. Raises Unfit where the firewall refuses."""
    kind, place, line = rule
    if kind == "nftables":
        _change_nftables(place, line, there)
    elif kind == "ufw":
        _do("ufw", *([] if there else ["delete"]), *line.split(), *(["comment", COMMENT] if there else []))
    else:
        when, _space, rich = line.partition(" ")
        _do(*_firewalld(when), f"--zone={place}", f"--{'add' if there else 'remove'}-rich-rule={rich}")


def _change_nftables(place: str, line: str, there: bool) -> None:
    """The rules are in a chain of the role's own, to which the chain of what comes in jumps first of all.

    In a table of its own they would be of no use: what one base chain accepts, another one can still drop.
    """
    family, table, _chain = place.split()
    own = f"{family} {table} {CHAIN}"
    into = place if line.endswith(f"jump {CHAIN}") else own
    if there:
        _do("nft", f"add chain {own}; {'insert' if into == place else 'add'} rule {into} {line}")
        return
    for handle in _handles(place, line):
        _do("nft", f"delete rule {into} handle {handle}")
    if into == place and not re.search(rf"jump {CHAIN}\b", _ask("nft", "list", "chain", *place.split()) or ""):
        _do("nft", f"flush chain {own}; delete chain {own}")


def _handles(place: str, line: str) -> list[str]:
    family, table, chain = place.split()
    name = chain if line.endswith(f"jump {CHAIN}") else CHAIN
    said = _ask("nft", "-a", "-nn", "list", "chain", family, table, name) or ""
    return re.findall(rf"^\s*{re.escape(line)} # handle ([0-9]+)$", said, re.MULTILINE)


def _firewalld(when: str) -> list[str]:
    if _ask("firewall-cmd", "--state") is not None:
        return ["firewall-cmd", "--permanent"] if when == "permanent" else ["firewall-cmd"]
    return ["firewall-offline-cmd"] if when == "permanent" else ["false"]  # what does not run has no rules


def _network(client: str) -> str:
    try:
        network = ipaddress.ip_network(client, strict=False)
    except ValueError:
        raise Unfit(
            f"rsync_daemon_firewall: {client} is no address, and a firewall looks no name up at each connection; set "
            "lockstep_clients of that host, or rsync_daemon_hosts_allow, to its address"
        ) from None
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _family(client: str, four: str, six: str) -> str:
    return six if ":" in client else four


def _recorded(path: str) -> list[list[str]]:
    try:
        with open(path, encoding="utf-8") as stream:
            return [list(rule) for rule in json.load(stream)]
    except FileNotFoundError:
        return []


def _record(path: str, rules: list[list[str]]) -> None:
    """Whole or not at all: a rule that is not in it would never be closed."""
    if not rules:
        if os.path.lexists(path):
            os.unlink(path)
        return
    with open(f"{path}.new", "w", encoding="utf-8") as stream:
        json.dump(rules, stream, indent=1)
    os.chmod(f"{path}.new", 0o600)
    os.replace(f"{path}.new", path)


def _ask(*words: str) -> Optional[str]:
    """What a program says; None where it fails or is not there."""
    try:
        done = _run(words)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _do(*words: str) -> None:
    done = _run(words)
    if done.returncode:
        raise Unfit(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")


def _run(words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '/usr/bin:/bin')}:{_BEYOND_PATH}"}
    return subprocess.run(words, env=env, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def main(words: list[str]) -> None:
    """Raises Unfit and OSError."""
    if words[0] == "again":
        for rule in _recorded(words[1]):
            if rule[0] == "nftables" and not is_there(rule):
                change(rule, True)
    else:
        json.dump(carry_out(json.loads(words[0])), sys.stdout)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Unfit, OSError) as failure:
        sys.exit(str(failure))
