"""`python3 -m lockstep`, for where no wrapper is installed."""

from __future__ import annotations

import sys

from lockstep.cli import main

sys.exit(main())
