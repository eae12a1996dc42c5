"""The soak's load goes on, whatever it has made so far."""

from __future__ import annotations

from pathlib import Path

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
