"""The winner's wiring: each input's network as a column of taps, and the levels that use them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.text import Text

from brainray.pipeline.pictures.style import FAINT, FUSED, colors_of
from brainray.scenario import Report
from brainray.scenario.report import Fused

CENTER: dict[str, Any] = {"ha": "center", "va": "center"}
SIZE, SMALL = 8, 6.5
"""Of the letters, in points."""
BOTTOM, TOP, OUTPUT = 0.16, 0.83, 0.97
"""Heights of a column's lowest and highest box, and of the answer."""


def draw_wiring(report: Report, axes: Axes) -> None:
    """Draw the best fused network into ``axes``, from the inputs below to the answer above.

    Arrows run from a tap to the level that uses it, and from level to level. The dashed ones are
    the evidence of each network, to which the last level adds a correction.
    """
    best, colors = report.best, colors_of(report)
    axes.axis("off")
    kind = "" if best.representation == "joint" else f", {best.representation}"
    kind += ", with feedback to the inputs" if best.feedback else ""
    axes.set(title=f"the best fused network{kind}", xlim=(0, 1), ylim=(0, 1.03))
    answer = _box(axes, 0.5, OUTPUT, "evidence + correction", FUSED)
    columns, chains = _slots(best)
    taps = {name: _draw_column(axes, best, name, x, colors[name]) for name, x in columns.items()}
    for x, inputs in chains:
        levels = _draw_chain(axes, best, x, inputs)
        for level in list(levels.values())[-1:]:
            _rise(axes, level, answer, FUSED)
        for number, level in levels.items():
            used = best.taps[number]
            for name in inputs:
                if name in used:
                    _cross(axes, taps[name][used[name]], level, colors[name])
    for name, boxes in taps.items():
        _rise(axes, list(boxes.values())[-1], answer, colors[name], "dashed")


def _slots(best: Fused) -> tuple[dict[str, float], list[tuple[float, list[str]]]]:
    """Return where each input's column stands, and where each chain of levels of which inputs.

    One chain joins all inputs and stands in the middle of them; in a coordinated network every
    input has a chain of its own at its side, of the levels that it takes part in.
    """
    names = list(best.models)
    if best.representation == "coordinated":
        groups = [[name] for name in names]
        order = [slot for name in names for slot in (name, None)]
    else:
        groups = [names]
        half = (len(names) + 1) // 2
        order = [*names[:half], None, *names[half:]]
    places = [((number + 0.5) / len(order), name) for number, name in enumerate(order)]
    columns = {name: x for x, name in places if name is not None}
    middles = [x for x, name in places if name is None]
    return columns, list(zip(middles, groups, strict=True))


def _draw_column(axes: Axes, best: Fused, name: str, x: float, color: str) -> dict[str, Text]:
    """Draw a network's taps, those in use colored; return their boxes from input to output."""
    used = {level[name] for level in best.taps if name in level}
    taps = best.network_taps.get(name) or sorted(used)
    heights = _heights(len(taps))
    axes.plot([x, x], [heights[0], heights[-1]], color=FAINT, linewidth=0.8, zorder=1)
    axes.text(x, 0.075, name, fontsize=SIZE + 1, color=color, weight="bold", **CENTER)
    model = best.models[name].replace("-", "-\n", 1)
    axes.text(x, 0.01, model, fontsize=SMALL, color=color, **CENTER)
    return {
        tap: _box(axes, x, y, tap, color if tap in used else FAINT)
        for tap, y in zip(taps, heights, strict=True)
    }


def _draw_chain(axes: Axes, best: Fused, x: float, inputs: list[str]) -> dict[int, Text]:
    """Draw the levels that any of a chain's inputs takes part in, the first one lowest.

    Returns:
        their boxes by number.
    """
    boxes = {}
    for number, y in enumerate(_heights(best.depth, margin=0.06)):
        if best.taps[number].keys().isdisjoint(inputs):
            continue
        text = f"level {number + 1}"
        if best.representation == "joint":
            text += f": {best.operators[number].replace('_', ' ')}"
        boxes[number] = _box(axes, x, y, text, FUSED, filled=True)
    for below, above in pairwise(boxes.values()):
        _rise(axes, below, above, FUSED)
    return boxes


def _heights(count: int, margin: float = 0.0) -> Sequence[float]:
    """Return where ``count`` boxes of a column stand; a single one stands in the middle."""
    low, high = BOTTOM + margin, TOP - margin
    if count == 1:
        return [(low + high) / 2]
    return [low + (high - low) * number / (count - 1) for number in range(count)]


def _box(axes: Axes, x: float, y: float, text: str, color: str, filled: bool = False) -> Text:
    """Draw a text in a box."""
    face, ink = (color, "white") if filled else ("white", color)
    style = {"boxstyle": "round,pad=0.35", "facecolor": face, "edgecolor": color}
    return axes.text(x, y, text, color=ink, fontsize=SIZE, bbox=style, zorder=3, **CENTER)


def _cross(axes: Axes, start: Text, end: Text, color: str) -> None:
    """Draw an arrow from the side of one box to the facing side of another."""
    right = start.get_position()[0] < end.get_position()[0]
    _arrow(axes, start, (float(right), 0.5), end, (float(not right), 0.5), color, "solid")


def _rise(axes: Axes, start: Text, end: Text, color: str, line: str = "solid") -> None:
    """Draw an arrow from the top of a box to the bottom of one above it, else to its side."""
    shift = start.get_position()[0] - end.get_position()[0]
    arrive = (0.5, 0.0) if abs(shift) < 0.01 else (float(shift > 0), 0.5)
    _arrow(axes, start, (0.5, 1), end, arrive, color, line)


def _arrow(
    axes: Axes,
    start: Text,
    leave: tuple[float, float],
    end: Text,
    arrive: tuple[float, float],
    color: str,
    line: str,
) -> None:
    """Draw an arrow between points of two texts, given as fractions of their width and height."""
    # The texts' boxes are this much larger than the texts, in points.
    padding = 0.35 * SIZE + 1
    style = {"arrowstyle": "-|>", "color": color, "linestyle": line, "linewidth": 1.1}
    axes.annotate(
        "",
        xy=arrive,
        xycoords=end,
        xytext=leave,
        textcoords=start,
        arrowprops=style | {"shrinkA": padding, "shrinkB": padding},
        zorder=2,
    )
