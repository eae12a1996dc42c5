# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lsyncd.conf.lua -> lockstep_mirrors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: from_lsyncd
short_description: From lsyncd's configuration to lockstep_mirrors
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Takes the text of a F(lsyncd.conf.lua) and returns the mirrors in it as C(lockstep_mirrors), with a
    sentence on every difference.
  - What cannot be converted is an error that names the line and the reason.
  - Nothing of it is executed, and whatever is code is refused.
  - It is what C(lockstep convert) does on a host.
positional: paths, hosts
options:
  _input:
    description: The text of the file.
    type: str
    required: true
  paths:
    description:
      - Name of a daemon's module to the directory that it has on the backup host, which is written in its
        F(rsyncd.conf) alone. A module that is not named is taken to have the directory of its name at the root.
    type: dict
    default: {}
  hosts:
    description: Address of a target to its name in the inventory. By default the address is the name.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: The mirrors are those that lsyncd had
  ansible.builtin.set_fact:
    lockstep_mirrors: "{{ converted.lockstep_mirrors }}"
  vars:
    converted: >-
      {{ lookup('ansible.builtin.file', 'lsyncd.conf.lua')
         | lockstep.realtime.from_lsyncd(paths={'backup': '/srv/backup'}, hosts={'172.16.1.41': 'backup01'}) }}
"""

RETURN = r"""
_value:
  description:
    - C(lockstep_mirrors), as an inventory has them.
    - C(watcher_mirrors), as C(mirrors) of F(lockstep.yml) has them, with addresses.
    - C(differences), a sentence for each option that means something else here or is not taken over.
    - C(yaml), the text of C(lockstep_mirrors) with the differences as comments.
  type: dict
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _convert


def from_lsyncd(text, paths=None, hosts=None):
    """The mirrors and the differences. Raises AnsibleFilterError when something cannot be converted."""
    return _convert.converted("from_lsyncd", text, paths, hosts)


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"from_lsyncd": from_lsyncd}
