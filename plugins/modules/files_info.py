# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of many files are not as they are to be, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files_info
short_description: Which of many files and folders are not as they are to be, in one round trip
version_added: 0.1.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Compares files and folders of the host with what they are to be, and returns the paths of those that differ.
  - M(ansible.builtin.template) and M(ansible.builtin.copy) cost two round trips per file, also where nothing is to be
    done. The roles of this collection ask this module first, and run them only for what it names.
extends_documentation_fragment:
  - lockstep.realtime.attributes
  - lockstep.realtime.attributes.info
options:
  files:
    description:
      - What is to be.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - Where the file or folder is, as an absolute path. A symbolic link there is neither.
        type: path
        required: true
      type:
        description:
          - What is to be there.
          - V(package) is a folder that holds a Python package and nothing else, just as
            M(lockstep.realtime.python_package) installs it, but for compiled files of its modules.
        type: str
        choices: [file, directory, package]
        default: file
      sha256:
        description:
          - Digest of the content, of a file or a package. Without it, any content of a file is right.
          - Of a package it is what the filter P(lockstep.realtime.python_package_sha256#filter) makes of its folder.
          - It is kept out of logs, as it may be that of a password.
        type: str
      mode:
        description:
          - Permissions in octal, as V(0644). Without it, any are right.
        type: str
      owner:
        description:
          - Name or number of the user to whom it is to belong. Without it, it may belong to anybody.
        type: str
      group:
        description:
          - Name or number of the group to which it is to belong. Without it, it may belong to any.
        type: str
  surplus:
    description:
      - Folders of which to tell the files that are none of O(files). Folders in them, and links, are not looked at.
    type: list
    elements: dict
    default: []
    suboptions:
      folder:
        description:
          - The folder, as an absolute path. One that is not there has none.
        type: path
        required: true
      names:
        description:
          - Only files whose names as a whole match this regular expression.
        type: str
      first_line:
        description:
          - Only files whose first line is this.
        type: str
"""

EXAMPLES = r"""
- name: What differs from what is to be is known
  lockstep.realtime.files_info:
    files:
      - path: /etc/lockstep
        type: directory
        mode: "0755"
      - path: /etc/lockstep/lockstep.yml
        sha256: "{{ lookup('ansible.builtin.template', 'lockstep.yml.j2') | hash('sha256') }}"
        owner: root
        group: lockstep
        mode: "0640"
  register: seen

- name: The configuration is in place
  ansible.builtin.template:
    src: lockstep.yml.j2
    dest: /etc/lockstep/lockstep.yml
    owner: root
    group: lockstep
    mode: "0640"
  when: "'/etc/lockstep/lockstep.yml' in seen.unlike"
"""

RETURN = r"""
unlike:
  description: Paths of O(files) that are missing, of another kind or content, or with other permissions or owners.
  returned: success
  type: list
  elements: str
  sample: [/etc/lockstep/lockstep.yml]
surplus:
  description: Paths of files in the folders of O(surplus) that are none of O(files).
  returned: success
  type: list
  elements: str
  sample: [/etc/lockstep/secrets/data@backup09]
"""

import grp
import hashlib
import os
import pwd
import re
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.realtime.plugins.module_utils._package import is_installed

CHUNK = 1 << 20


def is_right(wanted):
    """Whether a path is what one entry of `files` says; raises OSError for one that cannot be looked at."""
    if wanted["type"] == "package":
        return is_installed(wanted["path"], wanted["sha256"])
    try:
        now = os.lstat(wanted["path"])
    except (FileNotFoundError, NotADirectoryError):
        return False
    kind = stat.S_ISDIR if wanted["type"] == "directory" else stat.S_ISREG
    return (
        kind(now.st_mode)
        and wanted["mode"] in (None, stat.S_IMODE(now.st_mode))
        and wanted["owner"] in (None, *_names(pwd.getpwuid, now.st_uid))
        and wanted["group"] in (None, *_names(grp.getgrgid, now.st_gid))
        and (wanted["sha256"] is None or wanted["sha256"] == _sha256(wanted["path"]))
    )


def _names(find, number):
    """What a user or a group may be called by: its number, and its name where it has one."""
    try:
        return str(number), find(number)[0]
    except KeyError:
        return (str(number),)


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def mistake(wanted):
    """What is wrong with one entry of `files`, or ""."""
    path, kind = wanted["path"], wanted["type"]
    if not os.path.isabs(path):
        return f"path must be absolute, not '{path}'"
    if kind == "directory" and wanted["sha256"]:
        return f"sha256 of {path} is given, and a directory has no content to compare"
    if kind == "package" and not wanted["sha256"]:
        return f"sha256 of {path} is missing, which a package is known by"
    if kind == "package" and (wanted["mode"], wanted["owner"], wanted["group"]) != (None, None, None):
        return f"mode, owner or group of {path} is given, and those of a package are what python_package makes them"
    try:
        permissions("0" if wanted["mode"] is None else wanted["mode"])
    except ValueError:
        return f"mode of {path} must be permissions in octal, as 0644, not {wanted['mode']}"
    return ""


def surplus(asked, known):
    """What a folder of `surplus` holds and `known` does not; raises OSError, and re.error for names."""
    names = re.compile(asked["names"] or ".*", re.DOTALL)
    try:
        found = sorted(os.listdir(asked["folder"]))
    except (FileNotFoundError, NotADirectoryError):
        return []
    paths = [os.path.join(asked["folder"], name) for name in found if names.fullmatch(name)]
    return [path for path in paths if path not in known and _begins(path, asked["first_line"])]


def _begins(path, line):
    """Whether it is a file with this first line, or with any where that is None."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        if line is None:
            return True
        with open(path, "rb") as stream:
            return stream.readline(4096).rstrip(b"\n") == os.fsencode(line)
    except FileNotFoundError:
        return False  # it has just gone


def permissions(text):
    """Permissions as a number; raises ValueError for what is none in octal."""
    mode = int(text, 8)
    if not 0 <= mode <= 0o7777:
        raise ValueError(text)
    return mode


def main():
    entry = {
        "path": {"type": "path", "required": True},
        "type": {"type": "str", "choices": ["file", "directory", "package"], "default": "file"},
        "sha256": {"type": "str", "no_log": True},
        "mode": {"type": "str"},
        "owner": {"type": "str"},
        "group": {"type": "str"},
    }
    folder = {"folder": {"type": "path", "required": True}, "names": {"type": "str"}, "first_line": {"type": "str"}}
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "required": True, "options": entry},
            "surplus": {"type": "list", "elements": "dict", "default": [], "options": folder},
        },
        supports_check_mode=True,
    )
    unlike, left = [], []
    for wanted in module.params["files"]:
        wrong = mistake(wanted)
        if wrong:
            module.fail_json(msg=wrong)
        mode = None if wanted["mode"] is None else permissions(wanted["mode"])
        try:
            if not is_right({**wanted, "mode": mode}):
                unlike.append(wanted["path"])
        except OSError as error:
            module.fail_json(msg=f"{wanted['path']} cannot be looked at: {error.strerror}")
    known = {wanted["path"] for wanted in module.params["files"]}
    for asked in module.params["surplus"]:
        if not os.path.isabs(asked["folder"]):
            module.fail_json(msg=f"folder must be absolute, not '{asked['folder']}'")
        try:
            left += surplus(asked, known)
        except re.error as error:
            module.fail_json(msg=f"names of {asked['folder']} must be a regular expression: {error}")
        except OSError as error:
            module.fail_json(msg=f"{error.filename} cannot be looked at: {error.strerror}")
    module.exit_json(changed=False, unlike=unlike, surplus=left)


if __name__ == "__main__":
    main()
