# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_mirrors -> the backup hosts that one NFS host reaches over ssh."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ssh_hosts
short_description: The backup hosts that an NFS host reaches over ssh
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and returns which hosts of group C(backup) one host of group C(nfs) reaches over ssh.
positional: nfs_host, groups, hostvars
extends_documentation_fragment:
  - lockstep.realtime.mirrors
options:
  nfs_host:
    description: The inventory name of the NFS host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: The backup hosts reached over ssh are told
  ansible.builtin.debug:
    msg: "{{ lockstep_mirrors | lockstep.realtime.ssh_hosts(inventory_hostname, groups, hostvars) }}"
"""

RETURN = r"""
_value:
  description: Inventory names, each once.
  type: list
  elements: str
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _ends


def ssh_hosts(mirrors, nfs_host, groups, hostvars):
    """Names of backup hosts. Raises AnsibleFilterError when anything in lockstep_mirrors is wrong."""
    found = _ends.over_ssh(_ends.checked(mirrors, groups, hostvars), hostvars)
    return list(dict.fromkeys(host for mirror in found if str(nfs_host) in mirror.hosts for host in mirror.targets))


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"ssh_hosts": ssh_hosts}
