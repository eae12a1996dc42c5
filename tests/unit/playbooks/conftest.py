"""Playbooks on this machine, in check mode, with a systemctl of the test's."""

from __future__ import annotations

import os

if os.geteuid() != 0:
    collect_ignore_glob = ["test_*.py"]  # old_sync reads the tables of cron, which are root's
