"""Finds the lab's own files, and those of its tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[2] / room) for room in ("lab", "hosts")]
