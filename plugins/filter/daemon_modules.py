# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_mirrors -> rsync_daemon_modules of one backup host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: daemon_modules
short_description: The rsync daemon's modules on a backup host
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and returns what the role P(lockstep.realtime.rsync_daemon#role) takes as
    C(rsync_daemon_modules) for one host of group C(backup).
  - The whole list is checked, whichever host is asked for, and every mistake in it is named.
  - A module is for its NFS host alone, O(hostvars) given.
  - A mirror of one NFS host is a module of the mirror's name. A mirror of several is one module for each, named
    C(NAME-HOST), in the folder C(PATH/HOST).
positional: backup_host, groups, hostvars
options:
  _input:
    description: C(lockstep_mirrors).
    type: list
    elements: dict
    required: true
  backup_host:
    description: The inventory name of the backup host.
    type: str
    required: true
  groups:
    description: The magic variable C(groups). The groups C(nfs) and C(backup) are used.
    type: dict
    required: true
  hostvars:
    description: The magic variable C(hostvars), to know where hosts come from, and that two names are one machine.
    type: dict
"""

EXAMPLES = r"""
- name: The daemon has a module for each mirror
  ansible.builtin.include_role:
    name: lockstep.realtime.rsync_daemon
  vars:
    rsync_daemon_modules: >-
      {{ lockstep_mirrors | lockstep.realtime.daemon_modules(inventory_hostname, groups, hostvars) }}
"""

RETURN = r"""
_value:
  description: >-
    Modules with C(name), C(path), C(comment) and, O(hostvars) given, C(hosts_allow), in the order of the mirrors.
  type: list
  elements: dict
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _admission, _ends


def daemon_modules(mirrors, backup_host, groups, hostvars=None):
    """Modules of one backup host. Raises AnsibleFilterError when anything in lockstep_mirrors is wrong."""
    found = _ends.checked(mirrors, groups, hostvars)
    found = _ends.by_daemon(found, hostvars)
    return _admission.kept_apart(_ends.modules_of(found, str(backup_host)), found, str(backup_host), hostvars)


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"daemon_modules": daemon_modules}
