"""Log lines go to a file that others rotate, or to syslog, and a place that is lost never stops the watcher."""

from __future__ import annotations

import json
import logging
import logging.handlers
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep import logs, logs_elsewhere
from lockstep.config import ConfigError, parse
from lockstep.logs_elsewhere import LogFileError, Syslog
from lockstep.status.file import StatusFile


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)


def test_a_renamed_file_is_followed_by_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs.set_up("info", file=str(file))
    logging.getLogger("x").info("one \udcff\n")
    file.rename(tmp_path / "log.1")
    logs.reopen()
    assert file.exists(), "whoever rotates may look for it at once"
    logging.getLogger("x").warning("two")
    assert re.fullmatch(r"\S+ \S+ INFO one \\udcff\\n\n", (tmp_path / "log.1").read_text())
    assert file.read_text().endswith(" WARNING two\n")
    file.unlink()
    logging.getLogger("x").info("three")  # not told of, too
    assert file.read_text().endswith(" INFO three\n")


def test_json_goes_to_a_file_too(tmp_path: Path) -> None:
    logs.set_up("info", "json", file=str(tmp_path / "log"))
    logs.about(logging.getLogger("x"), mirror="data").info("one")
    assert json.loads((tmp_path / "log").read_text())["mirror"] == "data"


def test_a_file_that_cannot_be_written_is_an_error_at_the_start_and_a_word_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LogFileError, match="log_file: /nowhere/log: No such file"):
        logs.set_up("info", file="/nowhere/log")
    folder = tmp_path / "d"
    folder.mkdir()
    logs.set_up("info", file=str(folder / "log"))
    shutil.rmtree(folder)
    for _ in range(3):
        logging.getLogger("x").info("lost")
    assert capsys.readouterr().err.count(f"lockstep: log_file: {folder}/log: No such file") == 1
    folder.mkdir()
    logging.getLogger("x").info("back")
    assert (folder / "log").read_text().endswith("INFO back\n")


@pytest.fixture
def syslogd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    path = str(tmp_path / "dev-log")
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    found.bind(path)
    found.settimeout(5)
    monkeypatch.setattr(logs, "Syslog", lambda facility, priority: Syslog(facility, priority, path))
    yield found
    found.close()


def test_syslog_gets_facility_priority_and_name(syslogd: Any) -> None:
    logs.set_up("info", syslog="local3")
    logs.about(logging.getLogger("x"), mirror="data", target="h/m").error("down\nnow")
    said = syslogd.recv(4096).decode()
    assert re.fullmatch(r"<155>\w{3} [ \d]\d \d\d:\d\d:\d\d lockstep\[\d+\]: mirror data target h/m: down\\nnow", said)


def test_a_syslog_daemon_that_is_away_or_behind_is_not_waited_for(
    syslogd: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("info", syslog="daemon")
    for number in range(2000):  # nobody reads them: what it has no room for goes to stderr
        logging.getLogger("x").info("line %d", number)
    assert "line 1999" in capsys.readouterr().err
    (tmp_path / "dev-log").unlink()
    syslogd.close()
    logging.getLogger("x").info("nobody")
    assert capsys.readouterr().err == "nobody\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.bind(str(tmp_path / "dev-log"))
        again.settimeout(5)
        logging.getLogger("x").info("somebody")
        assert again.recv(4096).decode().endswith(": somebody")


def test_every_facility_of_syslog_is_known() -> None:
    assert {
        name: number for name, number in logging.handlers.SysLogHandler.facility_names.items()
        if name in logs_elsewhere.FACILITIES
    } == logs_elsewhere.FACILITIES  # fmt: skip
    assert len(logs_elsewhere.FACILITIES) == 20


def configured(**top: Any) -> Any:
    mirror = {"name": "data", "source": "/data", "targets": [{"url": "rsync://h/m"}]}
    return parse(json.dumps({"mirrors": [mirror], **top}).encode(), "x.yml")


def test_where_the_log_and_the_status_go_is_understood() -> None:
    config = configured(log_file="/var/log/x", status={"file": "/run/x.json", "interval": 2})
    assert (config.log_file, config.syslog, config.status.file, config.status.interval) == (
        "/var/log/x", None, "/run/x.json", 2.0,
    )  # fmt: skip
    assert configured(syslog="local0").syslog == "local0"
    assert (configured().log_file, configured().syslog, configured().status.file) == (None, None, None)


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ({"syslog": "locale"}, "syslog: must be one of kern, user"),
        ({"syslog": "user", "log_file": "/x"}, "syslog: and log_file exclude each other"),
        ({"log_file": "x"}, "log_file: must be an absolute path"),
        ({"status": {"file": "x"}}, "status.file: must be an absolute path"),
        ({"status": {"interval": 0}}, "status.interval: must be from 1 to 86400"),
    ],
)
def test_a_mistake_is_named_with_its_key(top: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(**top)
    assert said in str(caught.value)


def test_a_status_file_is_replaced_whole_and_on_time_and_removed_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    file, asked = StatusFile(str(path), 10.0), []

    def document() -> dict[str, Any]:
        asked.append(1)
        return {"state": "live", "number": len(asked)}

    for now in (100.0, 105.0, 109.9, 110.0):
        file.tick(now, document)
    assert (len(asked), json.loads(path.read_text())["number"]) == (2, 2)
    assert [one.name for one in tmp_path.iterdir()] == ["status.json"]
    file.close()
    assert not path.exists()


def test_a_status_file_that_cannot_be_written_is_told_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger().addHandler(caplog.handler)
    file = StatusFile(str(tmp_path / "no" / "status.json"), 1.0)
    for now in (1.0, 2.0, 3.0):
        file.tick(now, dict)
    assert caplog.text.count("cannot be written: No such file or directory") == 1
    (tmp_path / "no").mkdir()
    file.tick(4.0, dict)
    assert (tmp_path / "no" / "status.json").read_text() == "{}\n"


def test_without_a_status_file_nobody_is_asked() -> None:
    file = StatusFile(None, 1.0)
    file.tick(1.0, lambda: pytest.fail("asked"))
    file.close()
