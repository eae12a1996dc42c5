"""What audits found is remembered across a restart, for the targets that there are; nonsense is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lockstep.audits import Audit, Audits, parse

TOLD: dict[str, Any] = {"checksum": True, "missing": 1, "different": 2, "extra": 3}
PLACE, OTHER = ("data", "h/data"), ("home", "h/home")


def test_what_was_told_is_known_and_known_again_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / ".audits")
    audits = Audits(path)
    assert audits.get(*PLACE) is None
    audits.note(PLACE, parse(TOLD, 7.0), {PLACE, OTHER})
    audits.note(OTHER, parse({**TOLD, "at": 5}, 7.0), {PLACE, OTHER})
    for known in (audits, Audits(path)):
        assert known.get(*PLACE) == Audit(7.0, True, 1, 2, 3)
        assert known.get(*OTHER) == Audit(5.0, True, 1, 2, 3)
    assert Audit(7.0, True, 1, 2, 3).drift == 6


def test_targets_that_are_no_more_are_forgotten(tmp_path: Path) -> None:
    audits = Audits(str(tmp_path / ".audits"))
    audits.note(OTHER, parse(TOLD, 7.0), {PLACE, OTHER})
    audits.note(PLACE, parse(TOLD, 8.0), {PLACE})
    assert audits.get(*OTHER) is None
    assert Audits(str(tmp_path / ".audits")).get(*OTHER) is None


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"missing": -1}, "missing"),
        ({"different": "2"}, "different"),
        ({"extra": True}, "extra"),
        ({"extra": 1.5}, "extra"),
        ({"checksum": 1}, "checksum"),
        ({"at": "now"}, "at"),
        ({"at": float("nan")}, "at"),
    ],
)
def test_nonsense_is_refused_by_name(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=f"^{word}: "):
        parse({**TOLD, **wrong}, 7.0)


@pytest.mark.parametrize("key", ["checksum", "missing", "different", "extra"])
def test_what_is_not_told_is_missed_by_name(key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: "):
        parse({name: value for name, value in TOLD.items() if name != key}, 7.0)


def test_an_audit_of_the_future_was_made_now() -> None:
    assert parse({**TOLD, "at": 1e12}, 7.0).at == 7.0


@pytest.mark.parametrize("text", ["", "[", "7", "[7, {}]", '[{"mirror": "data"}]', "\u00e9"])
def test_a_file_that_is_broken_is_as_none_and_written_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".audits"
    path.write_text(text)
    audits = Audits(str(path))
    assert audits.get(*PLACE) is None
    audits.note(PLACE, parse(TOLD, 7.0), {PLACE})
    (found,) = json.loads(path.read_text())
    assert found == {"mirror": "data", "target": "h/data", "at": 7.0, **TOLD}
