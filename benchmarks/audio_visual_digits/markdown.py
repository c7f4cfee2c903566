"""The report as a page of tables."""

from collections.abc import Sequence
from typing import Any

from brainray.pipeline.markdown import markdown_table


def page(document: dict[str, Any]) -> str:
    """Return the tables and goals of a report."""
    rows, measured = document["rows"], document["setting"]["parts"]
    parts = [f"parts measured: {', '.join(measured)}"]
    if "tables" in measured:
        parts += [
            _unimodal(rows["unimodal"]),
            _fused(rows["fused"], rows["all_networks"]),
            _robust(rows["fused"]),
        ]
    parts += [
        f"{title.replace('_', '-')}\n\n{_plain(rows[title])}"
        for title in measured
        if title != "tables" and rows[title]
    ]
    goals = [
        [goal["name"], goal["value"], goal["goal"], "yes" if goal["met"] else "no"]
        for goal in document["goals"]
    ]
    parts.append("goals\n\n" + _table(["goal", "measured", "wanted", "met"], goals))
    return "\n\n".join(parts)


def _unimodal(rows: Sequence[dict[str, Any]]) -> str:
    cells = [
        [row["input"], name, _text(cell["ours"]), _text(cell["paper"])]
        for row in rows
        for name, cell in row.items()
        if name != "input"
    ]
    title = "every network alone (Table 7), test accuracy in %, mean ± sd over the seeds"
    return f"{title}\n\n" + _table(["input", "network", "ours", "paper"], cells)


def _fused(rows: Sequence[dict[str, Any]], together: dict[str, Any]) -> str:
    cells = [
        [
            f"{row['image']} x {row['audio']}",
            row["image_alone"],
            row["audio_alone"],
            _text(row["fused"]),
            _text(row["gain"]),
            _text(row["over_reheaded"]),
            _text(row["paper"]),
        ]
        for row in rows
    ]
    cells.append(
        [
            "chosen among all",
            "",
            "",
            _text(together["fused"]),
            _text(together["gain"]),
            _text(together["over_reheaded"]),
            "",
        ]
    )
    heads = ["image x audio", "image", "audio", "fused", "gain", "over re-headed", "paper, fused"]
    return "every pair fused, before the gate (Table 8)\n\n" + _table(heads, cells)


def _robust(rows: Sequence[dict[str, Any]]) -> str:
    names = ["missing_image", "missing_audio", "shuffled_weaker", "shuffled_stronger"]
    cells = [
        [f"{row['image']} x {row['audio']}", *(f"{row[name]:+.2f}" for name in names)]
        for row in rows
    ]
    title = "one input fails: points against the other input's network alone"
    return f"{title}\n\n" + _table(["image x audio", *(n.replace("_", " ") for n in names)], cells)


def _plain(rows: Sequence[dict[str, Any]]) -> str:
    heads = [name.replace("_", " ") for name in rows[0]]
    return _table(heads, [[_text(value) for value in row.values()] for row in rows])


def _table(heads: Sequence[str], cells: Sequence[Sequence[Any]]) -> str:
    return markdown_table(heads, [[str(cell) for cell in row] for row in cells])


def _text(value: Any) -> str:
    """Return a cell: mean and deviation, or points with their interval."""
    match value:
        case None:
            return ""
        case {"points": points, "interval": [low, high]}:
            return f"{points:+.2f} [{low:+.2f}, {high:+.2f}]"
        case [mean, None]:
            return f"{mean:.2f}"
        case [mean, deviation]:
            return f"{mean:.2f} ± {deviation:.2f}"
    return str(value)
