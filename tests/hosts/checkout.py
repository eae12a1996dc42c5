"""A checkout of one's own, as a fresh clone would be: what is edited or built in this one meanwhile is not seen."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parents[2]


def copy_checkout(to: Path) -> Path:
    """Copy what git has or would take, with times, and the link by which ansible finds the collection."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=HERE,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    for name in map(os.fsdecode, filter(None, listed.split(b"\0"))):
        if (HERE / name).is_file():  # one that was deleted is still in git
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(HERE / name, to / name)
    collections = to / ".collections/ansible_collections/lockstep"
    collections.mkdir(parents=True)
    (collections / "realtime").symlink_to("../../..")
    return to
