# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A version of rsync -> the advisories that a later one answers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rsync_advisories
short_description: Known weaknesses that a version of rsync has
version_added: 0.1.0
author: lockstep.realtime maintainers
description:
  - Takes what C(rsync --version) calls itself and returns the releases after it that mend something of security, with
    the CVE numbers as C(NEWS.md) of rsync names them.
  - Distributions mend without changing the number, so that what is returned is a question to the package's changelog,
    not a verdict.
options:
  _input:
    description: The version, as C(3.2.7).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: What this rsync is known for is said
  ansible.builtin.debug:
    msg: "{{ '3.2.7' | lockstep.realtime.rsync_advisories }}"
"""

RETURN = r"""
_value:
  description: Releases that are later, the oldest first, with C(release), C(cves) and C(about). Empty for none.
  type: list
  elements: dict
"""

import re

from ansible.errors import AnsibleFilterError

# RsyncProject/rsync, NEWS.md. Of 3.5.0 those that a daemon's peer can use; it mends 33 in all.
RELEASES = (
    (
        "3.4.0",
        ("CVE-2024-12084", "CVE-2024-12085", "CVE-2024-12086", "CVE-2024-12087", "CVE-2024-12088", "CVE-2024-12747"),
        "a client may run code in the daemon",
    ),
    (
        "3.4.3",
        ("CVE-2026-29518", "CVE-2026-43617", "CVE-2026-43618", "CVE-2026-43619", "CVE-2026-43620", "CVE-2026-45232"),
        "races and overflows of the daemon; 3.4.3 itself cannot delete what a list names, 3.4.4 can",
    ),
    (
        "3.5.0",
        (
            *("CVE-2026-53784", "CVE-2026-53791", "CVE-2026-53793", "CVE-2026-70454", "CVE-2026-70456"),
            *("CVE-2026-70457", "CVE-2026-70458", "CVE-2026-70461", "CVE-2026-70464"),
        ),
        "ways out of a module, writes to memory, connections beyond max connections without a login",
    ),
)


def rsync_advisories(version):
    """Releases later than this one that mend something, as dicts. Raises AnsibleFilterError for no version."""
    if not isinstance(version, str) or not re.match(r"[0-9]+\.[0-9]+\.[0-9]+", version):
        raise AnsibleFilterError(f"rsync_advisories: {version!r} is no version of rsync, as 3.2.7 is")
    mine = _numbers(version)
    return [
        {"release": release, "cves": list(cves), "about": about}
        for release, cves, about in RELEASES
        if mine < _numbers(release)
    ]


def _numbers(version):
    """For comparing; a release candidate, as 3.5.0pre1, counts as before its release."""
    numbers = tuple(int(number) for number in re.findall(r"[0-9]+", version)[:3])
    return (*numbers, 0 if re.search(r"pre|dev|rc", version) else 1)


class FilterModule:
    """What ansible asks for the filters of this file."""

    def filters(self):
        """Name -> function."""
        return {"rsync_advisories": rsync_advisories}
