# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_mirrors -> what one backup host takes over ssh."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ssh_targets
short_description: What a backup host takes over ssh
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and returns which directories of one host of group C(backup) are written to over ssh, by
    which NFS host, from where, and where the public key of it lies on that host.
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
- name: The directories that are written to over ssh are told
  ansible.builtin.debug:
    msg: "{{ lockstep_mirrors | lockstep.realtime.ssh_targets(inventory_hostname, groups, hostvars) }}"
"""

RETURN = r"""
_value:
  description: Mappings with C(name), C(path), C(host), C(from) and C(key), in the order of the mirrors.
  type: list
  elements: dict
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _admission, _ends, _ssh


def ssh_targets(mirrors, backup_host, groups, hostvars):
    """Directories of one backup host. Raises AnsibleFilterError when anything in lockstep_mirrors is wrong."""
    found = _ends.over_ssh(_ends.checked(mirrors, groups, hostvars), hostvars)
    told = []
    for mirror in found:
        for place in _ends.places_of(mirror, str(backup_host)):
            host = place["host"]
            known = _ends.vars_of(host, hostvars)
            folder = str(known.get("watcher_secrets_dir") or _ssh.FOLDER)
            key = f"{_ssh.key_file(mirror.name, folder)}.pub"
            told.append(_ssh.authorized(place, _admission.places_of(host, hostvars), key))
    return told


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"ssh_targets": ssh_targets}
