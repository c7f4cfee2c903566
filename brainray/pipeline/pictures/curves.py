"""The curves of searches: how good the best code is after so many evaluations."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from brainray.pipeline.pictures.style import FAINT, FUSED, INPUTS, bare, save
from brainray.search.bench import Curves
from brainray.shapes import Array

BAND = (0.25, 0.75)
MARGIN = 0.03
"""Of the height of an axis, for a line at its end would be cut in half."""


def draw_curves(
    curves: Mapping[str, Curves], title: str, path: Path, minimised: Collection[str] = ()
) -> None:
    """Write a picture with an axis a column: the mean over seeds, and the middle half as a band.

    Args:
        curves: by searcher; all have the same columns. ``random`` is drawn faintly.
        title: of the picture.
        path: of the PNG file; written atomically.
        minimised: columns of which smaller values are better.
    """
    with rc_context({"text.parse_math": False}):  # a name with two $ is no formula
        figure = _figure(curves, title, minimised)
        save(figure, path)


def _figure(curves: Mapping[str, Curves], title: str, minimised: Collection[str]) -> Figure:
    columns = list(next(iter(curves.values())))
    figure = Figure(figsize=(5.2 * len(columns), 4.2), layout="constrained")
    figure.suptitle(title, weight="bold")
    others = [name for name in curves if name != "random"]
    colors = dict(zip(others, (FUSED, *INPUTS), strict=False)) | {"random": FAINT}
    for axes, column in zip(
        figure.subplots(1, len(columns), squeeze=False)[0], columns, strict=True
    ):
        for name, found in curves.items():
            values_KN = found[column]
            numbers = np.arange(1, values_KN.shape[1] + 1)
            low_N, high_N = np.quantile(values_KN, BAND, axis=0)
            axes.fill_between(numbers, low_N, high_N, color=colors[name], alpha=0.2, linewidth=0)
            marker = "o" if len(numbers) == 1 else ""  # a line needs two points
            mean_N = values_KN.mean(axis=0)
            axes.plot(numbers, mean_N, marker=marker, color=colors[name], label=name)
        sign = -1 if column in minimised else 1
        worst, best = _limits([sign * found[column] for found in curves.values()])
        axes.set_ylim(*sorted((sign * worst, sign * best)))
        axes.set(xlabel="evaluations", title=f"{column} of the best code")
        axes.legend(loc="lower right" if sign > 0 else "upper right", fontsize=8)
        bare(axes)
    return figure


def _limits(values: Sequence[Array]) -> tuple[float, float]:
    """Return the ends of an axis of curves that rise, each of shape `(K, N)`."""
    # The first codes are so bad that they would flatten all the rest.
    late = [values_KN[:, values_KN.shape[1] // 15 :] for values_KN in values]
    low = min(float(np.quantile(values_KN, 0.1)) for values_KN in late)
    high = max(float(values_KN.max()) for values_KN in late)
    margin = MARGIN * ((high - low) or abs(high) or 1.0)  # level lines need some height, too
    return low - margin, high + margin
