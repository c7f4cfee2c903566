"""The curves of searches: how good the best code is after so many evaluations."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from brainray.pipeline.pictures.style import FAINT, FUSED, INPUTS, bare, save
from brainray.search.bench import Curves

BAND = (0.25, 0.75)


def draw_curves(curves: Mapping[str, Curves], title: str, path: Path) -> None:
    """Write a picture with an axis a column: the mean over seeds, and the middle half as a band.

    Args:
        curves: by searcher; all have the same columns. ``random`` is drawn faintly.
        title: of the picture.
        path: of the PNG file; written atomically.
    """
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
            axes.plot(numbers, values_KN.mean(axis=0), color=colors[name], label=name)
        # The first codes are so bad that they would flatten all the rest.
        late = [found[column][:, found[column].shape[1] // 15 :] for found in curves.values()]
        axes.set_ylim(
            min(float(np.quantile(values, 0.1)) for values in late),
            max(float(values.max()) for values in late),
        )
        axes.set(xlabel="evaluations", title=f"{column} of the best code")
        axes.legend(loc="lower right", fontsize=8)
        bare(axes)
    save(figure, path)
