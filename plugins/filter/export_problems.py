# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nfs_exports -> what is wrong with them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: export_problems
short_description: What is wrong with a list of NFS exports
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Takes C(nfs_exports) and returns what is wrong with them, a sentence each. The role
    P(lockstep.realtime.nfs_export#role) refuses what this finds, before it writes anything.
positional: server
options:
  _input:
    description: C(nfs_exports).
    type: list
    elements: dict
    required: true
  server:
    description: Which server is to have them, C(kernel) or C(ganesha).
    type: str
    default: kernel
"""

EXAMPLES = r"""
- name: The exports are as they should be
  ansible.builtin.assert:
    that: nfs_exports | lockstep.realtime.export_problems | length == 0
"""

RETURN = r"""
_value:
  description: Sentences that name the export, what is wrong and the mend; empty for none.
  type: list
  elements: str
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _exports


def export_problems(exports, server="kernel"):
    """What is wrong with them."""
    return _exports.problems_of(exports, server)


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"export_problems": export_problems}
