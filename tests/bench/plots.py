"""Lag and CPU against the rate, as SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from bench.figures import Figures, complete
from bench.report import CONTENDERS

# the same text each time: figures that did not change leave no difference behind
_FIXED: Any = {"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 10}
_COLOURS = dict(zip(CONTENDERS, ("#0b6e4f", "#6dbf9f", "#c2571a", "#5b5ea6", "#a23b72")))


def draw(figures: Figures, folder: Path) -> list[tuple[str, str]]:
    """Writes the plots; title and file name of each."""
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    with pyplot.rc_context(_FIXED):
        for title, file, lines, unit in (
            (
                "Lag against rate",
                "lag.svg",
                (("p50_ms", "-", "p50"), ("p99_ms", ":", "p99")),
                "ms, close to appearance",
            ),
            ("CPU against rate", "cpu.svg", (("cores", "-", ""),), "% of one core, sending side"),
            ("CPU per file against rate", "cpu-per-file.svg", (("cpu_per_file_ms", "-", ""),), "ms of CPU per file"),
        ):
            figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
            for subject in CONTENDERS:
                for key, style, note in lines:
                    scale = 100.0 if key == "cores" else 1.0
                    _line(axes, figures, subject, key, style, f"{CONTENDERS[subject]} {note}".strip(), scale)
            if file == "cpu-per-file.svg":
                _line(axes, figures, "ours", "bare_cpu_per_file_ms", "--", "one bare rsync", 1.0, "#888888")
            _finish(axes, figures, title, unit)
            figure.savefig(folder / file, metadata={"Date": None, "Creator": None})
            pyplot.close(figure)
            done.append((title, file))
    return done


def _line(
    axes: Axes, figures: Figures, subject: str, key: str, style: str, label: str, scale: float,
    colour: Optional[str] = None,
) -> None:  # fmt: skip
    """Only where every file arrived: the lag of a part of them says nothing about the rest."""
    points: list[tuple[int, float]] = []
    for rate in figures.rates():
        record: dict[str, Any] = figures.find(f"lag-{rate}", subject) or {}
        value = figures.value(f"lag-{rate}", subject, key)
        if value and complete(record):
            points.append((rate, value * scale))
    if points:
        horizontal, vertical = zip(*points)
        axes.plot(horizontal, vertical, style, marker="o", ms=4, label=label, color=colour or _COLOURS[subject])


def _finish(axes: Axes, figures: Figures, title: str, unit: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel="files/s", ylabel=unit, title=title)
    axes.set_xticks(figures.rates(), [f"{rate:,}" for rate in figures.rates()])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _position: f"{value:g}")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    if axes.lines:
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
