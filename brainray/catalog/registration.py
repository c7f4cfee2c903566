"""How new models and runs come into the catalog: checked against what is there.

The functions that take a session work within the caller's transaction.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, select

from brainray.catalog import queries
from brainray.catalog.store import Store
from brainray.catalog.tables import (
    Evaluation,
    Function,
    ModelBackbone,
    Network,
    NetworkFunction,
    NetworkSubRegion,
    Optimizer,
    Platform,
    PretrainedModel,
    Run,
    Scenario,
)
from brainray.catalog.values import ENDS, FORMATS, Model, NewModel, json_text, model_id
from brainray.catalog.weights import StoredWeights, model_folder
from brainray.errors import CatalogError


def check_weights(store: Store, new: NewModel) -> None:
    """Raise `CatalogError` if the weights are not in the store as ``new`` says."""
    weights = new.weights
    if not store.exists(weights.key):  # there may still be a local copy
        raise CatalogError(f"model {new.name!r}: {weights.key} is not in the store")
    size_bytes = store.local_path(weights.key).stat().st_size  # checks the bytes against the key
    if weights.sha256 not in weights.key or size_bytes != weights.size_bytes:
        raise CatalogError(
            f"model {new.name!r}: {weights.key} has {size_bytes} bytes and the sha256 of its "
            f"name, not {weights.size_bytes} bytes and sha256 {weights.sha256}"
        )
    if weights.key.rpartition("/")[0] != model_folder(new.sub_region):
        raise CatalogError(
            f"model {new.name!r}: its weights are at {weights.key}, not in the folder of "
            f"{new.sub_region}"
        )


def check_stored(store: Store, key: str) -> None:
    """Raise `CatalogError` if a file is gone, e.g. collected before its row could come.

    Within the transaction, for files of rows that come or go are removed within one, too.
    """
    if not store.exists(key):
        raise CatalogError(f"{key}: is no longer in the store; store it again")


def bring_back(store: Store, model: Model, weights: StoredWeights) -> None:
    """Put the file of a model back that has been made again, if it is lost or damaged.

    Raises:
        CatalogError: other weights were made.
    """
    if model.key == weights.key or store.holds(model.key):
        return
    if model.sha256 != weights.sha256:
        raise CatalogError(
            f"model {model.id!r}: {model.key} is lost or damaged, and making it again gave other "
            f"weights; put the file back, or `brainray catalog remove model {model.id}`"
        )
    store.copy(weights.key, model.key)


def register_model(session: Session, new: NewModel) -> PretrainedModel:
    """Return the row of this recipe, adding it if there is none.

    Raises:
        CatalogError: what it refers to is not in the catalog or does not fit it.
    """
    known = session.exec(select(PretrainedModel).where(PretrainedModel.recipe == new.recipe))
    if (row := known.first()) is not None:
        return row
    _check_references(session, new)
    earlier = select(func.max(PretrainedModel.version)).where(PretrainedModel.name == new.name)
    identifier = model_id(new)
    if session.get(PretrainedModel, identifier) is not None:
        raise CatalogError(f"model {identifier!r}: is in the catalog with another recipe")
    now = datetime.now(UTC)
    row = PretrainedModel(
        id=identifier,
        name=new.name,
        version=1 + (session.exec(earlier).one() or 0),
        kind=new.kind,
        network=new.network or fused_network(session, new).name,
        sub_region=new.sub_region,
        modality=new.modality,
        data_set=new.data_set,
        optimizer=new.optimizer,
        platform=new.platform,
        parent=new.parent,
        preparation=dict(new.preparation),
        metrics=dict(new.metrics),
        accuracy=new.metrics.get("test", new.metrics.get("validation")),
        spec=dict(new.spec),
        recipe=new.recipe,
        sha256=new.weights.sha256,
        key=new.weights.key,
        parameters=new.weights.parameters,
        size_bytes=new.weights.size_bytes,
        run_id=new.run_id,
        created=now,
        parts=[
            ModelBackbone(fused=identifier, position=position, backbone=backbone)
            for position, backbone in enumerate(new.backbones)
        ],
    )
    session.add(row)
    session.flush()
    session.add_all(
        Evaluation(
            model=identifier,
            data_set=new.data_set,
            split=split,
            metric="accuracy",
            value=value,
            run_id=new.run_id,
            created=now,
        )
        for split, value in new.accuracies.items()
    )
    session.flush()
    session.refresh(row)  # JSON as the database gives it back, e.g. tuples as lists
    return row


def add_platform(session: Session, name: str, file_format: str) -> None:
    """Add a platform unless it is there; see `Library.add_platform`."""
    if file_format not in FORMATS:
        raise CatalogError(
            f"platform {name!r}: format {file_format!r}, allowed are {', '.join(FORMATS)}"
        )
    row = session.get(Platform, name)
    if row is None:
        session.add(Platform(name=name, format=file_format))
        session.flush()
    elif row.format != file_format:
        raise CatalogError(f"platform {name!r}: has the format {row.format}, not {file_format}")


def add_optimizer(session: Session, name: str, description: str) -> None:
    """Add an optimizer unless it is there."""
    if session.get(Optimizer, name) is None:
        session.add(Optimizer(name=name, description=description))
        session.flush()


def fused_network(session: Session, new: NewModel) -> Network:
    """Return the network of a fused model, adding it if its wiring is new.

    It lives where its backbones do and where its model does.
    """
    text = json_text("wiring", [new.spec.get("wiring"), list(new.backbones)])
    name = f"{new.name}.{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    row = session.get(Network, name)
    if row is None:
        row = Network(
            name=name,
            kind="fused",
            architecture="fusion",
            category="Fusion",
            modality=new.modality,
            preparation=dict(new.preparation),
            metrics=["accuracy"],
            tasks=[
                NetworkFunction(network=name, function=function, position=position)
                for position, function in enumerate(new.functions)
            ],
        )
    backbones = [session.get_one(PretrainedModel, backbone) for backbone in new.backbones]
    known = {place.sub_region for place in row.places}
    for sub_region in dict.fromkeys([*(one.sub_region for one in backbones), new.sub_region]):
        if sub_region not in known:
            place = NetworkSubRegion(network=name, sub_region=sub_region, position=len(row.places))
            row.places.append(place)
    session.add(row)
    session.flush()
    return row


def begin_run(
    session: Session,
    run_id: str,
    scenario: str,
    seed: int,
    record: str,
    definition: Mapping[str, Any] | None,
) -> Run:
    """Return the row of a run that begins, or goes on; its scenario is kept.

    Raises:
        CatalogError: a run of this id has another scenario or seed.
    """
    row = session.get(Run, run_id)
    if row is None:
        row = Run(
            id=run_id,
            scenario=scenario,
            seed=seed,
            status="running",
            created=datetime.now(UTC),
            record=record,
            summary={},
        )
    elif (row.scenario, row.seed) != (scenario, seed):
        raise CatalogError(
            f"run {run_id!r}: is of scenario {row.scenario!r} with seed {row.seed}, "
            f"not of {scenario!r} with seed {seed}"
        )
    row.status, row.finished, row.record = "running", None, record
    if definition is not None:
        row.scenario_sha256 = _keep_scenario(session, scenario, definition)
    session.add(row)
    session.flush()
    return row


def _keep_scenario(session: Session, name: str, definition: Mapping[str, Any]) -> str:
    text = json_text(f"scenario {name!r}", definition)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    if session.get(Scenario, sha256) is None:
        now = datetime.now(UTC)
        row = Scenario(sha256=sha256, name=name, definition=dict(definition), created=now)
        session.add(row)
        session.flush()
    return sha256


def end_run(
    session: Session, run_id: str, status: str, model: str | None, summary: Mapping[str, Any]
) -> Run:
    """Return the row of a run that has ended.

    Raises:
        CatalogError: there is no such run or model, or the status or the summary is impossible.
    """
    if status not in ENDS:
        raise CatalogError(f"run {run_id!r}: status {status!r}, allowed are {', '.join(ENDS)}")
    json_text(f"run {run_id!r}: summary", summary)
    row = session.get(Run, run_id)
    if row is None:
        raise queries.unknown("run", run_id, session.exec(select(Run.id)).all())
    row.status, row.finished, row.summary = status, datetime.now(UTC), dict(summary)
    row.model_id = None if model is None else queries.model_row(session, model).id
    session.add(row)
    session.flush()
    session.refresh(row)
    return row


def _check_references(session: Session, new: NewModel) -> None:
    where = f"model {new.name!r}"
    queries.check_sub_region(session, new.sub_region)
    queries.data_set_row(session, new.data_set)
    queries.check_name(session, Optimizer, new.optimizer)
    queries.check_name(session, Platform, new.platform)
    if new.parent is not None and session.get(PretrainedModel, new.parent) is None:
        raise queries.unknown("parent", new.parent, session.exec(select(PretrainedModel.id)).all())
    if new.network is None:
        for function in new.functions:
            queries.check_name(session, Function, function)
    else:
        row = queries.network_row(session, new.network)
        if row.kind != "unimodal":
            raise CatalogError(f"{where}: network {row.name} is {row.kind}, not unimodal")
        network = queries.network_value(row)
        if new.sub_region not in network.sub_regions:
            raise CatalogError(
                f"{where}: sub-region {new.sub_region!r}, but {network.name} lives in "
                f"{', '.join(network.sub_regions)}"
            )
        if new.modality != network.modality:
            raise CatalogError(
                f"{where}: modality {new.modality!r}, but {network.name} takes {network.modality}"
            )
    for backbone in new.backbones:
        part = session.get(PretrainedModel, backbone)
        if part is None:
            raise queries.unknown(
                "backbone", backbone, session.exec(select(PretrainedModel.id)).all()
            )
        if part.kind != "unimodal":
            raise CatalogError(f"{where}: backbone {backbone!r} is {part.kind}, not unimodal")
