# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of this collection says about itself; each module adds its own C(support)."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes that users ask about: check mode, diff mode, idempotence, platform."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what would be changed, without changing the managed host.
  diff_mode:
    description: Returns what has changed (or would change in C(check_mode)) when in diff mode.
  idempotent:
    description: When run twice in a row outside check mode with the same options, the second run reports no change.
  platform:
    description: Where the module runs.
    platforms: linux
    support: full
"""

    # What only reads changes nothing: for these the support is always the same.
    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module reads and changes nothing.
  diff_mode:
    support: N/A
    details:
      - This module reads and changes nothing.
  idempotent:
    support: full
    details:
      - This module reads and changes nothing.
"""
