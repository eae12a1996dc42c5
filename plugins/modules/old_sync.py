# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sersync, lsyncd or a guide's script left on a host, and how to be rid of its edits."""

from __future__ import annotations

DOCUMENTATION = r"""
module: old_sync
short_description: Finds what sersync, lsyncd or a guide's script left on a host
version_added: 0.1.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Finds the configuration of sersync or lsyncd, their processes and those of the watcher, and what the guides have
    people write into F(/etc/rc.local), F(/etc/sysctl.conf), F(/etc/sysctl.d) and the tables of cron, such as limits of
    inotify, starts of the old system at boot, and an rsync on schedule beside it.
  - With O(replace=true) the lines that set limits or start the old system become comments. An rsync on schedule is only
    told, as it may have another purpose.
extends_documentation_fragment:
  - lockstep.realtime.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  config:
    description:
      - The configuration of the old system. By default the first one that exists of the places where packages and
        guides have it.
    type: path
  replace:
    description: Whether lines that set limits of inotify or start the old system become comments.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: What the old system left is known
  lockstep.realtime.old_sync:
  register: old

- name: Nothing of it is there any more at the next boot
  lockstep.realtime.old_sync:
    replace: true
"""

RETURN = r"""
config:
  description: The path of the configuration and the C(kind) of system, V(lsyncd) or V(sersync). Null without one.
  returned: always
  type: dict
  sample: {path: /etc/lsyncd/lsyncd.conf.lua, kind: lsyncd}
processes:
  description: The old system's processes that run, each with its C(pid) and C(program).
  returned: always
  type: list
  elements: dict
watchers:
  description: The processes of C(lockstep run) that run, each with its C(pid).
  returned: always
  type: list
  elements: dict
edits:
  description:
    - Lines of the system's files, each with C(path), C(line), C(text) and C(what), which is V(limit), V(start) or
      V(schedule). No password of a line is told.
  returned: always
  type: list
  elements: dict
  sample: [{path: /etc/rc.local, line: 3, text: "nohup /server/scripts/inotify.sh &", what: start}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.realtime.plugins.module_utils import _old_sync


def main() -> None:
    """The module's interface."""
    module = AnsibleModule(
        argument_spec={"config": {"type": "path"}, "replace": {"type": "bool", "default": False}},
        supports_check_mode=True,
    )
    try:
        config = _old_sync.configuration(module.params["config"])
        found = {path: _old_sync.read(path) for path in _old_sync.files()}
        every = [edit for path, text in found.items() for edit in _old_sync.edits(path, text)]
        diff = []
        for path in dict.fromkeys(edit.path for edit in every) if module.params["replace"] else ():
            taken = [edit for edit in every if edit.path == path and edit.what != "schedule"]
            after = _old_sync.without(found[path], taken)
            if after != found[path]:
                diff.append(_changed(module, path, taken, after))
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}")
    module.exit_json(
        changed=bool(diff),
        config=config,
        processes=_old_sync.processes(),
        watchers=_old_sync.watchers(),
        edits=[edit.shown() for edit in every],
        diff=diff,
    )


def _changed(module, path, taken, after):
    """Write a file anew, with its owner and mode, and tell the lines that are comments now."""
    if not module.check_mode:
        name = f"{module.tmpdir}/old_sync"
        with open(name, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(after)
        module.atomic_move(name, path)
    lines = [edit.shown()["text"] for edit in taken]
    told = "".join(f"{line}\n" for line in lines), "".join(f"# replaced by lockstep: {line}\n" for line in lines)
    return {"before_header": path, "after_header": path, "before": told[0], "after": told[1]}


if __name__ == "__main__":
    main()
