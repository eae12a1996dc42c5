"""What makes and checks the documentation's site, where its tests find it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "site")]
