# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's certificate by the fleet's own authority, with a key that never leaves the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_certificate
short_description: Give a host a certificate of the fleet's own authority
version_added: 0.2.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Makes a private key on the host, has a certificate for it signed by an authority on the controller, and keeps both
    as they are until the certificate is due for another one.
  - The host's key never leaves the host, and the authority's never the controller.
  - A certificate is due when there is none, when it ends within O(renew_days), when it is not by this authority, not of
    the host's key, or not for all of O(names).
  - The authority is made when it is first needed.
  - Needs the program C(openssl), 1.1.1 or later, on the host and on the controller.
options:
  directory:
    description:
      - Folder on the host for C(host.key), C(host.pem) and C(ca.pem). It must exist.
    type: path
    required: true
  authority:
    description:
      - Folder on the controller for C(ca.key) and C(ca.pem). It is made with mode V(0700).
    type: path
    required: true
  names:
    description:
      - The names and addresses that the certificate is for. The first one is also its subject.
    type: list
    elements: str
    required: true
  group:
    description:
      - Who may read the key beside root.
    type: str
  days:
    description:
      - For how long a new certificate holds.
    type: int
    default: 397
  renew_days:
    description:
      - How many days before its end a certificate is replaced.
    type: int
    default: 60
  authority_days:
    description:
      - For how long a new authority holds.
    type: int
    default: 3650
  ca:
    description:
      - The authority's certificate. It is set by the action plugin, whatever the task says.
    type: str
  alternatives:
    description:
      - The names as a certificate has them. They are set by the action plugin.
    type: list
    elements: str
  certificate:
    description:
      - What was signed. It is set by the action plugin.
    type: str
attributes:
  check_mode:
    description: Can run in C(check_mode) and tells what it would change, without changing anything on either side.
    support: full
  diff_mode:
    description: It shows nothing of keys or certificates; RV(due) says why there is another one.
    support: none
  idempotent:
    description: A second run changes nothing until the certificate is due.
    support: full
"""

EXAMPLES = r"""
- name: The host has a certificate
  lockstep.realtime.tls_certificate:
    directory: /etc/lockstep-tls
    authority: "{{ inventory_dir }}/lockstep-tls"
    names: [backup01, 172.16.1.41]
    group: lockstep-tls
"""

RETURN = r"""
due:
  description: Why there is another certificate; empty where the one that was there will do.
  returned: success
  type: str
  sample: it ends in 12 days
days_left:
  description: Days until the certificate ends, as it is now; V(-1) where there is none, as in check mode on a new host.
  returned: success
  type: int
  sample: 396
authority_days_left:
  description: The same of the authority.
  returned: success
  type: int
  sample: 3650
"""

import grp
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.realtime.plugins.module_utils import _certificates


class Files:
    """What is in the folder."""

    def __init__(self, folder, group):
        self.key, self.certificate, self.ca = (
            os.path.join(folder, name) for name in ("host.key", "host.pem", "ca.pem")
        )
        self.gid = -1 if group is None else grp.getgrnam(group).gr_gid

    def close(self):
        """The key is for root and the group; whether that changed anything."""
        now = os.stat(self.key)
        if now.st_mode & 0o7777 == 0o640 and self.gid in (-1, now.st_gid):
            return False
        os.chown(self.key, -1, self.gid)
        os.chmod(self.key, 0o640)
        return True

    def put(self, path, text):
        """Whole or not at all, as the tunnel may be started at any moment; whether it was another one."""
        if read(path) == text:
            return False
        with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=os.path.dirname(path), delete=False) as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
        return True


def read(path):
    """The text, "" where there is none."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def carry_out(params, check):
    """What the task returns; `request` is for the action plugin. Raises CertificateError, KeyError and OSError."""
    if not os.path.isdir(params["directory"]):
        # as in check mode on a new host
        if check:
            return {"changed": True, "due": "there is none yet", "days_left": -1, "authority_days_left": -1}
        raise _certificates.CertificateError(f"{params['directory']} is no folder; make it first")
    try:
        files = Files(params["directory"], params["group"])
    except KeyError:
        if not check:
            raise _certificates.CertificateError(f"there is no group {params['group']}; make it first") from None
        files = Files(params["directory"], None)
    changed, asked = False, ""
    if params["certificate"]:
        changed |= files.put(files.certificate, params["certificate"])
        due = ""
    else:
        due = _certificates.due(
            files.key, files.certificate, params["ca"], params["alternatives"], params["renew_days"]
        )
    if check:
        changed = bool(due) or read(files.ca) != params["ca"]
    else:
        if not os.path.exists(files.key):
            _certificates.make_key(files.key)
        changed |= files.close()
        if due:
            asked = _certificates.request(files.key, params["names"][0])
        else:
            changed |= files.put(files.ca, params["ca"])
    return {"changed": changed, "due": due, "request": asked, **_left(files)}


def _left(files):
    return {
        "days_left": _days(files.certificate) if os.path.exists(files.certificate) else -1,
        "authority_days_left": _days(files.ca) if os.path.exists(files.ca) else -1,
    }


def _days(path):
    try:
        return int(_certificates.days_left(path))
    except _certificates.CertificateError:
        return -1


def main():
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "authority": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "group": {"type": "str"},
            "days": {"type": "int", "default": 397},
            "renew_days": {"type": "int", "default": 60},
            "authority_days": {"type": "int", "default": 3650},
            "ca": {"type": "str"},
            "alternatives": {"type": "list", "elements": "str"},
            "certificate": {"type": "str"},
        },
        supports_check_mode=True,
    )
    if not module.params["names"] or module.params["alternatives"] is None:
        module.fail_json(msg="names: name the host, and run this as a task, with its action plugin")
    try:
        module.exit_json(**carry_out(module.params, module.check_mode))
    except (_certificates.CertificateError, OSError) as error:
        module.fail_json(msg=f"the certificate of {module.params['names'][0]}: {error}")


if __name__ == "__main__":
    main()
