# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of python_package: what it reads, and a whole task by way of ansible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.lockstep.realtime.plugins.action.python_package import read_package

pytestmark = pytest.mark.slow


@pytest.fixture
def package(tmp_path):
    """A playbook's folder, with a package and with what working on one leaves behind."""
    folder = tmp_path / "files" / "package"
    for name in ("__init__.py", "cli.py", "source/__init__.py", "py.typed", "source/inotify.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\r\n", newline="")
    for name in ("__pycache__/cli.cpython-311.pyc", ".mypy_cache/x.py", "notes.txt", ".cli.py.swp", "cli.pyc", ".x.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("left behind")
    return folder


def test_sources_are_read_as_they_are_and_nothing_else(package):
    files = read_package(str(package))
    assert list(files) == ["__init__.py", "cli.py", "py.typed", "source/__init__.py", "source/inotify.py"]
    assert files["source/inotify.py"] == "# source/inotify.py\r\n"


def play(folder: Path, **options: str) -> tuple[dict[str, object], str]:
    """The result of one task with the module, on this machine, and all that ansible wrote."""
    task = {"lockstep.realtime.python_package": options, "register": "done", "ignore_errors": True}
    show = {"ansible.builtin.copy": {"content": "{{ done | to_json }}", "dest": str(folder / "done.json")}}
    playbook = folder / "playbook.yml"
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task, show]}]))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", str(playbook)],
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(Path(__file__).parents[4] / ".collections"),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "done.json").read_text()), done.stdout


def test_a_task_installs_the_package_beside_its_playbook(package, tmp_path):
    dest = tmp_path / "lib" / "package"
    done, output = play(tmp_path, src="package", dest=str(dest))
    assert done["changed"] is True, output
    assert done["written"] == sorted(read_package(str(package)))
    assert (dest / "cli.py").read_bytes() == (package / "cli.py").read_bytes()


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda package: (package / "__init__.py").unlink(), "is no Python package: it has no __init__.py"),
        (lambda package: (package / "cli.py").write_bytes(b"\xff"), "a source is not UTF-8"),
        (lambda package: package.rename(package.with_name("other")), "package"),
    ],
)
def test_a_folder_that_is_no_package_is_one_clear_error(package, tmp_path, prepare, said):
    prepare(package)
    done, output = play(tmp_path, src="package", dest=str(tmp_path / "lib"))
    assert done["failed"] is True
    assert said in str(done["msg"])
    assert "Traceback" not in output
    assert not (tmp_path / "lib").exists()


def test_a_task_without_src_says_so(package, tmp_path):
    done, _ = play(tmp_path, dest=str(tmp_path / "lib"))
    assert done["msg"] == "python_package: src is missing: name the folder with the Python package"
