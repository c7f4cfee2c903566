"""Own networks and weights, in this order: a network, a draft of a pretrained model, its file.

The functions that take a session work within the caller's transaction.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from brainray.catalog import queries, tables
from brainray.catalog.cards import ModelCard, NetworkCard
from brainray.catalog.drafts import Draft
from brainray.catalog.tables import (
    DataSet,
    Function,
    Network,
    NetworkFunction,
    NetworkSubRegion,
    Platform,
    PretrainedModel,
)
from brainray.catalog.values import NewModel, recipe_of
from brainray.catalog.weights import StoredWeights
from brainray.errors import CatalogError
from brainray.networks.declared import ONNX

if TYPE_CHECKING:
    from brainray.catalog.archive import Inspected


def add_network(session: Session, card: NetworkCard) -> Network:
    """Add a network.

    Raises:
        CatalogError: there is one of this name, or what it refers to is not in the catalog.
        NetworkError: the architecture does not take what the preparation gives.
    """
    if session.get(Network, card.name) is not None:
        raise CatalogError(f"network {card.name!r}: is in the catalog already")
    for sub_region in card.sub_regions:
        queries.check_sub_region(session, sub_region)
    for function in card.functions:
        queries.check_name(session, Function, function)
    row = Network(
        **card.model_dump(include={"name", "architecture", "category", "modality", "preparation"}),
        kind="unimodal",
        metrics=list(card.metrics),
        taps=[{"name": name, "shape": None} for name in card.taps],
        places=[
            NetworkSubRegion(network=card.name, sub_region=sub_region, position=position)
            for position, sub_region in enumerate(dict.fromkeys(card.sub_regions))
        ],
        tasks=[
            NetworkFunction(network=card.name, function=function, position=position)
            for position, function in enumerate(dict.fromkeys(card.functions))
        ],
    )
    if card.architecture != ONNX:  # what a graph is made of is seen when it is uploaded
        from brainray.networks.structure import structure_of  # it builds the network, by torch

        structure = structure_of(queries.network_value(row))
        row.features, row.taps = structure.features, structure.taps
    session.add(row)
    session.flush()
    return row


def draft_of(session: Session, card: ModelCard) -> Draft:
    """Return what a card declares, with what it leaves out.

    Raises:
        CatalogError: it does not fit the network, or names what is not in the catalog.
    """
    network = queries.network_row(session, card.network)
    name = card.name or network.name
    queries.check_name(session, Platform, card.platform)
    platform = session.get_one(Platform, card.platform)
    wanted = "onnx" if network.architecture == ONNX else "safetensors"
    where = f"model {name!r}"
    if platform.format != wanted:
        raise CatalogError(
            f"{where}: platform {card.platform!r} has files of the format {platform.format}, but "
            f"the architecture {network.architecture} takes {wanted}"
        )
    if wanted == "safetensors" and not card.labels:
        raise CatalogError(f"{where}: labels: are missing, {network.architecture} needs them")
    if wanted == "safetensors" and card.fill:
        raise CatalogError(f"{where}: fill: is for graphs alone")
    return Draft(
        name=name,
        network=network.name,
        sub_region=card.sub_region or network.places[0].sub_region,
        data_set=_data_set(session, card.data_set).id,
        optimizer=card.optimizer,
        platform=card.platform,
        preparation=dict(network.preparation),
        metrics=dict(card.metrics),
        spec=card.model_dump(mode="json", include={"labels", "fill", "sha256", "size_bytes"}),
    )


def draft_row(session: Session, what: str) -> tables.Draft:
    """Return a draft by its id, the id's beginning, or its name if only one has it.

    Raises:
        CatalogError: there is none, or several are meant.
    """
    rows = session.exec(select(tables.Draft).order_by(tables.Draft.id)).all()
    exact = [row for row in rows if row.id == what]
    found = exact or [row for row in rows if what and (row.name == what or row.id.startswith(what))]
    if len(found) > 1:
        raise CatalogError(
            f"draft {what!r}: {', '.join(row.id for row in found)} are meant, name one"
        )
    if not found:
        if session.get(Network, what) is not None:
            raise CatalogError(
                f"draft {what!r}: is a network; declare a pretrained model of it first, "
                "with `brainray catalog add model CARD.yaml`"
            )
        raise queries.unknown("draft", what, [row.id for row in rows])
    return found[0]


def inspect(session: Session, draft: tables.Draft, path: Path) -> "tuple[Inspected, NewModel]":
    """Let a file through the archive gate as the weights of a draft.

    Returns:
        the file, and the model to register once it is in the store.

    Raises:
        CatalogError: it is not what was declared, or its weights are in the catalog already.
    """
    from brainray.catalog import archive  # which draws in torch and onnx

    network = queries.network_row(session, draft.network)
    passed = archive.inspect(
        path,
        archive.Declared(
            network=queries.network_value(network),
            file_format=session.get_one(Platform, draft.platform).format,
            classes=len(draft.spec["labels"]),
            taps=[tap["name"] for tap in network.taps],
            shapes={tap["name"]: tap["shape"] for tap in network.taps if tap["shape"]},
            fill=draft.spec["fill"],
            sha256=draft.spec["sha256"],
            size_bytes=draft.spec["size_bytes"],
        ),
    )
    new = _new_model(draft, network, passed)
    known = session.exec(
        select(PretrainedModel).where(PretrainedModel.recipe == new.recipe)
    ).first()
    if known is not None:
        raise CatalogError(f"{path.name}: these weights are in the catalog already, as {known.id}")
    return passed, new


def finish(session: Session, draft: str, new: NewModel) -> None:
    """Note what the first upload of a graph has shown of it, and remove the draft."""
    row = session.get_one(tables.Draft, draft)
    network = queries.network_row(session, row.network)
    if "taps" in new.spec:
        network.taps = [{"name": tap["name"], "shape": tap["shape"]} for tap in new.spec["taps"]]
        network.features = network.features or new.spec["features"]
        session.add(network)
    session.delete(row)


def _new_model(draft: tables.Draft, network: Network, passed: "Inspected") -> NewModel:
    labels, fill = draft.spec["labels"], draft.spec["fill"]
    # What a scenario calls its input is not known; the modality will do.
    spec = {"labels": labels, "classes": len(labels), "input": network.modality}
    if network.architecture == ONNX:
        taps = [tap.to_json() for tap in passed.taps]
        spec |= {"taps": taps, "fill": fill, "features": passed.features}
        ending = "onnx"
    else:
        ending = "safetensors"
    key = f"models/{draft.sub_region.replace('.', '/')}/{passed.sha256}.{ending}"
    return NewModel(
        name=draft.name,
        kind="unimodal",
        network=draft.network,
        sub_region=draft.sub_region,
        modality=network.modality,
        data_set=draft.data_set,
        optimizer=draft.optimizer,
        platform=draft.platform,
        preparation=draft.preparation,
        recipe=recipe_of(
            {"uploaded": passed.sha256, "network": draft.network, "labels": labels, "fill": fill}
        ),
        weights=StoredWeights(passed.sha256, key, passed.parameters, len(passed.data)),
        metrics=draft.metrics,
        spec=spec,
    )


def _data_set(session: Session, what: str) -> DataSet:
    """Return the data set of this id, or the newest of this name."""
    exact = session.get(DataSet, what)
    if exact is not None:
        return exact
    query = select(DataSet).where(DataSet.name == what).order_by(col(DataSet.created).desc())
    return session.exec(query).first() or queries.data_set_row(session, what)
