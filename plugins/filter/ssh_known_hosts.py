# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host keys of backup hosts -> a known_hosts for one NFS host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ssh_known_hosts
short_description: The host keys of backup hosts, as ssh knows them
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and returns the lines of a F(known_hosts) for one host of group C(nfs), made of the host
    keys that were read on the backup hosts which it reaches over ssh. Nothing is asked of the network.
  - A backup host's own C(ssh_target_host_keys), a list of lines, takes the place of what was read there.
positional: nfs_host, groups, hostvars, keys
extends_documentation_fragment:
  - lockstep.realtime.mirrors
options:
  nfs_host:
    description: The inventory name of the NFS host.
    type: str
    required: true
  keys:
    description: By backup host, the text of its F(/etc/ssh/ssh_host_*_key.pub).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: The host keys that are known are told
  ansible.builtin.debug:
    msg: "{{ lockstep_mirrors | lockstep.realtime.ssh_known_hosts(inventory_hostname, groups, hostvars, keys) }}"
"""

RETURN = r"""
_value:
  description: Lines of a F(known_hosts), each once.
  type: list
  elements: str
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _ends, _ssh


def ssh_known_hosts(mirrors, nfs_host, groups, hostvars, keys):
    """Lines for one NFS host. Raises AnsibleFilterError where a backup host has no host key."""
    lines = []
    found = _ends.over_ssh(_ends.checked(mirrors, groups, hostvars), hostvars)
    for host in dict.fromkeys(host for mirror in found if str(nfs_host) in mirror.hosts for host in mirror.targets):
        known = _ends.vars_of(host, hostvars)
        given = known.get("ssh_target_host_keys")
        text = "\n".join(map(str, given)) if given else str(keys.get(host, ""))
        lines += _ssh.known_lines(_ends.address_of(host, hostvars), known, text)
    return list(dict.fromkeys(lines))


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"ssh_known_hosts": ssh_known_hosts}
