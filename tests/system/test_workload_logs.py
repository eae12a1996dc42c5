"""logrotate in the source, while programs keep writing to what it rotates."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Rig
from workload import run, times

CONFIG = """\
{log} {{
  rotate 5
  size 1
  missingok
  {how}
}}
"""
HOWS = {
    "create": "create 0640",
    "create and compress": "create 0640\n  compress\n  delaycompress",
    "copytruncate": "copytruncate",
    "copytruncate and compress": "copytruncate\n  compress",
    "another directory": "create 0600\n  olddir {old}\n  createolddir 0755\n  compress\n  delaycompress",
}


@pytest.mark.parametrize("how", HOWS)
def test_logrotate(rig: Rig, tmp_path: Path, how: str) -> None:
    """C1, C4: one writer is told of each rotation and opens the new file, the other one never closes its own."""
    rig.start(quiet=0.3)
    logs = rig.source / "log"
    logs.mkdir()
    logs.chmod(0o755)  # logrotate refuses a directory that others may write
    config = tmp_path / "logrotate.conf"
    config.write_text(CONFIG.format(log=f"{logs}/*.log", how=HOWS[how].format(old=logs / "old")))
    config.chmod(0o600)
    stubborn = (logs / "stubborn.log").open("ab", buffering=0)
    try:
        for turn in range(times(4, 30)):
            with (logs / "told.log").open("ab", buffering=0) as told:
                for line in range(50):
                    for file in (told, stubborn):
                        file.write(b"%d %d a line of a log %s\n" % (turn, line, b"x" * (line % 7)))
            run("logrotate", "-f", "-s", tmp_path / "rotations", config, cwd=tmp_path)
            stubborn.write(b"%d right after the rotation\n" % turn)
        rotated = [path for path in logs.rglob("*") if path.is_file() and path.suffix != ".log"]
        assert len(rotated) >= 4, f"nothing was rotated: {sorted(logs.rglob('*'))}"
        rig.equal()
        stubborn.write(b"and one line more\n")
        rig.equal()
    finally:
        stubborn.close()
    rig.equal()
