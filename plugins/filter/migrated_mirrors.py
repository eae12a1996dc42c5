# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of sersync and lsyncd on several hosts -> lockstep_mirrors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: migrated_mirrors
short_description: From the configurations of sersync and lsyncd on NFS hosts to lockstep_mirrors
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Converts the configuration of each host, as P(lockstep.realtime.from_lsyncd#filter) and
    P(lockstep.realtime.from_confxml#filter) do, and names each target by its host of group C(backup).
  - A target's address is looked for among C(lockstep_address), C(ansible_host) and the names of these hosts. One that
    is none of them is an error.
  - What several hosts mirror alike is one mirror of all of them.
  - The role P(lockstep.realtime.rsync_daemon#role) keeps all files of a host as one user. Modules that are kept as
    different ones are an error, unless the host has C(rsync_daemon_user) or C(rsync_daemon_ownership).
positional: backups, hostvars, daemons, paths
options:
  _input:
    description:
      - NFS host to the C(kind) of its old system, V(lsyncd) or V(sersync), and the C(text) of its configuration.
    type: dict
    required: true
  backups:
    description: The hosts of group C(backup).
    type: list
    elements: str
    required: true
  hostvars:
    description: The magic variable C(hostvars).
    type: dict
    required: true
  daemons:
    description: Backup host to the text of its F(rsyncd.conf), which says where a module's directory is.
    type: dict
    default: {}
  paths:
    description: Name of a module to its directory, where that is to be another one.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: The mirrors are those that lsyncd has
  ansible.builtin.set_fact:
    lockstep_mirrors: "{{ found.mirrors }}"
  vars:
    lua: "{{ lookup('ansible.builtin.file', 'lsyncd.conf.lua') }}"
    found: >-
      {{ {'nfs01': {'kind': 'lsyncd', 'text': lua}} | lockstep.realtime.migrated_mirrors(groups['backup'], hostvars) }}
"""

RETURN = r"""
_value:
  description:
    - C(mirrors), as C(lockstep_mirrors) has them.
    - C(owners), as whom the daemon of a backup host keeps the files of these modules, by host; C(uid) is a name or a
      number, and of C(gid) the first one counts that exists. Without any it is the user's own group. A host for which
      the inventory has C(rsync_daemon_user) or C(rsync_daemon_ownership), or whose daemon is not known, is left out.
    - C(differences), for each NFS host a sentence for each option that means something else or is not taken over.
  type: dict
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _migration


def migrated_mirrors(configurations, backups, hostvars, daemons=None, paths=None):
    """The mirrors and the differences. Raises AnsibleFilterError when something cannot be migrated."""
    return _migration.migrated(configurations, backups, hostvars, daemons or {}, paths or {})


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"migrated_mirrors": migrated_mirrors}
