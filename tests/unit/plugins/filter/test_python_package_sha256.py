# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python_package_sha256 knows a package by the names and contents of what is installed, and by nothing else."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.python_package_sha256 import python_package_sha256


@pytest.fixture
def package(tmp_path):
    (tmp_path / "source").mkdir()
    for name in ("__init__.py", "source/__init__.py", "source/inotify.py"):
        (tmp_path / name).write_text(f"# {name}\n")
    return tmp_path


def test_what_is_not_installed_does_not_count(package):
    before = python_package_sha256(str(package))
    (package / "__pycache__").mkdir()
    for name in ("__pycache__/x.cpython-311.pyc", "notes.txt", ".cli.py.swp"):
        (package / name).write_text("left behind")
    (package / "__init__.py").chmod(0o600)
    assert python_package_sha256(str(package)) == before


@pytest.mark.parametrize(
    "alter",
    [
        lambda package: (package / "source/inotify.py").write_text("# other\n"),
        lambda package: (package / "source/inotify.py").rename(package / "inotify.py"),
        lambda package: (package / "py.typed").write_text(""),
    ],
)
def test_another_name_or_content_is_another_package(package, alter):
    before = python_package_sha256(str(package))
    alter(package)
    assert python_package_sha256(str(package)) != before


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda package: (package / "__init__.py").unlink(), "is no Python package: it has no __init__.py"),
        (lambda package: (package / "source/inotify.py").write_bytes(b"\xff"), "can't decode byte"),
        (lambda package: package.rename(package.with_name("elsewhere")), "is no Python package"),
    ],
)
def test_a_folder_that_is_no_package_is_refused(package, prepare, said):
    prepare(package)
    with pytest.raises(AnsibleFilterError, match=said):
        python_package_sha256(str(package))
