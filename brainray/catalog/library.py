"""The one door to the catalog: its database and its store of files."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from brainray.catalog import queries, registration, tables, upkeep
from brainray.catalog.database import open_database, reading, writing
from brainray.catalog.store import Store
from brainray.catalog.upkeep import Removed, Verification
from brainray.catalog.values import Kind, Model, NewModel, Run, Stats, Status
from brainray.datasets.dataset import SPLITS, Dataset
from brainray.errors import CatalogError
from brainray.networks.interface import NetworkSpec
from brainray.settings import Settings
from brainray.shapes import Modality


class Library:
    """What is known and stored. Pickled, it is its settings: every process opens its own.

    Attributes:
        settings: where database and store are.
        store: the files.
    """

    def __init__(self, settings: Settings, engine: Engine, store: Store) -> None:
        self.settings = settings
        self.store = store
        self._engine = engine

    @classmethod
    def open(cls, settings: Settings) -> "Library":
        """Open the catalog of ``settings``; an empty database is made ready first.

        Raises:
            CatalogError: the database or the store cannot be used.
        """
        store = Store(settings.store_url, settings.cache)
        return cls(settings, open_database(settings.database_url), store)

    def __reduce__(self) -> tuple[Any, ...]:
        return Library.open, (self.settings,)

    # Dictionaries

    def sub_regions(self) -> list[str]:
        """Return the names of all sub-regions, sorted."""
        with reading(self._engine) as session:
            return queries.sub_region_names(session)

    def functions(self) -> dict[str, str]:
        """Return the sub-region of every function and of every synonym, sorted by name.

        Tasks of networks, e.g. ``classification``, have no sub-region and are left out.
        """
        with reading(self._engine) as session:
            rows = session.exec(select(tables.Function)).all()
            pairs = {
                name: row.sub_region
                for row in rows
                if row.sub_region is not None
                for name in (row.name, *row.synonyms)
            }
        return dict(sorted(pairs.items()))

    def networks(self, sub_regions: Collection[str], modality: Modality) -> list[NetworkSpec]:
        """Return the unimodal networks that live in at least one of the sub-regions, by name.

        Raises:
            CatalogError: there is no such sub-region.
        """
        with reading(self._engine) as session:
            for sub_region in sub_regions:
                queries.check_sub_region(session, sub_region)
            rows = session.exec(
                select(tables.Network)
                .where(tables.Network.kind == "unimodal", tables.Network.modality == modality)
                .order_by(tables.Network.name)
            )
            networks = [queries.network_value(row) for row in rows]
        return [network for network in networks if set(network.sub_regions) & set(sub_regions)]

    def network(self, name: str) -> NetworkSpec:
        """Return a network.

        Raises:
            CatalogError: there is none of this name.
        """
        with reading(self._engine) as session:
            return queries.network_value(queries.network_row(session, name))

    def add_platform(self, name: str, file_format: str) -> None:
        """Let models of a platform in; one that is there already stays as it is.

        Args:
            name: e.g. ``PyTorch 2.13``.
            file_format: of its weights, ``safetensors`` or ``onnx``.

        Raises:
            CatalogError: the format is another one, or the platform is there with the other.
        """
        with writing(self._engine) as session:
            registration.add_platform(session, name, file_format)

    def add_optimizer(self, name: str, description: str = "") -> None:
        """Let models of an optimizer in; one that is there already stays as it is."""
        with writing(self._engine) as session:
            registration.add_optimizer(session, name, description)

    # Data sets

    def add_data_set(self, dataset: Dataset, source: str) -> None:
        """Put a packed data set into the store; one that is there already stays as it is.

        Args:
            dataset: an open data set.
            source: where it came from, e.g. ``files``, ``embedded`` or ``manifest``.
        """
        key = f"datasets/{dataset.sha256}.parquet"
        self.store.put(key, dataset.path.read_bytes())
        row = tables.DataSet(
            id=dataset.sha256,
            sha256=dataset.sha256,
            name=dataset.name,
            source=source,
            classes=list(dataset.classes),
            modalities=dict(dataset.modalities),
            rows={split: dataset.rows(split) for split in SPLITS},
            key=key,
            created=datetime.now(UTC),
        )
        with writing(self._engine) as session:
            if session.get(tables.DataSet, dataset.sha256) is None:
                session.add(row)
            registration.check_stored(self.store, key)
        upkeep.settle(self._engine, self.store, key)

    def dataset_path(self, sha256: str) -> Path:
        """Return a local file of a data set that was added.

        Raises:
            CatalogError: it was not added, or its file is missing or damaged.
        """
        with reading(self._engine) as session:
            key = queries.data_set_row(session, sha256).key
        if key is None:
            raise CatalogError(f"data set {sha256!r}: is known by name alone, it has no file")
        return self.store.local_path(key)

    # Models

    def find(self, recipe: str) -> Model | None:
        """Return the model that was made by this recipe, if there is one."""
        with reading(self._engine) as session:
            row = session.exec(
                select(tables.PretrainedModel).where(tables.PretrainedModel.recipe == recipe)
            ).first()
            return None if row is None else queries.model_value(row)

    def model(self, what: str) -> Model:
        """Return a model by its id, by its name (the newest version) or by the id's beginning.

        Raises:
            CatalogError: there is none, or several ids begin so.
        """
        with reading(self._engine) as session:
            return queries.model_value(queries.model_row(session, what))

    def models(
        self,
        kind: Kind | None = None,
        network: str | None = None,
        sub_region: str | None = None,
        modality: Modality | None = None,
        data_set: str | None = None,
    ) -> list[Model]:
        """Return the models that fit every filter given, by id.

        Args:
            kind: ``unimodal`` or ``fused``.
            network: name of their network.
            sub_region: where they live, there or in a finer part of it.
            modality: that they take, alone or beside others.
            data_set: id of what they were trained on.

        Raises:
            CatalogError: the catalog does not know the kind, network, sub-region or data set.
        """
        with reading(self._engine) as session:
            rows = queries.model_rows(session, kind, network, sub_region, modality, data_set)
            return [queries.model_value(row) for row in rows]

    def register(self, new: NewModel) -> Model:
        """Make a model known whose weights are in the store.

        A recipe gives one model: registering it again returns the row that is there.

        Raises:
            CatalogError: its weights are not in the store as they should be, or what it refers
                to is not in the catalog.
        """
        registration.check_weights(self.store, new)
        with writing(self._engine) as session:
            model = queries.model_value(registration.register_model(session, new))
            registration.check_stored(self.store, new.weights.key)
        upkeep.settle(self._engine, self.store, new.weights.key)
        return model

    # Runs

    def add_run(self, run_id: str, scenario: str, seed: int, record: str) -> Run:
        """Note that a run has begun or, with the same id, that it goes on.

        Raises:
            CatalogError: a run of this id has another scenario or seed.
        """
        with writing(self._engine) as session:
            return queries.run_value(
                registration.begin_run(session, run_id, scenario, seed, record)
            )

    def finish_run(
        self,
        run_id: str,
        status: Status,
        model_id: str | None = None,
        summary: Mapping[str, Any] | None = None,
    ) -> Run:
        """Note how a run has ended.

        Args:
            run_id: the whole id.
            status: ``finished``, ``failed`` or ``stopped``.
            model_id: the model that it returned.
            summary: JSON values.

        Raises:
            CatalogError: there is no such run or model, or the status is no end.
        """
        with writing(self._engine) as session:
            return queries.run_value(
                registration.end_run(session, run_id, status, model_id, summary or {})
            )

    def runs(self, scenario: str | None = None) -> list[Run]:
        """Return the runs, of one scenario or all, the newest first."""
        query = select(tables.Run).order_by(col(tables.Run.created).desc(), tables.Run.id)
        if scenario is not None:
            query = query.where(tables.Run.scenario == scenario)
        with reading(self._engine) as session:
            return [queries.run_value(row) for row in session.exec(query)]

    def run(self, what: str) -> Run:
        """Return a run by its id or the id's beginning.

        Raises:
            CatalogError: there is none, or several ids begin so.
        """
        with reading(self._engine) as session:
            return queries.run_value(queries.run_row(session, what))

    # Upkeep

    def verify(self) -> Verification:
        """Check every row and every byte, and change nothing; see `upkeep.verify`."""
        return upkeep.verify(self._engine, self.store)

    def repair(self) -> Verification:
        """Make whole what can be made whole; files are put aside, not deleted."""
        return upkeep.repair(self._engine, self.store)

    def remove(self, model: str, force: bool = False) -> Removed:
        """Remove a model that is not in use, its weights and its banks; see `remove_model`."""
        return upkeep.remove_model(self._engine, self.store, model, force)

    def collect(
        self, grace: timedelta = upkeep.GRACE, quarantine: bool = False, dry_run: bool = False
    ) -> Removed:
        """Remove the files that nothing needs; see `upkeep.collect`."""
        return upkeep.collect(self._engine, self.store, grace, quarantine, dry_run)

    def download(self, model: str, to: Path) -> tuple[Path, Path]:
        """Write a model's weights and its card into a folder; see `upkeep.download`."""
        return upkeep.download(self.store, self.model(model), to)

    def stats(self) -> Stats:
        """Return how many models there are, and how large, by region and platform."""
        with reading(self._engine) as session:
            return queries.stats(session)
