"""What the inputs of a run choose among: networks, uploaded graphs, and what they start from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brainray.atlas.interface import Activation, Pathway
from brainray.catalog.library import Library
from brainray.catalog.values import Model
from brainray.errors import CatalogError, RunError, ScenarioError
from brainray.fusion.prior import PathwayPrior, WiringPrior
from brainray.networks.declared import ONNX, NetworkSpec, zoo_of
from brainray.networks.grown import GROWN
from brainray.pipeline.excitation import Excitation, observed
from brainray.pipeline.frozen import StoredGraph, uploaded
from brainray.scenario import Scenario


@dataclass(frozen=True)
class Selection:
    """What the inputs of a run choose among, for as long as it lasts.

    The catalog may grow and its regions may move while a run is interrupted: it goes on with the
    selection that it recorded.

    Attributes:
        excitation: the activated sub-regions, and what the search is told of them.
        networks: that each input may use.
        graphs: uploaded for each frozen network, by id.
        homes: the sub-regions of each network when the run began, by the names that the guide of
            its search has; what is renamed since does not change what the search is told.
    """

    excitation: Excitation
    networks: dict[str, list[NetworkSpec]]
    graphs: dict[str, list[StoredGraph]]
    homes: dict[str, tuple[str, ...]]

    @property
    def pathway(self) -> Pathway:
        """The activated sub-regions, the strongest first."""
        return self.excitation.pathway

    @staticmethod
    def of(
        excitation: Excitation, networks: dict[str, list[NetworkSpec]], library: Library
    ) -> "Selection":
        """Return the selection of a new run: with the graphs that the catalog has now."""
        return Selection(
            excitation,
            networks,
            {name: uploaded(library, name) for name in _frozen(networks)},
            {spec.name: spec.sub_regions for specs in networks.values() for spec in specs},
        )

    @staticmethod
    def recorded(event: Mapping[str, Any], library: Library) -> "Selection":
        """Return the selection of a run that goes on; sub-regions have the names of today.

        Args:
            event: what `to_json` gave.
            library: where networks and graphs are.

        Raises:
            RunError: one of them is no longer in the catalog.
        """
        try:
            networks = {
                name: [library.network(network) for network in names]
                for name, names in event["networks"].items()
            }
            graphs = {
                name: [StoredGraph.of(library.model(model)) for model in models]
                for name, models in event.get("graphs", {}).items()  # older ones offered none
            }
        except CatalogError as error:
            raise RunError(
                f"the run began with what is no longer there, start a new one: {error}"
            ) from error
        homes = {name: tuple(places) for name, places in event.get("homes", {}).items()}
        return Selection(_renamed(event, library), networks, graphs, homes)

    def to_json(self) -> dict[str, Any]:
        """Return the selection as a run's record holds it."""
        return {
            **self.excitation.to_json(),
            "networks": {
                name: [spec.name for spec in specs] for name, specs in self.networks.items()
            },
            "graphs": {
                name: [graph.model for graph in graphs] for name, graphs in self.graphs.items()
            },
            "homes": {name: list(places) for name, places in self.homes.items()},
        }

    def prior(self, models: Mapping[str, str]) -> WiringPrior:
        """Return what the search is told of the brain.

        Args:
            models: the network of each pretrained model.
        """
        guide = self.excitation.guide
        if guide is None:
            return WiringPrior()
        return PathwayPrior(guide, {model: self.homes[name] for model, name in models.items()})

    def home(self, spec: NetworkSpec) -> str:
        """Return where a model of a network lives: in the strongest sub-region activated.

        A network that was moved out of all these since the run began gives it its first one.
        """
        homes = (spec.home_in([sub_region]) for sub_region in self.pathway.sub_regions)
        return next((home for home in homes if home is not None), spec.sub_regions[0])


def _frozen(networks: Mapping[str, list[NetworkSpec]]) -> list[str]:
    used = {spec.name: spec for specs in networks.values() for spec in specs}
    return sorted(name for name, spec in used.items() if spec.architecture == ONNX)


def _renamed(event: Mapping[str, Any], library: Library) -> Excitation:
    """Return a recorded excitation by the names of today; of merged ones the strongest counts."""

    def now(name: str) -> str:
        try:
            return library.current_name(name)
        except CatalogError:  # removed, when nothing lived there any more; it was excited, though
            return name

    def first(values: Mapping[str, float]) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, value in values.items():
            found.setdefault(now(name), value)
        return found

    before = Excitation.from_json(event)
    pairs: dict[tuple[str, str], float] = {}
    for a, b, weight in before.pathway.connections:
        if now(a) != now(b):
            pairs.setdefault((now(a), now(b)), weight)
    pathway = Pathway(
        first(before.pathway.sub_regions),  # the strongest first
        tuple((a, b, weight) for (a, b), weight in pairs.items()),
        first(before.pathway.integration),
    )
    inputs = {
        name: tuple(dict.fromkeys(map(now, reached)))
        for name, reached in before.activation.inputs.items()
    }
    return Excitation(Activation(pathway, inputs, before.activation.rois), before.guide)


def chosen(
    scenario: Scenario, networks: Mapping[str, list[NetworkSpec]]
) -> dict[str, list[NetworkSpec]]:
    """Return, of the networks that regions offer each input, those that the scenario lets it use.

    Grown networks are used only where they are named: what earlier runs left changes no later one.

    Raises:
        ScenarioError: an input names a network that its regions do not offer.
    """
    found = {}
    for name, specs in networks.items():
        wanted, offered = scenario.inputs[name].networks, [spec.name for spec in specs]
        for network in wanted:
            if network not in offered:
                raise ScenarioError(
                    f"inputs.{name}.networks: {network!r} is not offered by the activated "
                    f"sub-regions, allowed are {', '.join(offered)}"
                )
        found[name] = [
            spec
            for spec in specs
            if spec.name in wanted or (not wanted and zoo_of(spec.architecture) != GROWN)
        ]
    return found


def pinned(scenario: Scenario, library: Library) -> Scenario:
    """Return a scenario that says all that it now means, so that a resumed run means the same.

    The models to start from are named by their ids, as a name means its newest version, and a map
    of the brain has become strengths of ROIs, as its file may change.

    Raises:
        ScenarioError: there is no such model or atlas, or the map cannot be used.
    """
    scenario = observed(scenario, library)
    try:
        start = tuple(library.model(what).id for what in scenario.pretraining.start)
    except CatalogError as error:
        raise ScenarioError(f"pretraining.start: {error}") from error
    pretraining = scenario.pretraining.model_copy(update={"start": start})
    return scenario.model_copy(update={"pretraining": pretraining})


def parents(
    start: Sequence[str], networks: Mapping[str, list[NetworkSpec]], library: Library
) -> dict[str, Model]:
    """Return the stored models to start from, by the name of their network.

    Args:
        start: ids or names of models.
        networks: that each input uses.
        library: where the models are.

    Raises:
        ScenarioError: a model is none of a single network, no input uses its network, it is
            named twice, or two are of one network.
        CatalogError: there is no such model.
    """
    used = sorted({spec.name for specs in networks.values() for spec in specs})
    found: dict[str, Model] = {}
    for what in start:
        model = library.model(what)
        where = f"pretraining.start: {model.id}"
        if model.kind == "fused":
            raise ScenarioError(f"{where} is a fused model, allowed are those of one network")
        if model.network not in used:
            raise ScenarioError(
                f"{where} is of {model.network}, which no input uses; used are {', '.join(used)}"
            )
        if model in found.values():
            raise ScenarioError(f"{where} is named twice, name it once")
        if model.network in found:
            raise ScenarioError(
                f"{where} and {found[model.network].id} are both of {model.network}, give one"
            )
        if library.network(model.network).architecture == ONNX:
            raise ScenarioError(f"{where} is of {model.network}, which is frozen: it has no start")
        found[model.network] = model
    return found
