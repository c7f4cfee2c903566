"""What building a network of any zoo needs: its package, its names, its input."""

import importlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from typing import Any

import torch

from brainray.errors import BrainrayError, NetworkError
from brainray.networks.blocks import check_build
from brainray.networks.interface import Preparation
from brainray.seeding import torch_random

MOST_LISTED = 20
"""Of more names than this, errors list similar ones only."""


@contextmanager
def building(architecture: str) -> Iterator[None]:
    """Build on the CPU even where the meta device is asked for, and say in one line what fails.

    What a network computes when it is built, such as tables of positions, is in no file of its
    weights: on the meta device it would be lost. There the weights do not matter, and drawing
    them changes nothing of what the process draws next.

    Args:
        architecture: named in errors, e.g. ``timm/resnet18``.

    Raises:
        NetworkError: the package is missing, or refuses something.
    """
    unseen = torch_random(0) if torch.empty(0).is_meta else nullcontext()
    try:
        with torch.device("cpu"), unseen:
            yield
    except ModuleNotFoundError as error:
        if error.name is None:
            raise _refused(architecture, error) from error
        missing = error.name.partition(".")[0]
        raise NetworkError(
            f"architecture {architecture!r}: needs {missing}; install brainray[zoo]"
        ) from error
    except BrainrayError:
        raise
    except Exception as error:  # each package has errors of its own for what it does not allow
        raise _refused(architecture, error) from error


def package(name: str, architecture: str) -> Any:
    """Import a zoo's package, as late as a network of it is built.

    Raises:
        ModuleNotFoundError: it is not installed.
        NetworkError: it was made for another torch.
    """
    try:
        return importlib.import_module(name)
    except (RuntimeError, OSError) as error:  # as torchvision for CUDA beside torch for the CPU
        raise NetworkError(
            f"architecture {architecture!r}: {name} does not go with torch {torch.__version__}, "
            f"install builds of one kind: {_reason(error)}"
        ) from error


def check_name(architecture: str, name: str, allowed: Collection[str]) -> None:
    """Raise `NetworkError` unless a zoo has this name."""
    if name not in allowed:
        close = get_close_matches(name, list(allowed), n=5, cutoff=0.4)
        hint = f"; similar are {', '.join(close)}" if close else ""
        few = len(allowed) <= MOST_LISTED
        listed = ", ".join(sorted(allowed)) if few else f"{len(allowed)} names{hint}"
        raise NetworkError(
            f"architecture {architecture!r}: unknown name {name!r}, allowed are {listed}"
        )


def check_input(
    architecture: str, preparation: Preparation, dimensions: tuple[str, ...], kind: str = "float32"
) -> None:
    """Raise `NetworkError` unless a preparation gives such samples.

    Args:
        architecture: named in the error.
        preparation: of the network's input.
        dimensions: names of the sizes that are free, or the sizes themselves.
        kind: type of the numbers.
    """
    shape, given = preparation.shape, str(preparation.dtype)
    fits = len(shape) == len(dimensions) and all(
        not wanted.isdigit() or int(wanted) == size
        for wanted, size in zip(dimensions, shape, strict=True)
    )
    if not fits or given != kind:
        raise NetworkError(
            f"architecture {architecture!r}: takes {kind} ({', '.join(dimensions)}), but the "
            f"preparation gives {given} {shape}"
        )


def check_classes(architecture: str, preparation: Preparation, classes: int) -> None:
    """Raise `NetworkError` unless there are at least two classes."""
    sizes = [f"size {number}" for number in range(len(preparation.shape))]
    check_build(f"architecture {architecture!r}", preparation.shape, sizes, classes)


def _refused(architecture: str, error: Exception) -> NetworkError:
    return NetworkError(f"architecture {architecture!r}: cannot be built: {_reason(error)}")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
