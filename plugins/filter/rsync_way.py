# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target of the watcher -> how rsync is told of it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rsync_way
short_description: How rsync is told of a target
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes a target as P(lockstep.realtime.watcher_mirrors#filter) returns it, and returns what rsync is told to reach it
    as the watcher does, by a daemon or over ssh.
options:
  _input:
    description: A mapping with C(url) and what goes with it; an empty one is none.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: What the copy has is listed
  ansible.builtin.command:
    argv: "{{ ['rsync'] + way.options + [way.place ~ '/'] }}"
  vars:
    way: "{{ watcher_mirrors[0].targets[0] | lockstep.realtime.rsync_way }}"
  changed_when: false
"""

RETURN = r"""
_value:
  description: C(options), a list, and C(place), without a slash at its end.
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.rsync_url import rsync_url
from ansible_collections.lockstep.realtime.plugins.module_utils import _endpoint, _remote_shell


def rsync_way(target):
    """Options and place. Raises AnsibleFilterError for what is no target."""
    if not target:
        return {"options": [], "place": ""}
    try:
        endpoint = _endpoint.parse(str(target["url"]))
    except (KeyError, _endpoint.EndpointError) as error:
        raise AnsibleFilterError(f"rsync_way: {error}") from error
    if not endpoint.url.startswith("ssh://"):
        options = [f"--password-file={target['password_file']}"] if target.get("password_file") else []
        return {
            "options": [*options, *(["--contimeout=20"] if endpoint.daemon else [])],
            "place": str(rsync_url(target)),
        }
    key = str(target.get("ssh_key") or _remote_shell.KEY_FILE)
    known = str(target.get("ssh_known_hosts") or _remote_shell.KNOWN_HOSTS)
    options = _remote_shell.options(endpoint.port, key, known, bool(target.get("fake_super")))
    return {"options": list(options), "place": endpoint.source.rstrip("/")}


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"rsync_way": rsync_way}
