"""What a scenario excites in the brain, and what its search is told of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from brainray.atlas.activation import Mechanism
from brainray.atlas.arrays import load_atlas
from brainray.atlas.interface import Activation, Atlas, Pathway
from brainray.atlas.maps import strengths_of_map
from brainray.atlas.mechanism_settings import MechanismSettings
from brainray.catalog.library import Library
from brainray.errors import AtlasError, ScenarioError
from brainray.scenario import AnyScenario
from brainray.scenario.model import Activation as How
from brainray.seeding import derive

Described = TypeVar("Described", bound=AnyScenario)


@dataclass(frozen=True)
class Excitation:
    """What a scenario excites.

    Attributes:
        activation: by the brain: where candidates come from.
        guide: the same sub-regions as the search is told of them, with the weights and
            connections of the scenario's prior; None tells it nothing.
    """

    activation: Activation
    guide: Pathway | None

    @property
    def pathway(self) -> Pathway:
        """The activated sub-regions, the strongest first."""
        return self.activation.pathway

    def to_json(self) -> dict[str, Any]:
        """Return it as a run's record holds it."""
        guide = None if self.guide is None else self.guide.to_json()
        return {**self.activation.to_json(), "guide": guide}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Excitation":
        """Return what `to_json` gave; older records know only of the pathway."""
        guide = document.get("guide")
        return Excitation(
            Activation.from_json(document), None if guide is None else Pathway.from_json(guide)
        )


def excite(functions: Mapping[str, Sequence[str]], how: How, atlas: Atlas, seed: int) -> Excitation:
    """Return what the inputs of a scenario excite.

    Args:
        functions: input name to the brain functions it excites.
        how: the scenario's section ``activation``; its map has become ROIs.
        atlas: that it names.
        seed: of the run; of ``shuffled`` connections.

    Raises:
        ScenarioError: a function or an observed ROI is unknown.
        AtlasError: the atlas has no relations over which activity could spread.
    """
    mechanism = Mechanism(atlas, mechanism_settings(how))
    activation = activate(functions, how, mechanism)
    if how.prior == "uniform":
        return Excitation(activation, None)
    if how.prior == "brain":
        return Excitation(activation, activation.pathway)
    variant = mechanism.variant(how.prior, derive(seed, "prior"))
    among = tuple(activation.pathway.sub_regions)
    return Excitation(activation, activate(functions, how, variant, among).pathway)


def activate(
    functions: Mapping[str, Sequence[str]],
    how: How,
    mechanism: Mechanism,
    among: Sequence[str] | None = None,
) -> Activation:
    """Return what a mechanism activates: by the observed ROIs if there are any, else by functions.

    Args:
        functions: input name to the brain functions it excites.
        how: see `excite`.
        mechanism: with the settings that it asks for.
        among: the sub-regions of the pathway, if they are given.
    """
    if how.rois:
        return mechanism.by_observation(how.rois, tuple(functions), how.complete, among)
    return mechanism.by_functions(functions, among)


def mechanism_settings(how: How) -> MechanismSettings:
    """Return the settings of the mechanism that a scenario asks for."""
    return replace(
        MechanismSettings(),
        edges=how.edges,
        spreading=how.spreading,
        inhibition=how.inhibition,
        threshold=how.threshold,
    )


def atlas_of(library: Library, name: str) -> Atlas:
    """Return one of the catalog's atlases.

    Raises:
        ScenarioError: there is no such atlas.
    """
    try:
        return load_atlas(library, name)
    except AtlasError as error:
        raise ScenarioError(f"activation.atlas: {error}") from error


def observed(scenario: Described, library: Library) -> Described:
    """Return a scenario whose map of the brain, if it has one, has become strengths of ROIs.

    Raises:
        ScenarioError: there is no such atlas, or the map cannot be used.
    """
    how = scenario.activation
    if how.map is None:
        return scenario
    strengths = strengths_of_map(how.map, atlas_of(library, how.atlas))
    activation = how.model_copy(update={"rois": strengths, "map": None})
    return cast(Described, scenario.model_copy(update={"activation": activation}))
