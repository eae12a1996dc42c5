"""The checker of rsyncd.conf: what rsync would pass over in silence is named with its line, and rsync itself agrees."""

from __future__ import annotations

import getpass
import grp
import importlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import pytest

FILES = pathlib.Path(__file__).parents[3] / "roles" / "rsync_daemon" / "files"
RSYNC = shutil.which("rsync")


@pytest.fixture
def host(tmp_path):
    """A folder with a module directory and a secrets file, and a configuration that is right."""
    (tmp_path / "data").mkdir()
    (tmp_path / "secrets").write_text("watcher:correct-horse\n")
    (tmp_path / "secrets").chmod(0o600)
    return tmp_path


def config(host, extra="", module="", path="data"):
    return (
        f"use chroot = no\nuid = {getpass.getuser()}\nread only = no\nauth users = watcher:rw\n"
        f"secrets file = {host}/secrets\n{extra}\n[data]\npath = {host}/{path}\n{module}\n"
    )


def check(host, text, *command, rsync=RSYNC):
    """The checker's exit status and what it says."""
    file = host / "rsyncd.conf"
    file.write_text(text)
    argv = [sys.executable, "-B", "-m", "rsyncd_check", *(command or ("config",)), "--rsync", rsync, str(file)]
    run = subprocess.run(argv, cwd=FILES, capture_output=True, text=True, check=False)
    return run.returncode, run.stderr


def test_a_right_configuration_is_served_by_rsync(host):
    assert check(host, config(host)) == (0, "")


def test_the_password_is_that_of_the_secrets_file(host):
    (host / "secrets").write_text("# someone:else\nother:x\nwatcher:p ass:wörd\n")
    assert check(host, config(host)) == (0, "")


def test_a_module_with_secrets_of_its_own_is_asked_with_their_password(host):
    """rsync passes over the line that tells whose the file is."""
    (host / "own").write_text("# This file is kept by a role.\nwatcher:another-horse\n@nobody:a-third-horse\n")
    own = f"secrets file = {host}/own"
    (host / "own").chmod(0o600)
    assert check(host, config(host, module=own)) == (0, "")
    (host / "own").chmod(0o644)
    assert "others could read it" in check(host, config(host, module=own))[1]
    (host / "own").unlink()
    assert "own: No such file" in check(host, config(host, module=own))[1]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("max conections = 5", "line 6: rsync knows no setting 'max conections'; did you mean 'max connections'?"),
        ("max connections = many", "line 6: max connections: must be a whole number"),
        ("timeout = -5", "timeout: must be a whole number"),
        ("fake super = maybe", "fake super: must be yes or no, not 'maybe'"),
        ("readonly = no", "line 6: readonly is set at line 3 already"),
        ("hosts allow = 10.0.0.300", "10.0.0.300 is neither an address nor a network"),
        ("hosts allow = 10.0.0.1/33", "10.0.0.1/33 is neither"),
        ("ignore errors = yes", "ignore errors = yes is refused: after a read error"),
        ("strict modes = no", "strict modes = no is refused"),
        ("write only = yes", "write only = yes is refused"),
        ("pre-xfer exec = /bin/true", "rsync knows no setting 'pre-xfer exec'"),
        ("auth digest = crc", "auth digest: must be one of sha512"),
        ("socket options = TCP_NODLAY", "socket options: must be some of"),
        ("comment = of %HOME%", "rsync takes %NAME% for an environment variable"),
        ("gid = no-such-group", "gid: must be groups of this host"),
        ("log file = /no/such/folder/log", "log file: /no/such/folder is not a directory"),
        ("&include /etc/other", "includes other files"),
        ("comment = a \\", "ends in a backslash"),
        ("what is this", "'what is this' is neither a comment, a [module] nor a setting"),
        ("[a/b]", "[a/b] is no module"),
        ("[global]", "global is no name for a module"),
    ],
)
def test_a_mistake_is_named_with_line_and_reason(host, extra, said):
    status, text = check(host, config(host, extra))
    assert status == 1
    assert f"{host}/rsyncd.conf: line " in text
    assert said in text


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("port = 99", "port belongs to the daemon, not to a module"),
        ("[data]\npath = /tmp", "the module data is at line 7 already"),
        ("[two]\ncomment = x", "[two]: has no path"),
        ("[two]\npath = /no/such", "[two]: path: /no/such is not a directory"),
        ("uid = no-such-user", "uid: must be a user of this host"),
        ("auth users = nobody:rw", "has no password of 'nobody'"),
    ],
)
def test_a_module_that_cannot_be_served_is_named(host, module, said):
    status, text = check(host, config(host, module=module))
    assert status == 1
    assert said in text


def test_two_modules_in_one_another_are_refused_even_through_a_link(host):
    (host / "data" / "in").mkdir()
    (host / "link").symlink_to(host / "data" / "in")
    status, text = check(host, config(host, module=f"[two]\npath = {host}/link"))
    assert status == 1
    assert "lie one in the other" in text


@pytest.mark.parametrize("missing", ["auth users", "secrets file", "read only"])
def test_what_a_mirror_cannot_do_without_is_required(host, missing):
    lines = [line for line in config(host).splitlines() if not line.startswith(missing)]
    status, text = check(host, "\n".join(lines))
    assert status == 1
    assert missing in text


@pytest.mark.parametrize(
    ("script", "said"),
    [
        # as 3.2.7 of Debian 12u6 does: at the top of a list it deletes, below that it does not
        ('*/*/*) echo "invalid file mode 00 for kept/gone" >&2; exit 2 ;;', "has the --delete-missing-args defect"),
        ("*) exit 0 ;;", "failed to delete in a trial: its exit is 0"),
        ('*) echo "rsync: odd" >&2; exit 1 ;;', "failed to delete in a trial: rsync: odd"),
    ],
)
def test_an_rsync_that_cannot_delete_by_list_is_refused(host, script, said):
    program = host / "rsync"
    program.write_text(f'#!/bin/sh\ncase "$(tr "\\0" /)" in\n{script}\nesac\nexec {RSYNC} "$@"\n')
    program.chmod(0o755)
    status, text = check(host, config(host), rsync=str(program))
    assert status == 1
    assert f"{program} {said}" in text


def test_an_rsync_that_was_unpacked_finds_its_libraries_when_it_logs_in(host, daemon, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(host))
    program = host / "rsync"
    program.write_text(f'#!/bin/sh\n[ "$LD_LIBRARY_PATH" = "{host}" ] && exec {RSYNC} "$@"\necho lost >&2; exit 127\n')
    program.chmod(0o755)
    login = ("login", "--address=127.0.0.1", f"--port={daemon}", "--wait=10")
    assert check(host, config(host), *login, rsync=str(program)) == (0, "")


def test_a_secrets_file_that_others_can_read_is_refused(host):
    (host / "secrets").chmod(0o640)
    status, text = check(host, config(host))
    assert status == 1
    assert "has mode 0640; others could read it; make it 0600" in text


def test_a_secrets_file_behind_a_link_is_refused(host):
    (host / "secrets").rename(host / "real")
    (host / "secrets").symlink_to(host / "real")
    assert "is not a regular file" in check(host, config(host))[1]


def test_chroot_needs_root(host, monkeypatch):
    monkeypatch.syspath_prepend(str(FILES))
    rules, grammar = (importlib.import_module(f"rsyncd_check.{name}") for name in ("rules", "grammar"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    text = config(host).replace("chroot = no", "chroot = yes")
    assert "needs a daemon that runs as root" in "\n".join(rules.check(grammar.parse(text, "f")))


def test_no_password_is_ever_printed(host):
    for extra in ("auth digest = crc", "max conections = 1", "uid = no-such-user"):
        assert "correct-horse" not in check(host, config(host, extra))[1]


def test_nobody_listening_is_said_after_the_wait(host):
    login = ("login", "--address=127.0.0.1", "--port=1", "--wait=0.3")
    status, text = check(host, config(host), *login)
    assert status == 1
    assert "data at 127.0.0.1 port 1: " in text
    assert "refused" in text


@pytest.fixture
def daemon(host, unused_port):
    """A daemon of the configuration in `host`; its port."""
    (host / "rsyncd.conf").write_text(config(host))
    argv = [RSYNC, "--daemon", "--no-detach", f"--config={host}/rsyncd.conf", f"--port={unused_port}"]
    process = subprocess.Popen([*argv, "--address=127.0.0.1", f"--log-file={host}/log"], stdin=subprocess.DEVNULL)
    yield unused_port
    process.terminate()
    process.wait(10)


@pytest.fixture
def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_login_to_the_running_daemon_works(host, daemon):
    assert check(host, config(host), "login", "--address=127.0.0.1", f"--port={daemon}", "--wait=10") == (0, "")


def test_a_daemon_with_another_password_is_found_out(host, daemon):
    login = ("login", "--address=127.0.0.1", f"--port={daemon}", "--wait=10")
    assert check(host, config(host), *login)[0] == 0
    (host / "other").write_text("watcher:another\n")
    (host / "other").chmod(0o600)
    copy = host / "copy"
    copy.mkdir()
    status, text = check(copy, config(host).replace(f"{host}/secrets", f"{host}/other"), *login)
    assert status == 1
    assert "auth failed on module data" in text


@pytest.mark.parametrize(("password", "exit_status"), [("the new one", 0), ("the old one", 0), ("neither of them", 5)])
def test_two_passwords_are_right_while_one_is_changed(host, password, exit_status):
    """The second one is that of a group, so it takes a user of this system."""
    me, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
    (host / "secrets").write_text(f"{me}:the new one\n@{group}:the old one\n")
    text = config(host).replace("auth users = watcher:rw", f"auth users = @{group}:rw {me}:rw")
    assert check(host, text) == (0, "")
    program = f"{RSYNC} --daemon --config={host}/rsyncd.conf --log-file={host}/log"
    argv = [RSYNC, "--list-only", "--password-file=-", f"rsync://{me}@localhost/data/"]
    env = {"PATH": os.environ["PATH"], "RSYNC_CONNECT_PROG": program}
    done = subprocess.run(argv, input=f"{password}\n", env=env, capture_output=True, text=True, check=False)
    assert done.returncode == exit_status, done.stderr
