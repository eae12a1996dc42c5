"""The microbenchmark of the pure core still fits the core that it measures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "bench/core.py"


@pytest.mark.parametrize("mix", ["made", "deleted"])
def test_events_of_a_mix_become_batches(mix: str, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    argv = [sys.executable, str(PROGRAM), mix, "--rounds", "1"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*argv, "--save", str(figures)], env=environment, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert mix in done.stdout
    compared = subprocess.run(
        [*argv, "--compare", str(figures), "--within", "1000"],
        env=environment, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert compared.stdout.endswith("nothing is slower than it was\n"), compared.stderr
