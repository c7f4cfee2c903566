"""The confusion matrix of the fused network on the test split."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from brainray.pipeline.pictures.style import readable, save
from brainray.scenario.report import Confusion

LEGIBLE = 25
"""Of more classes the counts do not fit into the cells."""
LONGEST = 40
"""Letters of a label; of a longer one the picture shows the beginning."""


def draw_confusion(confusion: Confusion, title: str, path: Path) -> None:
    """Write the matrix as PNG: a row a true class, shaded by the share of its samples.

    Args:
        confusion: of a report.
        title: above the picture.
        path: of the file; written atomically.
    """
    counts = np.array(confusion.counts)
    classes = len(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = [_short(readable(label)) for label in confusion.labels]
    longest = max(map(len, labels))
    side = 2.6 + min(0.36 * classes, 9) + 0.09 * max(0, longest - 12)  # in inches
    figure = Figure(figsize=(side + 0.9, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
    small = 8 if classes <= LEGIBLE else 6
    turned = 90 if longest > 2 else 0
    axes.set_xticks(range(classes), labels, rotation=turned, fontsize=small)
    axes.set_yticks(range(classes), labels, fontsize=small)
    axes.set(title=title, xlabel="answer", ylabel="truth")
    if classes <= LEGIBLE:
        for row, column in zip(*np.nonzero(counts), strict=True):
            color = "white" if shares[row, column] > 0.5 else "#333333"
            text = str(counts[row, column])
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("share of the true class, %")
    bar.outline.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    save(figure, path)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"
