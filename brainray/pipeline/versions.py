"""The versions that a result depends on."""

import importlib.metadata
import platform as machine
from functools import cache
from importlib.metadata import PackageNotFoundError

from brainray.errors import NetworkError
from brainray.networks.declared import zoo_of
from brainray.networks.grown import GROWN

# Once a package: it reads and parses all that a package says of itself.
version = cache(importlib.metadata.version)

PACKAGES = ("brainray", "ray", "torch", "numpy", "deap", "pyarrow", "scikit-learn")


def versions() -> dict[str, str]:
    """Return what a run records: Python and the packages that its result may depend on."""
    return {"python": machine.python_version(), **{name: version(name) for name in PACKAGES}}


def recipe_versions(architecture: str = "") -> dict[str, str]:
    """Return what a model's recipe holds: other versions of these may make other weights.

    Args:
        architecture: of the model; that of a zoo depends on the zoo.

    Raises:
        NetworkError: the zoo is not installed.
    """
    zoo = zoo_of(architecture)
    needed = [] if zoo in (None, GROWN) else [zoo]  # what is grown needs no package
    try:
        return {name: version(name) for name in ("brainray", "torch", *needed)}
    except PackageNotFoundError as error:
        raise NetworkError(
            f"architecture {architecture!r}: needs {error.name}; install brainray[zoo]"
        ) from error


def platform() -> str:
    """Return the platform that models are trained on here, as the catalog names it."""
    return f"PyTorch {version('torch').partition('+')[0]}"
