# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a Python package on the controller -> the digest by which python_package and files_info know it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: python_package_sha256
short_description: The digest by which python_package and files_info know a Python package
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes a folder of the controller and returns the digest of the names and contents that
    M(lockstep.realtime.python_package) installs from there.
  - M(lockstep.realtime.files_info) tells by it whether a host has just that, so that nothing has to be sent.
options:
  _input:
    description: The folder, which has an C(__init__.py).
    type: path
    required: true
"""

EXAMPLES = r"""
- name: It is known whether the package is installed
  lockstep.realtime.files_info:
    files:
      - path: /usr/local/lib/lockstep/lockstep
        type: package
        sha256: "{{ (role_path ~ '/files/lockstep') | lockstep.realtime.python_package_sha256 }}"
"""

RETURN = r"""
_value:
  description: The digest, as RV(lockstep.realtime.python_package#module:sha256).
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.module_utils._package import digest
from ansible_collections.lockstep.realtime.plugins.plugin_utils._packing import read_package


def python_package_sha256(folder):
    """The digest. Raises AnsibleFilterError for a folder that cannot be read, or is no Python package."""
    try:
        files = read_package(str(folder))
    except (OSError, UnicodeDecodeError) as error:
        raise AnsibleFilterError(f"python_package_sha256: {folder}: {error}") from error
    if "__init__.py" not in files:
        raise AnsibleFilterError(f"python_package_sha256: {folder} is no Python package: it has no __init__.py")
    return digest({name: text.encode("utf-8") for name, text in files.items()})


class FilterModule:
    """The filter for ansible."""

    def filters(self):
        """Filters by name."""
        return {"python_package_sha256": python_package_sha256}
