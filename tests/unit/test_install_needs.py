"""Suites that run side by side install what they need one after the other."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "install-needs"
# a package manager that lets in one, and takes its time
APT = """#!/bin/sh
mkdir "{folder}/lock" || exit 100
sleep 0.3
for last; do :; done
case " $* " in *" install "*)
  echo "$last" >> "{folder}/installed"
  : > "{folder}/$last"
  chmod +x "{folder}/$last"
esac
rmdir "{folder}/lock"
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """All that the script finds: a machine where nothing is installed."""
    for name in ("bash", "sh", "env", "flock", "mkdir", "rmdir", "sleep", "chmod"):
        found = shutil.which(name)
        assert found, name
        (tmp_path / name).symlink_to(found)
    for name, text in (("apt-get", APT.format(folder=tmp_path)), ("id", "#!/bin/sh\necho 0\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_two_at_a_time_wait_for_each_other_and_install_nothing_twice(programs: Path) -> None:
    environment = {**os.environ, "PATH": str(programs)}
    environment.pop("INSTALL_NEEDS_ALONE", None)
    wanted = (["lsyncd"], ["lsyncd"], ["vim"])
    running = [subprocess.Popen([str(SCRIPT), *one], env=environment) for one in wanted]
    assert [one.wait(30) for one in running] == [0, 0, 0]
    assert sorted((programs / "installed").read_text().split()) == ["lsyncd", "vim"]
