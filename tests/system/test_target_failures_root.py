"""One name that the target refuses is a problem of its own (C11, C16); by mount points, which nobody can move."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from conftest import Rig, assembled
from mounts import Namespace
from rig import wait_for


@pytest.fixture
def stubborn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Namespace]]:
    """A rig whose daemon runs in a namespace in which a target's name can be made a mount point."""
    space = Namespace()
    try:
        with assembled(tmp_path_factory.mktemp("rig"), before=space.enter) as rig:
            yield rig, space
    finally:
        space.close()


def test_one_refused_name_is_one_problem(stubborn: tuple[Rig, Namespace]) -> None:
    """C11: the rest goes on; it is told once in the log, and cured when it can be."""
    rig, space = stubborn
    (rig.source / "d").mkdir()
    (rig.source / "d" / "fixed").write_text("old")
    rig.start()
    rig.equal()
    fixed = rig.target / "d" / "fixed"
    space.bind(fixed, fixed)  # a mount point cannot be renamed over
    (rig.source / "d" / "fixed").write_text("new")
    status = rig.watcher.wait_state("behind")
    assert "d/fixed" in status["reason"]
    for number in range(20):
        (rig.source / "d" / f"f{number}").write_text("x")
        (rig.source / f"f{number}").write_text("x")
    rig.become_equal(b"d", seconds=10)
    wait_for(lambda: len(list((rig.target / "d").iterdir())) == 21, 10, rig.log)
    problems = rig.watcher.target()["problems"]
    assert [problem["path"] for problem in problems] == ["d/fixed"], json.dumps(problems)
    wait_for(lambda: rig.watcher.target()["problems"][0]["attempts"] >= 2, 10, rig.log)
    assert rig.log().count("names refused") == 1
    space.umount(fixed)
    rig.equal()
    assert rig.watcher.target()["problems"] == []


def test_a_name_that_cannot_be_deleted_is_one_problem(stubborn: tuple[Rig, Namespace]) -> None:
    """C11: other deletions go on, also in the same batch."""
    rig, space = stubborn
    for number in range(10):
        (rig.source / f"f{number}").write_text("x")
    rig.start()
    rig.equal()
    fixed = rig.target / "f5"
    space.bind(fixed, fixed)
    for number in range(10):
        (rig.source / f"f{number}").unlink()
    rig.watcher.wait_state("behind")
    wait_for(lambda: [path.name for path in rig.target.iterdir()] == ["f5"], 10, rig.log)
    assert [problem["path"] for problem in rig.watcher.target()["problems"]] == ["f5"]
    space.umount(fixed)
    rig.equal()
