# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_mirrors -> by which transports one backup host is reached."""

from __future__ import annotations

DOCUMENTATION = r"""
name: daemon_transports
short_description: The transports by which mirrors come to a backup host
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and returns the transports of all mirrors that have one host of group C(backup) among
    their targets. The roles P(lockstep.realtime.rsync_daemon#role) and P(lockstep.realtime.tls#role) follow from that
    what listens where.
  - A target's transport is its own, else the backup host's C(lockstep_transport), else C(plain).
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
- name: The daemon is reached from outside where a mirror comes to it unencrypted
  ansible.builtin.include_role:
    name: lockstep.realtime.rsync_daemon
  vars:
    rsync_daemon_address: "{{ '' if 'plain' in transports else '127.0.0.1' }}"
    transports: "{{ lockstep_mirrors | lockstep.realtime.daemon_transports(inventory_hostname, groups, hostvars) }}"
"""

RETURN = r"""
_value:
  description: Of C(plain), C(tls) and C(ssh) those that are used; none where nothing comes here.
  type: list
  elements: str
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _ends


def daemon_transports(mirrors, backup_host, groups, hostvars):
    """Transports to one backup host. Raises AnsibleFilterError when anything in lockstep_mirrors is wrong."""
    return _ends.transports_to(_ends.checked(mirrors, groups, hostvars), str(backup_host), hostvars)


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"daemon_transports": daemon_transports}
