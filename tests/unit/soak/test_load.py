"""The soak's load goes on, whatever it has made so far."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from churn import Churn
from load import Load


def test_trees_are_renamed_whatever_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    load = Load(tmp_path / "source", tmp_path / "outside", seed=1)
    for name in ("tree63900", "renamed63300-900", "tree64900"):
        (tmp_path / "source" / "mass" / name / "d").mkdir(parents=True)
    load.rename()
    names = [path.name for path in (tmp_path / "source" / "mass").iterdir()]
    assert len(names) == 3
    assert all(name.startswith("renamed0-") for name in names)


def test_no_operation_waits_for_a_reader_of_a_fifo(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d" / "4")
    churn = Churn(os.fsencode(tmp_path), os.fsencode(tmp_path / "outside"), 1)
    with pytest.raises(OSError, match="No such device"):
        churn.make_tree(os.fsencode(tmp_path / "d"))
