"""How often the service looks at its mirrors."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lockstep.service import AT_REST, TICK, pause


@dataclass
class Mirror:
    at_rest: bool


@pytest.mark.parametrize(
    ("rests", "watchdog", "seconds"),
    [
        ([True, True], None, AT_REST),
        ([True, True], 15.0, AT_REST),
        ([True, False], 15.0, TICK),
        ([True, True], 1.0, TICK),  # a sign of life that comes late is a restart
        ([], None, AT_REST),
    ],
)
def test_mirrors_are_looked_at_less_often_only_while_all_are_at_rest(
    rests: list[bool], watchdog: float | None, seconds: float
) -> None:
    assert pause(map(Mirror, rests), watchdog) == seconds
