# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_mirrors -> the backup hosts of one mirror."""

from __future__ import annotations

DOCUMENTATION = r"""
name: target_hosts
short_description: The backup hosts of one mirror
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and returns which hosts of group C(backup) have a copy of one mirror of one host of group
    C(nfs), in the order of the mirror's targets.
positional: nfs_host, groups, hostvars, name
extends_documentation_fragment:
  - lockstep.realtime.mirrors
options:
  nfs_host:
    description: The inventory name of the NFS host.
    type: str
    required: true
  name:
    description: The mirror's name.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: The backup hosts of a mirror are told
  ansible.builtin.debug:
    msg: "{{ lockstep_mirrors | lockstep.realtime.target_hosts(inventory_hostname, groups, hostvars, 'data') }}"
"""

RETURN = r"""
_value:
  description: Inventory names, each once.
  type: list
  elements: str
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _ends


def target_hosts(mirrors, nfs_host, groups, hostvars, name):
    """Names of backup hosts. Raises AnsibleFilterError when anything in lockstep_mirrors is wrong."""
    found = _ends.checked(mirrors, groups, hostvars)
    return [
        host for mirror in found if mirror.name == name and str(nfs_host) in mirror.hosts for host in mirror.targets
    ]


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"target_hosts": target_hosts}
