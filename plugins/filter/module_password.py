# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstep_password -> the password of one module of one backup host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: module_password
short_description: The password of one module of a backup host
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Takes a module's name and returns the password that lets into this module, of this backup host, and into nothing
    else. A module is for one mirror of one NFS host, so that no host knows what lets into another's.
  - It is derived from the backup host's C(lockstep_password) by HMAC-SHA256, which nobody can reverse; the same three
    always make the same password, of 43 letters, digits, C(-) and C(_).
  - What no role takes for a password, as one that is missing, of less than 12 characters or of several lines, is
    returned as it is, so that the role refuses it by its name.
positional: password, backup_host
options:
  _input:
    description: The module's name.
    type: str
    required: true
  password:
    description: C(lockstep_password) of the backup host.
    type: raw
    required: true
  backup_host:
    description: The inventory name of the backup host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Another program can read the mirror
  ansible.builtin.copy:
    dest: /root/data.password
    content: "{{ 'data' | lockstep.realtime.module_password(hostvars.backup01.lockstep_password, 'backup01') }}\n"
    mode: "0600"
  no_log: true
  diff: false
"""

RETURN = r"""
_value:
  description: The module's password.
  type: str
"""

import base64
import hashlib
import hmac
import re

from ansible.errors import AnsibleFilterError

# What comes before it in the message is no text of another use of the same key.
_LABEL = "lockstep.realtime password of a module"
_FIT = re.compile(r"[^\x00-\x1f\x7f]{12,256}\Z")


def module_password(module, password, backup_host):
    """The password of one module. Raises AnsibleFilterError without the names that it is for."""
    for what, name in (("module", module), ("backup_host", backup_host)):
        if not isinstance(name, str) or not name or "\0" in name:
            raise AnsibleFilterError(f"module_password: {what} must be a name, not {name!r}")
    # one that ansible-vault encrypted alone is no str before ansible-core 2.19
    text = str(password) if getattr(password, "__ENCRYPTED__", False) else password
    if not isinstance(text, str) or not _FIT.match(text):
        return password
    message = "\0".join((_LABEL, backup_host, module))
    made = hmac.new(text.encode("utf-8", "surrogateescape"), message.encode("utf-8"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode("ascii").rstrip("=")


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"module_password": module_password}
