# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target of the watcher's configuration -> what rsync is told."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rsync_url
short_description: The address by which rsync reaches a target
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes a target as P(lockstep.realtime.watcher_mirrors#filter) returns it, and returns the URL for an rsync on the
    NFS host. It is the target's own, but for one that is reached through a tunnel, where it is that of the near end.
options:
  _input:
    description: A target, with C(url), and C(tls) where it has that.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: A copy is read
  ansible.builtin.command:
    argv: [rsync, --list-only, "{{ target | lockstep.realtime.rsync_url }}"]
"""

RETURN = r"""
_value:
  description: The URL.
  type: str
"""

import re

from ansible.errors import AnsibleFilterError


def rsync_url(target):
    """The URL. Raises AnsibleFilterError for what is no target."""
    try:
        url, tls = target["url"], target.get("tls")
        return re.sub(r"(?<=@)[^/]*(?=/)", tls["connect"], url, count=1) if tls else url
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"rsync_url: this is no target of the watcher's configuration: {error!r}") from error


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"rsync_url": rsync_url}
