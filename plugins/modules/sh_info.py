# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sh_info
short_description: What a few lines of the shell tell of a host, in one round trip
version_added: 0.2.0
author:
  - The lockstep.realtime authors (@lockstep-realtime)
description:
  - Runs a script of the host's C(/bin/sh), which looks and changes nothing, and returns what it prints.
  - M(ansible.builtin.command) sends a program in Python for that and starts Python on the host, which takes most of its
    time. M(ansible.builtin.raw) does without, and knows neither arguments nor C(environment), does not run in check
    mode, and returns what sudo and a terminal add as well. The roles of this collection ask a host with this module.
  - It runs as C(become) and C(environment) say.
extends_documentation_fragment:
  - lockstep.realtime.attributes
  - lockstep.realtime.attributes.info
options:
  script:
    description:
      - What is run, as one text. It must change nothing, as it is run in check mode too.
    type: str
    required: true
  args:
    description:
      - The script's C($1), C($2) and so on, quoted by this module. With the script they are 128 KiB at most.
    type: list
    elements: str
    default: []
notes:
  - What the script writes to stderr may be a part of RV(stdout), where the connection has a terminal.
"""

EXAMPLES = r"""
- name: It is known whether there is a folder
  lockstep.realtime.sh_info:
    script: if [ -d "$1" ]; then echo there; fi
    args: ["{{ folder }}"]
  register: seen
"""

RETURN = r"""
rc:
  description: The script's exit status; the task fails where it is not 0.
  returned: always
  type: int
  sample: 0
stdout:
  description: What the script printed, without the last end of line.
  returned: always
  type: str
  sample: there
stdout_lines:
  description: The same, by lines.
  returned: always
  type: list
  elements: str
  sample: [there]
stderr:
  description: What the script, and the connection, wrote to stderr.
  returned: always
  type: str
"""
