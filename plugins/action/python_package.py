# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of python_package: packs the folder, so that the whole package travels in one round trip."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.lockstep.realtime.plugins.plugin_utils._packing import pack, read_package


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
