"""A record is one line, printable, with its level where journald or a person looks for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from lockstep import logs


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def set_up(monkeypatch: pytest.MonkeyPatch, journal: bool, level: str = "info") -> None:
    if journal:
        monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    else:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    logs.set_up(level)


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
