"""Targets over ssh: what a URL may say, how rsync and ssh are called for it, and what their failures mean."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from lockstep import config_ssh, preflight
from lockstep.config import Config, ConfigError, Target, parse
from lockstep.config_ssh import Ssh
from lockstep.transfer import command, kinds, outcome, ssh_words
from lockstep.transfer.command import Lane

SSH = Ssh("/etc/lockstep/secrets/k", "/etc/lockstep/secrets/known")


def text(url: str, more: str = "", top: str = "") -> bytes:
    quoted = url.replace("\\", "\\\\").replace('"', '\\"')
    return f'{top}\nmirrors:\n  - name: m\n    source: /data\n    targets: [{{url: "{quoted}"{more}}}]\n'.encode()


def over_ssh(url: str, more: str = "") -> Target:
    return parse(text(url, more), "x").mirrors[0].targets[0]


def mistakes(url: str, more: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text(url, more), "x")
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "understood", "name"),
    [
        ("ssh://u@h/backup", ("u", "h", 22, "backup"), "h/backup"),
        ("ssh://h:2222//a//./b/", (None, "h", 2222, "a/b"), "h/a/b"),
        ("ssh://u@[2001:db8::1]:22/a", ("u", "2001:db8::1", 22, "a"), "2001:db8::1/a"),
        ("ssh://u@h/", ("u", "h", 22, ""), "h"),
        ("ssh://u@h/a b/q'$(id)`x`;@:", ("u", "h", 22, "a b/q'$(id)`x`;@:"), "h/a b/q'$(id)`x`;@:"),
    ],
)
def test_a_url_of_ssh_is_understood(url: str, understood: tuple[object, ...], name: str) -> None:
    found = over_ssh(url)
    assert (found.scheme, found.module, found.password_file) == ("ssh", "", None)
    assert (found.user, found.host, found.port, found.path) == understood
    assert found.name == name
    assert found.ssh == Ssh(config_ssh.KEY_FILE, config_ssh.KNOWN_HOSTS)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ssh://u@h", "names no path"),
        ("ssh://u@/x", "names no host"),
        ("ssh://-oProxyCommand=x@h/x", "the user '-oProxyCommand=x' must be of letters"),
        ("ssh://u v@h/x", "the user 'u v' must be of letters"),
        ("ssh://u'@h/x", "must be of letters"),
        ("ssh://@h/x", "the user '' must be of letters"),
        ("ssh://u@-h/x", "is not the name or address of a host"),
        ("ssh://u@h\\n/x", "must not contain control characters"),
        ("ssh://u@$(id)/x", "is not the name or address of a host"),
        ("ssh://u:secret@h/x", "must not contain a password"),
        ("ssh://u@h:0/x", "the port must be a number"),
        ("ssh://u@h:x/x", "the port must be a number"),
        ("ssh://u@h/a/../b", "must not contain .."),
        ("ssh://u@h/a*", "rrsync would expand"),
        ("ssh://u@h/{a,b}", "rrsync would expand"),
        ("ssh://u@h/a\\\\b", "rrsync would expand"),
        ("ssh://u@h/a\u3000b", "rrsync would expand"),
        ("ssh://root@h/", "must not be the root of the other host"),
        ("ssh://h/", "must not be the root of the other host"),
    ],
)
def test_a_url_that_could_mean_something_else_is_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f'mirrors: [{{name: m, source: /data, targets: [{{url: "{url}"}}]}}]'.encode(), "x")
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "more", "said"),
    [
        ("ssh://u@h/x", ", password_file: /p", "ssh shows a key and no password"),
        ("ssh://u@h/x", ", ssh_key: k", "must be an absolute path"),
        ("ssh://u@h/x", ", ssh_key: '/a b'", "must have no spaces"),
        ("ssh://u@h/x", ", ssh_known_hosts: '/a%h'", "must have no spaces"),
        ("ssh://u@h/x", ", ssh_known_hosts: /a$x", "must have no spaces"),
        ("ssh://u@h/x", ", fake_super: 1", "fake_super"),
        ("ssh://u@h/x", ", rsync_options: [--contimeout=3]", "is for rsync daemons"),
        ("ssh://u@h/x", ", rsync_options: [-s]", "is for rsync daemons"),
        ("rsync://h/x", ", ssh_key: /k", "is for a target that is reached over ssh"),
        ("file:///x", ", fake_super: true", "is for a target that is reached over ssh"),
    ],
)
def test_what_does_not_go_with_the_url_is_refused(url: str, more: str, said: str) -> None:
    assert said in mistakes(url, more)


def test_two_mirrors_of_one_key_into_one_path_are_refused_and_of_two_keys_not() -> None:
    mirror = "- {{name: m{0}, source: /data{0}, targets: [{{url: 'ssh://u@h/', ssh_key: /{1}}}]}}\n"
    with pytest.raises(ConfigError, match="writes to the same path"):
        parse(("mirrors:\n" + mirror.format(1, "k") + mirror.format(2, "k")).encode(), "x")
    parse(("mirrors:\n" + mirror.format(1, "k") + mirror.format(2, "l")).encode(), "x")


@pytest.mark.parametrize("lane", [lane for lane in Lane if lane not in (Lane.LINK, Lane.FUZZY_ELSEWHERE)])
def test_rsync_is_told_to_go_by_an_ssh_that_asks_nobody_and_trusts_only_who_is_known(lane: Lane) -> None:
    target = over_ssh("ssh://u@h:2222/a b", ", ssh_key: /k, ssh_known_hosts: /known, fake_super: true")
    argv = command.batch("rsync", target, lane)
    assert argv[-3:] == ["--", "/", "u@h:/a b/"]
    (shell,) = (word[len("--rsh=") :] for word in argv if word.startswith("--rsh="))
    ssh = shlex.split(shell)
    assert ssh[0] == "ssh"
    assert ssh[ssh.index("-p") : ssh.index("-p") + 2] == ["-p", "2222"]
    assert ssh[ssh.index("-i") : ssh.index("-i") + 2] == ["-i", "/k"]
    said = {ssh[n + 1] for n, word in enumerate(ssh) if word == "-o"}
    assert {
        *("BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "UserKnownHostsFile=/known"),
        *("ControlMaster=no", "PreferredAuthentications=publickey", "ConnectTimeout=10", "LogLevel=ERROR"),
        "KexAlgorithms=-sntrup*",
    } <= said
    assert "-M--fake-super" in argv
    # rrsync takes the short form, in which rsync would say it, for none of its options
    assert "-M--modify-window=-1" in argv
    assert "--modify-window=-1" not in argv
    assert not any(word.startswith(("--contimeout", "--sockopts", "--password")) for word in argv)


def test_every_other_command_goes_the_same_way() -> None:
    target = over_ssh("ssh://u@[::1]/a")
    many = [b"%d" % number for number in range(100)]
    for argv, where in (
        (command.large("rsync", target, Lane.CONTENT, b"/data", many), "u@[::1]:/a/"),
        (command.renamed("rsync", target, Lane.LINK, b"new", b"old"), "u@[::1]:/a/./new/"),
        (command.remains("rsync", target), "u@[::1]:/a/"),
        (command.folder("rsync", target, "/empty", ".half"), "u@[::1]:/a/.half/"),
        (command.comparison("rsync", target, [], True, False), "u@[::1]:/a/"),
    ):
        assert argv is not None
        assert argv[-1] == where
        assert any(word.startswith("--rsh=ssh ") for word in argv)
        assert "--modify-window=-1" not in argv
    linked = command.renamed("rsync", target, Lane.LINK, b"new", b"old")
    assert "--link-dest=/a/old" in linked


def test_folders_on_the_target_are_named_from_the_root() -> None:
    for url, folder in (("ssh://u@h/a/b", "/a/b/.half"), ("ssh://u@h/", "/.half")):
        argv = command.batch("rsync", over_ssh(url, ", rsync_options: [--temp-dir=.half]"), Lane.CONTENT)
        assert f"--temp-dir={folder}" in argv


@pytest.mark.parametrize("name", [b"plain", "é".encode(), b"a b", b"q'\"$(x)`;&|~#"])
def test_names_that_reach_the_other_end_as_they_are_may_be_named_to_it(name: bytes) -> None:
    assert command.can_be_renamed(name, b"old", over_ssh("ssh://u@h/a"))


@pytest.mark.parametrize("name", [b"a\nb", b"a*", b"{a,b}", b"a\\", b"\xff", "a\u3000b".encode(), b"x" * 3_000])
def test_names_that_would_not_are_never_named(name: bytes) -> None:
    assert not command.can_be_renamed(name, b"old", over_ssh("ssh://u@h/a"))
    assert not command.can_be_renamed(b"new", name, over_ssh("ssh://u@h/a"))


CHANGED = b"""@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
Host key for [127.0.0.1]:2222 has changed and you have requested strict checking.\r
Host key verification failed.\r
rsync: connection unexpectedly closed (0 bytes received so far) [sender]
rsync error: unexplained error (code 255) at io.c(285) [sender=3.5.0]
"""
REFUSED = b"ssh: connect to host h port 22: Connection refused\r\nrsync: connection unexpectedly closed [sender]\n"


@pytest.mark.parametrize(
    ("code", "stderr", "said", "kind", "made"),
    [
        (255, CHANGED, "the target's host key has changed", "host_key", False),
        (12, CHANGED, "the target's host key has changed", "host_key", False),  # rsync did not wait for ssh
        (12, b"rsync: Load key x: Broken pipe (32)\n", "rsync 12", "closed", True),
        (11, CHANGED, "rsync 11", "write", True),
        (
            255,
            b"No ED25519 host key is known for h and you have requested strict checking.\r\n"
            b"Host key verification failed.\r\n",
            "the target's host key is not known: ssh_known_hosts lacks it",
            "host_key",
            False,
        ),
        (255, b"u@h: Permission denied (publickey,password).\r\n", "the target does not take ssh_key", "login", False),
        (255, REFUSED, "is sshd running?", "unreachable", False),
        (255, b"ssh: Could not resolve hostname h: Name or service not known\r\n", "be resolved", "unreachable", False),
        (255, b"ssh: connect to host h port 22: Connection timed out\r\n", "did not answer the", "timeout", False),
        (255, b"kex_exchange_identification: Connection closed by remote host\r\n", "MaxStartups", "closed", False),
        (255, b"Connection closed by 127.0.0.1 port 22\r\n", "MaxStartups", "closed", False),
        (255, b"Connection to h closed by remote host.\r\n", "closed the connection", "closed", True),
        (255, b"client_loop: send disconnect: Broken pipe\r\n", "closed the connection", "closed", True),
        (255, b"Timeout, server h not responding.\r\n", "did not answer in time", "timeout", True),
        (255, b"something new\n", "ssh failed (rsync 255: something new)", "unreachable", False),
        (
            12,
            b"/usr/bin/rrsync error: option -s has been disabled on this server.\n",
            "rrsync refuses",
            "options",
            True,
        ),
        (2, b"protocol version mismatch -- is your shell clean?\n", "prints nothing", "protocol", True),
    ],
)
def test_how_ssh_and_the_other_end_fail_is_told(code: int, stderr: bytes, said: str, kind: str, made: bool) -> None:
    why = outcome.reason(code, stderr)
    assert said in why
    assert kinds.kind(why) == kind
    assert outcome.never_connected(code, stderr) is not made
    assert outcome.judge(code, stderr, b"/data", frozenset([b"f"])).result is outcome.Result.FAILED


def test_a_file_that_may_not_be_written_is_no_failure_of_ssh() -> None:
    found = outcome.judge(
        23, b'rsync: [receiver] mkstemp "/a/.f.x1y2z3" failed: Permission denied (13)\n', b"/data", frozenset([b"f"])
    )
    assert found.result is outcome.Result.PARTIAL
    assert ssh_words.reason(b"Permission denied (13)") is None


# ---------------------------------------------------------------------- what `lockstep check` looks at


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    for name in ("key", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    public = " ".join((tmp_path / "host.pub").read_text().split()[:2])
    (tmp_path / "known").write_text(f"[h]:2222 {public}\nh {public}\n")
    return tmp_path


def configured(folder: Path, url: str = "ssh://u@h/x", top: str = "") -> Config:
    return parse(
        f"{top}\nstate_dir: {folder}/state\nmirrors:\n- name: m\n  source: {folder}/source\n  targets:\n"
        f"  - {{url: '{url}', ssh_key: {folder}/key, ssh_known_hosts: {folder}/known}}\n".encode(),
        "x",
    )


def test_a_key_and_a_host_that_are_right_are_no_problem(folder: Path) -> None:
    assert preflight.local_problems(configured(folder)) == []
    assert preflight.local_problems(configured(folder, "ssh://u@h:2222/x")) == []


@pytest.mark.parametrize(
    ("mode", "content", "said"),
    [
        (0o640, None, "is open to others than its owner (mode 0640), so that ssh refuses it; chmod 0600"),
        (0o604, None, "is open to others than its owner (mode 0604)"),
        (0o600, "no key\n", "is no private key without a passphrase"),
        (0o600, "", "is no private key without a passphrase"),
    ],
)
def test_a_key_that_ssh_would_not_use_is_named(folder: Path, mode: int, content: str | None, said: str) -> None:
    if content is not None:
        (folder / "key").write_text(content)
    (folder / "key").chmod(mode)
    (problem,) = preflight.local_problems(configured(folder))
    assert problem.startswith(f"mirrors[0].targets[0].ssh_key: {folder}/key ")
    assert said in problem


def test_a_key_with_a_passphrase_or_none_at_all_is_named(folder: Path) -> None:
    (folder / "key").unlink()
    (problem,) = preflight.local_problems(configured(folder))
    assert "ssh-keygen -t ed25519" in problem
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(folder / "key")], check=True)
    (problem,) = preflight.local_problems(configured(folder))
    assert "without a passphrase" in problem


def test_a_key_of_somebody_else_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(folder / "key", 1234, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    (problem,) = [text for text in preflight.local_problems(configured(folder)) if "ssh_key" in text]
    assert "belongs to uid" in problem


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("", 0o644, "has no key of h; site.yml fetches it"),
        (None, 0o644, "No such file or directory; it must hold the host key of h"),
        ("h ssh-ed25519 AAAA\n", 0o666, "can be written by others (mode 0666)"),
    ],
)
def test_a_host_that_is_not_known_is_named(folder: Path, content: str | None, mode: int, said: str) -> None:
    (folder / "known").unlink()
    if content is not None:
        (folder / "known").write_text(content)
        (folder / "known").chmod(mode)
    (problem,) = preflight.local_problems(configured(folder))
    assert problem.startswith(f"mirrors[0].targets[0].ssh_known_hosts: {folder}/known")
    assert said in problem


def test_a_host_of_another_port_is_another_one(folder: Path) -> None:
    (problem,) = preflight.local_problems(configured(folder, "ssh://u@h:2223/x"))
    assert "has no key of [h]:2223" in problem


def test_an_rsync_that_does_not_keep_names_from_the_other_shell_is_refused(folder: Path) -> None:
    fake = folder / "rsync"
    fake.write_text('#!/bin/sh\n[ "$1" != --version ] || echo "rsync  version 3.2.3  protocol version 31"\nexit 0\n')
    fake.chmod(0o755)
    problems = preflight.local_problems(configured(folder, top=f"rsync: {fake}"))
    assert any("rsync 3.2.3 does not keep names from the shell" in text for text in problems)
