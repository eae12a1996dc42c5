# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All of sh_info: the host has no module to start, only its shell."""

from __future__ import annotations

import shlex

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

# What stands before it was not said by the script: with a terminal, sudo's and ssh's own words come the same way.
BEGINS = "lockstep-sh-info-begins"


def command(script, args):
    """The command line that runs the script with its arguments, whatever these hold."""
    words = ["/bin/sh", "-c", f"echo {BEGINS}; {script}", "sh", *args]
    return " ".join(shlex.quote(word) for word in words)


def said(stdout):
    """What the script printed, without the ends of lines that a terminal makes, and without the last one."""
    text = stdout.replace("\r\n", "\n")
    _before, mark, after = text.partition(f"{BEGINS}\n")
    return (after if mark else text).rstrip("\n")


class ActionModule(ActionBase):
    """Runs a script of the shell, in check mode as well."""

    TRANSFERS_FILES = False
    _requires_connection = True
    _VALID_ARGS = frozenset(("script", "args"))

    def run(self, tmp=None, task_vars=None):
        """Run it in one round trip."""
        result = super().run(tmp, task_vars)
        script, args = self._task.args.get("script"), self._task.args.get("args", [])
        if not isinstance(script, str) or not script.strip():
            raise AnsibleActionFail("sh_info: script is missing: give it as text")
        if not isinstance(args, list):
            raise AnsibleActionFail(f"sh_info: args must be a list, not {args!r}")
        line = f"{self._compute_environment_string()} {command(script, [str(word) for word in args])}".strip()
        done = self._low_level_execute_command(line)
        result.update(changed=False, rc=done["rc"], stdout=said(done["stdout"]), stderr=done["stderr"])
        result["stdout_lines"] = result["stdout"].splitlines()
        if done["rc"] != 0:
            result.update(failed=True, msg=f"the script ended with {done['rc']}: {result['stdout'] or done['stderr']}")
        return result
