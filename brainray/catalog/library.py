"""The one door to the catalog: its database and its store of files."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from brainray.catalog import (
    dictionaries,
    drafts,
    evaluations,
    facets,
    places,
    queries,
    regions,
    registration,
    search,
    tables,
    upkeep,
    uploads,
)
from brainray.catalog.cards import ModelCard, NetworkCard
from brainray.catalog.code import Code, code_of
from brainray.catalog.database import open_database, reading, writing
from brainray.catalog.drafts import Draft
from brainray.catalog.evaluations import Evaluation
from brainray.catalog.facets import Facets
from brainray.catalog.filters import Filter, In, all_of
from brainray.catalog.lineage import Lineage, lineage_of
from brainray.catalog.relocation import Moves
from brainray.catalog.search import Page
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
    def open(cls, settings: Settings, new: bool = True) -> "Library":
        """Open the catalog of ``settings``.

        Args:
            settings: where database and store are.
            new: whether an empty database is made ready first, or refused.

        Raises:
            CatalogError: the database or the store cannot be used.
        """
        store = Store(settings.store_url, settings.cache)
        return cls(settings, open_database(settings.database_url, new), store)

    def __reduce__(self) -> tuple[Any, ...]:
        return Library.open, (self.settings, False)

    # Dictionaries

    def sub_regions(self) -> list[str]:
        """Return the names of all sub-regions, sorted."""
        with reading(self._engine) as session:
            return queries.sub_region_names(session)

    def entries(self, what: str) -> list[dict[str, Any]]:
        """Return a dictionary's rows, e.g. ``regions``, by name; see `dictionaries.entries`."""
        with reading(self._engine) as session:
            return dictionaries.entries(session, what)

    def entry(self, what: str, name: str) -> dict[str, Any]:
        """Return a row of a dictionary; see `dictionaries.entry`."""
        with reading(self._engine) as session:
            return dictionaries.entry(session, what, name)

    def remove_entry(self, what: str, name: str) -> None:
        """Remove a row of a dictionary that nothing uses; see `dictionaries.remove`."""
        with self._moving() as (session, moves):
            dictionaries.remove(session, moves, what, name)

    def add_function(
        self,
        name: str,
        sub_region: str | None = None,
        definition: str = "",
        synonyms: Sequence[str] = (),
    ) -> None:
        """Add a function of a sub-region, or a task; see `dictionaries.add_function`."""
        with writing(self._engine) as session:
            dictionaries.add_function(session, name, sub_region, definition, synonyms)

    def add_named_data_set(self, name: str, source: str = "", classes: Sequence[str] = ()) -> None:
        """Add a data set that has a name and no file; see `dictionaries.add_data_set`."""
        with writing(self._engine) as session:
            dictionaries.add_data_set(session, name, source, classes)

    def current_name(self, name: str) -> str:
        """Return what a region or a sub-region is called now, by this or an older name.

        Raises:
            CatalogError: there never was one of this name.
        """
        with reading(self._engine) as session:
            return places.current(session, name)

    def add_region(self, name: str, description: str = "") -> None:
        """Add a region, ``smell``, or a sub-region, ``smell.odor``; see `regions.create`."""
        with writing(self._engine) as session:
            regions.create(session, name, description)

    def rename_region(self, name: str, new: str) -> None:
        """Rename a region or a sub-region, or move it; see `regions.rename`."""
        with self._moving() as (session, moves):
            regions.rename(session, moves, name, new)

    def merge_regions(self, names: Sequence[str], into: str) -> None:
        """Make one of several regions or sub-regions; see `regions.merge`."""
        with self._moving() as (session, moves):
            regions.merge(session, moves, names, into)

    def split_region(self, name: str, parts: Mapping[str, regions.Part]) -> None:
        """Give parts of a sub-region to others; see `regions.split`."""
        with self._moving() as (session, moves):
            regions.split(session, moves, name, parts)

    @contextmanager
    def _moving(self) -> Iterator[tuple[Session, Moves]]:
        """Give a session and the files that move with its rows, when these are changed."""
        moves = Moves(self.store)
        with writing(self._engine) as session:
            yield session, moves
        moves.finish()

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
        """Return the unimodal networks that live in the sub-regions or finer parts, by name.

        Raises:
            CatalogError: there is no such sub-region.
        """
        with reading(self._engine) as session:
            asked = [places.current(session, sub_region) for sub_region in sub_regions]
            rows = session.exec(
                select(tables.Network).where(
                    tables.Network.kind == "unimodal", tables.Network.modality == modality
                )
            )
            # Sorted here: candidates keep this order, and databases sort in ways of their own.
            networks = sorted(map(queries.network_value, rows), key=lambda network: network.name)
        return [network for network in networks if network.home_in(asked)]

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
        asked = {
            "kind": kind,
            "network": network,
            "home": sub_region,
            "modality": modality,
            "data_set": data_set,
        }
        conditions = [In(field, (value,)) for field, value in asked.items() if value is not None]
        with reading(self._engine) as session:
            return list(search.page(session, all_of(conditions), "id", None, 0).models)

    def search(
        self,
        filter: Filter | str | None = None,
        sort: str = "id",
        limit: int = 20,
        offset: int = 0,
    ) -> Page:
        """Return one page of the models that fit a filter.

        Args:
            filter: a tree, or its text, e.g. ``region = vision AND accuracy >= 90%``.
            sort: a field, with ``:desc`` for falling values. Models without a value come last,
                equal ones by id in the same direction.
            limit: of models on the page, 1 to 1000.
            offset: how many models come before the page.

        Raises:
            FilterError: filter, sort, limit or offset cannot be read or are not in the catalog.
        """
        tree = search.read_filter(filter)
        with reading(self._engine) as session:
            return search.page(session, tree, sort, limit, offset)

    def facets(self, filter: Filter | str | None = None) -> Facets:
        """Return how many of the models that fit a filter have each value of a field.

        The whole filter counts, so that a value's count is what is found with it added.

        Raises:
            FilterError: the filter cannot be read, or has a value that is not in the catalog.
        """
        tree = search.read_filter(filter)
        with reading(self._engine) as session:
            return facets.facets(session, tree)

    def register(self, new: NewModel, draft: str | None = None) -> Model:
        """Make a model known whose weights are in the store.

        A recipe gives one model: registering it again returns the row that is there.

        Args:
            new: the model.
            draft: id of the draft that it makes true, which ends with it.

        Raises:
            CatalogError: its weights are not in the store as they should be, or what it refers
                to is not in the catalog.
        """
        registration.check_weights(self.store, new)
        with writing(self._engine) as session:
            model = queries.model_value(registration.register_model(session, new))
            if draft is not None:
                uploads.finish(session, draft, new)
            registration.check_stored(self.store, new.weights.key)
        upkeep.settle(self._engine, self.store, new.weights.key)
        return model

    # Own networks and weights: a network, a draft of a pretrained model, its file

    def add_network(self, card: NetworkCard) -> NetworkSpec:
        """Add a network of one's own.

        Raises:
            CatalogError: there is one of this name, or what it refers to is not in the catalog.
            NetworkError: the architecture does not take what the preparation gives.
        """
        with writing(self._engine) as session:
            return queries.network_value(uploads.add_network(session, card))

    def declare_card(self, card: ModelCard) -> str:
        """Keep a model that a card describes and that waits for its weights; see `declare`."""
        with writing(self._engine) as session:
            return drafts.declare(session, uploads.draft_of(session, card))

    def upload(self, draft: str, path: Path) -> Model:
        """Bring the weights of a draft, which becomes a model; all or nothing.

        Args:
            draft: its id, the id's beginning, or its name.
            path: of a local file.

        Raises:
            CatalogError: there is no such draft, or the archive gate refuses the file.
        """
        with reading(self._engine) as session:
            row = uploads.draft_row(session, draft)
            identifier = row.id
            passed, new = uploads.inspect(session, row, path)
        self.store.put(new.weights.key, passed.data)
        return self.register(new, identifier)

    def code(self, what: str) -> Code:
        """Return the nine-field code of a model (paper Table 1); see `model`."""
        with reading(self._engine) as session:
            return code_of(session, queries.model_row(session, what))

    def lineage(self, what: str) -> Lineage:
        """Return what a model was made from and what was made from it; see `model`."""
        with reading(self._engine) as session:
            return lineage_of(session, queries.model_row(session, what).id)

    def declare(self, draft: Draft) -> str:
        """Keep a model that waits for its weights, and return the draft's id.

        Raises:
            CatalogError: what it refers to is not in the catalog or does not fit it.
        """
        with writing(self._engine) as session:
            return drafts.declare(session, draft)

    def drafts(self) -> dict[str, Draft]:
        """Return the models that wait for their weights by id, the oldest first."""
        with reading(self._engine) as session:
            return drafts.drafts(session)

    def add_evaluation(
        self,
        what: str,
        data_set: str,
        split: str,
        metric: str,
        value: float,
        run_id: str | None = None,
    ) -> Evaluation:
        """Note what a model reached on a split of a data set.

        Raises:
            CatalogError: there is no such model or data set, or the value is impossible.
        """
        with writing(self._engine) as session:
            return evaluations.add_evaluation(session, what, data_set, split, metric, value, run_id)

    def evaluations(self, what: str) -> list[Evaluation]:
        """Return all that a model reached, in the order in which it was measured."""
        with reading(self._engine) as session:
            return evaluations.evaluations_of(session, what)

    # Runs

    def add_run(
        self,
        run_id: str,
        scenario: str,
        seed: int,
        record: str,
        definition: Mapping[str, Any] | None = None,
    ) -> Run:
        """Note that a run has begun or, with the same id, that it goes on.

        Args:
            run_id: unique.
            scenario: its name.
            seed: of all that is random.
            record: where its record is.
            definition: of the scenario, JSON values; it is kept by its sha256.

        Raises:
            CatalogError: a run of this id has another scenario or seed.
        """
        with writing(self._engine) as session:
            return queries.run_value(
                registration.begin_run(session, run_id, scenario, seed, record, definition)
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

    def scenario(self, sha256: str) -> dict[str, Any]:
        """Return the definition of a scenario that was run, by its sha256.

        Raises:
            CatalogError: there is none.
        """
        with reading(self._engine) as session:
            row = session.get(tables.Scenario, sha256)
            if row is None:
                known = session.exec(select(tables.Scenario.sha256)).all()
                raise queries.unknown("scenario", sha256, known)
            return dict(row.definition)

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

    def stats(self, filter: Filter | str | None = None) -> Stats:
        """Return how many models fit a filter, and how large they are, by what they are.

        Raises:
            FilterError: the filter cannot be read, or has a value that is not in the catalog.
        """
        tree = search.read_filter(filter)
        with reading(self._engine) as session:
            return facets.stats(session, tree)
