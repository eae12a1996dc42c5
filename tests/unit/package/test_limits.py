"""Too few watches are told with both numbers and the variable that raises them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockstep import config, preflight
from lockstep.filters import Filter
from lockstep.source import limits


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("a/b", "a/skip/deep", "c"):
        (tmp_path / "source" / name).mkdir(parents=True)
    (tmp_path / "source/a/file").write_text("no directory")
    (tmp_path / "source/link").symlink_to("a")
    return tmp_path / "source"


def test_every_directory_needs_a_watch_but_those_excluded(source: Path) -> None:
    assert limits.needed(os.fsencode(source), Filter([]).excluded) == 6
    assert limits.needed(os.fsencode(source), Filter([b"skip"]).excluded) == 4


def test_check_names_the_number_needed_the_number_allowed_and_the_variable(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "limit").write_text("5\n")
    monkeypatch.setattr(limits, "MAX_USER_WATCHES", str(tmp_path / "limit"))
    (tmp_path / "target").mkdir()
    text = (
        f"{{state_dir: {tmp_path}/state, mirrors: [{{name: data, source: {source}, "
        f"targets: [{{url: 'file://{tmp_path}/target'}}]}}]}}"
    )
    problems = preflight.local_problems(config.parse(text.encode(), "lockstep.yml"))
    assert [problem for problem in problems if "watches" in problem] == [
        "mirrors: 6 inotify watches are needed and 5 are allowed: raise fs.inotify.max_user_watches "
        "(variable inotify_limits_max_user_watches)"
    ]
