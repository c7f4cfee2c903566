"""How ``brainray atlas stats`` shows what it found."""

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from brainray.atlas.claims import Claim
from brainray.atlas.coverage import Branch, inseparable
from brainray.atlas.questions import NEAR, said
from brainray.atlas.spatial import Distance
from brainray.atlas.statistics import Statistics

LISTED = 12
"""Functions, overlaps, distances and connections that are shown; the JSON holds all."""

LEFT = ("", "region", "function", "claim", "outcome", "found", "sub-region", "another", "tests")


def tables(found: Statistics) -> list[RenderableType]:
    """Return the tables, the claims last."""
    return [
        _coverage(found),
        *_hierarchy(found),
        _complexity(found),
        _overlaps(found),
        _extents(found),
        _distances(found),
        *_connections(found),
        _claims(found),
    ]


def _coverage(found: Statistics) -> Table:
    functions, regions = found.coverage["function"], found.coverage["region"]
    rows = []
    for place in range(max(len(regions), min(LISTED, len(functions)))):
        region = (regions[place][0], f"{regions[place][1]}") if place < len(regions) else ("", "")
        function = functions[place] if place < min(LISTED, len(functions)) else ("", "")
        rows.append((*region, function[0], f"{function[1]}"))
    silent = sum(count == 0 for _, count in functions)
    return _table(
        f"Coverage of {found.rois} ROIs of atlas {found.atlas}, {found.rule}; "
        f"{silent} of {len(functions)} functions cover none",
        ("region", "ROIs", "function", "ROIs"),
        rows,
    )


def _hierarchy(found: Statistics) -> list[Tree | Text]:
    counts = dict(found.coverage["function"])
    return [
        Text(f"Hierarchy with the number of ROIs, {found.rule}", style="italic"),
        *(_tree(branch, counts) for branch in found.hierarchy),
        Text(),
    ]


def _tree(branch: Branch, counts: dict[str, int]) -> Tree:
    works = ", ".join(f"{function} {counts[function]}" for function in branch.functions)
    tree = Tree(Text(f"{branch.name} {branch.rois}" + (f": {works}" if works else "")))
    for part in branch.parts:
        tree.add(_tree(part, counts))
    return tree


def _complexity(found: Statistics) -> Table:
    return _table(
        f"Complexity of the regions, {found.rule}",
        ("region", "ROIs", "sub-regions", "networks", "parameters of models"),
        [
            (
                row.region,
                f"{row.rois}",
                f"{row.sub_regions}",
                f"{row.networks}",
                f"{row.parameters}",
            )
            for row in found.complexity
        ],
    )


def _overlaps(found: Statistics) -> Table:
    same = len(inseparable(found.overlaps, found.inseparable))
    rows = [
        (pair.a, pair.b, f"{pair.shared}", f"{pair.jaccard:.2f}")
        for pair in found.overlaps[: max(LISTED, same)]
    ]
    return _table(
        f"{_shown(len(rows), len(found.overlaps), 'overlaps')} of sub-regions, {found.rule}; "
        f"{same} pairs reach {found.inseparable:g} and cannot be told apart",
        ("sub-region", "another", "shared ROIs", "Jaccard"),
        rows,
    )


def _extents(found: Statistics) -> Table:
    return _table(
        f"Where regions lie, {found.rule}; p of {found.permutations} permutations, "
        f"seed {found.seed}",
        ("region", "ROIs", "center, mm", "spread, mm", "tests", "occipital", "tests"),
        [
            (
                place.name,
                f"{place.rois}",
                " ".join(f"{value:.0f}" for value in place.center),
                f"{place.spread_mm:.0f}",
                said(place.p_spread),
                f"{100 * place.occipital:.0f} %",
                said(place.p_occipital),
            )
            for place in found.regions
        ],
    )


def _distances(found: Statistics) -> Table:
    nearest = found.distances[:LISTED]
    asked = [pair for pair in found.distances if {pair.a, pair.b} == set(NEAR)]
    rows = [_distance(pair) for pair in [*nearest, *(p for p in asked if p not in nearest)]]
    return _table(
        f"{_shown(len(rows), len(found.distances), 'distances')} between regions, {found.rule}",
        ("rank", "region", "another", "mean, mm", "tests"),
        rows,
    )


def _distance(pair: Distance) -> tuple[str, ...]:
    return (f"{pair.rank}", pair.a, pair.b, f"{pair.mean_mm:.0f}", said(pair.p))


def _connections(found: Statistics) -> list[Table]:
    tables = []
    for kind in ("functional", "structural"):
        there = [one for one in found.connections if one.kind == kind]
        if not there:
            continue
        rows = [
            (f"{one.rank}", one.a, one.b, f"{one.mean:.3f}", said(one.p)) for one in there[:LISTED]
        ]
        shown = _shown(len(rows), len(there), f"{kind} connections")
        headings = ("rank", "sub-region", "another", "mean", "tests")
        tables.append(_table(f"{shown} between sub-regions, {found.rule}", headings, rows))
    return tables


def _claims(found: Statistics) -> Table:
    return _table(
        f"What the paper says, asked of atlas {found.atlas}",
        ("", "claim", "outcome", "found"),
        [(claim.section, claim.text, claim.outcome, _found(claim)) for claim in found.claims],
    )


def _found(claim: Claim) -> str:
    """Say what the chosen rule finds, and where others come to another answer."""
    first, *others = claim.findings
    text = first.text if len(claim.findings) == 1 else f"{first.rule}: {first.text}"
    against = [f"{other.rule}: {other.text}" for other in others if other.holds != first.holds]
    return text + (f". Unlike {'; '.join(against)}" if against else "")


def _shown(shown: int, there: int, what: str) -> str:
    return f"{there} {what}" if shown == there else f"{shown} of {there} {what}"


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=Text(title))
    for heading in headings:
        left = heading in LEFT
        table.add_column(heading, justify="left" if left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
