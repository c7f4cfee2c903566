"""``brainray catalog``: pretrained models, listed, shown and counted."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, cast

import typer
from rich.table import Table
from rich.text import Text

from brainray.catalog import Model
from brainray.catalog.code import encode
from brainray.catalog.dictionaries import DICTIONARIES
from brainray.catalog.values import Kind, Totals
from brainray.cli.catalog.common import open_library, plural
from brainray.cli.catalog.dictionaries import list_entries, show_entry
from brainray.cli.catalog.drafts import list_drafts
from brainray.cli.output import Json, show
from brainray.shapes import Modality


def list_models(
    what: Annotated[
        str, typer.Argument(help=f"models, drafts, or one of {', '.join(DICTIONARIES)}.")
    ] = "models",
    kind: Annotated[str | None, typer.Option(help="unimodal or fused.")] = None,
    network: Annotated[str | None, typer.Option(help="E.g. lenet3.image.")] = None,
    sub_region: Annotated[str | None, typer.Option(help="E.g. vision.shape.")] = None,
    modality: Annotated[str | None, typer.Option(help="image, audio or text.")] = None,
    json_to: Json = None,
) -> None:
    """List the models that fit every filter, the drafts, or a dictionary."""
    if plural(what) == "drafts":
        list_drafts(json_to)
        return
    if plural(what) != "models":
        list_entries(plural(what), json_to)
        return
    # The library checks the values and says what is allowed.
    models = open_library().models(
        kind=cast(Kind | None, kind),
        network=network,
        sub_region=sub_region,
        modality=cast(Modality | None, modality),
    )
    table = _models_table(f"{len(models)} models", models)
    show(table, [model_json(model) for model in models], json_to)


def search_models(
    filters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILTER]", help="E.g. 'region = vision AND accuracy >= 90%'."),
    ] = None,
    sort: Annotated[str, typer.Option(help="A field, with :desc for falling values.")] = "id",
    limit: Annotated[int, typer.Option(help="Models on a page, up to 1000.")] = 20,
    page: Annotated[int, typer.Option(min=1, help="Which page, from 1.")] = 1,
    facets: Annotated[bool, typer.Option(help="Count the values of the models found.")] = False,
    json_to: Json = None,
) -> None:
    """Show one page of the models that fit a filter, or count what they are."""
    wanted = " ".join(filters or ())
    library = open_library()
    if facets:
        counted = library.facets(wanted)
        table = Table(title=f"{counted.total:,} models")
        for heading in ("field", "value"):
            table.add_column(heading)
        table.add_column("models", justify="right")
        for field, counts in counted.by.items():
            for value, count in counts.items():
                table.add_row(field, Text(value), f"{count:,}")
        show(table, asdict(counted), json_to)
        return
    found = library.search(wanted, sort, limit, (page - 1) * limit)
    end = found.offset + len(found.models)
    shown = f"{found.offset + 1:,} to {end:,} of " if found.models else "none of "
    table = _models_table(f"{shown}{found.total:,} models", found.models)
    models = [model_json(model) for model in found.models]
    show(table, {"total": found.total, "offset": found.offset, "models": models}, json_to)


def _models_table(title: str, models: Sequence[Model]) -> Table:
    table = Table(title=title)
    table.add_column("id", overflow="fold")
    headings = ("version", "kind", "sub-region", "modality", "optimizer", "learning", "platform")
    for heading in headings:
        table.add_column(heading)
    for heading in ("accuracy", "parameters", "bytes"):
        table.add_column(heading, justify="right")
    table.add_column("created (UTC)")
    for model in models:
        cells = (
            model.id,
            str(model.version),
            model.kind,
            model.sub_region,
            model.modality,
            model.optimizer,
            model.learning,
            model.platform,
            "" if model.accuracy is None else f"{model.accuracy:.2%}",
            f"{model.parameters:,}",
            f"{model.size_bytes:,}",
            f"{model.created:%Y-%m-%d %H:%M}",
        )
        table.add_row(*map(Text, cells))
    return table


def show_model(
    what: Annotated[
        str,
        typer.Argument(help="A model: its id, the id's beginning, or its name; or a dictionary."),
    ],
    name: Annotated[
        str | None, typer.Argument(help="Of a row, e.g. show networks lenet3.image.")
    ] = None,
    json_to: Json = None,
) -> None:
    """Show all that is known about one model, or about one row of a dictionary."""
    if name is not None:
        show_entry(plural(what), name, json_to)
        return
    library = open_library()
    found = library.model(what)
    lineage = asdict(library.lineage(found.id))
    document = model_json(found) | {
        "code": encode(library.code(found.id)),
        "lineage": {side: lineage[side] for side in ("ancestors", "descendants")},
    }
    table = Table(title=Text(document["id"]), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in document.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        table.add_row(key, Text(text))
    show(table, document, json_to)


def stats(
    filters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILTER]", help="Of which models, as for search."),
    ] = None,
    json_to: Json = None,
) -> None:
    """Show how many models fit, and how large, by region, function, platform and size."""
    result = open_library().stats(" ".join(filters or ()))
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in result.counts.items())
    table = Table(title="Models", caption=counts)
    table.add_column("by")
    table.add_column("name")
    for heading in ("models", "parameters", "bytes"):
        table.add_column(heading, justify="right")
    for group, totals in result.by.items():
        for name, one in totals.items():
            table.add_row(group.replace("_", "-"), Text(name), *_cells(one))
    table.add_row("all", "", *_cells(result.total))
    show(table, asdict(result), json_to)


def model_json(model: Model) -> dict[str, Any]:
    """Return a model as JSON values."""
    return asdict(model) | {"created": model.created.isoformat()}


def _cells(totals: Totals) -> list[str]:
    return [f"{totals.models:,}", f"{totals.parameters:,}", f"{totals.size_bytes:,}"]
