# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of inotify, who uses them, and how many watches given trees need."""

from __future__ import annotations

DOCUMENTATION = r"""
module: inotify_info
short_description: Limits of inotify, who uses them, and how many watches given trees need
version_added: 0.1.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Reads the kernel's limits for inotify, the watches and instances in use per user and per process, and counts the
    directories below given paths.
  - inotify needs one watch for every directory of a tree, so the number of directories is the number of watches that a
    watcher of these paths needs.
extends_documentation_fragment:
  - lockstep.realtime.attributes
  - lockstep.realtime.attributes.info
options:
  paths:
    description:
      - Directories whose trees are counted. Symbolic links below them are not followed.
      - A path given twice is counted once.
    type: list
    elements: path
    default: []
  exclude:
    description:
      - What is not counted, nor anything below it, as rsync's exclude patterns.
      - Without a slash a pattern matches a directory's name anywhere, with a leading slash the path from the root of
        the tree; V(*) stops at a slash and V(**) does not.
    type: list
    elements: str
    default: []
  missing_ok:
    description:
      - Whether a path that does not exist is listed in RV(missing_paths), instead of being an error.
    type: bool
    default: false
notes:
  - What other users' processes hold is only seen by root; processes that could not be read are counted in
    RV(usage.unreadable).
  - An instance that several processes inherited is counted for each of them.
"""

EXAMPLES = r"""
- name: Limits and use of inotify
  lockstep.realtime.inotify_info:
  register: inotify

- name: What the mirrors need
  lockstep.realtime.inotify_info:
    paths: "{{ lockstep_mirrors | map(attribute='source') }}"
    exclude:
      - .snapshots/
  register: inotify

- name: The limit suffices
  ansible.builtin.assert:
    that: inotify.sufficient
    fail_msg: >-
      {{ inotify.needed_watches }} watches are needed and fs.inotify.max_user_watches
      is {{ inotify.limits.max_user_watches }}
"""

RETURN = r"""
limits:
  description: The limits in force now, from C(/proc/sys/fs/inotify).
  returned: always
  type: dict
  contains:
    max_user_watches:
      description: Watches that one user may have.
      type: int
      returned: always
    max_queued_events:
      description: Events that wait in the queue of one instance before the queue overflows.
      type: int
      returned: always
    max_user_instances:
      description: Instances that one user may have.
      type: int
      returned: always
  sample: {max_user_watches: 65536, max_queued_events: 16384, max_user_instances: 128}
directories:
  description: The number of directories of each path, the path itself included.
  returned: always
  type: dict
  sample: {/data: 10412}
missing_paths:
  description: Paths that do not exist, with O(missing_ok=true).
  returned: always
  type: list
  elements: str
unreadable_directories:
  description: Directories whose content could not be listed, so that what is below them is not counted.
  returned: always
  type: int
needed_watches:
  description: Watches that a watcher of all paths needs.
  returned: always
  type: int
  sample: 10412
sufficient:
  description: Whether C(max_user_watches) allows RV(needed_watches) to one user.
  returned: always
  type: bool
usage:
  description: What is in use now.
  returned: always
  type: dict
  contains:
    users:
      description: Sums per user, in the order of the user's number.
      type: list
      elements: dict
      returned: always
      sample: [{uid: 0, user: root, watches: 12, instances: 3}]
    processes:
      description: Processes that have an instance, in the order of their number.
      type: list
      elements: dict
      returned: always
      sample: [{pid: 1, command: systemd, uid: 0, watches: 9, instances: 2}]
    unreadable:
      description: Processes that this user may not look into; what they hold is missing in the sums.
      type: int
      returned: always
"""

import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.realtime.plugins.module_utils import _directories, _inotify


def run(module: AnsibleModule) -> None:
    """Read, count, and say what could not be read."""
    directories: dict[str, int] = {}
    missing = []
    unreadable = 0
    try:
        exclude = _directories.pattern(module.params["exclude"])
    except re.error as error:
        module.fail_json(msg=f"exclude: {', '.join(module.params['exclude'])}: {error.msg}")
    for path in module.params["paths"]:
        if not os.path.isabs(path):
            module.fail_json(msg=f"paths: {path} is not an absolute path")
        if not os.path.lexists(path):
            missing.append(path)
            continue
        try:
            directories[path], hidden = _directories.count(path, exclude)
        except OSError as error:
            module.fail_json(msg=f"paths: {path}: {error.strerror}")
        unreadable += hidden
    if missing and not module.params["missing_ok"]:
        module.fail_json(msg=f"paths: {', '.join(missing)}: no such directory (missing_ok passes over it)")
    try:
        limits = _inotify.limits()
        usage = _inotify.usage()
    except _inotify.InotifyError as error:
        module.fail_json(msg=str(error))
    if unreadable:
        module.warn(f"{unreadable} directories could not be listed, so what is below them is not counted")
    needed = sum(directories.values())
    module.exit_json(
        limits=limits,
        directories=directories,
        missing_paths=missing,
        unreadable_directories=unreadable,
        needed_watches=needed,
        sufficient=needed <= limits["max_user_watches"],
        usage=usage,
    )


def main() -> None:
    """The module's interface."""
    run(
        AnsibleModule(
            argument_spec={
                "paths": {"type": "list", "elements": "path", "default": []},
                "exclude": {"type": "list", "elements": "str", "default": []},
                "missing_ok": {"type": "bool", "default": False},
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
