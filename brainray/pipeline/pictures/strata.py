"""The accuracy over a column of numbers, such as the noise of a sample."""

from pathlib import Path

from matplotlib.figure import Figure

from brainray.pipeline.pictures.style import FUSED, bare, colors_of, errors_of, save
from brainray.scenario import Report


def draw_accuracy_over(report: Report, stratum: str, path: Path) -> None:
    """Write the accuracies in the bins of a stratum as PNG.

    Args:
        report: of a finished run.
        stratum: one of ``report.strata`` that has bins.
        path: of the file; written atomically.
    """
    bins = report.strata[stratum]
    middles = [(part.low + part.high) / 2 for part in bins]
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    for name, color in colors_of(report).items():
        values = [100 * part.unimodal[name] for part in bins]
        axes.plot(middles, values, "s--", color=color, markersize=4, label=f"{name} alone")
    fused = [100 * part.fused for part in bins]
    ends = [
        None if p.interval is None else (100 * p.interval[0], 100 * p.interval[1]) for p in bins
    ]
    axes.errorbar(
        middles,
        fused,
        yerr=errors_of(fused, ends),
        fmt="o-",
        color=FUSED,
        capsize=3,
        label=f"{report.made}, 95 % interval",
    )
    for part, middle in zip(bins, middles, strict=True):
        axes.text(middle, 1.5, str(part.rows), ha="center", fontsize=7, color="#666666")
    for edge in sorted({part.low for part in bins} | {part.high for part in bins}):
        axes.axvline(edge, color="#e6e9ec", linewidth=0.8, zorder=0)
    axes.set(
        xlabel=f"{stratum} (small: test rows in each bin)",
        ylabel="test accuracy, %",
        ylim=(0, 103),
    )
    figure.suptitle(f"{report.scenario}: accuracy over {stratum}")
    figure.legend(loc="outside lower center", ncols=len(report.unimodal) + 1, frameon=False)
    bare(axes)
    save(figure, path)
