"""brainray: a scenario goes in, a trained and stored fusion network comes out.

::

    import brainray

    report = brainray.run("audio_visual_digits", seed=0)
    model = brainray.load(report.model.id)
    model({"image": image, "audio": brainray.Recording(wave, rate=8000)}).label
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainray.errors import BrainrayError
    from brainray.pipeline.predict import Answer, Predictor
    from brainray.scenario import AnyReport, AnyScenario, Report, Scenario, load_scenario
    from brainray.settings import Settings, load_settings
    from brainray.shapes import Recording

__all__ = [
    "Answer",
    "BrainrayError",
    "Predictor",
    "Recording",
    "Report",
    "Scenario",
    "Settings",
    "load",
    "load_scenario",
    "load_settings",
    "run",
]

_HOMES = {
    "Answer": "brainray.pipeline.predict",
    "BrainrayError": "brainray.errors",
    "Predictor": "brainray.pipeline.predict",
    "Recording": "brainray.shapes",
    "Report": "brainray.scenario",
    "Scenario": "brainray.scenario",
    "Settings": "brainray.settings",
    "load_scenario": "brainray.scenario",
    "load_settings": "brainray.settings",
}
"""Where the public names live; they are imported when first used, so that help is quick."""


def run(scenario: "str | Path | AnyScenario", *, seed: int = 0, local: bool = False) -> "AnyReport":
    """Build, train and store the network of a scenario, or do what else its task is.

    Args:
        scenario: a built-in scenario's name, a folder, a file, or a `Scenario`.
        seed: of all that is random, at least 0.
        local: everything in this process, without Ray.

    Raises:
        BrainrayError: naming what is wrong.
    """
    from brainray import plugins
    from brainray.pipeline.run import run_scenario
    from brainray.scenario import load_scenario
    from brainray.settings import load_settings

    wanted = load_scenario(scenario) if isinstance(scenario, str | Path) else scenario
    runner = plugins.load("runners", "local" if local else "ray")
    return run_scenario(wanted, seed, load_settings(), runner)


def load(model: str) -> "Predictor":
    """Load a stored model.

    Args:
        model: its id, the id's beginning, or its name (the newest version).

    Raises:
        CatalogError: there is no such model, or a file of it is missing or damaged.
    """
    from brainray.catalog.library import Library
    from brainray.pipeline.predict import load_model
    from brainray.settings import load_settings

    return load_model(Library.open(load_settings()), model)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'brainray' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
