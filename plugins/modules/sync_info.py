# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watcher's status as data, and waiting until it is as wanted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_info
short_description: The watcher's status, and waiting for its mirrors to be in step
version_added: 0.1.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Asks the watcher on the NFS host for its status, through its socket or over HTTP, and returns it as data.
  - Can wait until the mirrors are live on every target, and until the watcher runs with a given configuration.
extends_documentation_fragment:
  - lockstep.realtime.attributes
  - lockstep.realtime.attributes.info
options:
  socket:
    description:
      - The watcher's socket, C(status.socket) of its configuration.
    type: path
    default: /run/lockstep/status.sock
  url:
    description:
      - Where the status is found over HTTP, for example V(http://127.0.0.1:8008/status.json).
      - The socket is not used then.
    type: str
  mirror:
    description:
      - The mirrors to look at, by name. Without any, all of them.
    type: list
    elements: str
    aliases: [mirrors]
  wait_for:
    description:
      - V(answer) waits until the watcher answers.
      - V(live) waits until every mirror looked at is live on every target as well.
      - With V(live), a target that has been held for 3 seconds without a break ends the waiting with an error, as it
        stays so until somebody mends the source or releases the mirror.
      - Without it the module asks once, unless O(config_sha256) is given.
    type: str
    choices: [answer, live]
  config_sha256:
    description:
      - Waits until the watcher runs with a configuration file of this SHA-256 digest, which tells that a reload has
        taken place.
    type: str
  timeout:
    description:
      - How long to wait, in seconds.
    type: float
    default: 60
  stopped_ok:
    description:
      - Whether a watcher that does not run is told by RV(running), instead of being an error.
      - Nothing is waited for then.
    type: bool
    default: false
notes:
  - Names in the status that are not UTF-8 are shown with C(\\xNN) for each such byte.
"""

EXAMPLES = r"""
- name: How far the mirrors are
  lockstep.realtime.sync_info:
  register: sync

- name: Show what is not in step
  ansible.builtin.debug:
    msg: "{{ sync.mirrors | rejectattr('in_step') }}"

- name: Every mirror is live with the configuration just written
  lockstep.realtime.sync_info:
    wait_for: live
    config_sha256: "{{ config.stat.checksum }}"
    timeout: 300

- name: One mirror is live, asked over HTTP
  lockstep.realtime.sync_info:
    url: http://127.0.0.1:8008/status.json
    mirror: data
    wait_for: live
"""

RETURN = r"""
running:
  description: Whether the watcher answered.
  returned: always
  type: bool
status:
  description: The watcher's whole status document, as C(/status.json) has it.
  returned: when the watcher answered
  type: dict
in_step:
  description: Whether there is a mirror and every mirror looked at is live on every target.
  returned: when the watcher answered
  type: bool
mirrors:
  description: What most want to know of the mirrors looked at.
  returned: when the watcher answered
  type: list
  elements: dict
  contains:
    name:
      description: The mirror's name.
      type: str
      returned: always
    source:
      description: Its source on this host.
      type: str
      returned: always
    state:
      description: The worst state of its targets.
      type: str
      returned: always
      sample: live
    reason:
      description: Why it is in this state; null if there is nothing to say.
      type: str
      returned: always
    in_step:
      description: Whether it is live on every target.
      type: bool
      returned: always
    targets:
      description:
        - Its targets, each with C(name), C(state), C(reason), C(lag) in seconds, C(pending), C(next_try) and the number
          of C(problems).
      type: list
      elements: dict
      returned: always
"""

import time
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.realtime.plugins.module_utils import _in_step, _status

# Between two questions, seconds: soon at first, as a reload takes milliseconds, rarer later on.
SHORTEST = 0.05
LONGEST = 1.0
# A target that is held so long, in seconds, is waited for no more; one may be for a moment, as a source is looked at.
HELD_SECONDS = 3.0


def ask(params: dict[str, Any]) -> dict[str, Any]:
    """The status document. Raises StatusError."""
    return _status.from_url(params["url"]) if params["url"] else _status.from_socket(params["socket"])


def obstacles(params: dict[str, Any], status: dict[str, Any]) -> list[str]:
    """What is not yet as the task wants it."""
    texts: list[Optional[str]] = []
    if params["config_sha256"]:
        texts.append(_in_step.other_config(status, params["config_sha256"]))
    texts.append(_in_step.unknown(status, params["mirror"]))
    if params["wait_for"] == "live":
        mirrors = _in_step.select(status, params["mirror"])
        texts += [text for mirror in mirrors for text in _in_step.lagging(mirror)]
        if not mirrors:
            texts.append("the watcher has no mirror to wait for")
    return [text for text in texts if text]


def run(module: AnsibleModule) -> None:
    """Ask until all is as wanted, or once if nothing is waited for."""
    params = module.params
    if params["timeout"] < 0:
        module.fail_json(msg=f"timeout: {params['timeout']:g} is less than 0")
    waiting = bool(params["wait_for"] or params["config_sha256"])
    deadline = time.monotonic() + (params["timeout"] if waiting else 0)
    pause = SHORTEST
    held_since: dict[tuple[str, str], float] = {}
    while True:
        answer: dict[str, Any] = {"running": False}
        try:
            status = ask(params)
        except _status.StatusError as error:
            if params["stopped_ok"] and isinstance(error, _status.NotRunning):
                module.exit_json(**answer)
            reasons = [str(error)]
        else:
            reasons = obstacles(params, status)
            mirrors = _in_step.select(status, params["mirror"])
            answer = {
                "running": True,
                "status": status,
                "in_step": _in_step.in_step(mirrors),
                "mirrors": _in_step.summary(mirrors),
            }
        if not reasons:
            module.exit_json(**answer)
        now = time.monotonic()
        held = _in_step.held(mirrors) if answer["running"] and params["wait_for"] == "live" else {}
        held_since = {target: held_since.get(target, now) for target in held}
        lasting = [text for target, text in held.items() if now - held_since[target] >= HELD_SECONDS]
        if lasting:
            module.fail_json(msg="; ".join(lasting), **answer)
        left = deadline - now
        if left <= 0:
            waited = f"after {params['timeout']:g} s: " if waiting else ""
            module.fail_json(msg=waited + "; ".join(reasons), **answer)
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST)


def main() -> None:
    """The module's interface."""
    run(
        AnsibleModule(
            argument_spec={
                "socket": {"type": "path", "default": "/run/lockstep/status.sock"},
                "url": {"type": "str"},
                "mirror": {"type": "list", "elements": "str", "aliases": ["mirrors"]},
                "wait_for": {"type": "str", "choices": ["answer", "live"]},
                "config_sha256": {"type": "str"},
                "timeout": {"type": "float", "default": 60},
                "stopped_ok": {"type": "bool", "default": False},
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
