# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name of a collection -> the version of it that this run uses."""

from __future__ import annotations

DOCUMENTATION = r"""
name: collection_version
short_description: Which version of a collection a run uses
version_added: 0.2.0
author: lockstep.realtime maintainers
description:
  - Takes the name of a collection and returns the version of the one that Ansible finds first, from its
    C(MANIFEST.json), or its C(galaxy.yml) where it runs from a checkout.
  - The playbooks of lockstep.realtime have it in the name of their first play, so that the log of a job tells what
    deployed a host.
  - As the name of a play is made by Ansible itself and not by one of the processes that it forks for each task, the
    filters of the collection are then loaded once, before those. Without that each task which uses one compiles them
    all anew, which takes a fifth of the time of a run that changes nothing.
options:
  _input:
    description: The collection, as C(lockstep.realtime).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: "The uploads are mirrored, by lockstep {{ 'lockstep.realtime' | lockstep.realtime.collection_version }}"
  hosts: nfs
  roles: [lockstep.realtime.watcher]
"""

RETURN = r"""
_value:
  description: The version, as C(0.1.0).
  type: str
"""

import json
import re
from importlib import import_module
from pathlib import Path

import yaml
from ansible.errors import AnsibleFilterError


def collection_version(name):
    """The version. Raises AnsibleFilterError for what is no collection, or one that does not tell its version."""
    if not isinstance(name, str) or not re.fullmatch(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*", name):
        raise AnsibleFilterError(f"collection_version: {name!r} is no name of a collection, as lockstep.realtime is")
    try:
        folder = Path(next(iter(import_module(f"ansible_collections.{name}").__path__)))
    except ImportError as error:
        raise AnsibleFilterError(f"collection_version: {name} is not installed") from error
    try:
        manifest = folder / "MANIFEST.json"
        if manifest.exists():
            return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
        return str(yaml.safe_load((folder / "galaxy.yml").read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise AnsibleFilterError(f"collection_version: {folder} does not tell its version: {error}") from error


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"collection_version": collection_version}
