"""What a run's report says of the brain: the pathway, and why it chose these networks."""

import logging
from collections.abc import Mapping, Sequence

from brainray.atlas.activation import Mechanism
from brainray.atlas.arrays import load_atlas
from brainray.atlas.explanation import Explainer
from brainray.atlas.interface import Activation, Atlas
from brainray.catalog.library import Library
from brainray.errors import AtlasError
from brainray.pipeline.excitation import mechanism_settings
from brainray.pipeline.selection import Selection
from brainray.scenario import Scenario
from brainray.scenario.brain import Explanation, PathwayPart
from brainray.scenario.report import Candidate

logger = logging.getLogger(__name__)


def atlas_if_there(library: Library, name: str) -> Atlas | None:
    """Return an atlas of the catalog; None, with a warning, if it has gone since the run began."""
    try:
        return load_atlas(library, name)
    except AtlasError as error:
        logger.warning("the pathway is neither explained nor drawn: %s", error)
        return None


def explain(
    library: Library,
    scenario: Scenario,
    selection: Selection,
    chosen: Mapping[str, str],
    history: Sequence[Candidate],
) -> dict[str, Explanation]:
    """Return why a run's winner uses the models that it does, by input.

    Args:
        library: the catalog; if the atlas is no longer there, nothing is explained.
        scenario: of the run.
        selection: of the run.
        chosen: the id of the winner's model of each input.
        history: all candidates of the search.
    """
    how = scenario.activation
    atlas = atlas_if_there(library, how.atlas)
    if atlas is None:
        return {}
    explainer = Explainer(
        Mechanism(atlas, mechanism_settings(how)),
        selection.excitation.activation,
        {} if how.rois else scenario.excites(),
    )
    networks = {model: library.model(model).network for model in chosen.values()}
    homes = {model: library.network(name).sub_regions for model, name in networks.items()}
    return explain_choice(explainer, chosen, homes, history)


def pathway_part(
    activation: Activation,
    functions: Mapping[str, Sequence[str]],
    atlas: str,
    prior: str | None = None,
) -> PathwayPart:
    """Return an activation as a report holds it.

    Args:
        activation: of the scenario.
        functions: that each input asked for; none where ROIs were observed.
        atlas: the name of the brain atlas.
        prior: what guided the wiring.
    """
    return PathwayPart(
        sub_regions=activation.pathway.sub_regions,
        connections=list(activation.pathway.connections),
        integration=activation.pathway.integration,
        functions={name: list(given) for name, given in functions.items()},
        inputs={name: list(reached) for name, reached in activation.inputs.items()},
        rois=activation.rois,
        prior=prior,
        atlas=atlas,
    )


def explain_choice(
    explainer: Explainer,
    chosen: Mapping[str, str],
    homes: Mapping[str, Sequence[str]],
    history: Sequence[Candidate],
) -> dict[str, Explanation]:
    """Return why a search's winner uses the models that it does, by input.

    Args:
        explainer: of the run's activation.
        chosen: the id of the winner's model of each input.
        homes: the sub-regions in which each of these models, or its network, lives.
        history: all candidates of the search.
    """
    found = {}
    for name, model in chosen.items():
        explanation = explainer.explain(model, homes[model], name)
        reason = f"{explanation.reason} {_trials(name, model, history)}".rstrip()
        found[name] = explanation.model_copy(update={"reason": reason})
    return found


def _trials(name: str, model: str, history: Sequence[Candidate]) -> str:
    """Say what the search reached with a model, and with the others of its input."""
    best: dict[str, float] = {}
    for candidate in history:
        if candidate.value is not None:
            used = candidate.models[name]
            best[used] = max(best.get(used, 0.0), candidate.value)
    if model not in best:
        return ""
    reached = f"Candidates with it reached {100 * best.pop(model):.2f} % on validation"
    if not best:
        return f"{reached}; no other model of {name} was tried."
    others = f"the {len(best)} other models" if len(best) > 1 else "the other model"
    return f"{reached}, those with {others} of {name} {100 * max(best.values()):.2f} %."
