# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a Python package into the state that the controller has, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_package
short_description: Install a Python package from the controller in one round trip
version_added: 0.1.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Installs a pure Python package from a folder of the controller, or removes it.
  - A recursive M(ansible.builtin.copy) costs one round trip per file; this module costs one for all of them.
  - Only C(*.py) and C(py.typed) are installed. What else is found in O(dest) is removed, but for the compiled files of
    installed modules.
  - A file is replaced by a rename, so that a program that starts at the same moment reads the old file or the new one,
    never half of it.
  - Everything installed belongs to the user that the task runs as. Files have mode V(0644), folders V(0755).
options:
  src:
    description:
      - Folder of the Python package on the controller. A relative path is looked for below the role's C(files).
      - Required when O(state=present).
    type: path
  dest:
    description:
      - Folder of the Python package on the host. It belongs to this module alone.
      - A folder that exists, is not empty and is no Python package (it has no C(__init__.py)) is refused.
    type: path
    required: true
  state:
    description:
      - Whether the package is to be there.
    type: str
    choices: [present, absent]
    default: present
  content:
    description:
      - The packed folder. It is set by the action plugin from O(src), whatever the task says.
      - It is kept out of logs because of its size.
    type: str
attributes:
  check_mode:
    description: Can run in C(check_mode) and tells what it would change, without changing anything.
    support: full
  diff_mode:
    description: Returns what it changes, or would change in C(check_mode), as a unified diff of at most 400 lines.
    support: full
  idempotent:
    description: A second run with the same sources changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: The watcher's package is installed
  lockstep.realtime.python_package:
    src: lockstep
    dest: /usr/local/lib/lockstep/lockstep

- name: The watcher's package is gone
  lockstep.realtime.python_package:
    dest: /usr/local/lib/lockstep/lockstep
    state: absent
"""

RETURN = r"""
written:
  description: Files that were written, relative to O(dest).
  returned: success
  type: list
  elements: str
  sample: [cli.py, source/inotify.py]
removed:
  description: Files and folders that were removed, relative to O(dest).
  returned: success
  type: list
  elements: str
  sample: [old_name.py]
sha256:
  description: Digest of the names and contents that were asked for; an empty string when O(state=absent).
  returned: success
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

import base64
import binascii
import difflib
import json
import os
import shutil
import stat
import tempfile
import zlib

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.realtime.plugins.module_utils._package import (
    FILE_MODE,
    FOLDER_MODE,
    digest,
    source_of,
)

DIFF_LINES = 400


class PackageError(Exception):
    """The package cannot be brought into the state asked for; the text names the path and the reason."""


def unpack(content):
    """The packed text as {relative path: bytes}; raises PackageError for what the action plugin did not make."""
    try:
        files = json.loads(zlib.decompress(base64.b64decode(content or "", validate=True)))
        packed = {name: text.encode("utf-8") for name, text in files.items()}
    except (ValueError, AttributeError, binascii.Error, zlib.error) as error:
        raise PackageError(f"content is not what the action plugin packs from src: {error}") from error
    for name in packed:
        if name.startswith("/") or not all(part not in ("", ".", "..") for part in name.split("/")):
            raise PackageError(f"content names a path outside the package: {name}")
    return packed


def _make_parents(folder):
    """Make the folder and what is missing above it, with the mode that was promised whatever the umask."""
    if folder and not os.path.isdir(folder):
        _make_parents(os.path.dirname(folder))
        os.mkdir(folder)
        os.chmod(folder, FOLDER_MODE)


class Package:
    """A Python package on this host: what it has, what it should have, and the way from one to the other."""

    def __init__(self, dest, files):
        self.dest = dest
        self.files = files
        self.folders = sorted(
            {name.rpartition("/")[0] for name in files}
            | {"/".join(name.split("/")[:depth]) for name in files for depth in range(name.count("/"))}
        )
        self.written = []
        self.removed = []
        self.repaired = []
        self._scan()

    def _path(self, name):
        return os.path.join(self.dest, *name.split("/")) if name else self.dest

    def _scan(self):
        """Compare what is there with what is asked for."""
        if os.path.lexists(self.dest) and (os.path.islink(self.dest) or not os.path.isdir(self.dest)):
            raise PackageError(f"{self.dest} is not a folder; move it away or choose another dest")
        found = os.listdir(self.dest) if os.path.isdir(self.dest) else []
        if found and "__init__.py" not in found:
            raise PackageError(
                f"{self.dest} is not empty and no Python package (it has no __init__.py), "
                "so it is left alone; choose another dest or empty it"
            )
        self.written = [name for name in sorted(self.files) if not self._is_as_asked(name)]
        self.repaired = [name for name in self.folders if not self._folder_is_as_asked(name)]
        for parent, folders, names in os.walk(self.dest):
            here = os.path.relpath(parent, self.dest).replace(os.sep, "/")
            prefix = "" if here == "." else here + "/"
            for folder in sorted(folders):
                if not self._keeps_folder(prefix + folder):
                    folders.remove(folder)
                    self.removed.append(prefix + folder)
            self.removed.extend(prefix + name for name in sorted(names) if not self._keeps_file(prefix + name))

    def _behind_a_link(self, name):
        """Whether a folder above it is a link, which goes, so that nothing found through it counts."""
        parts = name.split("/")
        return any(os.path.islink(self._path("/".join(parts[:depth]))) for depth in range(1, len(parts)))

    def _is_as_asked(self, name):
        if self._behind_a_link(name):
            return False
        path = self._path(name)
        try:
            now = os.lstat(path)
            if not stat.S_ISREG(now.st_mode) or stat.S_IMODE(now.st_mode) != FILE_MODE or now.st_uid != os.geteuid():
                return False
            with open(path, "rb") as stream:
                return stream.read() == self.files[name]
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _folder_is_as_asked(self, name):
        if self._behind_a_link(name):
            return False
        try:
            now = os.lstat(self._path(name))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stat.S_ISDIR(now.st_mode) and stat.S_IMODE(now.st_mode) == FOLDER_MODE and now.st_uid == os.geteuid()

    def _keeps_folder(self, name):
        if os.path.islink(self._path(name)):
            return False
        parent, last = os.path.split(name)
        return name in self.folders or (last == "__pycache__" and parent in self.folders)

    def _keeps_file(self, name):
        source = source_of(name)
        return name in self.files or (source in self.files and source not in self.written)

    @property
    def changed(self):
        """Whether anything differs from what is asked for."""
        return bool(self.written or self.removed or self.repaired)

    def diff(self):
        """What changes, as unified diff text of at most DIFF_LINES lines."""
        lines = []
        for name in self.written:
            lines.extend(
                difflib.unified_diff(
                    self._old_lines(name),
                    self.files[name].decode("utf-8").splitlines(),
                    f"before: {name}",
                    f"after: {name}",
                    lineterm="",
                )
            )
        lines.extend(f"removed: {name}" for name in self.removed)
        lines.extend(f"mode {FOLDER_MODE:04o}: {self._path(name)}" for name in self.repaired)
        if len(lines) > DIFF_LINES:
            lines[DIFF_LINES:] = [f"... and {len(lines) - DIFF_LINES} lines more"]
        return "".join(line + "\n" for line in lines)

    def _old_lines(self, name):
        try:
            if os.path.islink(self._path(name)):
                return []
            with open(self._path(name), encoding="utf-8", errors="replace") as stream:
                return stream.read().splitlines()
        except OSError:
            return []

    def apply(self):
        """Make the changes; stale files go first, so that a folder can take the place of a file."""
        for name in self.removed:
            path = self._path(name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        _make_parents(os.path.dirname(os.path.abspath(self.dest)))
        for name in self.folders:
            if name in self.repaired:
                self._repair(name)
            # First of all: without it, a run that is interrupted here would leave a folder that the next one refuses.
            if not name and "__init__.py" in self.written:
                self._write("__init__.py")
        for name in self.written:
            self._write(name)

    def _repair(self, name):
        path = self._path(name)
        if not os.path.isdir(path):
            os.mkdir(path)
        os.chmod(path, FOLDER_MODE)
        if os.geteuid() == 0:
            os.chown(path, 0, 0)

    def _write(self, name):
        path = self._path(name)
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(self.files[name])
            os.chmod(temporary, FILE_MODE)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise


def run(module):
    """Bring the package into the state asked for and return the module's result."""
    dest = module.params["dest"]
    present = module.params["state"] == "present"
    files = unpack(module.params["content"]) if present else {}
    package = Package(dest, files)
    if present:
        result = {
            "changed": package.changed,
            "written": package.written,
            "removed": package.removed,
            "sha256": digest(files),
            "diff": {"prepared": package.diff()},
        }
        if package.changed and not module.check_mode:
            package.apply()
        return result
    there = os.path.isdir(dest)
    if there and not module.check_mode:
        shutil.rmtree(dest)
    return {
        "changed": there,
        "written": [],
        "removed": package.removed,
        "sha256": "",
        "diff": {"prepared": f"removed: {dest}\n" if there else ""},
    }


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path"},
            "dest": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "content": {"type": "str", "no_log": True},
        },
        required_if=[("state", "present", ["src", "content"])],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except PackageError as error:
        module.fail_json(msg=f"python_package: {error}")
    except OSError as error:
        module.fail_json(msg=f"python_package: {error.filename or module.params['dest']}: {error.strerror}")


if __name__ == "__main__":
    main()
