"""A pathway as a picture: glass brain and connectome, flat and in three dimensions.

Drawn by nilearn, which the extra ``brain`` installs. Nothing here needs a display or a network.
"""

import base64
import io
import re
from importlib.util import find_spec
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from brainray.atlas.drawing import OTHER, REGIONS, Drawing, region_of
from brainray.errors import AtlasError

COLORS = dict(
    zip((*REGIONS, OTHER), ("#1b6ca8", "#d9822b", "#3f8f5b", "#b5344d", "#8a8f98"), strict=True)
)
INK, EDGES = "#333333", "Greys"
LARGEST, SMALLEST = 110.0, 6.0
"""Areas of the dots of the strongest and of the weakest ROI, in points squared."""
DOTS_PER_INCH = 110
LISTED = 20
"""ROIs and connections that the page lists."""
ICON = re.compile(r"<link[^>]*\brel=[\"']?icon[^>]*>")
PAGE = Environment(
    loader=PackageLoader("brainray.atlas", "."), autoescape=True, trim_blocks=True
).get_template("pathway.html.jinja")


def can_draw() -> bool:
    """Return whether nilearn is installed."""
    return find_spec("nilearn") is not None


def picture_of(drawing: Drawing) -> bytes:
    """Return a pathway as PNG: three views of the glass brain, and the sub-regions' weights.

    Raises:
        AtlasError: nilearn is not installed.
    """
    plotting = _plotting()
    figure = Figure(figsize=(13, 4))
    figure.suptitle(drawing.title, weight="bold", color=INK, y=0.97)
    plotting.plot_connectome(
        drawing.edges_NN,
        drawing.coordinates,
        node_color=_colors(drawing),
        node_size=_areas(drawing),
        node_kwargs={"alpha": 0.85, "linewidths": 0.4, "edgecolors": "white"},
        edge_cmap=EDGES,
        edge_kwargs={"linewidth": 1.2},
        edge_vmin=-0.5,  # so that the weakest is grey, not white
        edge_vmax=1.0,
        display_mode="lzr",
        figure=figure,
        axes=(0.0, 0.09, 0.73, 0.83),
        alpha=0.4,
        colorbar=False,
    )
    _draw_weights(drawing, figure.add_axes((0.87, 0.16, 0.12, 0.76)))
    shown = set(map(region_of, drawing.homes))
    dots = [
        Line2D([], [], marker="o", linestyle="", color=color, label=region)
        for region, color in COLORS.items()
        if region in shown
    ]
    lines = [Line2D([], [], color=INK, linewidth=1.5, label="connection of the pathway")]
    figure.legend(
        handles=dots + lines,
        loc="lower center",
        bbox_to_anchor=(0.36, 0.0),
        ncols=len(dots) + 1,
        frameon=False,
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()


def page_of(drawing: Drawing, png: bytes) -> str:
    """Return a pathway as one HTML page that loads nothing: its picture, a brain to turn, tables.

    Args:
        drawing: of the pathway.
        png: what `picture_of` made of it.

    Raises:
        AtlasError: nilearn is not installed.
    """
    view = _plotting().view_connectome(
        drawing.edges_NN,
        drawing.coordinates,
        edge_cmap=EDGES,
        linewidth=4.0,
        node_color=_colors(drawing),
        node_size=[float(np.sqrt(area)) * 1.6 for area in _areas(drawing)],
        node_labels=_signs(drawing),
        colorbar=False,
    )
    # A page in itself, with all its scripts; only its icon would come from elsewhere.
    brain = ICON.sub("", view.html)
    pathway = drawing.pathway
    return PAGE.render(
        title=drawing.title,
        picture=base64.b64encode(png).decode(),
        brain=brain,
        sub_regions=[
            (name, weight, COLORS[region_of(name)], name in drawing.asked)
            for name, weight in pathway.sub_regions.items()
        ],
        connections=sorted(pathway.connections, key=lambda link: -link[2])[:LISTED],
        rois=[
            (color, *roi)
            for color, *roi in zip(
                _colors(drawing), drawing.names, drawing.labels, drawing.strengths_N, strict=True
            )
        ][:LISTED],
    )


def _plotting() -> Any:
    if not can_draw():
        raise AtlasError("a picture of the brain: needs nilearn; install brainray[brain]")
    from nilearn import plotting

    return plotting


def _colors(drawing: Drawing) -> list[str]:
    return [COLORS[region_of(home)] for home in drawing.homes]


def _signs(drawing: Drawing) -> list[str]:
    """Return what is written beside each ROI: its name if it is the strongest of its home."""
    first = {home: number for number, home in reversed(list(enumerate(drawing.homes)))}
    activated = drawing.pathway.sub_regions
    return [
        name if home in activated and first[home] == number else ""
        for number, (name, home) in enumerate(zip(drawing.names, drawing.homes, strict=True))
    ]


def _areas(drawing: Drawing) -> list[float]:
    strengths_N = drawing.strengths_N / drawing.strengths_N.max()
    return list(SMALLEST + (LARGEST - SMALLEST) * strengths_N)


def _draw_weights(drawing: Drawing, axes: Axes) -> None:
    """Draw a bar for each sub-region; pale ones were not asked for."""
    weights = drawing.pathway.sub_regions
    for number, (name, weight) in enumerate(weights.items()):
        pale = bool(drawing.asked) and name not in drawing.asked
        axes.barh(number, weight, color=COLORS[region_of(name)], alpha=0.4 if pale else 1.0)
    small = 9 if len(weights) <= 14 else 7
    axes.set_yticks(range(len(weights)), list(weights), fontsize=small, color=INK)
    axes.set(xlim=(0, 1), xticks=(0, 0.5, 1))
    axes.set_xlabel("weight; pale: not asked for", fontsize=8, color=INK)
    axes.tick_params(length=0, labelsize=small)
    axes.spines[["top", "right"]].set_visible(False)
    axes.invert_yaxis()
