# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of tls_certificate: the authority, which signs what the host asks for."""

from __future__ import annotations

import ipaddress
import os

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.lockstep.realtime.plugins.plugin_utils._authority import Authority, AuthorityError


def alternatives(names):
    """Names and addresses as they stand in subjectAltName. stunnel's checkHost takes an address for a name."""
    found = []
    for name in names:
        found.append(f"DNS:{name}")
        try:
            found.append(f"IP:{ipaddress.ip_address(name)}")
        except ValueError:
            continue
    return list(
        dict.fromkeys(alternative for alternative in found if ":" not in alternative[4:] or alternative[0] == "I")
    )


class ActionModule(ActionBase):
    """Looks at the host, signs where a certificate is due, and has it put there."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp=None, task_vars=None):
        """Two rounds at most; one where nothing is due, or in check mode."""
        result = super().run(tmp, task_vars)
        given = dict(self._task.args)
        folder = given.get("authority")
        if not folder:
            raise AnsibleActionFail("tls_certificate: authority is missing: name its folder on the controller")
        authority = Authority(os.path.abspath(os.path.expanduser(folder)))
        names = given.get("names") or []
        given["alternatives"] = alternatives([names] if isinstance(names, str) else [str(name) for name in names])
        try:
            if not self._task.check_mode:
                made = authority.make(_number(given, "authority_days", 3650))
            else:
                made = not authority.text()
            answer = self._round(given, authority.text(), task_vars)
            if answer.get("failed") or not answer.get("request"):
                result.update(answer)
            else:
                certificate = authority.sign(answer["request"], given["alternatives"], _number(given, "days", 397))
                second = self._round({**given, "certificate": certificate}, authority.text(), task_vars)
                result.update({**second, "due": answer["due"]})
        except AuthorityError as error:
            raise AnsibleActionFail(f"tls_certificate: {error}") from error
        result["changed"] = bool(result.get("changed") or made)
        result.pop("request", None)
        return result

    def _round(self, given, ca, task_vars):
        arguments = {**given, "ca": ca}
        return self._execute_module(
            module_name="lockstep.realtime.tls_certificate", module_args=arguments, task_vars=task_vars
        )


def _number(given, name, default):
    try:
        number = int(given.get(name, default))
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise AnsibleActionFail(f"tls_certificate: {name} must be a number of days, not {given.get(name)!r}")
    return number
