"""Networks, data sets and models: how they come into the catalog."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import select

from brainray.catalog import (
    drafts,
    evaluations,
    places,
    queries,
    registration,
    tables,
    upkeep,
    uploads,
)
from brainray.catalog.cards import ModelCard, NetworkCard
from brainray.catalog.database import reading, writing
from brainray.catalog.drafts import Draft
from brainray.catalog.evaluations import Evaluation
from brainray.catalog.library.base import Base
from brainray.catalog.values import Model, NewModel
from brainray.datasets.dataset import Dataset
from brainray.errors import CatalogError
from brainray.networks.declared import NetworkSpec
from brainray.shapes import Modality


class Models(Base):
    """What comes into the catalog: networks, data sets, drafts, models and what these reached."""

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

    def add_network(self, card: NetworkCard) -> NetworkSpec:
        """Add a network of one's own.

        Raises:
            CatalogError: there is one of this name, or what it refers to is not in the catalog.
            NetworkError: the architecture does not take what the preparation gives.
        """
        with writing(self._engine) as session:
            return queries.network_value(uploads.add_network(session, card))

    def declare(self, draft: Draft) -> str:
        """Keep a model that waits for its weights, and return the draft's id.

        Raises:
            CatalogError: what it refers to is not in the catalog or does not fit it.
        """
        with writing(self._engine) as session:
            return drafts.declare(session, draft)

    def declare_card(self, card: ModelCard) -> str:
        """Keep a model that a card describes and that waits for its weights; see `declare`."""
        with writing(self._engine) as session:
            return drafts.declare(session, uploads.draft_of(session, card))

    def drafts(self) -> dict[str, Draft]:
        """Return the models that wait for their weights by id, the oldest first."""
        with reading(self._engine) as session:
            return drafts.drafts(session)

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

    def register(self, new: NewModel, draft: str | None = None) -> Model:
        """Make a model known whose weights are in the store.

        A recipe gives one model: registering it again returns the row that is there, and brings
        its file back if that is lost or damaged.

        Args:
            new: the model.
            draft: id of the draft that it makes true, which ends with it.

        Raises:
            CatalogError: its weights are not in the store as they should be, or what it refers
                to is not in the catalog, or the file that is lost was another one.
        """
        registration.check_weights(self.store, new)
        with writing(self._engine) as session:
            model = queries.model_value(registration.register_model(session, new))
            if draft is not None:
                uploads.finish(session, draft, new)
            registration.check_stored(self.store, new.weights.key)
            registration.bring_back(self.store, model, new.weights)
        for key in sorted({model.key, new.weights.key}):
            upkeep.settle(self._engine, self.store, key)
        return model

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
            rows=dict(dataset.row_counts),
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
