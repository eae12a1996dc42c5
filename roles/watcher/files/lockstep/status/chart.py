"""The lag of the last hour as a line, and the states below it as a strip: SVG that a page has in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Optional

from lockstep.status.condition import STATES
from lockstep.status.facts import kind
from lockstep.status.words import duration

HEIGHT = 64.0
LEAST, MOST = 0.001, 1.0  # seconds between which the scale reaches at least; it is logarithmic
GRID = (
    (0.01, "10 ms"),
    (0.1, "0.1 s"),
    (1.0, "1 s"),
    (10.0, "10 s"),
    (60.0, "1 min"),
    (600.0, "10 min"),
    (3600.0, "1 h"),
)


def lag(history: dict[str, Any]) -> str:
    """`history`: of a target, as status.snapshot.details has it.  Colours and sizes are the page's."""
    lags: Sequence[Optional[float]] = history["lag"]
    states: Sequence[Optional[int]] = history["state"]
    known = [value for value in lags if value is not None]
    top = max([MOST, *known])
    width = len(lags)
    highest = f"highest {duration(max(known))}" if known else "nothing known yet"
    lines = [
        f'<line class="grid" x1="0" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>'
        for at, _word in _grid(top)
        for y in (_y(at, top),)
    ]
    marks = "".join(f'<text y="{100 * _y(at, top) / HEIGHT:.1f}%" dy="3">{word}</text>' for at, word in _grid(top))
    runs = list(_runs(lags, top))
    area = "".join(f"M{run[0][0]:g} {HEIGHT:g}L{_points(run)}L{run[-1][0]:g} {HEIGHT:g}Z" for run in runs)
    line = "".join(f"M{_points(run)}" for run in runs)
    return (
        f'<figure class="chart"><svg class="plot" viewBox="0 0 {width} {HEIGHT:g}" preserveAspectRatio="none" '
        f'role="img" aria-label="lag over the last hour: {highest}">{"".join(lines)}'
        f'<path class="area" d="{area}"/><path class="line" d="{line}"/></svg>'
        f'<svg class="marks" aria-hidden="true">{marks}</svg>'
        f'<svg class="strip" viewBox="0 0 {width} 1" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(_strip(states))}</svg>"
        f"<figcaption><span>1 h ago</span><span>lag, {highest}</span><span>now</span></figcaption>"
        "</figure>"
    )


def _grid(top: float) -> list[tuple[float, str]]:
    inside = [(at, word) for at, word in GRID if at < top * 0.9]
    return inside[-1:] + [one for one in inside[:-1] if one[0] in (0.01, 1.0)]


def _y(value: float, top: float) -> float:
    """From the bottom (in step, or quicker than anybody measures) to a little below the upper edge."""
    if value <= LEAST:
        return HEIGHT - 1
    share = math.log(value / LEAST) / math.log(top / LEAST)
    return HEIGHT - 1 - share * (HEIGHT - 8)


def _runs(lags: Sequence[Optional[float]], top: float) -> Iterator[list[tuple[float, float]]]:
    """Points of the line, without those that only go on straight; a gap where nothing is known."""
    for there, group in groupby(enumerate(lags), lambda item: item[1] is not None):
        if not there:
            continue
        points = [(at + 0.5, round(_y(value or 0.0, top), 1)) for at, value in group]
        middle = [
            point
            for before, point, after in zip(points, points[1:], points[2:])
            if not before[1] == point[1] == after[1]
        ]
        # to the edges of its first and last time, so that a single one is a line, too
        yield [(points[0][0] - 0.5, points[0][1]), points[0], *middle, (points[-1][0] + 0.5, points[-1][1])]


def _points(run: list[tuple[float, float]]) -> str:
    return "L".join(f"{x:g} {y:g}" for x, y in run)


def _strip(states: Sequence[Optional[int]]) -> Iterator[str]:
    at = 0
    for state, group in groupby(states):
        length = len(list(group))
        if state is not None:
            yield f'<rect class="{kind(STATES[state])}" x="{at}" width="{length}" height="1"/>'
        at += length
