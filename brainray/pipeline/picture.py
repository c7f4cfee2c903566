"""A run's report as a picture: the search, the results, and the winner's wiring."""

import io
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brainray.catalog.weights import write_atomically
from brainray.scenario import Report

FUSED, INPUT, FAINT = "#1b6ca8", "#e08e45", "#9aa5b1"


def draw_report(report: Report, path: Path) -> None:
    """Write the picture of a report as PNG.

    Args:
        report: of a finished run.
        path: of the file; written atomically.
    """
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    search, results, wiring = figure.subplots(1, 3, width_ratios=(1.2, 1, 1.2))
    figure.suptitle(f"{report.scenario}, seed {report.seed}")
    _draw_search(report, search)
    _draw_results(report, results)
    _draw_wiring(report, wiring)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomically(path, buffer.getvalue())


def _draw_search(report: Report, axes: Axes) -> None:
    """Draw every candidate's value, and the best so far."""
    values = [candidate.value for candidate in report.search.history]
    pairs = [(number, value) for number, value in enumerate(values, start=1) if value is not None]
    best: list[float] = []
    for _, value in pairs:
        best.append(max([value, *best[-1:]]))
    numbers = [number for number, _ in pairs]
    axes.plot(numbers, [100 * value for _, value in pairs], ".", color=FAINT, label="candidate")
    axes.plot(numbers, [100 * value for value in best], color=FUSED, label="best so far")
    alone = max(part.validation for part in report.unimodal.values())
    axes.axhline(100 * alone, color=INPUT, linestyle="--", label="best input alone")
    axes.set(
        title=f"{report.search.evaluated} candidates by {report.search.algorithm}",
        xlabel="candidate",
        ylabel="validation accuracy, %",
    )
    axes.legend(loc="lower right")


def _draw_results(report: Report, axes: Axes) -> None:
    """Draw the test accuracies side by side."""
    bars = [(f"{name}\nalone", part.test, INPUT) for name, part in report.unimodal.items()]
    bars += [(f"{name}\nre-headed", part.test, INPUT) for name, part in report.reheaded.items()]
    bars.append(("fused", report.best.test, FUSED))
    shown = axes.bar(
        [name for name, _, _ in bars],
        [100 * value for _, value, _ in bars],
        color=[color for _, _, color in bars],
    )
    axes.bar_label(shown, fmt="%.1f")
    axes.set(title="test accuracy, %", ylim=(0, 108))
    axes.tick_params(axis="x", labelsize=8)


def _draw_wiring(report: Report, axes: Axes) -> None:
    """Draw which tap of each input meets at which level, bottom up."""
    axes.set(title="the best fused network", xlim=(0, 1), ylim=(-0.6, report.best.depth + 1.2))
    axes.axis("off")
    inputs = list(report.best.models)
    middle: dict[str, Any] = {"ha": "center", "va": "center"}
    places = {name: (number + 0.5) / len(inputs) for number, name in enumerate(inputs)}
    for name, x in places.items():
        text = f"{name}\n{report.best.models[name]}"
        axes.text(x, -0.35, text, fontsize=6.5, color=INPUT, **middle)
    box: dict[str, Any] = {"boxstyle": "round,pad=0.4", "facecolor": "white"}
    top = report.best.depth + 0.7
    for level, taps in enumerate(report.best.taps):
        y = level + 0.6
        for name, tap in taps.items():
            start = (places[name], y - 0.35)
            axes.annotate("", (0.5, y), start, arrowprops={"arrowstyle": "->", "color": FAINT})
            axes.text(*start, tap, fontsize=8, bbox=box | {"edgecolor": INPUT}, **middle)
        axes.annotate("", (0.5, y + 1), (0.5, y), arrowprops={"arrowstyle": "->", "color": FUSED})
        operator = report.best.operators[level]
        axes.text(0.5, y, operator, fontsize=8, bbox=box | {"edgecolor": FUSED}, **middle)
    axes.text(0.5, top, "evidence + correction", fontsize=8, color=FUSED, **middle)
