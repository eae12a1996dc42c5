# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that changes made on the NFS host arrive on the backup, and times them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_verify
short_description: Prove that changes on the NFS host arrive on the backup, and time them
version_added: 0.1.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Runs on the NFS host. Makes one change of each kind in a reserved folder of a mirror's source, C(.lockstep/verify/),
    there or as an NFS client (O(client)), and reads each back from every target, through the target's rsync daemon.
  - Uses rsync itself and nothing of the watcher, neither its code nor its word.
  - The lag of a step is the time from the completion of the change in the source to the begin of the first read that
    found it. A read begins when its names are given to an rsync that already stands connected and logged in, and
    RV(targets[].steps[].read_ms) is how long its answer took. So the change was there after lag and read together, at
    the latest.
  - Reads begin 2 ms apart at first, later on a fifth of the time waited so far, which is the resolution of the lag.
  - A deletion is proven by the target itself, which reports the name missing. An error of the daemon proves nothing.
  - What it made is removed at the end, whatever happens, and the removal is waited for on the targets. What a mirror
    does not remove there (or must not, with C(delete) false) is removed through the daemon.
requirements:
  - rsync 3.2.0 or later
  - PyYAML, unless O(source) and O(targets) are given
extends_documentation_fragment:
  - lockstep.realtime.attributes
attributes:
  check_mode:
    support: full
    details:
      - Nothing is changed in the source. The configuration is checked, every target is logged in to, and the steps are
        returned as not run.
      - Where O(config) or the mirror in it does not exist yet, as before a deployment, a warning says so and
        RV(targets) is empty.
  diff_mode:
    support: N/A
    details:
      - What the module makes it removes again.
  idempotent:
    support: full
    details:
      - What the module makes it removes again, so that it never reports a change.
options:
  mirror:
    description:
      - The mirror's name in O(config).
      - With O(source) only what the mirror is called in the answer, by default the source.
    type: str
  config:
    description:
      - The watcher's configuration, from which the mirror's source, targets and password files are taken, and C(rsync)
        and C(delete) too. It is not read when O(source) is given.
    type: path
    default: /etc/lockstep/lockstep.yml
  source:
    description:
      - The source's path on this host, instead of the one in O(config).
    type: str
  targets:
    description:
      - The targets, instead of those in O(config).
    type: list
    elements: dict
    suboptions:
      url:
        description:
          - C(rsync://USER@HOST[:PORT]/MODULE[/PATH]), C(ssh://[USER@]HOST[:PORT]/PATH) or C(file:///PATH), without a
            password.
        type: str
        required: true
      password_file:
        description:
          - The file with the daemon's password. Others must not have access to it, and root's rsync wants it to be
            root's.
        type: path
      ssh_key:
        description:
          - The private key that is shown over ssh. It must have no passphrase, and must not be open to others.
        type: path
        default: /etc/lockstep/secrets/ssh_key
        version_added: 0.2.0
      ssh_known_hosts:
        description:
          - The file with the keys of hosts, of which a target over ssh must have one.
        type: path
        default: /etc/lockstep/secrets/ssh_known_hosts
        version_added: 0.2.0
      fake_super:
        description:
          - Whether owners, modes and devices are kept in extended attributes of a target over ssh.
        type: bool
        default: false
        version_added: 0.2.0
  client:
    description:
      - Makes the changes as a client of the NFS host does, such as a web server, in its mount of the source.
      - RV(targets[].steps[].lag_ms) begins when the client's change is complete. NFSv3 has no close, so that what is
        written there is sent after the mirror's C(quiet).
    type: dict
    version_added: 0.2.0
    suboptions:
      mount:
        description:
          - Where the source is mounted, on this host, over NFS or by whatever else is not the source's own file system.
            Its root must be the source's.
        type: path
        required: true
      user:
        description:
          - Who makes the changes there, by a name that this host knows, such as V(www-data). The task must be root's.
            The server takes a client's root for nobody, as a rule.
          - Default is the task's user.
        type: str
  steps:
    description:
      - The kinds of change to make. They are made in the order of the choices.
      - A step brings along the one on whose result it works, as V(delete) brings V(create) along.
      - The verification's own folder comes first in any case and is the step C(folder) in the answer.
      - V(rewrite) writes other content of equal size and leaves the modification time within the same second, which
        rsync's quick check does not see.
      - V(delete) and V(delete_tree) are left out for a mirror with C(delete) false.
    type: list
    elements: str
    choices: [create, append, rewrite, mode, rename, nested, symlink, name, delete, delete_tree]
    default: [create, append, rewrite, mode, rename, nested, symlink, name, delete, delete_tree]
  max_lag:
    description:
      - A step with a greater lag fails, in milliseconds. Without it any lag within O(timeout) will do.
    type: float
  timeout:
    description:
      - How long each step, and the removal at the end, may take to arrive, in seconds.
      - A target on which the folder or two of the steps did not arrive is not waited for again.
    type: float
    default: 30
  rsync:
    description:
      - The rsync program. Default is the one of O(config), or V(rsync) from the search path.
    type: path
notes:
  - The task's user must be able to write in the source, and to read the configuration and the password files.
  - Up to 8 connections to each target stand open at a time; where its C(max connections) leaves fewer, those serve.
"""

EXAMPLES = r"""
- name: What is changed on the NFS host arrives on the backup
  lockstep.realtime.sync_verify:
    mirror: data
  register: verification

- name: Print the table
  ansible.builtin.debug:
    msg: "{{ verification.table }}"

- name: Every change arrives within 50 milliseconds
  lockstep.realtime.sync_verify:
    mirror: data
    max_lag: 50
    timeout: 10

- name: What the web server writes arrives on the backup
  lockstep.realtime.sync_verify:
    mirror: data
    client:
      mount: /mnt/web
      user: www-data

- name: A mirror that this collection did not set up
  lockstep.realtime.sync_verify:
    source: /srv/export
    targets:
      - url: rsync://rsync_backup@172.16.1.41:873/export
        password_file: /etc/lockstep/secrets/export@backup01
    steps: [create, rename, delete]
"""

RETURN = r"""
ok:
  description:
    - Whether every step arrived on every target, in time, and was cleared away.
    - In check mode, whether it could be tried.
  returned: when the verification could be made
  type: bool
mirror:
  description: The mirror's name.
  returned: when the verification could be made
  type: str
  sample: data
targets:
  description: The targets in the order of the configuration.
  returned: when the verification could be made
  type: list
  elements: dict
  contains:
    name:
      description: Host and module, and the path below the module where there is one.
      type: str
      returned: always
      sample: 172.16.1.41/backup
    url:
      description: The target's URL.
      type: str
      returned: always
    ok:
      description: Whether all is well with this target.
      type: bool
      returned: always
    steps:
      description: The steps in their order.
      type: list
      elements: dict
      returned: always
      contains:
        step:
          description: The step's name.
          type: str
          returned: always
        ok:
          description: Whether the change arrived, and within O(max_lag); null if the step was not run.
          type: bool
          returned: always
        lag_ms:
          description: The lag in milliseconds; null if the change did not arrive.
          type: float
          returned: always
        read_ms:
          description: How long the answer of the read took that found the change, in milliseconds.
          type: float
          returned: always
        reason:
          description: Why the step failed or was not run; null if it is ok.
          type: str
          returned: always
    lag_ms:
      description: C(min), C(median) and C(max) of the steps' lags in milliseconds.
      type: dict
      returned: always
      sample: {min: 2.5, median: 4.6, max: 10.9}
    cleanup:
      description:
        - Whether the removal arrived (C(ok)), by the C(mirror) or the C(verification) itself (C(by)), and if not why
          (C(reason)).
      type: dict
      returned: always
table:
  description: The same as lines to print, one for each step and target.
  returned: when the verification could be made
  type: list
  elements: str
  sample:
    - "step    target                  lag         read"
    - "create  172.16.1.41/backup      2.5 ms      1.4 ms"
"""

import shutil
import signal
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.realtime.plugins.module_utils import (
    _client,
    _endpoint,
    _mirror,
    _remote_shell,
    _rsync,
    _steps,
    _verdict,
    _verify,
)


def verify(params: dict[str, Any], workspace: str, check_mode: bool) -> dict[str, Any]:
    """Check everything that can be checked, then verify. Raises the errors of the module_utils, each with a reason."""
    if params["source"] is not None:
        mirror = _mirror.given(params["mirror"], params["source"], params["targets"])
    else:
        mirror = _mirror.configured(params["config"], params["mirror"])
        if not mirror.watched:
            raise _mirror.MirrorError(
                f"mirror {mirror.name}: is compared on schedule alone (watch: false), so that no change arrives by "
                "itself; lockstep.realtime.sync_audit proves it"
            )
    if params["timeout"] <= 0 or (params["max_lag"] is not None and params["max_lag"] <= 0):
        raise _verify.VerifyError("timeout and max_lag must be greater than 0")
    program = params["rsync"] or mirror.rsync or "rsync"
    _rsync.check_version(program)
    client = None
    if params["client"] is not None:
        client = _client.checked(mirror.source, params["client"]["mount"], params["client"]["user"])
    _verify.log_in(mirror, program, workspace, params["timeout"])
    verification = _verify.Verification(
        mirror, program, params["steps"], params["timeout"], params["max_lag"], workspace, client
    )
    if check_mode:
        verification.dry_run("check mode")
    else:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: verification.interrupt())
        verification.run()
    return _verdict.answer(mirror.name, verification.records)


def run(module: AnsibleModule) -> None:
    """From options to answer, with a private folder that goes again."""
    for target in module.params["targets"] or []:
        secret = _endpoint.password_in(target["url"])
        if secret:
            module.no_log_values.add(secret)
    workspace = tempfile.mkdtemp(prefix="sync_verify-", dir=module.tmpdir)
    try:
        answer = verify(module.params, workspace, module.check_mode)
    except _mirror.NotDeployed as error:
        if not module.check_mode:
            module.fail_json(msg=str(error))
        module.warn(f"nothing to verify yet: {error}")
        module.exit_json(changed=False, ok=False, mirror=module.params["mirror"], targets=[], table=[])
    except (
        _client.ClientError,
        _endpoint.EndpointError,
        _mirror.MirrorError,
        _rsync.RsyncError,
        _verify.VerifyError,
    ) as error:
        module.fail_json(msg=str(error))
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    complaint = _verdict.complaint(answer["mirror"], answer["targets"])
    if complaint is not None:
        module.fail_json(msg=complaint, **answer)
    module.exit_json(changed=False, **answer)


def main() -> None:
    """The module's interface."""
    run(
        AnsibleModule(
            argument_spec={
                "mirror": {"type": "str"},
                "config": {"type": "path", "default": "/etc/lockstep/lockstep.yml"},
                "source": {"type": "str"},
                "targets": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "url": {"type": "str", "required": True},
                        "password_file": {"type": "path", "no_log": False},
                        "ssh_key": {"type": "path", "default": _remote_shell.KEY_FILE, "no_log": False},
                        "ssh_known_hosts": {"type": "path", "default": _remote_shell.KNOWN_HOSTS},
                        "fake_super": {"type": "bool", "default": False},
                    },
                },
                "client": {
                    "type": "dict",
                    "options": {"mount": {"type": "path", "required": True}, "user": {"type": "str"}},
                },
                "steps": {
                    "type": "list",
                    "elements": "str",
                    "choices": list(_steps.NAMES),
                    "default": list(_steps.NAMES),
                },
                "max_lag": {"type": "float"},
                "timeout": {"type": "float", "default": 30},
                "rsync": {"type": "path"},
            },
            required_one_of=[["mirror", "source"]],
            required_together=[["source", "targets"]],
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
