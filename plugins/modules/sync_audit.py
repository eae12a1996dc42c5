# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a source with its targets, without the watcher, and mends exactly what differs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_audit
short_description: Compare an NFS host's mirror with its backup, and mend what differs
version_added: 0.2.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Runs on the NFS host. Compares all of a mirror's source with every target through the target's rsync daemon, by
    rsync itself, and tells what is missing on the target, what is different there, and what the target has too much.
  - Compares without the watcher, with neither its code nor its word. It works the same while the watcher runs and
    while it does not.
  - What differs is looked at a second time after O(settle) seconds, and only what differs then as well is told. A
    change that was on its way to the target is no drift; such are counted in RV(targets[].passing). What differs and
    was changed at the source since the audit began is told in RV(targets[].changing) alone.
  - With O(repair) it mends exactly what it told, by rsync, and looks whether it is mended. What is only on the target
    is deleted name by name, and a directory only when it is empty.
  - A repair keeps the mirror's guards. It changes nothing while the source is another one than the watcher remembers,
    or the watcher holds the mirror for that. It deletes nothing where C(delete) is false, where the watcher holds
    deletions, where the source is empty, and where more than C(max_delete) would go. It does not see what is excluded.
  - What was found, or was left by a repair, is told to the watcher of O(config) where it runs. It shows that on its
    page, in its metrics and in C(lockstep status), until a later audit tells otherwise. Check mode tells nothing.
  - Drift alone is no failure of the task. It fails where a target could not be compared completely, and where a repair
    left something.
requirements:
  - rsync 3.2.0 or later
  - PyYAML, unless O(source) and O(targets) are given
extends_documentation_fragment:
  - lockstep.realtime.attributes
attributes:
  check_mode:
    support: full
    details:
      - Everything is compared, and nothing is mended. With O(repair) the answer tells whether anything would be, and
        what the guards would keep from it.
      - Where O(config) or the mirror in it does not exist yet, as before a deployment, a warning says so and
        RV(targets) is empty.
  diff_mode:
    support: full
    details:
      - With O(repair), what differed before. At most O(limit) paths of each kind.
  idempotent:
    support: full
    details:
      - What was mended differs no more.
options:
  mirror:
    description:
      - The mirror's name in O(config).
      - With O(source) only what the mirror is called in the answer, by default the source.
    type: str
  config:
    description:
      - The watcher's configuration, from which source, targets, password files, C(exclude), C(delete), C(max_delete),
        C(rsync_options), C(rsync), C(state_dir) and C(status.socket) are taken. It is not read when O(source) is given.
    type: path
    default: /etc/lockstep/lockstep.yml
  source:
    description:
      - The source's path on this host, instead of the one in O(config).
      - Nothing is known of what this source was before. Of the guards only O(delete), O(max_delete), and that it must
        not be empty are left.
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
      rsync_options:
        description:
          - Options of the mirror's transfers that say what is kept, such as V(-A) and V(-X).
        type: list
        elements: str
        default: []
  exclude:
    description:
      - With O(source), rsync's patterns of what is no part of the mirror.
    type: list
    elements: str
  delete:
    description:
      - With O(source), whether the mirror deletes on its targets. If not, what only the target has is told and is no
        drift. The default is that it does.
    type: bool
  max_delete:
    description:
      - How many deletions O(repair) may make on a target, instead of the mirror's own C(max_delete). As many as the
        greater of both may go.
    type: dict
    suboptions:
      percent:
        description:
          - Percent of the target's entries.
        type: float
        default: 25
      at_least:
        description:
          - Entries.
        type: int
        default: 1000
  checksum:
    description:
      - Compares the content of every file, which both hosts read completely. It finds what has changed at equal size
        and time.
      - Without it files are compared by size and by time in nanoseconds. Types, modes, links, and owners where the
        target keeps them are compared in any case.
    type: bool
    default: false
  repair:
    description:
      - Whether what differs is mended on the target.
    type: bool
    default: false
  settle:
    description:
      - How long a change may be on its way, in seconds. So long is waited before what differs is looked at again; if
        nothing differs, nothing is waited for.
      - A mirror sends a file that is written and not closed after its C(quiet), so that this should be longer.
    type: float
    default: 3
  limit:
    description:
      - How many paths of each kind and target are returned. All are counted, and all are mended.
    type: int
    default: 100
  progress:
    description:
      - A file that is replaced each second while the audit runs, with one JSON object in it. C(phase) is C(comparing),
        C(looking again), C(mending) or C(done); C(target) its target; C(entries) and C(bytes) what was compared so far;
        C(differing) what was found; C(elapsed) the seconds since the begin.
      - Its folder must be one in which only trusted users may write.
    type: path
  rsync:
    description:
      - The rsync program. Default is the one of O(config), or V(rsync) from the search path.
    type: path
notes:
  - The task's user must be able to read all of the source, the configuration and the password files. What it cannot
    read is told in RV(targets[].problems), and the task fails.
  - It is one rsync at low priority for each target, one target after the other. The daemon's C(timeout) must be
    longer than reading the largest file takes where O(checksum) is set.
seealso:
  - module: lockstep.realtime.sync_verify
  - module: lockstep.realtime.sync_control
"""

EXAMPLES = r"""
- name: What differs between the NFS host and its backups, by size and time
  lockstep.realtime.sync_audit:
    mirror: data
  register: audit

- name: Print the table
  ansible.builtin.debug:
    msg: "{{ audit.table }}"

- name: The backup is what it should be
  ansible.builtin.assert:
    that:
      - audit.in_step
      - audit.missing + audit.different + audit.extra == 0

- name: Read everything, and mend what has rotten on the backup
  lockstep.realtime.sync_audit:
    mirror: data
    checksum: true
    repair: true
    progress: /run/lockstep/audit-data.json

- name: A thousand files too many are meant to go
  lockstep.realtime.sync_audit:
    mirror: data
    repair: true
    max_delete:
      at_least: 5000

- name: A mirror that this collection did not set up
  lockstep.realtime.sync_audit:
    source: /srv/export
    exclude: ["*.swp"]
    targets:
      - url: rsync://rsync_backup@172.16.1.41:873/export
        password_file: /etc/lockstep/secrets/export@backup01
"""

RETURN = r"""
in_step:
  description:
    - Whether every target has everything as the source has it and, for a mirror that deletes, nothing more.
    - After a repair it tells how it is then.
  returned: when the audit could be made
  type: bool
mirror:
  description: The mirror's name.
  returned: when the audit could be made
  type: str
  sample: data
checksum:
  description: Whether content was compared.
  returned: when the audit could be made
  type: bool
missing:
  description: How many entries are missing on the targets. After a repair, how many were. The same for the next two.
  returned: when the audit could be made
  type: int
different:
  description: How many are different.
  returned: when the audit could be made
  type: int
extra:
  description: How many only the targets have.
  returned: when the audit could be made
  type: int
targets:
  description: The targets in the order of the configuration.
  returned: when the audit could be made
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
    in_step:
      description: Whether all is well with this target. After a repair it tells how it is then.
      type: bool
      returned: always
    error:
      description: Why the target could not be compared, or the repair not be made; null if it could.
      type: str
      returned: always
    problems:
      description: What of the tree could not be compared, in rsync's words.
      type: list
      elements: str
      returned: always
    seconds:
      description: How long it took.
      type: float
      returned: always
    entries:
      description: How many entries (files, directories, links and so on) the source has.
      type: int
      returned: always
    bytes:
      description: The bytes of its files.
      type: int
      returned: always
    on_target:
      description: How many entries the target had.
      type: int
      returned: always
    missing:
      description:
        - What the target had not. C(count), C(bytes) of files, the first O(limit) C(paths), and whether there are more
          (C(truncated)). The same for the next three.
        - An entry of another type that stands there instead counts as missing.
      type: dict
      returned: always
      sample: {count: 1, bytes: 4096, paths: [uploads/a.jpg], truncated: false}
    different:
      description:
        - What the target had otherwise. C(bytes) are those to be sent. C(why) tells for each path what is different, by
          C(content), C(size), C(time), C(mode), C(owner), C(group), C(acl), C(xattr), C(type).
      type: dict
      returned: always
      sample: {count: 1, bytes: 70, paths: [index.php], truncated: false, why: {index.php: [content]}}
    extra:
      description:
        - What only the target had. C(bytes) is null where the target does not tell.
      type: dict
      returned: always
    changing:
      description:
        - What differed and was changed at the source since the audit began. It is no drift.
      type: dict
      returned: always
    passing:
      description: How many entries differed in the first look and not in the second one.
      type: int
      returned: always
    repair:
      description:
        - What O(repair) did, null without it. How many entries were C(sent) and C(deleted), the C(bytes) that were
          sent, how many differences are C(left), and C(remaining) of each kind, why deletions were not made (C(held)),
          and why something is left (C(reason)).
      type: dict
      returned: always
      sample:
        sent: 2
        deleted: 1
        bytes: 4166
        held: null
        left: 0
        reason: null
        remaining: {missing: 0, different: 0, extra: 0}
    told:
      description:
        - Whether the watcher has taken what was found. It does not where none runs, where O(source) is given, in check
          mode, and of a target that could not be compared completely.
      type: bool
      returned: always
table:
  description: The same as lines to print, one for each target, and below them the first paths of each kind.
  returned: when the audit could be made
  type: list
  elements: str
  sample:
    - "target              missing  different  extra          compared  verdict"
    - "172.16.1.41/backup        1          1      1  200012 in 2.1 s  DRIFT"
"""

import os
import shutil
import signal
import tempfile
from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.realtime.plugins.module_utils import (
    _audit,
    _audit_verdict,
    _comparing,
    _endpoint,
    _mirror,
    _progress,
    _remote_shell,
    _rsync,
    _status,
    _telling,
)


class Interrupted(Exception):
    """Somebody wanted the audit to end."""


def chosen(params: dict[str, Any]) -> _mirror.Mirror:
    """The mirror to look at. Raises MirrorError, EndpointError."""
    if params["source"] is None:
        for option in ("exclude", "delete"):
            if params[option] is not None:
                raise _mirror.MirrorError(f"{option} is for a source that is given; a mirror of config has its own")
        mirror = _mirror.configured(params["config"], params["mirror"])
        if mirror.obscure:
            raise _mirror.MirrorError(mirror.obscure)
    else:
        mirror = _mirror.given(params["mirror"], params["source"], params["targets"])
        deletes = params["delete"] is not False
        mirror = replace(mirror, rules=tuple(f"- {pattern}" for pattern in params["exclude"] or ()), deletes=deletes)
    if params["max_delete"] is not None:
        mirror = replace(mirror, max_delete=_mirror.limits(params["max_delete"]))
    return mirror


def audit(params: dict[str, Any], workspace: str, check_mode: bool) -> dict[str, Any]:
    """Compare, mend if wanted, and answer. Raises the errors of the module_utils, each with a reason."""
    if params["settle"] < 0 or params["limit"] < 0:
        raise _mirror.MirrorError("settle and limit must not be less than 0")
    mirror = chosen(params)
    program = params["rsync"] or mirror.rsync or "rsync"
    _rsync.check_version(program)
    wish = _audit.Wish(params["checksum"], params["repair"], check_mode, params["settle"], params["limit"])
    progress = _progress.Progress(params["progress"], mirror=mirror.name, checksum=wish.checksum, pid=os.getpid())
    course = _audit.Audit(mirror, program, wish, _comparing.Runner(workspace), progress)
    records = course.run()
    answer = _audit_verdict.answer(course, records)
    for target in answer["targets"]:
        target["told"] = not check_mode and _telling.tell(mirror, wish.checksum, target)
    if params["repair"]:
        answer["diff"] = _audit_verdict.diff(records)
    return answer


def interrupt(_number: int, _frame: Any) -> None:
    """A signal's handler: the rsync under way is ended on the way out."""
    raise Interrupted


def run(module: AnsibleModule) -> None:
    """From options to answer, with a private folder that goes again."""
    for target in module.params["targets"] or []:
        secret = _endpoint.password_in(target["url"])
        if secret:
            module.no_log_values.add(secret)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, interrupt)
    workspace = tempfile.mkdtemp(prefix="sync_audit-", dir=module.tmpdir)
    try:
        answer = audit(module.params, workspace, module.check_mode)
    except _mirror.NotDeployed as error:
        if not module.check_mode:
            module.fail_json(msg=str(error))
        module.warn(f"nothing to audit yet: {error}")
        module.exit_json(changed=False, in_step=False, mirror=module.params["mirror"], targets=[], table=[])
    except Interrupted:
        module.fail_json(msg="was told to end early; what had been mended by then is mended")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the audit'}: {error.strerror or error}")
    except (_endpoint.EndpointError, _mirror.MirrorError, _rsync.RsyncError, _status.StatusError) as error:
        module.fail_json(msg=str(error))
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    complaint = _audit_verdict.complaint(answer["mirror"], answer["targets"])
    if complaint is not None:
        module.fail_json(msg=complaint, **answer)
    module.exit_json(**answer)


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
                        "rsync_options": {"type": "list", "elements": "str", "default": []},
                    },
                },
                "exclude": {"type": "list", "elements": "str"},
                "delete": {"type": "bool"},
                "max_delete": {
                    "type": "dict",
                    "options": {
                        "percent": {"type": "float", "default": 25},
                        "at_least": {"type": "int", "default": 1000},
                    },
                },
                "checksum": {"type": "bool", "default": False},
                "repair": {"type": "bool", "default": False},
                "settle": {"type": "float", "default": 3},
                "limit": {"type": "int", "default": 100},
                "progress": {"type": "path"},
                "rsync": {"type": "path"},
            },
            required_one_of=[["mirror", "source"]],
            required_together=[["source", "targets"]],
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
