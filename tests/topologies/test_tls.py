"""The transport tls, from a plain mirror to an encrypted one and away: what the link shows, what fails and is said."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / room) for room in ("hosts", "tools", "e2e"))]

from ansible_collections.lockstep.realtime.plugins.plugin_utils._authority import Authority  # noqa: E402 (found above)
from encrypted import BEHIND, ENDS, HOSTS, MIRRORS, NEW_KEY, Link  # noqa: E402
from loading import Load  # noqa: E402
from machines import Machines  # noqa: E402
from playing import Player  # noqa: E402
from trees import differences  # noqa: E402


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))
    folder = Path(tempfile.mkdtemp(prefix="lockstep-tls-", dir="/var/tmp"))
    machines = Machines(folder, HOSTS, f"tls-{folder.name}")
    try:
        player = Player(machines, "one password of all hosts here")
        player.write("mirrors", {"lockstep_mirrors": MIRRORS, "rsync_daemon_log_level": "info"})
        machines.lab("up")
        made = machines.disk("nfs01", "/srv/data") / "before/deep"
        made.mkdir(parents=True)
        (made / "file").write_text("was there before\n")
        link = Link(machines, player)
        link.play("site.yml")
        yield link
    finally:
        machines.lab("down")
        shutil.rmtree(folder)


def test_a_capture_of_a_plain_link_has_what_is_in_a_file(link: Link) -> None:
    """Without this, what is found nowhere below would say nothing."""
    with link.listening() as captured:
        assert link.shows(captured, "plain")


def test_a_transport_that_is_none_is_refused_before_anything_changes(link: Link) -> None:
    link.want(lockstep_transport="tsl")
    said = link.play("site.yml", succeeds=False).said()
    assert "lockstep_transport of backup01 must be one of" in said
    assert link.machines.run("backup01", "ls /etc | grep lockstep-tls", check=False) == ""


def test_a_plain_mirror_becomes_an_encrypted_one_while_it_changes(link: Link) -> None:
    link.want(lockstep_transport="tls")
    with Load([link.source / "load"]) as load:
        link.play("site.yml")
    assert load.written > 20
    link.become_equal()
    for host in HOSTS:
        key = link.machines.run(host, "cat /etc/lockstep-tls/host.key").splitlines()[1]
        link.player.secrets.append(key)
        assert set(link.machines.holders(host, key).values()) == {0o640}
    authority = link.machines.folder / "lockstep-tls/ca.key"
    assert authority.stat().st_mode & 0o777 == 0o600
    link.player.secrets.append(authority.read_text().splitlines()[1])
    link.player.secrets.append(link.player.secrets.pop(0))  # the password is the last one


def test_a_second_run_changes_nothing(link: Link) -> None:
    assert link.play("site.yml").changed == dict.fromkeys(HOSTS, 0)


def test_a_capture_of_the_encrypted_link_has_nothing_of_a_file(link: Link) -> None:
    with link.listening() as captured:
        assert not link.shows(captured, "encrypted")
        assert captured.packets("port 874") > 0
        assert captured.packets("port 873") == 0


def test_the_daemon_is_reached_through_tls_alone(link: Link) -> None:
    for port in (873, 8730):
        dial = f"timeout 5 bash -c '</dev/tcp/172.16.1.41/{port}' 2>&1"
        assert "Connection refused" in link.machines.run("nfs01", dial, check=False)
    ask = f"echo | timeout 10 openssl s_client -connect {BEHIND} -CAfile /etc/lockstep-tls/ca.pem -ign_eof 2>&1"
    said = link.machines.run("nfs01", ask, check=False)
    assert "certificate required" in said
    assert "@RSYNCD" not in said


def test_the_daemon_knows_where_a_connection_comes_from(link: Link) -> None:
    shown = "journalctl -o cat -u lockstep-rsyncd-proxy | grep -a 'rsync to data/ from' | tail -n 1"
    assert "(172.16.1.31)" in link.machines.run("backup01", shown)
    ask = (
        "import socket; s = socket.create_connection(('127.0.0.1', 8730)); "
        "s.sendall(b'PROXY TCP4 172.16.1.99 172.16.1.41 5 874\\r\\n@RSYNCD: 31.0 md5\\ndata\\n'); "
        "print(b''.join(iter(lambda: s.recv(999), b'')).decode())"
    )
    said = link.machines.run("backup01", f'python3 -c "{ask}"')
    assert "@ERROR" in said
    assert "AUTHREQD" not in said


@pytest.mark.parametrize(
    ("host", "unit", "most"),
    [("nfs01", "lockstep-tls", 1.4), ("backup01", "lockstep-tls", 1.5), ("backup01", "lockstep-rsyncd-proxy", 2.5)],
)
def test_exposure_is_as_little_as_promised(link: Link, host: str, unit: str, most: float) -> None:
    said = link.machines.run(host, f"systemd-analyze security --no-pager {unit}.service")
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    assert float(found[1]) <= most, said


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("backup01", (f"the certificate that {BEHIND} shows", "self-signed certificate")),
        ("nfs01", (f"{BEHIND} refuses /etc/lockstep-tls/host.pem of this host",)),
    ],
)
def test_another_authority_is_refused_and_named_and_a_run_mends_it(
    link: Link, host: str, words: tuple[str, ...]
) -> None:
    link.make_foreign(host)
    (link.source / f"while {host} was foreign").write_text("1\n")
    link.says(*words)
    assert not (link.copy / f"while {host} was foreign").exists()
    link.play("site.yml")
    link.become_equal()


def test_a_certificate_of_another_host_is_refused(link: Link) -> None:
    """It is of the right authority, and not of the host that is meant."""
    for file in ("host.key", "host.pem"):
        link.replace("backup01", file, link.machines.run("nfs01", f"cat /etc/lockstep-tls/{file}"))
    link.machines.run("backup01", "systemctl restart lockstep-tls")
    (link.source / "for another host").write_text("1\n")
    link.says("is not that of backup01", "ostname mismatch")
    link.play("site.yml")
    link.become_equal()


def test_an_end_that_does_not_run_is_named(link: Link) -> None:
    for host, words in (
        ("nfs01", ("lockstep-tls on this host does not take connections to " + BEHIND,)),
        ("backup01", (f"{BEHIND} cannot be reached", "lockstep-tls")),
    ):
        link.machines.run(host, "systemctl stop lockstep-tls")
        (link.source / f"without {host}").write_text("1\n")
        link.says(*words)
        link.machines.run(host, "systemctl start lockstep-tls")
        link.become_equal()


def test_new_certificates_are_taken_up_while_files_go_across(link: Link) -> None:
    """Nothing is started anew, and no key is told even to whoever asks for everything."""
    certificates = {host: link.machines.run(host, "cat /etc/lockstep-tls/host.pem") for host in HOSTS}
    before = link.machines.on_each(HOSTS, ENDS), link.machines.services()
    link.want(lockstep_transport="tls", tls_days=500, tls_renew_days=450)
    announced = link.play("site.yml", "--check", "--diff")
    with Load([link.source / "load"]) as load:
        done = link.play("site.yml", "--diff", "-vvv")
    assert load.written > 20
    assert announced.changes == done.changes != set()
    assert before == (link.machines.on_each(HOSTS, ENDS), link.machines.services())
    for host, certificate in certificates.items():
        assert link.machines.run(host, "cat /etc/lockstep-tls/host.pem") != certificate
    link.become_equal()


def test_the_end_of_a_certificate_is_said(link: Link) -> None:
    authority = Authority(str(link.machines.folder / "lockstep-tls"))
    request = link.machines.run("nfs01", "openssl req -new -key /etc/lockstep-tls/host.key -subj /CN=nfs01")
    link.replace("nfs01", "host.pem", authority.sign(request, ["DNS:nfs01"], 20))
    said = link.machines.run("nfs01", "lockstep status", check=False)
    assert "certificate for TLS ends in 19 days" in said
    link.replace("nfs01", "host.pem", authority.sign(request, ["DNS:nfs01"], -0.5))  # type: ignore[arg-type]
    link.machines.run("nfs01", "systemctl restart lockstep-tls")
    link.says("refuses /etc/lockstep-tls/host.pem of this host", "which ended on")
    link.play("site.yml")
    link.become_equal()


def test_passwords_change_and_an_audit_and_a_restore_work_through_it(link: Link) -> None:
    old = link.player.password
    link.player.set_password("another password for the hosts", lockstep_previous_password=old)
    link.play("playbooks/rotate_passwords.yml")
    link.play("playbooks/audit.yml", "-e", "lockstep_audit_checksum=true")
    where = ("lockstep_restore_mirror=data", "lockstep_restore_to=/srv/restored")
    link.play("playbooks/restore.yml", *(word for each in where for word in ("-e", each)))
    assert not differences(link.copy, link.machines.disk("nfs01", "/srv/restored"))
    link.play("playbooks/status.yml", "-e", "lockstep_status_strict=true")


def test_an_encrypted_mirror_becomes_a_plain_one_and_leaves_nothing_behind(link: Link) -> None:
    link.player.remove("transport")
    link.play("site.yml")
    link.become_equal()
    for host in HOSTS:
        left = "ls -d /etc/lockstep-tls /etc/systemd/system/*/lockstep-tls* /etc/lockstep-rsyncd-proxy* 2>/dev/null"
        assert link.machines.run(host, f"{left}; getent passwd lockstep-tls", check=False) == ""


def _given(link: Link) -> dict[str, dict[str, str]]:
    """By host, a certificate and key of an authority that the role knows nothing of."""
    folder = link.machines.folder / "given"
    authority = Authority(str(folder))
    authority.make(99)
    found = {}
    for host in HOSTS:
        command = ["openssl", "req", "-new", *NEW_KEY, "-subj", f"/CN={host}", "-keyout", f"{host}.key"]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60)
        key = (folder / f"{host}.key").read_text()
        link.player.secrets.insert(0, key.splitlines()[1])
        found[host] = {"certificate": authority.sign(done.stdout, [f"DNS:{host}"], 20), "key": key}
    return found


def test_certificates_that_are_given_are_compared_and_then_used(link: Link) -> None:
    given = _given(link)
    common = {
        "lockstep_transport": "tls",
        "tls_ca_certificate": Authority(str(link.machines.folder / "given")).text(),
        "tls_certificate": "{{ given[inventory_hostname].certificate }}",
        "tls_key": "{{ given[inventory_hostname].key }}",
    }
    swapped = {
        host: {**given[host], "certificate": given[other]["certificate"]} for host, other in zip(HOSTS, reversed(HOSTS))
    }
    link.want(**common, given=swapped)
    said = link.play("site.yml", "--diff", succeeds=False).said()
    assert "of backup01: tls_certificate is not for the name backup01" in said
    link.want(**common, given=given)
    said = link.play("site.yml", "--diff", "-vvv").said()
    assert "WARNING: the certificate given for nfs01 ends soon" in said
    link.become_equal()
    assert link.play("site.yml").changed == dict.fromkeys(HOSTS, 0)


def test_removing_it_leaves_data_and_nothing_of_the_transport(link: Link) -> None:
    announced = link.play("playbooks/uninstall.yml", "--check")
    done = link.play("playbooks/uninstall.yml")
    assert announced.changes == done.changes
    assert not link.unequal()
    for host in HOSTS:
        left = "ls -d /etc/lockstep* /etc/systemd/system/lockstep* 2>/dev/null; getent passwd lockstep-tls"
        assert link.machines.run(host, left, check=False) == ""
        assert "inactive" in link.machines.run(host, "systemctl is-active lockstep-tls", check=False)
