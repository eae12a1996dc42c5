"""Finds the files of the soak, and of the system tests, of which it takes its random operations."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / folder) for folder in ("soak", "system", "tools")]
