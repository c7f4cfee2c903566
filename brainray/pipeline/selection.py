"""What a scenario says about the networks that its inputs use, and what they start from."""

from collections.abc import Mapping, Sequence

from brainray.catalog.archive import ONNX
from brainray.catalog.library import Library
from brainray.catalog.values import Model
from brainray.errors import CatalogError, ScenarioError
from brainray.networks.interface import NetworkSpec
from brainray.scenario import Scenario


def chosen(
    scenario: Scenario, networks: Mapping[str, list[NetworkSpec]]
) -> dict[str, list[NetworkSpec]]:
    """Return, of the networks that regions offer each input, those that the scenario lets it use.

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
        found[name] = [spec for spec in specs if not wanted or spec.name in wanted]
    return found


def pinned(scenario: Scenario, library: Library) -> Scenario:
    """Return a scenario that names the models to start from by their ids.

    A name means its newest version, which may be another one when the run is resumed.

    Raises:
        ScenarioError: there is no such model.
    """
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
        ScenarioError: a model is none of a single network, no input uses its network, or two are
            of one network.
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
        if model.network in found:
            raise ScenarioError(
                f"{where} and {found[model.network].id} are both of {model.network}, give one"
            )
        if library.network(model.network).architecture == ONNX:
            raise ScenarioError(f"{where} is of {model.network}, which is frozen: it has no start")
        found[model.network] = model
    return found
