"""The layers of a grown network, as a column from the input below to the answer above."""

from matplotlib.axes import Axes

from brainray.pipeline.pictures.style import FUSED, TEXT, colors_of
from brainray.scenario import Report
from brainray.scenario.report import Grown

BOTTOM, TOP = 0.08, 0.94
"""Heights of the input and of the answer."""


def draw_layers(report: Report, grown: Grown, axes: Axes) -> None:
    """Draw a grown network into ``axes``.

    Args:
        report: of the run.
        grown: its network.
        axes: empty.
    """
    ((name, color),) = colors_of(report).items()
    boxes = [(name, color)]
    boxes += [
        (
            f"{layer.filters} filters {layer.height}x{layer.width}, "
            f"stride {layer.stride_height}x{layer.stride_width}",
            FUSED,
        )
        for layer in grown.layers
    ]
    boxes.append(("average, classes", TEXT))
    axes.axis("off")
    axes.set(title="the grown network", xlim=(0, 1), ylim=(0, 1.03))
    step = (TOP - BOTTOM) / (len(boxes) - 1)
    heights = [BOTTOM + step * number for number in range(len(boxes))]
    axes.plot([0.5, 0.5], [BOTTOM, TOP], color=FUSED, linewidth=1.1, zorder=1)
    for (text, ink), height in zip(boxes, heights, strict=True):
        style = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": ink}
        axes.text(
            0.5, height, text, color=ink, fontsize=8, ha="center", va="center", bbox=style, zorder=3
        )
    axes.text(0.5, 0.0, grown.network, color=color, fontsize=6.5, ha="center", va="center")
