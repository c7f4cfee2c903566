"""What a tracking endpoint is made of: a detector, a tracker and their options.

As YAML::

    detector: {name: nanodet, weights: nanodet_416.onnx, classes: [person]}
    tracker: {name: two_stage, high_score: 0.5, birth_score: 0.5}
    min_score: 0.4
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brainray.catalog import Library
from brainray.catalog.tracking_endpoints import TrackingEndpoint
from brainray.errors import DataError
from brainray.files import below
from brainray.networks.detectors.interface import file_options, make_detector
from brainray.networks.detectors.weights import local_file
from brainray.tracking.interface import make_tracker

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
    """

    detector: str | None = None
    detector_options: Mapping[str, Any] = field(default_factory=dict)
    tracker: str = DEFAULT_TRACKER
    tracker_options: Mapping[str, Any] = field(default_factory=dict)
    min_score: float | None = None


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
        raise DataError(f"{path}: {where}: {first['msg']}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2020-13-45
        raise DataError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    detector, options = document.detector, {}
    if detector is not None:
        options = detector.options
        for option in file_options(detector.name):
            if isinstance(options.get(option), str):
                options[option] = below(path.parent, options[option])
    return TrackingDefinition(
        None if detector is None else detector.name,
        options,
        document.tracker.name,
        document.tracker.options,
        document.min_score,
    )


def deploy(library: Library, name: str, definition: TrackingDefinition) -> TrackingEndpoint:
    """Make an endpoint that tracks as a definition says, or change it.

    Detector and tracker are made once, so that what cannot be is refused now.

    Args:
        library: that keeps it, with copies of the detector's files.
        name: of the endpoint.

    Raises:
        PluginError: there is no such detector or tracker.
        NetworkError: an option of the detector, or its files, cannot be.
        DataError: an option of the tracker cannot be.
        CatalogError: a model answers at this endpoint, or the name cannot be.
    """
    make_tracker(definition.tracker, definition.tracker_options)
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
    return library.deploy_tracking(
        name,
        definition.detector,
        options,
        files,
        definition.tracker,
        definition.tracker_options,
        definition.min_score,
    )
