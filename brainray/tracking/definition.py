"""What a tracking endpoint is made of: a detector, a tracker and their options.

As YAML::

    detector: {name: nanodet, weights: nanodet_416.onnx, classes: [person]}
    tracker: {name: two_stage, high_score: 0.5, birth_score: 0.5}
    min_score: 0.4
    appearance: looks.onnx
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brainray.catalog import Library
from brainray.catalog.tracking_endpoints import APPEARANCE, TrackingEndpoint
from brainray.errors import DataError
from brainray.files import below
from brainray.networks.detectors.interface import file_options, make_detector
from brainray.networks.detectors.weights import local_file
from brainray.tracking.camera import CameraMotion
from brainray.tracking.interface import Tracker, make_tracker

if TYPE_CHECKING:
    from brainray.tracking.looks import Looks

MAPPING = "allowed are keys with values, as in {name: sort}"

DEFAULT_TRACKER = "two_stage"


@dataclass(frozen=True)
class TrackingDefinition:
    """A detector and a tracker.

    Attributes:
        detector: of ``brainray.detectors``; None where boxes come with the requests.
        detector_options: its keyword arguments; those that name files are paths or URLs.
        tracker: of ``brainray.trackers``.
        tracker_options: its keyword arguments.
        min_score: boxes of lower scores do not count, whoever detected them; None leaves none out.
        appearance: what sees how boxes look, an ONNX file or a model of the catalog that is one.
    """

    detector: str | None = None
    detector_options: Mapping[str, Any] = field(default_factory=dict)
    tracker: str = DEFAULT_TRACKER
    tracker_options: Mapping[str, Any] = field(default_factory=dict)
    min_score: float | None = None
    appearance: str | None = None


class _Part(BaseModel):
    """A name, and options beside it."""

    model_config = ConfigDict(extra="allow", strict=True)

    name: str = Field(min_length=1)

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    detector: _Part | None = None
    tracker: _Part = _Part(name=DEFAULT_TRACKER)
    min_score: float | None = Field(default=None, strict=True, allow_inf_nan=False)
    appearance: str | None = Field(default=None, min_length=1)


def read_definition(path: Path) -> TrackingDefinition:
    """Read a definition from a YAML file; paths in it count from the file's folder.

    Raises:
        DataError: it cannot be read, or says what cannot be; the key is named.
        PluginError: no detector has this name.
    """
    try:
        document = _Document.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "document"
        keys = first["type"] == "model_type"  # of which pydantic says what class it is
        raise DataError(f"{path}: {where}: {MAPPING if keys else first['msg']}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2020-13-45
        raise DataError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    detector, options = document.detector, {}
    if detector is not None:
        options = detector.options
        for option in file_options(detector.name):
            if isinstance(options.get(option), str):
                options[option] = below(path.parent, options[option])
    appearance = document.appearance
    if appearance is not None and appearance.lower().endswith(".onnx"):
        appearance = str(below(path.parent, appearance))
    return TrackingDefinition(
        None if detector is None else detector.name,
        options,
        document.tracker.name,
        document.tracker.options,
        document.min_score,
        appearance,
    )


def deploy(library: Library, name: str, definition: TrackingDefinition) -> TrackingEndpoint:
    """Make an endpoint that tracks as a definition says, or change it.

    All parts are made once, so that what cannot be is refused now.

    Args:
        library: that keeps it, with copies of the files.
        name: of the endpoint.

    Raises:
        PluginError: there is no such detector or tracker.
        NetworkError: an option of the detector, or a file, cannot be; or OpenCV is missing.
        DataError: an option of the tracker cannot be, or pictures are needed and nobody detects in
            them.
        CatalogError: a model answers at this endpoint, or the name cannot be; or see
            `brainray.tracking.looks.looks_of`.
    """
    tracker = make_tracker(definition.tracker, definition.tracker_options)
    if tracker.needs_motion:
        if definition.detector is None:
            raise DataError(
                f"tracker: {definition.tracker} is to see the camera move in pictures; boxes come "
                "without, give a detector"
            )
        CameraMotion()
    looks = _looks(library, definition, tracker)
    options, files = dict(definition.detector_options), {}
    if definition.detector is None:
        if options:
            raise DataError(f"{next(iter(options))}: is an option of a detector, there is none")
    else:
        make_detector(definition.detector, options)
        files = {
            option: local_file(options.pop(option))
            for option in file_options(definition.detector)
            if options.get(option) is not None
        }
    if looks is not None:
        files[APPEARANCE] = looks.path
    return library.deploy_tracking(
        name,
        definition.detector,
        options,
        files,
        definition.tracker,
        definition.tracker_options,
        definition.min_score,
        None if looks is None else looks.reading,
    )


def _looks(library: Library, definition: TrackingDefinition, tracker: Tracker) -> "Looks | None":
    """Return what sees how boxes look, if that is wanted and can be."""
    if definition.appearance is None:
        return None
    if not tracker.looks:
        raise DataError(f"appearance: makes no difference to {definition.tracker}")
    if definition.detector is None:
        raise DataError("appearance: looks at pictures; boxes come without, give a detector")
    if APPEARANCE in file_options(definition.detector):
        raise DataError(f"appearance: is a file of {definition.detector} itself")
    from brainray.tracking.looks import looks_of  # it draws in onnx

    looks = looks_of(definition.appearance, lambda: library)
    looks.open()
    return looks
