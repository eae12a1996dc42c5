"""What stunnel is told: who is taken and who is meant, at which end, and nothing between that verifies less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import yaml

ROLE = Path(__file__).parents[3] / "roles/tls"
TUNNELS = [
    {"host": "backup01", "name": "b1.example", "accept": "127.70.1.1:8740", "connect": "172.16.1.41:874"},
    {"host": "backup02", "name": "backup02", "accept": "127.71.1.1:8740", "connect": "[fd00::42]:874"},
]


def sections(**given: Any) -> dict[str, dict[str, list[str]]]:
    """By section ("" for what holds for all), the values of each setting."""
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(comment=lambda text: f"# {text}", bool=bool)
    known = {**yaml.safe_load((ROLE / "defaults/main.yml").read_text()), "ansible_managed": "managed"}
    known = {**known, "tls_serve": False, "tls_tunnels": [], "tls_daemon_port": 8730, **given}
    text = environment.from_string((ROLE / "templates/stunnel.conf.j2").read_text()).render(known)
    found: dict[str, dict[str, list[str]]] = {"": {}}
    name = ""
    for line in text.splitlines():
        if line.startswith("["):
            name = line.strip("[]")
            assert name not in found
            found[name] = {}
        elif line and not line.startswith("#"):
            key, equals, value = line.partition(" = ")
            assert equals or line == "pid ="
            found[name].setdefault(key, []).append(value)
    return found


def test_all_ends_verify_the_other_one_and_speak_nothing_old() -> None:
    common = sections(tls_serve=True, tls_tunnels=TUNNELS)
    assert common[""]["verifyChain"] == common[""]["requireCert"] == ["yes"]
    assert common[""]["sslVersionMin"] == ["TLSv1.3"]
    assert common[""]["CAfile"] == ["/etc/lockstep-tls/ca.pem"]
    softer = {"verifyChain", "requireCert", "verify", "verifyPeer", "CAfile", "CApath", "sslVersionMin", "ciphers"}
    assert not any(softer & set(section) for name, section in common.items() if name)


def test_each_tunnel_takes_the_host_that_it_means_alone() -> None:
    found = sections(tls_tunnels=TUNNELS)
    assert set(found) == {"", "backup01", "backup02"}
    for tunnel in TUNNELS:
        section = found[tunnel["host"]]
        assert section["client"] == ["yes"]
        assert section["checkHost"] == section["sni"] == [tunnel["name"]]
        assert (section["accept"], section["connect"]) == ([tunnel["accept"]], [tunnel["connect"]])


def test_what_comes_in_goes_to_this_host_s_daemon_with_where_it_comes_from() -> None:
    found = sections(tls_serve=True)
    assert set(found) == {"", "lockstep"}
    assert found["lockstep"] == {"accept": ["874"], "connect": ["127.0.0.1:8730"], "protocol": ["proxy"]}
    assert sections(tls_serve=True, tls_address="::", tls_port=1)["lockstep"]["accept"] == [":::1"]
