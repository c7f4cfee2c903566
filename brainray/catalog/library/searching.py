"""Models by what they are: found, counted and described."""

from sqlmodel import select

from brainray.catalog import evaluations, facets, queries, search, tables
from brainray.catalog.code import Code, code_of
from brainray.catalog.database import reading
from brainray.catalog.evaluations import Evaluation
from brainray.catalog.facets import Facets
from brainray.catalog.filters import Filter, In, all_of
from brainray.catalog.library.base import Base
from brainray.catalog.lineage import Lineage, lineage_of
from brainray.catalog.search import Page
from brainray.catalog.values import Kind, Model, Stats
from brainray.shapes import Modality


class Searching(Base):
    """What can be asked of the models."""

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

    def stats(self, filter: Filter | str | None = None) -> Stats:
        """Return how many models fit a filter, and how large they are, by what they are.

        Raises:
            FilterError: the filter cannot be read, or has a value that is not in the catalog.
        """
        tree = search.read_filter(filter)
        with reading(self._engine) as session:
            return facets.stats(session, tree)

    def code(self, what: str) -> Code:
        """Return the nine-field code of a model (paper Table 1); see `model`."""
        with reading(self._engine) as session:
            return code_of(session, queries.model_row(session, what))

    def lineage(self, what: str) -> Lineage:
        """Return what a model was made from and what was made from it; see `model`."""
        with reading(self._engine) as session:
            return lineage_of(session, queries.model_row(session, what).id)

    def evaluations(self, what: str) -> list[Evaluation]:
        """Return all that a model reached, in the order in which it was measured."""
        with reading(self._engine) as session:
            return evaluations.evaluations_of(session, what)
