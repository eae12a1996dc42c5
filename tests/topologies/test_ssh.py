"""Over ssh: one mirror goes so from the first day on, another one changes over to it, and the link tells nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / room) for room in ("hosts", "tools")]

from machines import Machines  # noqa: E402 (found by the line above)
from playing import Played, Player  # noqa: E402
from polling import wait_for  # noqa: E402
from trees import differences  # noqa: E402

HOSTS = {"nfs01": "172.16.1.31:nfs:bookworm", "backup01": "172.16.1.41:backup:trixie"}
MARK = b"only-for-the-eyes-of-both-ends"
USER = "lockstep-ssh"


def mirrors(**transports: str) -> dict[str, Any]:
    """Of each name, how it goes to backup01."""
    return {
        "lockstep_mirrors": [
            {
                "name": name,
                "source": f"/srv/{name}",
                "path": f"/srv/backup/{name} of nfs01",
                "targets": [{"host": "backup01", "transport": transport}],
            }
            for name, transport in transports.items()
        ]
    }


@dataclass
class Pair:
    machines: Machines
    player: Player

    def play(self, playbook: str, *options: str, succeeds: bool = True) -> Played:
        return self.player.play(playbook, *options, succeeds=succeeds)

    def source(self, name: str) -> Path:
        return self.machines.disk("nfs01", f"/srv/{name}")

    def copy(self, name: str) -> Path:
        return self.machines.disk("backup01", f"/srv/backup/{name} of nfs01")

    def unequal(self, name: str) -> list[str]:
        try:
            return differences(self.source(name), self.copy(name), owners=True, fake_super=True)
        except (FileNotFoundError, NotADirectoryError) as error:
            return [f"{error} while being compared"]  # it moved under our eyes

    def become_equal(self, name: str, seconds: float = 60) -> None:
        wait_for(
            lambda: not self.unequal(name),
            seconds,
            lambda: "equal trees, but\n" + "\n".join(self.unequal(name)[:20]),
        )

    @contextlib.contextmanager
    def captured(self, file: Path) -> Iterator[None]:
        """All that goes over the cable of nfs01 meanwhile, in this file."""
        net = f"--net={self.machines.network('nfs01')}"
        argv = ["nsenter", net, "tcpdump", "--immediate-mode", "-U", "-s", "0", "-i", "any", "-Z", "root"]
        with subprocess.Popen([*argv, "-w", str(file)], stderr=subprocess.PIPE, text=True) as capture:
            try:
                assert capture.stderr is not None
                said = capture.stderr.readline()
                while said and "listening" not in said:
                    said = capture.stderr.readline()
                assert said, "tcpdump ended"
                yield
            finally:
                capture.send_signal(signal.SIGINT)
                capture.wait(20)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))
    folder = Path(tempfile.mkdtemp(prefix="lockstep-ssh-", dir="/var/tmp"))
    machines = Machines(folder, HOSTS, f"ssh-{folder.name}")
    try:
        player = Player(machines, "one password of all hosts here")
        player.write("mirrors", mirrors(secret="ssh", plain="plain"))
        machines.lab("up")
        for name in ("secret", "plain"):
            made = machines.disk("nfs01", f"/srv/{name}") / "before/deep"
            made.mkdir(parents=True)
            (made / "file").write_text("was there before\n")
            (made / "file").chmod(0o640)
            os.chown(made / "file", 1234, 4321)
        yield Pair(machines, player)
    finally:
        machines.lab("down")
        shutil.rmtree(folder)


def test_in_check_mode_a_fresh_host_is_told_of_and_left_alone(pair: Pair) -> None:
    played = pair.play("site.yml", "--check")
    assert (
        "nfs01",
        "lockstep.realtime.watcher : Each key is made once, on the host that it stays on",
    ) in played.changes
    assert ("backup01", "lockstep.realtime.ssh_target : The user exists") in played.changes
    assert pair.machines.run("backup01", f"getent passwd {USER}", check=False) == ""
    assert pair.machines.run("nfs01", "ls /etc/lockstep", check=False) == ""


def test_it_is_deployed_and_verified_over_ssh(pair: Pair) -> None:
    said = pair.play("site.yml").output
    assert "172.16.1.41" in said
    pair.become_equal("secret")
    pair.become_equal("plain")
    targets = {m["name"]: m["targets"][0] for m in pair.machines.status("nfs01")["mirrors"]}
    assert targets["secret"]["url"] == f"ssh://{USER}@172.16.1.41/"
    assert targets["plain"]["url"].startswith("rsync://")


def test_a_second_run_changes_nothing(pair: Pair) -> None:
    assert pair.play("site.yml").changed == dict.fromkeys(HOSTS, 0)


def test_changes_of_every_kind_arrive(pair: Pair) -> None:
    top = pair.source("secret")
    for number in range(50):
        folder = top / f"folder {number % 5}/below"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}").write_bytes(os.urandom(1000 * number))
        (folder / f"{number}").chmod(0o600 + number % 8)
    pair.become_equal("secret")
    (top / "folder 0").rename(top / "renamed")
    (top / "a link").symlink_to("renamed/below")
    shutil.rmtree(top / "folder 2")
    (top / "folder 3/below/3").write_text("otherwise\n")
    (top / "line\nbreak").write_text("odd\n")
    pair.become_equal("secret")


def test_the_link_tells_no_content_over_ssh_and_all_of_it_without(pair: Pair, tmp_path: Path) -> None:
    """The same capture for both, so that it is known to see what is to be seen."""
    seen = {}
    for name in ("secret", "plain"):
        capture = tmp_path / name
        with pair.captured(capture):
            (pair.source(name) / "marked").write_bytes(MARK * 100)
            pair.become_equal(name)
        seen[name] = MARK in capture.read_bytes(), b"marked" in capture.read_bytes()
        assert capture.stat().st_size > len(MARK) * 100
    assert seen == {"secret": (False, False), "plain": (True, True)}


def test_the_key_lets_in_nobody_further_than_the_directory(pair: Pair) -> None:
    key = "/etc/lockstep/secrets/ssh_secret"
    ssh = f"ssh -F none -i {key} -o UserKnownHostsFile=/etc/lockstep/secrets/ssh_known_hosts -o BatchMode=yes"
    assert "does not run rsync" in pair.machines.run("nfs01", f"{ssh} {USER}@172.16.1.41 id 2>&1", check=False)
    listed = pair.machines.run("nfs01", f"rsync -e '{ssh}' {USER}@172.16.1.41:/ 2>&1", check=False)
    assert "marked" in listed
    outside = pair.machines.run("nfs01", f"rsync -e '{ssh}' {USER}@172.16.1.41:/../../etc/passwd . 2>&1", check=False)
    assert "do not use .." in outside
    # from another address than the NFS host's, it is no key at all
    pair.machines.run("backup01", "ip address show >/dev/null")
    shown = pair.machines.run("nfs01", f"cat {key}")
    pair.machines.run("backup01", f"umask 077; cat >/root/stolen <<'E'\n{shown}E\n")
    stolen = "ssh -F none -i /root/stolen -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes"
    assert "Permission denied" in pair.machines.run("backup01", f"{stolen} {USER}@172.16.1.41 id 2>&1", check=False)


def test_nothing_secret_can_be_read_by_others(pair: Pair) -> None:
    modes = pair.machines.run("nfs01", "stat -c '%a %U %G %n' /etc/lockstep/secrets/ssh_*").splitlines()
    assert sorted(modes) == [
        "600 lockstep lockstep /etc/lockstep/secrets/ssh_secret",
        "600 root root /etc/lockstep/secrets/ssh_known_hosts",
        "644 root root /etc/lockstep/secrets/ssh_secret.pub",
    ]
    keys = pair.machines.run("backup01", "stat -c '%a %U' /var/lib/lockstep-ssh/.ssh/authorized_keys")
    assert keys.split() == ["644", "root"]


def test_the_audit_finds_it_in_step(pair: Pair) -> None:
    pair.become_equal("secret")
    pair.play("playbooks/audit.yml", "-e", "lockstep_audit_checksum=true")


def test_what_drifted_is_mended_by_an_audit(pair: Pair) -> None:
    (pair.copy("secret") / "before/deep/file").write_text("was NEVER there\n")
    (pair.copy("secret") / "too much").write_text("x")
    pair.play("playbooks/audit.yml", "-e", "lockstep_audit_checksum=true", succeeds=False)
    pair.play("playbooks/audit.yml", "-e", "lockstep_audit_checksum=true", "-e", "lockstep_audit_repair=true")
    pair.become_equal("secret")


def test_a_restore_brings_back_owners_and_modes(pair: Pair) -> None:
    wanted = ["-e", "lockstep_restore_mirror=secret", "-e", "lockstep_restore_to=/srv/restored"]
    pair.play("playbooks/restore.yml", *wanted, "-e", "lockstep_restore_from=backup01")
    assert not differences(pair.source("secret"), pair.machines.disk("nfs01", "/srv/restored"), owners=True)


def test_another_host_key_stops_it_until_site_has_fetched_the_new_one(pair: Pair) -> None:
    make = "rm -f /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key"
    pair.machines.run("backup01", f"{make}; systemctl restart ssh; pkill -u {USER} rsync; true")

    def target() -> dict[str, Any]:
        found = [m for m in pair.machines.status("nfs01")["mirrors"] if m["name"] == "secret"]
        return dict(found[0]["targets"][0])

    (pair.source("secret") / "later").write_text("later\n")
    wait_for(lambda: "host key has changed" in target()["reason"], 90, lambda: str(target()))
    assert not (pair.copy("secret") / "later").exists()
    # whoever runs Ansible has to trust the new one first
    known = pair.machines.folder / "ssh/known_hosts"
    kind, key, *_ = pair.machines.run("backup01", "cat /etc/ssh/ssh_host_ed25519_key.pub").split()
    others = [line for line in known.read_text().splitlines() if not line.startswith("172.16.1.41")]
    known.write_text("\n".join([*others, f"172.16.1.41 {kind} {key}"]) + "\n")
    pair.play("site.yml")
    pair.become_equal("secret")


def test_a_mirror_changes_over_from_the_daemon_to_ssh(pair: Pair) -> None:
    pair.player.write("mirrors", mirrors(secret="ssh", plain="ssh"))
    pair.play("site.yml")
    (pair.source("plain") / "before/deep/file").write_text("now over ssh\n")
    shutil.rmtree(pair.source("plain") / "before/deep")
    pair.become_equal("plain")
    # nobody is left whom the daemon would serve
    assert pair.machines.run("backup01", "systemctl is-active rsync", check=False).strip() == "inactive"
    assert pair.play("site.yml").changed == dict.fromkeys(HOSTS, 0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (mirrors(secret="shh"), "transport of backup01 must be one of"),
        ({**mirrors(secret="ssh"), "rsync_daemon_ownership": "root"}, "root would have to log in"),
        ({**mirrors(secret="ssh"), "lockstep_clients": "nfs01.example.org"}, "sshd restricts a key to addresses alone"),
        ({**mirrors(secret="ssh"), "ssh_target_user": "root"}, "ssh_target_user must be the name of a user"),
        ({**mirrors(secret="ssh"), "ssh_target_port": 0.5}, "ssh_target_port must be a number"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_changes(pair: Pair, values: dict[str, Any], said: str) -> None:
    before = pair.machines.written("backup01", "etc", "var/lib/lockstep-ssh")
    pair.player.write("mirrors", values)
    try:
        played = pair.play("site.yml", succeeds=False)
    finally:
        pair.player.write("mirrors", mirrors(secret="ssh", plain="ssh"))
    assert said in played.said()
    assert pair.machines.written("backup01", "etc", "var/lib/lockstep-ssh") == before


def test_removing_it_leaves_the_data_and_no_way_in(pair: Pair) -> None:
    pair.become_equal("secret")
    owner = pair.machines.run("backup01", f"id -u {USER}")
    pair.play("playbooks/uninstall.yml")
    assert not pair.unequal("secret")
    assert pair.machines.run("backup01", "ls -d /var/lib/lockstep-ssh", check=False) == ""
    # the next user of the system would own the data
    account = pair.machines.run("backup01", f"getent passwd {USER} | cut -d: -f3,7")
    assert account.strip() == f"{owner.strip()}:/usr/sbin/nologin"
    assert pair.machines.run("nfs01", "ls -d /etc/lockstep", check=False) == ""
