"""The description of a detector in an ONNX file: what it takes, and what its outputs mean."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brainray.errors import NetworkError
from brainray.networks.detectors.interface import Tag

Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=16, le=4096)]
Stride = Annotated[int, Field(ge=1, le=256)]
Positive = Annotated[float, Field(gt=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Part):
    """What the graph takes: one float32 image.

    Attributes:
        height: in pixels.
        width: in pixels.
        fit: ``stretch`` an image to that size, or ``letterbox`` it: keep its proportions, and
            fill what is left over on both sides.
        channels: their order.
        layout: whether they come before or after height and width.
        mean: subtracted from each channel of 0 to 255, in the order of ``channels``.
        deviation: by which each channel is divided then.
        fill: of a letterbox, 0 to 255.
    """

    height: Side
    width: Side
    fit: Literal["stretch", "letterbox"] = "stretch"
    channels: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["channels_first", "channels_last"] = "channels_first"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    fill: Annotated[int, Field(ge=0, le=255)] = 114


class NanoDetOutputs(_Part):
    """Scores and distributions of distances in cells (`decoding.nanodet`).

    Attributes:
        strides: pixels from cell to cell. Outputs are in this order, two of each: scores
            `(1, cells, C)` and distributions `(1, cells, 4 * bins)`.
    """

    kind: Literal["nanodet"]
    strides: Annotated[tuple[Stride, ...], Field(min_length=1)]


class CenterNetOutputs(_Part):
    """A heat map of centers and distances at each place (`decoding.centernet`).

    Attributes:
        stride: pixels from place to place. Outputs are the heat map `(1, rows, columns, C)` and
            the distances to left, top, right and bottom in pixels `(1, rows, columns, 4)`.
    """

    kind: Literal["centernet"]
    stride: Stride


Outputs: TypeAlias = Annotated[NanoDetOutputs | CenterNetOutputs, Field(discriminator="kind")]


class DetectorSpec(_Part):
    """A detector in an ONNX file.

    Attributes:
        tags: one-stage or two-stage.
        input: what the graph takes.
        outputs: what it gives.
        min_score: of what counts as found, where no option says so.
        overlap: IoU above which the surer of two boxes is kept, where no option says so.
        classes: names, in the order of the scores.
    """

    tags: tuple[Tag, ...]
    input: Input
    outputs: Outputs
    min_score: Share
    overlap: Share
    classes: Annotated[tuple[str, ...], Field(min_length=1)]


def read_spec(path: Path) -> DetectorSpec:
    """Read a description from a YAML file.

    Raises:
        NetworkError: it cannot be read, or says what cannot be; the key is named.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return DetectorSpec.model_validate(document)
    except (OSError, UnicodeDecodeError) as error:
        raise NetworkError(f"spec {path}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "document"
        raise NetworkError(f"spec {path}: {where}: {first['msg']}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2020-13-45
        raise NetworkError(f"spec {path}: is not YAML: {' '.join(str(error).split())}") from error
