# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of python_package: packs the folder, so that the whole package travels in one round trip."""

from __future__ import annotations

import base64
import json
import os
import zlib

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


def read_package(folder):
    """The Python sources below a folder, as {path relative to it: text}; raises OSError and UnicodeDecodeError."""
    files = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or not (name.endswith(".py") or name == "py.typed"):
                continue
            path = os.path.join(parent, name)
            with open(path, encoding="utf-8", newline="") as stream:
                files[os.path.relpath(path, folder).replace(os.sep, "/")] = stream.read()
    return files


def pack(files):
    """Text that holds the files: equal for equal files, whatever the order in which they were found."""
    plain = json.dumps(files, sort_keys=True, separators=(",", ":")).encode("ascii")
    return base64.b64encode(zlib.compress(plain, 9)).decode("ascii")


class ActionModule(ActionBase):
    """Reads src on the controller and hands its content to the module."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp=None, task_vars=None):
        """Run the module on the host with the packed folder as its argument."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if arguments.get("state", "present") == "present":
            arguments["content"] = self._content(arguments.get("src"))
        result.update(
            self._execute_module(
                module_name="lockstep.realtime.python_package", module_args=arguments, task_vars=task_vars
            )
        )
        return result

    def _content(self, src):
        if not src:
            raise AnsibleActionFail("python_package: src is missing: name the folder with the Python package")
        folder = self._find_needle("files", src)
        try:
            files = read_package(folder)
        except UnicodeDecodeError as error:
            raise AnsibleActionFail(f"python_package: {folder}: a source is not UTF-8: {error}") from error
        except OSError as error:
            raise AnsibleActionFail(f"python_package: {error.filename}: {error.strerror}") from error
        if "__init__.py" not in files:
            raise AnsibleActionFail(f"python_package: {folder} is no Python package: it has no __init__.py")
        return pack(files)
