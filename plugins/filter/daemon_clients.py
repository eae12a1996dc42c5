# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_mirrors -> who may connect to one backup host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: daemon_clients
short_description: Addresses that may connect to a backup host
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and returns where the NFS hosts come from that mirror to one host of group C(backup), as
    the role P(lockstep.realtime.rsync_daemon#role) takes it as C(rsync_daemon_hosts_allow).
  - An NFS host comes from its C(lockstep_clients) (an address, network or name, or a list of them), else its
    C(lockstep_address), else its C(ansible_host), else its inventory name.
positional: backup_host, groups, hostvars
extends_documentation_fragment:
  - lockstep.realtime.mirrors
options:
  backup_host:
    description: The inventory name of the backup host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: The daemon knows whom it serves
  ansible.builtin.include_role:
    name: lockstep.realtime.rsync_daemon
  vars:
    rsync_daemon_hosts_allow: >-
      {{ lockstep_mirrors | lockstep.realtime.daemon_clients(inventory_hostname, groups, hostvars) }}
"""

RETURN = r"""
_value:
  description: Addresses, networks and names, each once, in the order of the mirrors.
  type: list
  elements: str
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _admission, _ends


def daemon_clients(mirrors, backup_host, groups, hostvars):
    """Who connects to one backup host. Raises AnsibleFilterError when anything in lockstep_mirrors is wrong."""
    found = _ends.checked(mirrors, groups, hostvars)
    return _admission.clients_of(_ends.by_daemon(found, hostvars), str(backup_host), hostvars)


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"daemon_clients": daemon_clients}
