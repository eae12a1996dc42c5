# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_mirrors -> the password files that one NFS host needs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: watcher_secrets
short_description: The password files that an NFS host needs
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and tells which password files the mirrors of one host of group C(nfs) refer to, and of
    which module of which backup host each holds the password. It returns no password itself;
    P(lockstep.realtime.module_password#filter) does.
positional: nfs_host, groups, hostvars
options:
  _input:
    description: C(lockstep_mirrors).
    type: list
    elements: dict
    required: true
  nfs_host:
    description: The inventory name of the NFS host.
    type: str
    required: true
  groups:
    description: The magic variable C(groups). The groups C(nfs) and C(backup) are used.
    type: dict
    required: true
  hostvars:
    description: The magic variable C(hostvars), to notice that two inventory names are one machine.
    type: dict
"""

EXAMPLES = r"""
- name: The watcher has a password for each module
  ansible.builtin.copy:
    dest: /etc/lockstep/secrets/{{ item.key }}
    content: >-
      {{ item.value.module
         | lockstep.realtime.module_password(hostvars[item.value.host].lockstep_password, item.value.host) }}
    mode: "0600"
  loop: "{{ lockstep_mirrors | lockstep.realtime.watcher_secrets(inventory_hostname, groups) | dict2items }}"
  no_log: true
  diff: false
"""

RETURN = r"""
_value:
  description: >-
    File name (without the folder) to C(module), a name, and C(host), the inventory name of the backup host.
  type: dict
  sample:
    data@backup01: {module: data, host: backup01}
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _ends


def watcher_secrets(mirrors, nfs_host, groups, hostvars=None):
    """Password files of one NFS host. Raises AnsibleFilterError when anything in lockstep_mirrors is wrong."""
    found = _ends.by_daemon(_ends.checked(mirrors, groups, hostvars), hostvars)
    ends = [
        (place["name"], host)
        for mirror in found
        for host in mirror.targets
        for place in _ends.places_of(mirror, host)
        if place["host"] == str(nfs_host)
    ]
    return {_ends.secret_of(module, host): {"module": module, "host": host} for module, host in ends}


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"watcher_secrets": watcher_secrets}
