# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file of a public key holds -> the key alone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ssh_public_key
short_description: A public key of ssh without its comment
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes the text of a file as C(ssh-keygen) writes it, and returns the key's kind and the key. What is no key is
    refused, so that nothing else gets into an F(authorized_keys).
positional: where
options:
  _input:
    description: The text.
    type: str
    required: true
  where:
    description: Where it was read, for the error.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: The key is told
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', 'id_ed25519.pub') | lockstep.realtime.ssh_public_key('id_ed25519.pub') }}"
"""

RETURN = r"""
_value:
  description: Kind and key, with a space between them.
  type: str
"""

from ansible_collections.lockstep.realtime.plugins.plugin_utils import _ssh


def ssh_public_key(text, where):
    """The key. Raises AnsibleFilterError where it is none."""
    return _ssh.public_key(str(text), str(where))


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"ssh_public_key": ssh_public_key}
