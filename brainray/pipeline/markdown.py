"""Tables and numbers in Markdown."""

import re
from collections.abc import Sequence

from brainray.scenario.report import Interval

NUMBER = re.compile(r"[-+]?[0-9.,]+( %)?")


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown, aligned so that it can be read as text too.

    Columns that hold nothing but numbers and empty cells are aligned to the right.

    Args:
        headings: of the columns.
        rows: cells, as many in a row as there are headings; ``str`` makes text of them.

    Raises:
        ValueError: a row has another number of cells.
    """
    lines = [[_cell(heading) for heading in headings]]
    lines += [[_cell(value) for value in row] for row in rows]
    columns = list(zip(*lines, strict=True))
    widths = [max(3, *map(len, column)) for column in columns]
    right = [
        any(column[1:]) and all(NUMBER.fullmatch(cell) for cell in column[1:] if cell)
        for column in columns
    ]
    rule = [
        "-" * (width - 1) + ":" if r else "-" * width
        for width, r in zip(widths, right, strict=True)
    ]
    padded = [
        [
            cell.rjust(width) if r else cell.ljust(width)
            for cell, width, r in zip(line, widths, right, strict=True)
        ]
        for line in [lines[0], rule, *lines[1:]]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def percent(fraction: float) -> str:
    """Return a fraction in percent with two decimals, e.g. ``94.25``."""
    return f"{100 * fraction:.2f}"


def brackets(interval: Interval | None, decimals: int = 2) -> str:
    """Return an interval in percent, e.g. ``[92.10, 95.60]``; nothing if there is none."""
    if interval is None:
        return ""
    return f"[{100 * interval[0]:.{decimals}f}, {100 * interval[1]:.{decimals}f}]"


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
