# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a play said -> a table that fits on one screen."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_table
short_description: What many hosts said, as a table of one screen
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes what M(lockstep.realtime.sync_info), M(lockstep.realtime.sync_audit) or M(lockstep.realtime.sync_control)
    returned on each host, and makes a table of it. The first line sums it up, then comes a line for each mirror and
    target.
  - Where these would be more than a screen holds, only what is not in step has a line, the worst first, and the rest is
    counted. A table never has more than 40 lines.
  - A host that did not answer has a line with what it said instead.
positional: kind
options:
  _input:
    description:
      - By host, what the module returned; for V(audit) and V(resync) a list of that, one for each mirror.
    type: dict
    required: true
  kind:
    description: Of which module it is.
    type: str
    choices: [status, audit, resync]
    required: true
"""

EXAMPLES = r"""
- name: The table of all hosts
  ansible.builtin.debug:
    msg: "{{ dict(ansible_play_hosts_all | zip(answers)) | lockstep.realtime.fleet_table('status') }}"
  vars:
    answers: "{{ ansible_play_hosts_all | map('extract', hostvars, 'told') }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.plugin_utils import _fleet

KINDS = {"status": _fleet.status, "audit": _fleet.audit, "resync": _fleet.resync}


def fleet_table(told, kind):
    """The lines. Raises AnsibleFilterError when what it is given is none of the modules' answers."""
    if kind not in KINDS:
        raise AnsibleFilterError(f"fleet_table: {kind!r} is none of {', '.join(KINDS)}")
    try:
        return KINDS[kind](told)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"fleet_table: this is not what the module returned by host: {error!r}") from error


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"fleet_table": fleet_table}
