# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an rsync daemon says of itself, asked without rsync."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rsync_daemon_info
short_description: What an rsync daemon says of itself, and whether it lets in and takes
version_added: 0.2.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Speaks the rsync daemon's own greeting and tells its protocol version, the digests of its log-in, the modules it
    lists, whether a log-in to a module works, and whether the module would take anything.
  - No rsync is needed on the host that asks. Run it where the daemon is to be reached from, such as on the NFS host.
  - Nothing is transferred. Whether a module takes anything is asked with a push of nothing, as a dry run.
extends_documentation_fragment:
  - lockstep.realtime.attributes
  - lockstep.realtime.attributes.info
options:
  host:
    description:
      - The daemon's host, by name or address.
    type: str
    default: 127.0.0.1
  port:
    description:
      - The daemon's port.
    type: int
    default: 873
  module:
    description:
      - The module to look at. Without it only the daemon itself is.
    type: str
  user:
    description:
      - The user to log in as, where the module wants one.
    type: str
  password:
    description:
      - The user's password.
    type: str
  password_file:
    description:
      - A file on the task's host whose first line is the password.
    type: path
  timeout:
    description:
      - How long each of up to three connections may take, in seconds.
    type: float
    default: 10
  unreachable_ok:
    description:
      - Whether a daemon that does not answer is told by RV(reachable), instead of being an error.
    type: bool
    default: false
notes:
  - Like any log-in, one with a wrong password is written to the daemon's log. So is a push that is refused.
  - How much room there is, who owns the module's files, and whether its disk takes them, the protocol does not tell
    before something is sent. RV(unknown) says so; M(lockstep.realtime.sync_verify) proves it.
  - The daemon does not tell the version of its rsync either, only that of its protocol. 31 is rsync 3.1.0 and later, 32
    is 3.2.7 and later for daemons that name their digests.
seealso:
  - module: lockstep.realtime.sync_verify
"""

EXAMPLES = r"""
- name: Ask the backup host's daemon
  lockstep.realtime.rsync_daemon_info:
    host: 172.16.1.41
    module: backup
    user: rsync_backup
    password_file: /etc/lockstep/secrets/backup@backup01
  register: daemon

- name: It is one that lets us in, keeps strangers out, and takes what is sent
  ansible.builtin.assert:
    that:
      - daemon.ok
      - daemon.login.required
      - daemon.login.digest in ['sha512', 'sha256']
      - daemon.writable
      - not daemon.listed

- name: Is there a daemon at all?
  lockstep.realtime.rsync_daemon_info:
    host: backup02
    unreachable_ok: true
  register: other
"""

RETURN = r"""
reachable:
  description: Whether an rsync daemon answered.
  returned: always
  type: bool
reason:
  description: Why something is not well; null if all is.
  returned: always
  type: str
ok:
  description: Whether the daemon answered and, where O(module) is given, lets in and takes what is sent.
  returned: always
  type: bool
protocol:
  description: The version of the daemon's protocol.
  returned: when reachable
  type: int
  sample: 32
subprotocol:
  description: Not 0 for a daemon that was never released.
  returned: when reachable
  type: int
digests:
  description: The digests that it takes for a log-in; null where it names none, which means md5.
  returned: when reachable
  type: list
  elements: str
  sample: [sha512, sha256, sha1, md5, md4]
motd:
  description: The lines of its message of the day.
  returned: when reachable
  type: list
  elements: str
connect_ms:
  description: How long the connection took, in milliseconds.
  returned: when reachable
  type: float
modules:
  description: The modules that it lists, each with C(name) and C(comment).
  returned: when reachable
  type: list
  elements: dict
listed:
  description: Whether O(module) is among them; null without one.
  returned: when reachable
  type: bool
exists:
  description: Whether O(module) is there for this host; null without one, and where the daemon keeps it to itself.
  returned: when reachable
  type: bool
login:
  description:
    - Whether O(module) wants a user and a password (C(required)), whether we were let in (C(ok)), by which C(digest),
      and what the daemon said if not (C(refused)). Null without O(module).
  returned: when reachable
  type: dict
  sample: {required: true, ok: true, digest: sha512, refused: null}
writable:
  description:
    - Whether O(module) would take what is sent, by its configuration. Null without a log-in.
  returned: when reachable
  type: bool
refused:
  description: What the daemon said instead of taking it; null if it would.
  returned: when reachable
  type: str
  sample: "ERROR: module is read only"
free_bytes:
  description: Always null; the protocol has no word for it.
  returned: when reachable
  type: int
unknown:
  description: What the protocol does not tell, each with what does.
  returned: when reachable
  type: dict
"""

from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.realtime.plugins.module_utils import _dry_push, _greeting

UNKNOWN = {
    "free_bytes": "the protocol has no word for it; a full disk shows when something is sent: sync_verify",
    "disk": "whether the daemon's user may write in the module's directory shows when something is sent: sync_verify",
    "version": "the daemon tells its protocol, not its rsync; run rsync --version on its host",
}


class Mistake(Exception):
    """An option that cannot be used; the text says why."""


def password_of(params: dict[str, Any]) -> Optional[bytes]:
    """The password, without the end of its line. Raises Mistake."""
    if params["password"] is not None:
        password: str = params["password"]
        return password.encode("utf-8", "surrogateescape")
    if params["password_file"] is None:
        return None
    try:
        with open(params["password_file"], "rb") as file:
            first = file.readline().rstrip(b"\r\n")
    except OSError as error:
        raise Mistake(f"password_file {params['password_file']}: {error.strerror}") from error
    if not first:
        raise Mistake(f"password_file {params['password_file']}: is empty; its first line is the password")
    return first


def ask(params: dict[str, Any], password: Optional[bytes]) -> dict[str, Any]:
    """All that is to be known. Raises DaemonError where there is no daemon."""
    place = (params["host"], params["port"], params["timeout"])
    module = params["module"]
    with _greeting.Connection(*place) as connection:
        greeting = connection.greeting
        modules = connection.modules()
        answer: dict[str, Any] = {
            "reachable": True,
            "reason": None,
            "protocol": greeting.protocol,
            "subprotocol": greeting.subprotocol,
            "digests": greeting.digests,
            "motd": connection.motd,
            "connect_ms": connection.connect_ms,
            "modules": modules,
            "listed": None if module is None else module in [entry["name"] for entry in modules],
            "exists": None,
            "login": None,
            "writable": None,
            "refused": None,
            "free_bytes": None,
            "unknown": UNKNOWN,
        }
    if greeting.protocol < _greeting.OLDEST:
        answer["reason"] = f"protocol {greeting.protocol} is older than {_greeting.OLDEST}; update the daemon's rsync"
    elif module is not None:
        try:
            with _greeting.Connection(*place) as connection:
                look_into(connection, params, password, answer)
        except _greeting.DaemonError as error:
            answer["reason"] = str(error)
    answer["ok"] = answer["reason"] is None
    return answer


def look_into(
    connection: _greeting.Connection, params: dict[str, Any], password: Optional[bytes], answer: dict[str, Any]
) -> None:
    """Log in to the module and ask whether it takes anything. Raises DaemonError."""
    module = params["module"]
    login = connection.log_in(module, params["user"], password)
    answer["login"] = vars(login)
    answer["exists"] = login.required or login.ok or None
    if not login.ok:
        if login.refused is not None and login.refused.lower().startswith("unknown module"):
            answer["exists"] = False
        answer["reason"] = f"module {module}: {login.refused}"
        return
    refused = _dry_push.refused(connection, module)
    answer["writable"], answer["refused"] = refused is None, refused
    if refused is not None:
        answer["reason"] = f"module {module}: {refused}"


def run(module: AnsibleModule) -> None:
    """From options to answer."""
    params = module.params
    if params["timeout"] <= 0:
        module.fail_json(msg=f"timeout: {params['timeout']:g} is not greater than 0")
    for option in ("module", "user"):
        if params[option] is not None and (not params[option] or set("\r\n\0") & set(params[option])):
            module.fail_json(msg=f"{option}: {params[option]!r} cannot be one")
    try:
        answer = ask(params, password_of(params))
    except Mistake as error:
        module.fail_json(msg=str(error))
    except _greeting.DaemonError as error:
        if not params["unreachable_ok"]:
            module.fail_json(msg=str(error), reachable=False, ok=False, reason=str(error))
        module.exit_json(reachable=False, ok=False, reason=str(error))
    module.exit_json(**answer)


def main() -> None:
    """The module's interface."""
    run(
        AnsibleModule(
            argument_spec={
                "host": {"type": "str", "default": "127.0.0.1"},
                "port": {"type": "int", "default": 873},
                "module": {"type": "str"},
                "user": {"type": "str"},
                "password": {"type": "str", "no_log": True},
                "password_file": {"type": "path", "no_log": False},
                "timeout": {"type": "float", "default": 10},
                "unreachable_ok": {"type": "bool", "default": False},
            },
            mutually_exclusive=[["password", "password_file"]],
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
