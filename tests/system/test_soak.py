"""The soak itself works: for less than a minute, with everything that it does for hours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import processes, wait_for

RUN = Path(__file__).parents[1] / "soak/run.py"


def test_a_short_soak_ends_well_and_tells_what_it_measured(tmp_path: Path) -> None:
    results = tmp_path / "soak.json"
    argv = [sys.executable, str(RUN), "--hours", "0.006", "--seed", "3", "--results", str(results)]
    done = subprocess.run(argv, text=True, capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(results.read_text())
    assert found["problems"] == []
    assert found["checks"] >= 2
    assert found["faults"]["kill_watcher"] > 0
    assert found["idle"]["watches"] == found["directories"] > 1
    assert len(found["samples"]) > 10
    assert "equal trees, flat, nothing left behind" in done.stdout
    assert done.stdout.count("operations, equal trees, ") == found["checks"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """One with a short name, as there is a socket below it, whose path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="lockstep-soaks-") as name:
        yield Path(name)


def test_one_that_is_told_to_end_leaves_nothing_behind(folder: Path) -> None:
    argv = [sys.executable, str(RUN), "--hours", "1", "--seed", "3"]
    with subprocess.Popen(argv, env={**os.environ, "TMPDIR": str(folder)}, stdout=subprocess.DEVNULL) as soak:
        try:
            wait_for(lambda: any("--files-from" in line for line in processes(f"{folder}/").values()), 30)
        finally:
            soak.send_signal(signal.SIGTERM)
        assert soak.wait(60) == 143
    assert not processes(f"{folder}/")
    assert not list(folder.iterdir())
