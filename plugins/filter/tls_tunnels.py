# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_mirrors -> the tunnels of one NFS host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tls_tunnels
short_description: The encrypted tunnels of an NFS host
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and returns what the role P(lockstep.realtime.tls#role) takes as C(tls_tunnels) for one
    host of group C(nfs), a tunnel to each backup host that it reaches by the transport C(tls).
  - An end on the NFS host is at an address of the loopback interface that follows from the backup host's name.
positional: nfs_host, groups, hostvars
extends_documentation_fragment:
  - lockstep.realtime.mirrors
options:
  nfs_host:
    description: The inventory name of the NFS host.
    type: str
    required: true
  port:
    description: The port at which the backup hosts listen.
    type: int
    default: 874
"""

EXAMPLES = r"""
- name: The NFS host has its tunnels
  ansible.builtin.include_role:
    name: lockstep.realtime.tls
  vars:
    tls_tunnels: "{{ lockstep_mirrors | lockstep.realtime.tls_tunnels(inventory_hostname, groups, hostvars) }}"
"""

RETURN = r"""
_value:
  description: >-
    For each backup host its inventory name as C(host), the C(name) that its certificate must have, where the NFS host's
    end listens as C(accept), and where it leads to as C(connect).
  type: list
  elements: dict
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _ends


def tls_tunnels(mirrors, nfs_host, groups, hostvars, port=874):
    """Tunnels of one NFS host. Raises AnsibleFilterError when anything in lockstep_mirrors is wrong."""
    return _ends.tunnels_of(_ends.checked(mirrors, groups, hostvars), str(nfs_host), hostvars, port)


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"tls_tunnels": tls_tunnels}
