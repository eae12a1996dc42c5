"""What this host lacks is found before anything starts; logins are tried against a real daemon."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep import config, preflight
from lockstep.config import Config, parse
from lockstep.source import identity
from lockstep.source.identity import Mount

DAEMON = """
use chroot = no
pid file = {folder}/pid
log file = {folder}/log
port = {port}
address = 127.0.0.1
{user}
[data]
    path = {folder}/target
    read only = no
    auth users = backup:rw
    secrets file = {folder}/secrets
    strict modes = no
[keeping]
    path = {folder}/target
    read only = no
    refuse options = delete
[readonly]
    path = {folder}/target
    read only = yes
"""


def configured(folder: Path, url: str = "", password: bool = False, extra: str = "", mirror: str = "") -> Config:
    secret = f", password_file: {folder}/password" if password else ""
    text = (
        f"state_dir: {folder}/state\n{extra}\nmirrors:\n  - name: data\n    source: {folder}/source\n    {mirror}\n"
        f"    targets: [{{url: '{url or f'file://{folder}/target'}'{secret}}}]\n"
    )
    return parse(text.encode(), "x.yml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
    (tmp_path / "password").write_text("a long secret\n")
    (tmp_path / "password").chmod(0o600)
    return tmp_path


def test_a_host_that_has_everything_has_no_problems(folder: Path) -> None:
    assert preflight.local_problems(configured(folder)) == []


def test_a_source_that_is_missing_or_no_directory_is_named(folder: Path) -> None:
    (folder / "source").rmdir()
    (problem,) = preflight.local_problems(configured(folder))
    assert problem.startswith(f"mirrors[0].source: mirror data: {folder}/source does not exist")
    (folder / "source").write_text("")
    (problem,) = preflight.local_problems(configured(folder))
    assert problem == f"mirrors[0].source: mirror data: {folder}/source is not a directory"


def test_a_client_mount_is_refused_with_the_reason_and_the_mend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "mount_of", lambda path: Mount(b"/data", "nfs4", b"nfs01:/export", "0:50"))
    (problem,) = preflight.local_problems(configured(folder))
    assert problem == (
        f"mirrors[0].source: mirror data: {folder}/source is an NFS client mount (nfs01:/export), "
        "which reports no changes made by other clients; run the watcher on the server"
    )


@pytest.mark.parametrize(
    ("mode", "content", "expected"),
    [
        (0o644, "x", "is open to others (mode 0644)"),
        (0o601, "x", "is open to others (mode 0601)"),
        (0o660, "x", "is open to its group (for writing) (mode 0660)"),
        (0o600, "", "is empty"),
        (None, None, "No such file or directory"),
    ],
)
def test_a_password_file_that_rsync_or_sense_refuses_is_named(
    folder: Path, mode: int | None, content: str | None, expected: str
) -> None:
    path = folder / "password"
    if mode is None or content is None:
        path.unlink()
    else:
        path.write_text(content)
        path.chmod(mode)
    (problem,) = preflight.local_problems(configured(folder, "rsync://backup@127.0.0.1/data", password=True))
    assert problem.startswith(f"mirrors[0].targets[0].password_file: {path}")
    assert expected in problem


def test_a_group_may_read_the_password(folder: Path) -> None:
    (folder / "password").chmod(0o640)
    assert preflight.local_problems(configured(folder, "rsync://backup@127.0.0.1/data", password=True)) == []


def fake_rsync(folder: Path, script: str) -> str:
    path = folder / "fake-rsync"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return f"rsync: {path}"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo 'rsync  version 3.1.3  protocol version 31'", "is version 3.1.3; 3.2.0 or later is needed"),
        ("echo something else", "does not tell its version"),
        ("exit 1", "does not tell its version"),
        (
            '[ "$1" = --version ] && { echo "rsync  version v3.4.3  protocol"; exit; }\n'
            'echo "ERROR: invalid file mode 00" >&2; exit 2',
            "has the --delete-missing-args defect",
        ),
        (
            # as Debian 12u6 has it: it deletes at the top of a list, and nowhere below
            '[ "$1" = --version ] && { echo "rsync  version 3.2.7  protocol"; exit; }\n'
            'case "$(tr "\\0" "\\n")" in */./*/*) echo "invalid file mode 00 for kept/gone" >&2; exit 2 ;; esac',
            "has the --delete-missing-args defect",
        ),
        (
            '[ "$1" = --version ] && { echo "rsync  version 3.4.3  protocol"; exit; }\nexit 0',
            "failed to delete in a trial",
        ),
    ],
)
def test_an_rsync_that_cannot_do_the_work_is_refused(folder: Path, script: str, expected: str) -> None:
    (problem,) = preflight.local_problems(configured(folder, extra=fake_rsync(folder, script)))
    assert problem.startswith(f"rsync: {folder}/fake-rsync ")
    assert expected in problem


def test_the_defect_does_not_matter_where_nothing_is_deleted(folder: Path) -> None:
    extra = fake_rsync(folder, "echo 'rsync  version 3.4.3  protocol version 32'")
    assert preflight.local_problems(configured(folder, extra=extra, mirror="delete: false")) == []


def test_an_rsync_that_is_not_there_is_named(folder: Path) -> None:
    (problem,) = preflight.local_problems(configured(folder, extra=f"rsync: {folder}/none"))
    assert "is not a program that can be run" in problem


def test_a_link_that_leads_a_target_into_its_source_is_found(folder: Path) -> None:
    (folder / "target").rmdir()
    (folder / "source/inner").mkdir()
    (folder / "target").symlink_to(folder / "source/inner")
    (problem,) = preflight.local_problems(configured(folder))
    assert problem.startswith("mirrors[0].targets[0].url: ")
    assert "must not lie one in the other" in problem


def test_a_target_folder_that_is_missing_is_not_made_up(folder: Path) -> None:
    (folder / "target").rmdir()
    (problem,) = preflight.local_problems(configured(folder))
    assert problem.endswith("/target is not a directory; create it, or mount what it lies on")


def test_a_state_folder_below_a_file_cannot_be_made(folder: Path) -> None:
    (folder / "state").write_text("")
    (problem,) = preflight.local_problems(configured(folder))
    assert problem == f"state_dir: {folder}/state is not a directory"


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    """A real daemon with a module that asks for a password, one that refuses deletions and one that is read only."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found = int(probe.getsockname()[1])
    user = f"uid = {os.getuid()}\ngid = {os.getgid()}" if os.getuid() == 0 else ""
    (folder / "rsyncd.conf").write_text(DAEMON.format(folder=folder, port=found, user=user))
    (folder / "secrets").write_text("backup:a long secret\n")
    argv = [shutil.which("rsync") or "rsync", "--daemon", "--no-detach", f"--config={folder}/rsyncd.conf"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as daemon:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", found), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.02)
        yield found
        daemon.terminate()


def test_a_login_that_works_is_no_problem_and_changes_nothing(folder: Path, port: int) -> None:
    (folder / "source/new").write_text("x")
    (folder / "target/old").write_text("x")
    config = configured(folder, f"rsync://backup@127.0.0.1:{port}/data", password=True)
    assert preflight.login_problems(config) == []
    config = configured(folder, f"rsync://127.0.0.1:{port}/keeping", mirror="delete: false")
    assert preflight.login_problems(config) == []
    assert os.listdir(folder / "target") == ["old"]


def test_each_reason_for_a_failed_login_is_told_apart(folder: Path, port: int) -> None:
    def problem(url: str, password: bool = False) -> str:
        (found,) = preflight.login_problems(configured(folder, url, password))
        return found

    (folder / "password").write_text("another one\n")
    wrong = problem(f"rsync://backup@127.0.0.1:{port}/data", password=True)
    assert wrong.startswith("mirrors[0].targets[0].url: mirror data, target 127.0.0.1/data: wrong user or password")
    assert "another one" not in wrong
    assert "no such module" in problem(f"rsync://127.0.0.1:{port}/nope")
    assert "read only" in problem(f"rsync://127.0.0.1:{port}/readonly")
    assert "refuse" in problem(f"rsync://127.0.0.1:{port}/keeping")
    # Asked for a password and given none, rsync must not wait at the terminal.
    assert "wrong user or password" in problem(f"rsync://127.0.0.1:{port}/data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert "is the rsync daemon running?" in problem(f"rsync://127.0.0.1:{free.getsockname()[1]}/data")


def test_a_target_that_cannot_delete_below_the_top_is_found_at_login(folder: Path) -> None:
    script = 'case "$(tr "\\0" "\\n")" in */./*/*) echo "invalid file mode 00 for kept/gone" >&2; exit 2 ;; esac'
    config = configured(folder, "rsync://backup@127.0.0.1/data", True, fake_rsync(folder, script))
    (problem,) = preflight.login_problems(config)
    assert "has the --delete-missing-args defect" in problem


def test_no_secret_is_in_the_arguments_or_the_environment(folder: Path) -> None:
    extra = fake_rsync(folder, f'{{ env; echo "$@"; }} > {folder}/seen; exit 5')
    preflight.login_problems(configured(folder, "rsync://backup@127.0.0.1/data", True, extra))
    seen = (folder / "seen").read_text()
    assert "a long secret" not in seen
    assert f"--password-file={folder}/password" in seen


def test_a_source_that_is_a_symbolic_link_is_refused_with_the_name_of_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("real")
    text = (
        f"{{state_dir: {tmp_path}/state, mirrors: [{{name: data, source: {tmp_path}/link, "
        f"targets: [{{url: 'file://{tmp_path}/target'}}]}}]}}"
    )
    problems = preflight.local_problems(config.parse(text.encode(), "lockstep.yml"))
    assert problems == [
        f"mirrors[0].source: mirror data: {tmp_path}/link is a symbolic link, which could lead elsewhere at any time; "
        f"name {tmp_path}/real itself"
    ]
