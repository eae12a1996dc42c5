"""The line of the last hour: high where the lag was, a gap where nothing is known, no more points than it needs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as xml
from typing import Any, Optional

from lockstep.status import chart


def drawn(lags: list[Optional[float]], states: Optional[list[Optional[int]]] = None) -> str:
    return chart.lag({"step": 10.0, "lag": lags, "state": states or [None if lag is None else 0 for lag in lags]})


def line(lags: list[Optional[float]]) -> list[list[tuple[float, float]]]:
    path = re.search('class="line" d="([^"]*)"', drawn(lags))
    assert path
    return [
        [(float(x), float(y)) for x, y in (point.split() for point in run.split("L"))]
        for run in path[1].split("M")
        if run
    ]


def test_more_lag_is_higher_up_and_in_step_is_at_the_bottom() -> None:
    (points,) = line([0.0, 0.01, 1.0, 60.0])
    heights = [y for _x, y in points]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] == chart.HEIGHT - 1
    assert min(heights) > 0


def test_where_nothing_is_known_there_is_no_line() -> None:
    runs = line([None, 0.0, None, None, 0.5, 0.5, None])
    assert [(run[0][0], run[-1][0]) for run in runs] == [(1, 2), (4, 6)]
    assert line([None, None]) == []


def test_an_hour_in_step_takes_three_points() -> None:
    (points,) = line([0.0] * 360)
    assert len(points) == 3
    assert (points[0][0], points[-1][0]) == (0, 360)


def test_it_is_well_formed_and_says_the_highest_lag_to_who_cannot_see_it() -> None:
    found = drawn([None, 0.002, 12.0], [None, 0, 5])
    root = xml.fromstring(found)
    plot = root.find("svg")
    assert plot is not None
    assert plot.attrib["aria-label"] == "lag over the last hour: highest 12 s"
    assert "nothing known yet" in drawn([None])


def test_the_strip_below_tells_the_states() -> None:
    found: list[Any] = re.findall(
        r'<rect class="(\w+)" x="(\d+)" width="(\d+)"', drawn([0.0] * 6, [0, 0, 1, 5, 5, None])
    )
    assert found == [("good", "0", "2"), ("busy", "2", "1"), ("bad", "3", "2")]


def test_lines_to_read_it_by_never_stand_above_what_is_drawn() -> None:
    for top in (0.0, 0.5, 3.0, 50.0, 4000.0, 1e6):
        words = re.findall("<text [^>]*>([^<]*)</text>", drawn([top]))
        assert words, top
        heights = [float(y) for y in re.findall('<line class="grid"[^>]* y1="([^"]*)"', drawn([top]))]
        assert all(0 < height < chart.HEIGHT for height in heights), top
