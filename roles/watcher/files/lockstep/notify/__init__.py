"""What others are told as it happens."""

from __future__ import annotations
