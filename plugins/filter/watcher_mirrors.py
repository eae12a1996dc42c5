# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_mirrors -> `mirrors` of lockstep.yml on one NFS host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: watcher_mirrors
short_description: The watcher's mirrors on an NFS host
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Takes C(lockstep_mirrors) and returns C(mirrors) as they stand in the watcher's configuration file, for one host of
    group C(nfs).
  - The whole list is checked, whichever host is asked for, and every mistake in it is named.
  - A backup host's address is its C(lockstep_address), else its C(ansible_host), else its inventory name.
  - A target is a name, or a mapping with C(host) and C(transport), which is C(plain), C(tls) or C(ssh); else the
    transport is the backup host's C(lockstep_transport), else C(plain). Over C(ssh) each mirror has a key of its own,
    which is restricted to the directory of the mirror.
positional: nfs_host, groups, hostvars
extends_documentation_fragment:
  - lockstep.realtime.mirrors
options:
  nfs_host:
    description: The inventory name of the NFS host.
    type: str
    required: true
  user:
    description: The name to log in to the daemons with.
    type: str
    default: rsync_backup
  port:
    description: The daemons' port.
    type: int
    default: 873
  secrets_dir:
    description: Where the password files are on the NFS host. P(lockstep.realtime.watcher_secrets#filter) names them.
    type: str
    default: /etc/lockstep/secrets
  tls_port:
    description: The port at which backup hosts take what comes by the transport V(tls).
    type: int
    default: 874
  tls_dir:
    description: Where the files of that transport are on the NFS host.
    type: str
    default: /etc/lockstep-tls
"""

EXAMPLES = r"""
- name: The watcher mirrors what the inventory says
  ansible.builtin.include_role:
    name: lockstep.realtime.watcher
  vars:
    watcher_mirrors: >-
      {{ lockstep_mirrors | lockstep.realtime.watcher_mirrors(inventory_hostname, groups, hostvars, port=8730) }}
"""

RETURN = r"""
_value:
  description: >-
    Mirrors with C(name), C(source), the settings that were given, and C(targets) with C(url), C(password_file) and,
    where given, C(rsync_options), and C(tls) of those that are reached so. Those over C(ssh) have C(ssh_key),
    C(ssh_known_hosts) and C(fake_super) in place of C(password_file).
  type: list
  elements: dict
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _ends


def watcher_mirrors(
    mirrors,
    nfs_host,
    groups,
    hostvars,
    user="rsync_backup",
    port=873,
    secrets_dir="/etc/lockstep/secrets",
    tls_port=874,
    tls_dir="/etc/lockstep-tls",
):
    """Mirrors of one NFS host. Raises AnsibleFilterError when anything in lockstep_mirrors is wrong."""
    found = _ends.checked(mirrors, groups, hostvars)
    return _ends.mirrors_of(found, str(nfs_host), hostvars, user, port, secrets_dir, tls_port, tls_dir)


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"watcher_mirrors": watcher_mirrors}
