# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the watcher to compare, pause, resume or release a mirror, and waits until that is done."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_control
short_description: Have the watcher compare, pause, resume or release a mirror
version_added: 0.2.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Runs on the NFS host and tells its watcher, through the watcher's socket, what to do with one mirror.
  - Can wait until it is done on every target.
extends_documentation_fragment:
  - lockstep.realtime.attributes
attributes:
  check_mode:
    support: full
    details:
      - The watcher is asked for its status alone. Whether a target that is down or held is paused as well it does not
        tell, so that V(pause) and V(resume) may be announced wrongly for such.
  diff_mode:
    support: full
    details:
      - The states of the targets before and after.
  idempotent:
    support: partial
    details:
      - V(pause), V(resume) and V(release) report a change only when the watcher has changed something.
      - V(resync) reports one when it has found differences, which it does once; without O(wait) it always reports one.
options:
  command:
    description:
      - V(resync) compares the mirror, or O(path), with its targets now, and sends what differs.
      - V(pause) sends nothing any more. What changes meanwhile is remembered.
      - V(resume) goes on after V(pause).
      - V(release) lets held deletions go, or accepts a source that is another one now.
    type: str
    choices: [resync, pause, resume, release]
    required: true
  mirror:
    description:
      - The mirror's name.
    type: str
    required: true
  path:
    description:
      - With V(resync), only this path, relative to the mirror's source.
    type: str
  wait:
    description:
      - Whether to wait until it is done.
      - For V(resync) that all it found has arrived, for V(pause) that nothing is under way any more, for V(resume) and
        V(release) that the mirror is live on every target.
      - A target that has been held for 3 seconds without a break ends the waiting with an error, as it stays so until
        somebody mends the source or releases the mirror. V(pause) is not kept by it.
    type: bool
    default: false
  timeout:
    description:
      - How long to wait, in seconds.
    type: float
    default: 300
  socket:
    description:
      - The watcher's socket, C(status.socket) of its configuration.
    type: path
    default: /run/lockstep/status.sock
notes:
  - The task's user must be root, or a member of the watcher's group.
seealso:
  - module: lockstep.realtime.sync_info
  - module: lockstep.realtime.sync_audit
"""

EXAMPLES = r"""
- name: Compare everything now, and wait until all that differs has arrived
  lockstep.realtime.sync_control:
    command: resync
    mirror: data
    wait: true
  register: resync

- name: The backup had missed nothing
  ansible.builtin.assert:
    that: resync is not changed

- name: Send nothing while the backup host is moved
  lockstep.realtime.sync_control:
    command: pause
    mirror: data
    wait: true

- name: Go on, and catch up
  lockstep.realtime.sync_control:
    command: resume
    mirror: data
    wait: true
    timeout: 3600

- name: These deletions are meant
  lockstep.realtime.sync_control:
    command: release
    mirror: data
"""

RETURN = r"""
mirror:
  description: The mirror's name.
  returned: success
  type: str
  sample: data
message:
  description: The watcher's answer; null in check mode.
  returned: success
  type: str
  sample: "mirror data: paused"
waited:
  description: How long it was waited for, in seconds; null without O(wait).
  returned: success
  type: float
in_step:
  description: Whether the mirror is live on every target, as far as that is known then.
  returned: success
  type: bool
targets:
  description: The targets as they are then.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The target's name.
      type: str
      returned: always
    state:
      description: Its state.
      type: str
      returned: always
      sample: live
    reason:
      description: Why it is in this state; null if there is nothing to say.
      type: str
      returned: always
    lag:
      description: Age of the oldest change that is not confirmed, in seconds.
      type: float
      returned: always
    pending:
      description: How many changes wait.
      type: int
      returned: always
    differences:
      description: How many differences V(resync) has found; null if it was not waited for, and for other commands.
      type: int
      returned: always
    bytes:
      description: How many bytes were to be sent for them.
      type: int
      returned: always
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.realtime.plugins.module_utils import _in_step, _orders, _status

# Between two questions, seconds: soon at first, rarer later on.
SHORTEST = 0.05
LONGEST = 1.0
# A target that is held so long, in seconds, is waited for no more; one may be for a moment, as a source is looked at.
HELD_SECONDS = 3.0


class Failed(Exception):
    """It could not be done, or not in time; the text says why."""


def mirror_of(params: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """The mirror as the status has it, and the watcher's time. Raises StatusError, Failed."""
    status = _status.from_socket(params["socket"])
    unknown = _in_step.unknown(status, [params["mirror"]])
    if unknown is not None:
        raise Failed(unknown)
    return _in_step.select(status, [params["mirror"]])[0], float(status.get("now") or 0)


def wait(params: dict[str, Any], since: float) -> dict[str, Any]:
    """The mirror when it is done. Raises StatusError, Failed."""
    command = params["command"]
    deadline = time.monotonic() + params["timeout"]
    pause = SHORTEST
    held_since: dict[tuple[str, str], float] = {}
    while True:
        mirror = mirror_of(params)[0]
        left = _orders.unfinished(command, mirror, since)
        if not left:
            return mirror
        now = time.monotonic()
        held = _in_step.held([mirror]) if command != _orders.PAUSE else {}
        held_since = {target: held_since.get(target, now) for target in held}
        lasting = [text for target, text in held.items() if now - held_since[target] >= HELD_SECONDS]
        if lasting:
            raise Failed("; ".join(lasting))
        if now >= deadline:
            raise Failed(f"after {params['timeout']:g} s: {'; '.join(left)}")
        time.sleep(min(pause, max(deadline - now, 0.01)))
        pause = min(pause * 1.5, LONGEST)


def control(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Tell the watcher, wait if wanted, and answer. Raises StatusError, Failed."""
    command = params["command"]
    if params["timeout"] < 0:
        raise Failed(f"timeout: {params['timeout']:g} is less than 0")
    if params["path"] is not None and command != _orders.RESYNC:
        raise Failed(f"path: {command} is for a whole mirror; only resync takes a path")
    before, since = mirror_of(params)
    changed, message, waited, after = _orders.would_change(command, before), None, None, before
    pointless = _orders.pointless(command, before) if params["wait"] else None
    if pointless is not None:
        raise Failed(pointless)
    if not check_mode:
        request = {"command": command, "mirror": params["mirror"], "path": params["path"]}
        answer = _status.order(params["socket"], request)
        changed, message = bool(answer.get("changed", changed)), _status.printable(answer.get("message", "done"))
        if params["wait"]:
            began = time.monotonic()
            after = wait(params, since)
            waited = round(time.monotonic() - began, 2)
        else:
            after = mirror_of(params)[0]
    results = _orders.results(after, command, waited is not None)
    if command == _orders.RESYNC and waited is not None:
        changed = any(target["differences"] for target in results)
    return {
        "changed": changed,
        "mirror": params["mirror"],
        "message": message,
        "waited": waited,
        "in_step": _in_step.in_step([after]),
        "targets": results,
        "diff": {"before": states(before), "after": states(after)},
    }


def states(mirror: dict[str, Any]) -> str:
    """One line for each target, for a diff."""
    return "".join(f"{target.get('name')}: {target.get('state')}\n" for target in _orders.targets(mirror))


def main() -> None:
    """The module's interface."""
    module = AnsibleModule(
        argument_spec={
            "command": {"type": "str", "choices": list(_orders.ORDERS), "required": True},
            "mirror": {"type": "str", "required": True},
            "path": {"type": "str"},
            "wait": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 300},
            "socket": {"type": "path", "default": "/run/lockstep/status.sock"},
        },
        supports_check_mode=True,
    )
    try:
        answer = control(module.params, module.check_mode)
    except (_status.StatusError, Failed) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
