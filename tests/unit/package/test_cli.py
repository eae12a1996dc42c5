"""What each command sends, shows and exits with."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep import cli
from lockstep.status import client
from lockstep.status.control import ControlServer

CONFIG = "mirrors:\n  - {{name: data, source: {source}, targets: [{{url: 'file://{target}'}}]}}\nstate_dir: {state}\n"


class Service:
    """A service that remembers what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.answer: dict[str, Any] = {"ok": True, "message": "done"}
        self.requests: list[dict[str, Any]] = []

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        return self.answer


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path / "s")
    loop = asyncio.new_event_loop()
    server = ControlServer(found.path, found.handle)
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield found
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def status(state: str, target: str) -> dict[str, Any]:
    return {
        "ok": True,
        "status": {"state": state, "mirrors": [{"name": "d", "state": state, "targets": [{"state": target}]}]},
    }


@pytest.mark.parametrize(
    ("argv", "request_sent"),
    [
        (["resync", "data"], {"command": "resync", "mirror": "data", "path": None}),
        (["resync", "data", "sub/\udcff"], {"command": "resync", "mirror": "data", "path": "sub/\udcff"}),
        (["pause", "data"], {"command": "pause", "mirror": "data"}),
        (["resume", "data"], {"command": "resume", "mirror": "data"}),
        (["release", "data"], {"command": "release", "mirror": "data"}),
    ],
)
def test_a_request_is_sent_and_its_answer_shown(
    service: Service, capsys: pytest.CaptureFixture[str], argv: list[str], request_sent: dict[str, Any]
) -> None:
    assert cli.main([*argv, "--socket", service.path]) == 0
    assert service.requests == [request_sent]
    assert capsys.readouterr().out == "done\n"


def test_a_refusal_is_a_failure_with_its_reason(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.answer = {"ok": False, "error": "no mirror named x"}
    assert cli.main(["pause", "x", "--socket", service.path]) == 1
    assert capsys.readouterr().err == "lockstep: no mirror named x\n"


@pytest.mark.parametrize(
    ("mirror", "target", "code"),
    [("live", "live", 0), ("live", "down", 1), ("held", "live", 1), ("paused", "paused", 1)],
)
def test_status_is_a_success_only_when_all_is_live(service: Service, mirror: str, target: str, code: int) -> None:
    service.answer = status(mirror, target)
    assert cli.main(["status", "--socket", service.path]) == code


def test_status_shows_lines_or_json(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.answer = status("live", "live")
    cli.main(["status", "--socket", service.path])
    assert capsys.readouterr().out.startswith("All is in step.")
    cli.main(["status", "--json", "--socket", service.path])
    assert json.loads(capsys.readouterr().out) == service.answer["status"]


def test_status_is_a_verdict_for_nagios(service: Service, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for target, code, word in (("live", 0, "OK"), ("reconciling", 1, "WARNING"), ("held", 2, "CRITICAL")):
        service.answer = status(target, target)
        service.answer["status"]["healthy"] = target == "live"
        assert cli.main(["status", "--nagios", "--socket", service.path]) == code
        said = capsys.readouterr().out
        assert said.startswith(f"LOCKSTEP {word} - ")
        assert said.count("\n") == 1
    service.answer = {"ok": False, "error": "odd | and\nmore"}
    assert cli.main(["status", "--nagios", "--socket", service.path]) == 3
    assert capsys.readouterr().out == "LOCKSTEP UNKNOWN - odd / and\\nmore\n"
    assert cli.main(["status", "--nagios", "--socket", str(tmp_path / "none")]) == 2
    assert "CRITICAL - nothing listens" in capsys.readouterr().out


def test_status_is_watched_until_somebody_interrupts(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit status is that of the last look; a service that is gone for a while ends nothing."""
    answers = [status("live", "live"), {"ok": False, "error": "busy"}, status("down", "down"), status("live", "live")]
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == len(answers):
            raise KeyboardInterrupt
        service.answer = answers[len(pauses)]

    service.answer = answers[0]
    monkeypatch.setattr(client.time, "sleep", pause)
    assert cli.main(["status", "--watch", "0.5", "--socket", service.path]) == 0
    said = capsys.readouterr().out
    assert pauses == [0.5] * 4
    assert said.count("All is in step.") == 2
    assert "busy" in said
    assert "is down." in said
    assert "\x1b" not in said


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert client.colourful(Terminal())
    assert not client.colourful(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not client.colourful(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not client.colourful(Terminal())


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon", "1e9"])
def test_a_time_that_makes_no_sense_is_wrong_usage(seconds: str) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["status", f"--watch={seconds}"])
    assert caught.value.code == 2


@pytest.mark.parametrize("argv", [["status"], ["resync", "data"], ["release", "data"]])
def test_no_service_is_said_and_a_failure(argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*argv, "--socket", str(tmp_path / "none")]) == 1
    assert "is the service running?" in capsys.readouterr().err


def test_without_a_command_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["nonsense"], ["run"], ["pause"], ["status", "--what"]])
def test_wrong_usage_exits_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 2


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("source", "target", "state"):
        (tmp_path / name).mkdir()
    path = tmp_path / "lockstep.yml"
    folders = {name: tmp_path / name for name in ("source", "target", "state")}
    path.write_text(CONFIG.format(**folders))
    return path


def test_check_of_a_good_configuration_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(config)]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out == f"{config}: ok (mirrors: 1, targets: 1)\n"


def test_check_of_what_this_host_lacks_fails_with_1(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "source").rmdir()
    assert cli.main(["check", "--offline", str(config)]) == 1
    source = config.parent / "source"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"lockstep: {config}: mirrors[0].source: mirror data: {source} does not exist; create it")


def test_check_of_a_wrong_configuration_exits_2_with_a_line_for_each_mistake(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text() + "statsu: 1\nlog_level: loud\n")
    assert cli.main(["check", str(config)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0] == f"lockstep: {config}: statsu: is not a known key; did you mean status? (line 4)"


def test_run_into_the_background_with_a_wrong_configuration_exits_2(config: Path) -> None:
    config.write_text("mirrors: []")
    assert cli.main(["run", "--config", str(config), "--daemon"]) == 2


def test_a_log_file_is_for_the_background_only(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--config", str(config), "--log-file", "x"]) == 2
    assert "--log-file is for --daemon" in capsys.readouterr().err


def test_a_python_module_that_is_missing_is_named(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lockstep.config_yaml", None)
    monkeypatch.delattr("lockstep.config_yaml", raising=False)
    assert cli.main(["check", "--offline", str(config)]) == 1
    assert "the Python module lockstep.config_yaml is missing" in capsys.readouterr().err
