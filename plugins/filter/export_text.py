# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nfs_exports -> what is written for an NFS server."""

from __future__ import annotations

DOCUMENTATION = r"""
name: export_text
short_description: NFS exports as their server's configuration has them
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Takes entries of C(nfs_exports) and returns lines of C(/etc/exports), or C(EXPORT) blocks of C(ganesha.conf), as the
    role P(lockstep.realtime.nfs_export#role) writes them. A path is quoted as each of them has it.
positional: server
options:
  _input:
    description: Entries of C(nfs_exports).
    type: list
    elements: dict
    required: true
  server:
    description: Which server is to have them, C(kernel) or C(ganesha).
    type: str
    default: kernel
"""

EXAMPLES = r"""
- name: What would be exported is shown
  ansible.builtin.debug:
    msg: "{{ nfs_exports | lockstep.realtime.export_text('ganesha') }}"
"""

RETURN = r"""
_value:
  description: Lines, the last one ended.
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.plugin_utils import _export_files, _exports


def export_text(exports, server="kernel"):
    """The text of a server. Raises AnsibleFilterError for exports with a mistake."""
    problems = _exports.problems_of(exports, server)
    if problems:
        raise AnsibleFilterError("; ".join(problems))
    if server == "ganesha":
        return _export_files.ganesha_blocks(exports)
    return "".join(map(_export_files.kernel_line, exports))


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"export_text": export_text}
