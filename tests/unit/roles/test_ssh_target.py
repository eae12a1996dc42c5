"""Whose user and home are found, and what is taken away again, by the programs that the role ssh_target runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

TASKS = Path(__file__).parents[3] / "roles/ssh_target/tasks"
COMMENT = "mirrors that come over ssh"
MARKER = "# This file is kept by lockstep.realtime.ssh_target."
USER = "lockstep-ssh"


def script(file: str, variable: str) -> str:
    tasks = yaml.safe_load((TASKS / file).read_text())
    return next(task["vars"][variable] for task in tasks if variable in task.get("vars", {}))  # type: ignore[no-any-return]


class Host:
    """A host on which one account is known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.keys = self.home / ".ssh/authorized_keys"
        (folder / "bin").mkdir()
        self._program("id", "echo lockstep-ssh")
        self.account("")

    def _program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def account(self, comment: str, *, home: Path | None = None, shell: str = "/bin/sh", uid: int = 990) -> None:
        """What getent passwd says; nothing where there is no comment."""
        line = f"{USER}:x:{uid}:990:{comment}:{home or self.home}:{shell}"
        self._program("getent", f"cat <<'END'\n{line}\nEND" if comment else "exit 2")

    def let_in(self, text: str = f"#\n{MARKER}\n") -> None:
        self.keys.parent.mkdir(parents=True, exist_ok=True)
        self.keys.write_text(text)

    def run(self, text: str, *words: str) -> list[str]:
        environment = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        argv = ["sh", "-c", text, "sh", *words]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.splitlines()

    def found(self) -> tuple[str, str]:
        """Whose the user is, and the home."""
        words = ("/nowhere", USER, COMMENT, str(self.home), USER, MARKER, str(self.folder))
        _, user, home, _ = self.run(script("present.yml", "__ssh_target_look"), *words)
        return user, home

    def shut(self, how: str = "run") -> list[str]:
        said = self.run(script("absent.yml", "__ssh_target_shut"), USER, COMMENT, str(self.home), MARKER, how)
        return [line.replace(f"{self.home}", "HOME") for line in said]

    def left(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.home.rglob("*")) if self.home.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


ALL_GONE = ["removed HOME/.ssh/authorized_keys", "removed HOME/.ssh", "removed HOME"]


def test_a_fresh_host_has_no_user_and_a_home_that_is_free(host: Host) -> None:
    assert host.found() == ("-", "free")
    host.home.mkdir()
    assert host.found() == ("-", "free")


@pytest.mark.parametrize(
    ("given", "user"),
    [
        ({"comment": COMMENT}, "user"),
        ({"comment": COMMENT, "shell": "/usr/sbin/nologin"}, "-"),
        ({"comment": COMMENT, "home": Path("/elsewhere")}, "-"),
        ({"comment": "somebody"}, "fits"),
        ({"comment": "somebody", "uid": 0}, "foreign"),
        ({"comment": "somebody", "home": Path("/var/backups")}, "foreign"),
        ({"comment": "somebody", "shell": "/usr/sbin/nologin"}, "foreign"),
        ({"comment": "somebody", "shell": "/bin/false"}, "foreign"),
        ({"comment": "somebody", "shell": "/no/shell"}, "foreign"),
    ],
)
def test_a_user_that_the_role_did_not_make_is_used_as_it_is_or_not_at_all(
    host: Host, given: dict[str, object], user: str
) -> None:
    host.account(**given)  # type: ignore[arg-type]
    assert host.found()[0] == user


def test_a_home_with_anything_of_others_is_taken(host: Host) -> None:
    host.let_in()
    assert host.found()[1] == "free"
    host.keys.write_text("ssh-ed25519 AAAA alice\n")
    assert host.found()[1] == "taken"
    host.account(COMMENT)  # which an older release of the role wrote
    assert host.found()[1] == "free"
    host.account(COMMENT, home=Path("/elsewhere"))
    assert host.found()[1] == "taken"


@pytest.mark.parametrize("name", ["home/data", "home/.ssh/id_ed25519"])
def test_a_file_more_is_enough_for_a_home_to_be_taken_and_left(host: Host, name: str) -> None:
    host.let_in()
    (host.folder / name).write_text("")
    assert host.found()[1] == "taken"
    host.account(COMMENT)
    assert host.shut()[1] == ALL_GONE[0]
    assert name in host.left()
    assert "home/.ssh/authorized_keys" not in host.left()


@pytest.mark.parametrize("make", [Path.write_text, None])
def test_a_home_that_is_a_file_or_a_link_is_taken(host: Host, make: Callable[..., object] | None) -> None:
    if make:
        make(host.home, "")
    else:
        host.home.symlink_to("/nowhere")
    assert host.found()[1] == "taken"


def test_the_role_s_keys_and_home_go_and_check_mode_says_so(host: Host) -> None:
    host.let_in("an older release's")
    host.account(COMMENT)
    assert host.shut("check") == ["open", *ALL_GONE]
    assert host.keys.exists()
    assert host.shut() == ["open", *ALL_GONE]
    assert not host.home.exists()
    host.account(COMMENT, shell="/usr/sbin/nologin")
    assert host.shut() == []


def test_what_an_interrupted_run_left_goes_with_the_next(host: Host) -> None:
    host.keys.parent.mkdir(parents=True)
    host.account(COMMENT, shell="/usr/sbin/nologin")
    assert host.shut("check") == host.shut() == ALL_GONE[1:]
    assert not host.home.exists()


def test_backups_below_the_home_are_left(host: Host) -> None:
    host.let_in()
    (host.home / "data").mkdir()
    (host.home / "data/upload").write_text("the only copy")
    host.account(COMMENT)
    assert host.shut("check") == host.shut() == ["open", *ALL_GONE[:2]]
    assert host.left() == ["home/data", "home/data/upload"]


def test_another_s_user_keeps_shell_home_and_keys(host: Host) -> None:
    host.let_in("ssh-ed25519 AAAA alice\n")
    for given in ({"comment": "Alice"}, {"comment": COMMENT, "home": Path("/elsewhere"), "shell": "/bin/false"}):
        host.account(**given)  # type: ignore[arg-type]
        assert host.shut() == []
        assert host.left() == ["home/.ssh", "home/.ssh/authorized_keys"]


def test_of_another_s_user_that_was_used_as_it_is_only_the_keys_go(host: Host) -> None:
    host.let_in()
    host.account("Alice")
    assert host.shut("check") == host.shut() == ALL_GONE[:2]
    assert host.home.exists()
