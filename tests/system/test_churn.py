"""Whatever is done to the source, in whatever order: in the end both trees are equal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from churn import Churn
from conftest import Rig

NO_LIMIT = {"percent": 100, "at_least": 10_000_000}


@pytest.mark.parametrize("seed", range(int(os.environ.get("CHURN_FROM", "1")), int(os.environ.get("CHURN_TO", "5"))))
def test_random_operations_end_in_equal_trees(rig: Rig, tmp_path: Path, seed: int) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    rig.start(max_delete=NO_LIMIT)
    churn = Churn(os.fsencode(rig.source), os.fsencode(outside), seed)
    for _ in range(4):
        churn.run(int(os.environ.get("CHURN_STEPS", "400")))
        rig.equal()
