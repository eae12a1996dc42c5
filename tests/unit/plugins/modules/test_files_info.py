# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""files_info names what is not as it is to be, and nothing else."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import shutil

import pytest
from ansible_collections.lockstep.realtime.plugins.action.python_package import pack
from ansible_collections.lockstep.realtime.plugins.filter.python_package_sha256 import python_package_sha256
from ansible_collections.lockstep.realtime.plugins.module_utils._package import digest, is_installed

TEXT = b"kept\n"
USER = pwd.getpwuid(os.geteuid()).pw_name
GROUP = grp.getgrgid(os.getegid()).gr_name


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder").chmod(0o750)
    (tmp_path / "file").write_bytes(TEXT)
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "link").symlink_to("file")
    return tmp_path


def wanted(tree, **changes):
    entry = {"path": str(tree / "file"), "sha256": hashlib.sha256(TEXT).hexdigest(), "mode": "0640"}
    return {**entry, "owner": USER, "group": GROUP, **changes}


def test_what_is_as_it_is_to_be_is_not_named(module, tree):
    folder = {"path": str(tree / "folder"), "type": "directory", "mode": "0750", "owner": USER, "group": GROUP}
    answer = module("files_info", files=[wanted(tree), folder, {"path": str(tree / "file")}])
    assert not answer.failed, answer.output
    assert answer.data["unlike"] == []
    assert answer.data["changed"] is False


def test_owners_may_be_given_by_their_numbers(module, tree):
    """As where a role is told `id -g` of somebody who is not root."""
    now = (tree / "file").stat()
    entry = wanted(tree, owner=str(now.st_uid), group=str(now.st_gid))
    assert module("files_info", files=[entry]).data["unlike"] == []
    other = wanted(tree, owner=str(now.st_uid), group=str(now.st_gid + 1))
    assert module("files_info", files=[other]).data["unlike"] == [str(tree / "file")]


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": hashlib.sha256(b"other").hexdigest()},
        {"mode": "0600"},
        {"mode": "4640"},
        {"owner": "nobody of this name"},
        {"group": "no group of this name"},
        {"type": "directory", "sha256": None},
    ],
    ids=str,
)
def test_a_file_that_differs_in_one_thing_is_named(module, tree, changes):
    entry = {key: value for key, value in wanted(tree, **changes).items() if value is not None}
    assert module("files_info", files=[entry], check_mode=True).data["unlike"] == [str(tree / "file")]


@pytest.mark.parametrize("name", ["none", "link", "file/below", "folder"])
def test_what_is_no_file_is_named(module, tree, name):
    assert module("files_info", files=[{"path": str(tree / name)}]).data["unlike"] == [str(tree / name)]


def surplus(module, **asked):
    files = asked.pop("files", [])
    return module("files_info", files=files, surplus=[asked], check_mode=True)


def test_a_file_that_nothing_is_said_of_is_surplus_and_no_link_or_folder_is(module, tree):
    (tree / "another").write_bytes(b"")
    assert surplus(module, folder=str(tree)).data["surplus"] == [str(tree / "another"), str(tree / "file")]
    assert surplus(module, folder=str(tree), files=[wanted(tree)]).data["surplus"] == [str(tree / "another")]
    for none in ("none", "file"):
        assert surplus(module, folder=str(tree / none)).data["surplus"] == []


def test_surplus_is_what_has_the_name_and_the_first_line_that_are_asked_for(module, tree):
    (tree / "a@b").write_bytes(b"kept by this\nsecret\n")
    (tree / "xa@b").write_bytes(b"kept by this and that\n")
    assert surplus(module, folder=str(tree), names="[^@]@[^@]").data["surplus"] == [str(tree / "a@b")]
    assert surplus(module, folder=str(tree), first_line="kept by this").data["surplus"] == [str(tree / "a@b")]
    assert surplus(module, folder=str(tree), names="file", first_line="kept by this").data["surplus"] == []


def test_a_digest_is_not_shown(module, tree):
    entry = wanted(tree)
    assert entry["sha256"] not in module("files_info", files=[entry]).output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": "rwxr-xr-x"}, "must be permissions in octal, as 0644, not rwxr-xr-x"),
        ({"mode": "77777"}, "must be permissions in octal"),
        ({"type": "directory"}, "a directory has no content to compare"),
        ({"type": "socket"}, "value of type must be one of: file, directory, package"),
        ({"type": "package"}, "mode, owner or group of"),
        ({"mode": ""}, "must be permissions in octal"),
        ({"path": "etc/file"}, "path must be absolute, not 'etc/file'"),
    ],
    ids=str,
)
def test_a_mistake_is_refused_with_the_thing_and_the_reason(module, tree, changes, said):
    answer = module("files_info", files=[wanted(tree, **changes)])
    assert answer.failed
    assert said in answer.msg


SOURCES = {"__init__.py": "", "cli.py": "print('one')\n", "source/__init__.py": "", "source/inotify.py": "# ä\n"}


@pytest.fixture
def package(module, tmp_path):
    """A package as python_package installs it, with what running it leaves behind; and what of it is unlike."""
    folder, dest = tmp_path / "controller", tmp_path / "lib" / "package"
    for name, text in SOURCES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    done = module("python_package", src=str(folder), dest=str(dest), content=pack(SOURCES))
    assert not done.failed, done.output
    (dest / "source/__pycache__").mkdir(mode=0o775)
    (dest / "source/__pycache__/inotify.cpython-311.pyc").write_bytes(b"compiled")

    def unlike():
        entry = {"path": str(dest), "type": "package", "sha256": python_package_sha256(str(folder))}
        answer = module("files_info", files=[entry])
        assert not answer.failed, answer.output
        assert answer.data["unlike"] in ([], [str(dest)])
        return bool(answer.data["unlike"])

    return dest, unlike, done.data["sha256"] == python_package_sha256(str(folder))


def test_a_package_that_was_installed_is_as_it_is_to_be(package):
    _dest, unlike, same = package
    assert same
    assert not unlike()


@pytest.mark.parametrize(
    "alter",
    [
        lambda dest: (dest / "cli.py").write_text("print('two')\n"),
        lambda dest: (dest / "cli.py").unlink(),
        lambda dest: (dest / "cli.py").rename(dest / "client.py"),
        lambda dest: (dest / "cli.py").chmod(0o666),
        lambda dest: (dest / "source").chmod(0o777),
        lambda dest: dest.chmod(0o700),
        lambda dest: (dest / "notes.txt").write_text("left behind"),
        lambda dest: (dest / "empty").mkdir(mode=0o755),
        lambda dest: (dest / "old.pyc").write_bytes(b"compiled"),
        lambda dest: (dest / "source/__pycache__/old.cpython-311.pyc").write_bytes(b"of a source that is gone"),
        lambda dest: (dest / "source/__pycache__/more").mkdir(),
        lambda dest: ((dest / "cli.py").rename(dest.parent / "cli.py"), (dest / "cli.py").symlink_to("../cli.py")),
        lambda dest: ((dest / "source").rename(dest.parent / "s"), (dest / "source").symlink_to("../s")),
        lambda dest: (dest.rename(dest.parent / "p"), dest.symlink_to("p")),
        shutil.rmtree,
        lambda dest: (shutil.rmtree(dest), dest.write_text("")),
        lambda dest: shutil.rmtree(dest.parent),
    ],
)
def test_a_package_that_differs_in_anything_is_named(package, alter):
    dest, unlike, _same = package
    alter(dest)
    assert unlike()


def test_a_package_that_is_another_user_s_is_not_the_one_that_was_installed(package, monkeypatch):
    dest, _unlike, _same = package
    sha256 = digest({name: text.encode() for name, text in SOURCES.items()})
    assert is_installed(str(dest), sha256)
    monkeypatch.setattr(os, "geteuid", lambda: dest.stat().st_uid + 1)
    assert not is_installed(str(dest), sha256)


def test_a_package_without_a_digest_is_refused(module, tree):
    answer = module("files_info", files=[{"path": str(tree / "folder"), "type": "package"}])
    assert (answer.failed, "sha256 of" in answer.msg) == (True, True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"folder": "relative"}, "folder must be absolute, not 'relative'"),
        ({"folder": "/", "names": "("}, "names of / must be a regular expression"),
    ],
)
def test_surplus_of_nowhere_or_of_no_expression_is_refused(module, asked, said):
    answer = surplus(module, **asked)
    assert answer.failed
    assert said in answer.output
