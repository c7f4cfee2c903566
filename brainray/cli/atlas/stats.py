"""``brainray atlas stats``: what an atlas covers, how it lies, and what of the paper it shows."""

from typing import Annotated, cast

import typer
from rich.console import Group

from brainray.atlas.arrays import load_atlas
from brainray.atlas.coverage import RULES, THRESHOLDS, Rule, RuleName
from brainray.atlas.statistics import statistics
from brainray.catalog.brain_seed import SHIPPED
from brainray.cli.atlas.stats_tables import tables
from brainray.cli.catalog.common import open_library
from brainray.cli.output import Json, show

USUAL = ", ".join(f"{THRESHOLDS[name]:g} for {name}" for name in RULES)


def stats(
    atlas: Annotated[str, typer.Argument(metavar="[ATLAS]", help="One of the catalog.")] = SHIPPED,
    rule: Annotated[
        str, typer.Option(help=f"When an ROI belongs to a function: {', '.join(RULES)}.")
    ] = RULES[0],
    threshold: Annotated[
        float | None, typer.Option(help=f"Of the rule; by default {USUAL}.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the permutations and rotations.")] = 0,
    json_to: Json = None,
) -> None:
    """Print coverage, hierarchy, complexity, overlaps, distances, and the paper's claims.

    Every table names the rule by which an ROI belongs to a function, for counts depend on it.
    """
    chosen = Rule.of(cast(RuleName, rule), threshold)
    library = open_library()
    homes = {row["name"]: row["sub_regions"] for row in library.entries("networks")}
    sizes = library.stats().by.get("region", {})
    parameters = {region: totals.parameters for region, totals in sizes.items()}
    found = statistics(load_atlas(library, atlas), chosen, homes, parameters, seed)
    show(Group(*tables(found)), found.to_json(), json_to, below="\n".join(found.notes))
