"""A record is one line, printable, with its level where journald or a person looks for it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep import logs


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def set_up(monkeypatch: pytest.MonkeyPatch, journal: bool, level: str = "info") -> None:
    if journal:
        monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    else:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    logs.set_up(level)


@contextlib.contextmanager
def as_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that stands in for the journal's; stderr is as systemd gives it to a service."""
    path = str(tmp_path / "socket")
    with (tmp_path / "stderr").open("w+", encoding="utf-8") as errors, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", errors)
        found = os.fstat(errors.fileno())
        patch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(10)
            channel.bind(path)
            logs.set_up("info", journal=path)
            yield channel


def received(channel: socket.socket) -> dict[str, str]:
    """The fields of one record, as the journal's native protocol has them."""
    data, found = channel.recv(1 << 20), {}
    while data:
        name, _, rest = data.partition(b"\n")
        (length,) = struct.unpack("<Q", rest[:8])
        found[name.decode()] = rest[8 : 8 + length].decode()
        assert rest[8 + length : 9 + length] == b"\n"
        data = rest[9 + length :]
    return found


def test_the_journal_gets_fields_beside_the_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with as_a_service(tmp_path, monkeypatch) as channel:
        log = logs.about(logging.getLogger("x"), mirror="data", target="h/m")
        log.warning("down\nnow", extra={"state": "down", "was": "live", "seconds": 2.5, "reason": ""})
        assert received(channel) == {
            "MESSAGE": "mirror data target h/m: down\\nnow", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "lockstep",
            "LOCKSTEP_MIRROR": "data", "LOCKSTEP_TARGET": "h/m", "LOCKSTEP_STATE": "down", "LOCKSTEP_WAS": "live",
            "LOCKSTEP_SECONDS": "2.5",
        }  # fmt: skip


def test_what_the_journal_does_not_take_goes_to_stderr_and_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with as_a_service(tmp_path, monkeypatch) as channel:
        for number in range(2_000):  # nobody reads it
            logging.getLogger("x").info("line %d", number)
        taken = 0
        channel.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while channel.recv(1 << 20):
                taken += 1
    lines = (tmp_path / "stderr").read_text().splitlines()
    assert 0 < taken < 2_000
    assert taken + len(lines) == 2_000
    assert lines[-1] == "<6>line 1999"


def test_as_json_a_record_is_one_object(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    logs.set_up("info", "json")
    logs.about(logging.getLogger("x"), mirror="data").info("live %s", "a\udcff\n", extra={"state": "live"})
    line = capsys.readouterr().err
    found = json.loads(line)
    assert line.count("\n") == 1
    assert found.pop("time") == pytest.approx(time.time(), abs=5)
    assert found == {"level": "info", "message": "mirror data: live a\\udcff\\n", "mirror": "data", "state": "live"}


@pytest.mark.parametrize(
    ("level", "number"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3), ("critical", 2)]
)
def test_the_journal_gets_the_priority(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], level: str, number: int
) -> None:
    set_up(monkeypatch, journal=True, level="debug")
    getattr(logging.getLogger("x"), level)("said %s", "so")
    assert capsys.readouterr().err == f"<{number}>said so\n"


def test_elsewhere_the_time_and_the_level_are_written_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(monkeypatch, journal=False)
    logging.getLogger("x").warning("said")
    line = capsys.readouterr().err
    assert line.startswith("20")
    assert line.endswith(" WARNING said\n")


def test_what_it_is_about_comes_first(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(monkeypatch, journal=True)
    logging.LoggerAdapter(logging.getLogger("x"), {"mirror": "data", "target": "h/m"}).info("said")
    assert capsys.readouterr().err == "<6>mirror data target h/m: said\n"


def test_a_name_that_is_no_text_stays_one_printable_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(monkeypatch, journal=True)
    logging.getLogger("x").info("%s", os.fsdecode(b"a\xff\nb"))
    assert capsys.readouterr().err == "<6>a\\udcff\\nb\n"


def test_an_exception_stays_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(monkeypatch, journal=True)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("x").exception("failed")
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert text.startswith("<3>failed | Traceback")
    assert text.endswith("ValueError: broken\n")


def test_below_the_level_nothing_is_said_and_a_second_set_up_says_nothing_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(monkeypatch, journal=True, level="warning")
    set_up(monkeypatch, journal=True, level="warning")
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").warning("loud")
    assert capsys.readouterr().err == "<4>loud\n"
