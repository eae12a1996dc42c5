# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every filter takes that reads C(lockstep_mirrors) for one host of the inventory."""

from __future__ import annotations


class ModuleDocFragment:
    """The mirrors, and what is known of the hosts that they name."""

    DOCUMENTATION = r"""
options:
  _input:
    description: C(lockstep_mirrors).
    type: list
    elements: dict
    required: true
  groups:
    description: The magic variable C(groups). The groups C(nfs) and C(backup) are used.
    type: dict
    required: true
  hostvars:
    description: The magic variable C(hostvars).
    type: dict
    required: true
"""
