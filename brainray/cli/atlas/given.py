"""What a command of ``brainray atlas`` activates: a scenario, functions, or observed ROIs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from brainray.atlas.activation import Mechanism
from brainray.atlas.arrays import load_atlas
from brainray.atlas.interface import Activation
from brainray.atlas.maps import strengths_of_map
from brainray.catalog import Library
from brainray.catalog.brain_seed import SHIPPED
from brainray.catalog.values import Run
from brainray.errors import ScenarioError, UnknownError
from brainray.pipeline.excitation import activate, atlas_of, mechanism_settings, observed
from brainray.scenario import AnyScenario, load_scenario
from brainray.scenario.load import find_scenario

INPUT = "input"
"""The name of the one input to which functions or ROIs of the command line belong."""

OPTIONS = {
    f"inputs.{INPUT}.functions": "--function",
    "activation.rois": "--roi",
    "activation.map": "--map",
}
"""What errors of a scenario call the options of the command line."""

Functions = Annotated[
    list[str] | None,
    typer.Option("--function", metavar="F", help="A brain function; again for each."),
]
Rois = Annotated[
    list[str] | None,
    typer.Option(
        "--roi",
        metavar="R=STRENGTH",
        help="An observed ROI, e.g. hMT_L=0.8; again for each. As in a scenario, functions do not "
        "count beside it.",
    ),
]
BrainMap = Annotated[
    Path | None,
    typer.Option("--map", metavar="FILE", help="Observed strengths as a NIfTI map in MNI space."),
]
Complete = Annotated[
    bool, typer.Option("--complete", help="Estimate the ROIs that were not observed.")
]
AtlasName = Annotated[
    str | None,
    typer.Option(
        "--atlas",
        metavar="NAME",
        help="One of the catalog; by default that of the scenario, else brainray's own.",
    ),
]


@dataclass(frozen=True)
class Activated:
    """What was activated, and by what.

    Attributes:
        name: of the scenario; empty if it was given by options.
        functions: that each input asked for; none where ROIs were observed.
        mechanism: of the atlas.
        activation: what they excite.
    """

    name: str
    functions: dict[str, tuple[str, ...]]
    mechanism: Mechanism
    activation: Activation


def activate_scenario(library: Library, scenario: AnyScenario, atlas: str | None) -> Activated:
    """Activate what a scenario asks for, as a run of it does.

    Args:
        library: the catalog.
        scenario: with functions, observed ROIs or a map.
        atlas: instead of its own.
    """
    if atlas is not None:
        activation = scenario.activation.model_copy(update={"atlas": atlas})
        scenario = scenario.model_copy(update={"activation": activation})
    scenario = observed(scenario, library)
    how, functions = scenario.activation, scenario.excites()
    mechanism = Mechanism(atlas_of(library, how.atlas), mechanism_settings(how))
    found = activate(functions, how, mechanism)
    return Activated(scenario.name, {} if how.rois else functions, mechanism, found)


def scenario_or_run(library: Library, what: str) -> AnyScenario | Run:
    """Return the scenario or the run that is meant; what is both is taken for a scenario.

    Raises:
        ScenarioError: it is neither, or a scenario that is wrong.
    """
    try:
        path = find_scenario(what)
    except ScenarioError as none:
        try:
            return library.run(what)
        except UnknownError as error:
            raise ScenarioError(f"{none}, and no run; see: brainray runs list") from error
    return load_scenario(path)


def activate_given(
    library: Library,
    scenario: AnyScenario | None,
    functions: list[str] | None,
    rois: list[str] | None,
    brain_map: Path | None,
    complete: bool,
    atlas: str | None,
) -> Activated:
    """Activate what the command line gives.

    Raises:
        ScenarioError: it gives nothing, too much, or something that is not known.
    """
    given = {
        "SCENARIO": scenario is not None,
        "--function": bool(functions),
        "--roi": bool(rois),
        "--map": brain_map is not None,
    }
    named = [option for option, there in given.items() if there]
    if len(named) != 1 and named != ["--function", "--roi"]:
        what = f"{' and '.join(named)} exclude each other" if named else "nothing is given"
        raise ScenarioError(f"{what}; give one of {', '.join(given)}")
    if complete and not (rois or brain_map):
        raise ScenarioError(f"--complete: is for --roi and --map, not for {named[0]}")
    if scenario is not None:
        return activate_scenario(library, scenario, atlas)
    mechanism = Mechanism(load_atlas(library, atlas or SHIPPED))
    try:
        asked = {INPUT: tuple(functions)} if functions else {}
        if functions:
            excited = mechanism.by_functions(asked)  # names what is unknown, also beside ROIs
            if not rois:
                return Activated("", asked, mechanism, excited)
        if brain_map is not None:
            strengths = strengths_of_map(brain_map, mechanism.atlas)
        else:
            strengths = _strengths(rois or [])
        found = mechanism.by_observation(strengths, [INPUT], complete)
        return Activated("", asked, mechanism, found)
    except ScenarioError as error:
        # The message names keys of a scenario; here they are options.
        text = str(error)
        for key, option in OPTIONS.items():
            text = text.replace(key, option)
        raise ScenarioError(text) from error


def _strengths(rois: list[str]) -> dict[str, float]:
    strengths: dict[str, float] = {}
    for roi in rois:
        name, _, text = roi.rpartition("=")
        try:
            strength = float(text)
        except ValueError:
            name = ""
        if not name:
            raise ScenarioError(f"--roi {roi!r}: must be R=STRENGTH, e.g. hMT_L=0.8")
        if name in strengths:
            raise ScenarioError(f"--roi {roi!r}: {name} is given twice")
        strengths[name] = strength
    return strengths
