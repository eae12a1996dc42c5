"""Whose user and folder are found, what is taken away again, and what a run that was interrupted did not tell of."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROLE = Path(__file__).parents[3] / "roles/tls"
VARIABLES = yaml.safe_load((ROLE / "vars/main.yml").read_text())
USER = "lockstep-tls"
COMMENT = VARIABLES["__tls_comment"]
FIELDS = f"{COMMENT}:/nonexistent:/usr/sbin/nologin"
NAMES = ("host.key", "host.pem", "ca.pem", "stunnel.conf")
STARTED, RELOADED = "Fri 2026-01-02 10:00:00 UTC", "Fri 2026-01-02 11:00:00 UTC"
TEN = 1767348000  # that moment


def script(file: str, variable: str) -> str:
    tasks = yaml.safe_load((ROLE / "tasks" / file).read_text())
    return next(task["vars"][variable] for task in tasks if variable in task.get("vars", {}))  # type: ignore[no-any-return]


class Host:
    """A host with the tunnels' folder and unit, where the unit was started at ten and reloaded at eleven."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = folder / "tls"
        self.unit = folder / "lockstep-tls.service"
        (folder / "bin").mkdir()
        self.group(USER)
        self.account("")
        self.runs()

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def group(self, name: str) -> None:
        self.program("id", f"echo {name}")

    def account(self, fields: str, uid: int = 990) -> None:
        self.program("getent", f'echo "{USER}:x:{uid}:990:{fields}"' if fields else "exit 2")

    def runs(self, active: str = "active", enabled: str = "enabled") -> None:
        lines = f"ActiveState={active}\nUnitFileState={enabled}\n"
        lines += f"ActiveEnterTimestamp={STARTED}\nStateChangeTimestamp={RELOADED}"
        self.program("systemctl", f"cat <<'END'\n{lines}\nEND")

    def write(self, *names: str, at: int = TEN) -> None:
        self.own.mkdir(exist_ok=True)
        for name in names:
            (self.own / name).write_text("")
            os.utime(self.own / name, (at, at))

    def write_unit(self, at: int = TEN) -> None:
        self.unit.write_text(f"ExecStart=/usr/bin/stunnel {self.own}/stunnel.conf\n")
        os.utime(self.unit, (at, at))

    def run(self, text: str, *words: str) -> list[str]:
        environment = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        argv = ["sh", "-c", text, "sh", *words]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.splitlines()

    @property
    def files(self) -> list[str]:
        return [f"{self.own}/{name}" for name in NAMES]

    def found(self) -> list[str]:
        words = ("/nowhere", USER, FIELDS, str(self.unit), str(self.own), *self.files)
        (line,) = self.run(VARIABLES["__tls_look"], *words)
        return line.split()

    def clear(self, how: str = "run") -> list[str]:
        said = self.run(script("absent.yml", "__tls_clear"), how, str(self.own), *self.files)
        return [line.replace(f"removed {self.own}", "DIR") for line in said]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_names_are_those_of_all_that_the_role_writes() -> None:
    written = {"host.key", "host.pem", "ca.pem", VARIABLES["__tls_config"].rpartition("/")[2]}
    assert written == set(NAMES) == set(VARIABLES["__tls_given_files"]) | {"stunnel.conf"}
    assert all(f"'{name}'" in VARIABLES["__tls_files"] for name in NAMES)


def test_a_fresh_host_has_nothing(host: Host) -> None:
    assert host.found() == ["lacking", "-", "-", "-", "own"]


@pytest.mark.parametrize(
    ("fields", "group", "uid", "user"),
    [
        (FIELDS, USER, 990, "user"),
        (f"{COMMENT}:/home/x:/bin/sh", USER, 990, "-"),
        ("stunnel:/var/run/stunnel4:/usr/sbin/nologin", USER, 990, "fits"),
        ("stunnel:/var/run/stunnel4:/usr/sbin/nologin", "users", 990, "foreign"),
        ("root:/root:/bin/sh", USER, 0, "foreign"),
    ],
)
def test_a_user_that_the_role_did_not_make_is_used_as_it_is_or_not_at_all(
    host: Host, fields: str, group: str, uid: int, user: str
) -> None:
    host.account(fields, uid)
    host.group(group)
    assert host.found()[1] == user


def test_the_user_is_the_role_s_by_its_comment_alone(host: Host) -> None:
    look = script("main.yml", "__tls_look_before")
    words = (USER, COMMENT, str(host.unit), *host.files)
    host.account("stunnel:/var/run/stunnel4:/usr/sbin/nologin")
    assert host.run(look, *words) == ["-", "-", "-"]
    host.account(FIELDS)
    host.write("host.key")
    assert host.run(look, *words) == ["-", "there", "user"]
    host.write_unit()
    assert host.run(look, *words) == ["there", "there", "user"]


def test_a_folder_with_anything_of_others_is_not_the_role_s(host: Host) -> None:
    host.write(*NAMES, "tmpx1y2")
    assert host.found()[4] == "own"
    host.write("fullchain.pem")
    assert host.found()[4] == "foreign"
    host.write_unit()  # since then, it is the role's and somebody put a file there
    assert host.found()[4] == "own"


def test_the_files_and_the_folder_go_and_check_mode_says_so(host: Host) -> None:
    host.write(*NAMES)
    assert host.clear("check") == [*(f"DIR/{name}" for name in NAMES), "DIR"]
    assert host.clear() == [*(f"DIR/{name}" for name in NAMES), "DIR"]
    assert not host.own.exists()
    assert host.clear() == []


def test_what_others_put_there_stays_with_its_folder(host: Host) -> None:
    host.write(*NAMES, "fullchain.pem")
    (host.own / "sub").mkdir()
    assert host.clear("check") == host.clear() == [f"DIR/{name}" for name in NAMES]
    assert sorted(path.name for path in host.own.iterdir()) == ["fullchain.pem", "sub"]


def test_a_folder_of_a_file_s_name_is_not_removed(host: Host) -> None:
    host.write("ca.pem")
    (host.own / "host.key").mkdir()
    assert host.clear("check") == host.clear() == ["DIR/ca.pem"]


def test_what_is_older_than_the_last_reload_is_served(host: Host) -> None:
    host.write(*NAMES, at=TEN + 3600)
    host.write_unit(at=TEN)
    assert host.found()[2:4] == ["unit", "serves"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_was_written_and_not_told_of_is_taken_up_by_the_next_run(host: Host, name: str) -> None:
    host.write(*NAMES)
    host.write_unit()
    host.write(name, at=TEN + 3601)
    assert host.found()[3] == "stale"


def test_a_unit_that_was_written_and_not_started_is_started_by_the_next_run(host: Host) -> None:
    host.write(*NAMES)
    host.write_unit(at=TEN + 1)
    assert host.found()[3] == "old"


@pytest.mark.parametrize("state", [{"active": "failed"}, {"enabled": "disabled"}])
def test_what_does_not_run_now_and_at_boot_does_not_serve(host: Host, state: dict[str, str]) -> None:
    host.write(*NAMES)
    host.write_unit()
    host.runs(**state)
    assert host.found()[3] == "-"
