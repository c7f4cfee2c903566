"""The overview: the search, the results, and the winner's wiring or layers."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brainray.pipeline.pictures.layers import draw_layers
from brainray.pipeline.pictures.style import FAINT, FUSED, bare, colors_of, errors_of, save
from brainray.pipeline.pictures.wiring import draw_wiring
from brainray.scenario import Report
from brainray.wording import counted


def draw_overview(report: Report, path: Path) -> None:
    """Write the overview of a report as PNG.

    Args:
        report: of a finished run.
        path: of the file; written atomically.
    """
    # In inches; the wiring grows with the number of its columns.
    wide = 4.2 + len(report.best.models)
    figure = Figure(figsize=(9 + wide, 4.8), layout="constrained")
    search, results, wiring = figure.subplots(1, 3, width_ratios=(4.5, 4.5, wide))
    figure.suptitle(f"{report.scenario}, seed {report.seed}", weight="bold")
    _draw_search(report, search)
    _draw_results(report, results)
    if report.grown is None:
        draw_wiring(report, wiring)
    else:
        draw_layers(report, report.grown, wiring)
    save(figure, path)


def _draw_search(report: Report, axes: Axes) -> None:
    """Draw every candidate's value, and the best so far."""
    values = [candidate.value for candidate in report.search.history]
    pairs = [(number, value) for number, value in enumerate(values, start=1) if value is not None]
    best: list[float] = []
    for _, value in pairs:
        best.append(max([value, *best[-1:]]))
    numbers = [number for number, _ in pairs]
    axes.plot(numbers, [100 * value for _, value in pairs], ".", color=FAINT, label="candidate")
    axes.plot(
        numbers,
        [100 * value for value in best],
        color=FUSED,
        drawstyle="steps-post",
        label="best so far",
    )
    name, alone = max(report.unimodal.items(), key=lambda part: part[1].validation)
    color = colors_of(report)[name]
    axes.axhline(100 * alone.validation, color=color, linestyle="--", label=f"{name} alone")
    axes.set(
        title=f"{counted(report.search.evaluated, 'candidate')} by {report.search.algorithm}",
        xlabel="candidate",
        ylabel="validation accuracy, %",
    )
    axes.legend(loc="lower right", fontsize=8)
    bare(axes)


def _draw_results(report: Report, axes: Axes) -> None:
    """Draw the test accuracies with their intervals, the new network's at the bottom."""
    colors = colors_of(report)
    bars = [
        (f"{name} alone", part.test, part.interval, colors[name], 1.0)
        for name, part in report.unimodal.items()
    ]
    bars += [
        (f"{name} re-headed", part.test, part.interval, colors[name], 0.6)
        for name, part in report.reheaded.items()
    ]
    bars.append((report.made, report.best.test, report.best.interval, FUSED, 1.0))
    values = [100 * value for _, value, _, _, _ in bars]
    ends = [None if end is None else (100 * end[0], 100 * end[1]) for _, _, end, _, _ in bars]
    errors = errors_of(values, ends)
    for number, (_, _, _, color, opacity) in enumerate(bars):
        axes.barh(number, values[number], color=color, alpha=opacity, height=0.7)
    axes.errorbar(
        values, range(len(bars)), xerr=errors, fmt="none", color="black", linewidth=1, capsize=3
    )
    for number, (value, above) in enumerate(zip(values, errors[1], strict=True)):
        axes.text(value + above + 1.5, number, f"{value:.1f}", va="center")
    axes.set(title="test accuracy, %", xlim=(0, 115), xticks=range(0, 101, 20))
    axes.set_yticks(range(len(bars)), [name for name, *_ in bars])
    axes.invert_yaxis()
    if report.units is not None:
        axes.set_xlabel(f"95 % intervals over {report.units.count} {report.units.by}s", fontsize=8)
    bare(axes)
