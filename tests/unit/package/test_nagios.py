"""One line and one exit code, as the guidelines of monitoring plugins have them."""

from __future__ import annotations

import re

import pytest
from documents import document, target

from lockstep.status import nagios


@pytest.mark.parametrize(
    ("state", "lag", "code"),
    [
        ("live", 0.0, nagios.OK),
        ("live", 61.0, nagios.CRITICAL),
        ("reconciling", 0.0, nagios.WARNING),
        ("starting", 0.0, nagios.WARNING),
        ("paused", 0.0, nagios.WARNING),
        ("paused", 900.0, nagios.WARNING),
        ("behind", 20.0, nagios.WARNING),
        ("behind", 61.0, nagios.CRITICAL),
        ("down", 0.0, nagios.CRITICAL),
        ("held", 0.0, nagios.CRITICAL),
    ],
)
def test_a_state_and_a_lag_are_a_verdict(state: str, lag: float, code: int) -> None:
    found, line = nagios.line(document(state, lag=lag))
    assert found == code
    assert line.startswith(f"LOCKSTEP {nagios.WORDS[code]} - ")


def test_the_worst_target_decides_and_is_named_first() -> None:
    code, line = nagios.line(document("down", target("paused"), target("down", name="b2/x", reason="a | b")))
    assert code == nagios.CRITICAL
    said, _bar, _data = line.partition("|")
    assert (
        said == "LOCKSTEP CRITICAL - data on b2/x is down: a / b; data on backup01/data is paused (1 mirror, 2 targets)"
    )


def test_performance_data_can_be_read_by_who_follows_the_guidelines() -> None:
    _code, line = nagios.line(document("live", target(lag=0.25, name="b'1=/data")))
    data = line.partition("|")[2]
    label = r"(?:'[^'=]+'|[^ '=]+)"
    assert re.fullmatch(rf"(?:{label}=[0-9.]+(?:s|B|c)?(?:;[0-9.]*){{0,4}}(?: |$))+", data), data
    assert "'data b1_/data lag'=0.2500s;;60;0" in data
    assert "watches=12345;;100000;0" in data


def test_a_mistake_in_the_configuration_is_a_warning_though_all_runs() -> None:
    status = document()
    status["healthy"] = False
    status["config"]["error"] = "x"
    code, line = nagios.line(status)
    assert code == nagios.WARNING
    assert "mistake" in line


def test_without_mirrors_nobody_can_tell() -> None:
    assert nagios.line({})[0] == nagios.UNKNOWN
