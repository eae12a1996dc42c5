# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python_package: what it installs, what it removes, and what it leaves alone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import py_compile
import stat
import zlib
from pathlib import Path

import pytest
from ansible_collections.lockstep.realtime.plugins.action.python_package import pack

FILES = {"__init__.py": "", "cli.py": "print('one')\n", "source/__init__.py": "", "source/inotify.py": "# ä\n"}


@pytest.fixture
def dest(tmp_path):
    return tmp_path / "lib" / "package"


@pytest.fixture
def install(module, dest):
    def run(files=FILES, check_mode=False, **options):
        return module(
            "python_package", check_mode, src="/controller/package", dest=str(dest), content=pack(files), **options
        )

    return run


def tree(top: Path) -> dict[str, object]:
    """Everything below a folder: type, mode, time of change and content, as an installation could alter it."""
    found = {}
    for path in sorted(top.rglob("*")) if top.exists() else []:
        now = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(now.st_mode) else None
        found[str(path.relative_to(top))] = (now.st_mode, now.st_ino, now.st_mtime_ns, content)
    return found


def contents(top: Path) -> dict[str, str]:
    return {str(path.relative_to(top)): path.read_text() for path in sorted(top.rglob("*")) if path.is_file()}


def test_a_package_is_installed_with_its_folders_and_modes(install, dest):
    previous = os.umask(0o077)
    try:
        answer = install()
    finally:
        os.umask(previous)
    assert not answer.failed, answer.output
    assert answer.data["changed"] is True
    assert answer.data["written"] == sorted(FILES)
    assert contents(dest) == FILES
    assert {stat.S_IMODE(path.stat().st_mode) for path in dest.rglob("*.py")} == {0o644}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (dest.parent, dest, dest / "source")} == {0o755}


def test_a_second_run_changes_nothing_and_tells_the_same_digest(install, dest):
    first = install()
    before = tree(dest)
    second = install()
    assert (second.data["changed"], second.data["written"], second.data["removed"]) == (False, [], [])
    assert second.data["diff"]["prepared"] == ""
    assert second.data["sha256"] == first.data["sha256"]
    assert tree(dest) == before


def test_the_digest_is_that_of_names_and_contents(install):
    total = hashlib.sha256()
    for name, text in sorted(FILES.items()):
        total.update(name.encode() + b"\0" + hashlib.sha256(text.encode()).digest())
    assert install(check_mode=True).data["sha256"] == total.hexdigest()


def test_a_changed_file_is_replaced_and_the_others_stay(install, dest):
    install()
    before = tree(dest)
    answer = install({**FILES, "cli.py": "print('two')\n"})
    assert answer.data["written"] == ["cli.py"]
    assert answer.data["removed"] == []
    assert "-print('one')\n+print('two')\n" in answer.data["diff"]["prepared"]
    after = tree(dest)
    assert after["cli.py"][3] == b"print('two')\n"
    assert {name for name in after if after[name][1] != before[name][1]} == {"cli.py"}


def test_what_is_not_of_the_package_is_removed(install, dest):
    install()
    (dest / "old.py").write_text("")
    (dest / "old").mkdir()
    (dest / "old" / "file").write_text("")
    (dest / "notes.txt").write_text("")
    answer = install()
    assert answer.data["removed"] == ["old", "notes.txt", "old.py"]
    assert contents(dest) == FILES


def test_compiled_files_live_as_long_as_their_source(install, dest):
    install()
    kept = [py_compile.compile(str(dest / name)) for name in ("cli.py", "source/inotify.py")]
    assert install().data["changed"] is False
    assert all(map(os.path.exists, kept))
    stale = dest / "__pycache__" / "gone.cpython-311.pyc"
    stale.write_bytes(b"")
    answer = install({**FILES, "cli.py": "pass\n"})
    assert sorted(answer.data["removed"]) == sorted(os.path.relpath(path, dest) for path in (kept[0], stale))
    assert os.path.exists(kept[1])


def test_check_mode_tells_and_changes_nothing(install, dest):
    assert install(check_mode=True).data["written"] == sorted(FILES)
    assert not dest.parent.exists()
    install()
    (dest / "old.py").write_text("")
    before = tree(dest)
    answer = install({**FILES, "cli.py": "pass\n"}, check_mode=True)
    assert (answer.data["changed"], answer.data["written"], answer.data["removed"]) == (True, ["cli.py"], ["old.py"])
    assert tree(dest) == before


def test_modes_are_put_right(install, dest):
    install()
    (dest / "cli.py").chmod(0o600)
    (dest / "source").chmod(0o700)
    assert install(check_mode=True).data["written"] == ["cli.py"]
    assert f"mode 0755: {dest}/source" in install().data["diff"]["prepared"]
    assert stat.S_IMODE((dest / "cli.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((dest / "source").stat().st_mode) == 0o755
    assert install().data["changed"] is False


def test_a_file_may_become_a_folder_and_a_folder_a_file(install, dest):
    install()
    files = {"__init__.py": "", "cli.py/__init__.py": "# now a folder\n", "source": "# now a file\n"}
    assert not install(files).failed
    assert contents(dest) == files


def test_links_are_replaced_and_what_they_lead_to_stays(install, dest, tmp_path):
    files = {**FILES, "source/deep/__init__.py": ""}
    install(files)
    elsewhere = tmp_path / "elsewhere"
    (dest / "source").rename(elsewhere)
    (dest / "source").symlink_to(elsewhere)
    (dest / "cli.py").rename(tmp_path / "cli.py")
    (dest / "cli.py").symlink_to(tmp_path / "cli.py")
    (dest / "loop").symlink_to(dest)
    before = tree(elsewhere)
    assert not install(files).failed
    assert contents(dest) == files
    assert not any(path.is_symlink() for path in dest.rglob("*"))
    assert tree(elsewhere) == before
    assert (tmp_path / "cli.py").exists()


def test_a_package_is_removed_with_all_that_is_in_it(install, module, dest):
    install()
    (dest / "__pycache__").mkdir()
    checked = module("python_package", True, dest=str(dest), state="absent")
    assert checked.data["changed"] is True
    assert dest.exists()
    assert module("python_package", dest=str(dest), state="absent").data["changed"] is True
    assert not dest.exists()
    assert dest.parent.exists()
    assert module("python_package", dest=str(dest), state="absent").data["changed"] is False


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_folder_of_somebody_else_is_left_alone(install, module, dest, state):
    dest.mkdir(parents=True)
    (dest / "precious").write_text("not ours")
    answer = install() if state == "present" else module("python_package", dest=str(dest), state="absent")
    assert answer.failed
    assert f"{dest} is not empty and no Python package (it has no __init__.py)" in answer.msg
    assert contents(dest) == {"precious": "not ours"}


def test_a_dest_that_is_a_link_or_a_file_is_refused(install, dest, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "__init__.py").write_text("theirs")
    dest.parent.mkdir()
    dest.symlink_to(other)
    assert f"{dest} is not a folder" in install().msg
    assert contents(other) == {"__init__.py": "theirs"}
    dest.unlink()
    dest.write_text("theirs")
    assert f"{dest} is not a folder" in install().msg
    assert dest.read_text() == "theirs"


def test_an_empty_folder_is_taken(install, dest):
    dest.mkdir(parents=True)
    assert install().data["changed"] is True
    assert contents(dest) == FILES


def test_the_diff_is_bounded(install):
    answer = install({"__init__.py": "", "long.py": "".join(f"x = {number}\n" for number in range(5000))})
    lines = answer.data["diff"]["prepared"].splitlines()
    assert len(lines) == 401
    assert lines[-1] == "... and 4604 lines more"  # of 5000, their headings, and one for the folder


@pytest.mark.parametrize("name", ["../x.py", "/etc/x.py", "a/../../x.py", "", "a//b.py", "./x.py", "a/"])
def test_a_name_that_leads_out_of_the_package_is_refused(install, dest, name):
    answer = install({"__init__.py": "", name: "harm"})
    assert answer.failed
    assert f"content names a path outside the package: {name}" in answer.msg
    assert not dest.exists()


@pytest.mark.parametrize(
    "content",
    ["", "no base64!", base64.b64encode(b"no zlib").decode(), base64.b64encode(zlib.compress(b"[1]")).decode()],
)
def test_content_that_the_action_did_not_pack_is_refused(module, dest, content):
    answer = module("python_package", src="/x", dest=str(dest), content=content)
    assert answer.failed
    assert not dest.exists()


def test_odd_names_in_the_way_are_removed_and_told(install, dest):
    install()
    for name in (b"a\nb.py", b"\xff\xfe.py", b" ", b"-rf", b"__pycache__"):
        Path(os.fsdecode(os.path.join(os.fsencode(dest), name))).write_text("")
    answer = install()
    assert not answer.failed, answer.output
    assert len(answer.data["removed"]) == 5
    assert contents(dest) == FILES


def test_what_is_packed_is_equal_for_equal_files():
    turned = dict(reversed(FILES.items()))
    assert pack(FILES) == pack(turned)
    assert json.loads(zlib.decompress(base64.b64decode(pack(FILES)))) == FILES
