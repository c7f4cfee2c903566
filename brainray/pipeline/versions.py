"""The versions that a result depends on."""

import platform as machine
from importlib.metadata import version

PACKAGES = ("brainray", "ray", "torch", "numpy", "deap", "pyarrow", "scikit-learn")


def versions() -> dict[str, str]:
    """Return what a run records: Python and the packages that its result may depend on."""
    return {"python": machine.python_version(), **{name: version(name) for name in PACKAGES}}


def recipe_versions() -> dict[str, str]:
    """Return what a model's recipe holds: other versions of these may make other weights."""
    return {name: version(name) for name in ("brainray", "torch")}


def platform() -> str:
    """Return the platform that models are trained on here, as the catalog names it."""
    return f"PyTorch {version('torch').partition('+')[0]}"
