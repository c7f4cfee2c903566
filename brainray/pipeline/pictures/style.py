"""What all pictures share: colors, error bars, and how a figure becomes a file."""

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from brainray.files import write_atomically
from brainray.scenario import Report
from brainray.scenario.report import Interval

FUSED, FAINT, TEXT = "#1b6ca8", "#9aa5b1", "#333333"
INPUTS = ("#d9822b", "#4f8a5b", "#8d6a9f", "#b5544d", "#3f8f9b", "#a08a3c", "#7a7a7a", "#c27ba0")
"""A color for each input of a scenario, which has at most eight."""
DOTS_PER_INCH = 110


def colors_of(report: Report) -> dict[str, str]:
    """Return the color of each input."""
    return dict(zip(report.best.models, INPUTS, strict=False))


def errors_of(values: list[float], ends: list[Interval | None]) -> list[list[float]]:
    """Return how far each interval reaches below and above its value; 0 where there is none."""
    known = [
        (value, value) if end is None else end for value, end in zip(values, ends, strict=True)
    ]
    # A percentile interval need not hold the value itself.
    below = [max(0.0, value - low) for value, (low, _) in zip(values, known, strict=True)]
    above = [max(0.0, high - value) for value, (_, high) in zip(values, known, strict=True)]
    return [below, above]


def bare(axes: Axes) -> None:
    """Leave away the frame that says nothing."""
    axes.spines[["top", "right"]].set_visible(False)


def readable(text: str) -> str:
    """Return a user's text as a picture can show it, on every machine alike.

    A letter that matplotlib's own font lacks, as of Chinese, or a picture such as an emoji, becomes
    its code, as ``\\u732b``: a box in its place would not tell classes apart. A ``$`` is one, and
    begins no formula.
    """
    known = get_font(findfont(FontProperties())).get_charmap()
    letters = [
        letter
        if ord(letter) in known or letter == "\n"
        else letter.encode("ascii", "backslashreplace").decode()
        for letter in text
    ]
    return "".join(letters).replace("$", r"\$")


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    write_atomically(path, buffer.getvalue())
