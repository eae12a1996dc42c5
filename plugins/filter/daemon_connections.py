# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_mirrors -> how many connections the daemon of one backup host has room for."""

from __future__ import annotations

DOCUMENTATION = r"""
name: daemon_connections
short_description: Connections that a backup host has room for
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and returns what the role P(lockstep.realtime.rsync_daemon#role) takes as
    C(rsync_daemon_max_connections) for one host of group C(backup).
  - Each mirror of each NFS host has room for the 31 connections that its watcher may have at once, three times, as
    those of a link that was cut stay until the daemon's timeout; and each NFS host for 8 more, with which it verifies.
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
    rsync_daemon_max_connections: >-
      {{ lockstep_mirrors | lockstep.realtime.daemon_connections(inventory_hostname, groups, hostvars) }}
"""

RETURN = r"""
_value:
  description: A number of connections.
  type: int
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _admission, _ends


def daemon_connections(mirrors, backup_host, groups, hostvars):
    """How many connections one backup host takes. Raises AnsibleFilterError for any mistake in lockstep_mirrors."""
    found = _ends.checked(mirrors, groups, hostvars)
    return _admission.connections_of(_ends.by_daemon(found, hostvars), str(backup_host))


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"daemon_connections": daemon_connections}
