"""The description of a detector in an ONNX file: what it takes, and what its outputs mean."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from brainray.errors import NetworkError
from brainray.networks.detectors.coco import NO_CLASS
from brainray.networks.detectors.interface import Tag

Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=16, le=4096)]
Stride = Annotated[int, Field(ge=1, le=256)]
Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]
Corners: TypeAlias = Literal["ltrb", "tlbr", "ltwh", "cxcywh"]
"""The four numbers of a box: left, top, right, bottom in one order or the other, or width and
height (``wh``) with the left top corner or the middle (``cxcy``)."""
Scale: TypeAlias = Literal["pixels", "relative"]
"""Of boxes: pixels of the network's input, or shares of its sides."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Part):
    """What the graph takes: one image.

    Attributes:
        height: in pixels.
        width: in pixels.
        fit: ``stretch`` an image to that size, or ``letterbox`` it: keep its proportions, and
            fill what is left over on both sides. ``corner`` keeps them too, and fills what is left
            over at the right or below.
        channels: their order.
        layout: whether they come before or after height and width.
        mean: subtracted from each channel of 0 to 255, in the order of ``channels``.
        deviation: by which each channel is divided then.
        fill: of a letterbox, 0 to 255.
        dtype: of its numbers.
        batch: whether an axis of length 1, the number of images, comes first.
        others: a number for each input beside the image, by name, such as the mask of DETR or the
            size that some want to be told; axes that vary have length 1.
    """

    height: Side
    width: Side
    fit: Literal["stretch", "letterbox", "corner"] = "stretch"
    channels: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["channels_first", "channels_last"] = "channels_first"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    fill: Annotated[int, Field(ge=0, le=255)] = 114
    dtype: Literal["float32", "float16", "uint8"] = "float32"
    batch: bool = True
    others: dict[Name, Annotated[float, Field(allow_inf_nan=False)]] = Field(default={})

    @model_validator(mode="after")
    def _bytes_are_plain(self) -> "Input":
        if self.dtype == "uint8" and (any(self.mean) or set(self.deviation) != {1.0}):
            raise ValueError("dtype uint8 takes 0 to 255 as they are: leave out mean and deviation")
        return self


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


class BoxesOutputs(_Part):
    """Boxes, scores and perhaps classes in tensors of their own (`tables.boxes`).

    Each may have one more axis of length 1 before the others.

    Attributes:
        boxes: name of the output with the boxes, `(N, 4)`.
        scores: name of that with the scores: with ``classes`` one of each box, `(N,)`, else one of
            each box and class, `(N, first_class + C)`.
        classes: name of that with the number of each box's class, `(N,)`.
        count: name of that with how many of the N rows hold boxes, one number; default: all do.
        corners: what the numbers of a box are.
        scale: of boxes.
        first_class: number of the first class, of a score's column too; what has a lower one is
            background.
        transposed: whether scores are `(first_class + C, N)`.
        logits: what makes probabilities of the scores; default: they are probabilities.
    """

    kind: Literal["boxes"]
    boxes: Name
    scores: Name
    classes: Name | None = None
    count: Name | None = None
    corners: Corners
    scale: Scale
    first_class: Annotated[int, Field(ge=0, le=1000)] = 0
    transposed: bool = False
    logits: Literal["sigmoid", "softmax"] | None = None

    @property
    def names(self) -> dict[str, str]:
        """The names of outputs by the keys that give them."""
        keys = {key: getattr(self, key) for key in ("boxes", "scores", "classes", "count")}
        return {key: name for key, name in keys.items() if name is not None}

    @model_validator(mode="after")
    def _one_score_is_not_many(self) -> "BoxesOutputs":
        if self.classes is not None and (self.transposed or self.logits == "softmax"):
            raise ValueError(
                "with classes a box has one score: leave out transposed, and logits or make it "
                "sigmoid"
            )
        return self


class RowsOutputs(_Part):
    """A row for each box, as networks of the YOLO family have them (`tables.rows`).

    Attributes:
        output: name of the output with the rows, `(N, F)` or `(1, N, F)`; default: the only one.
        columns: what follows the four numbers of a box: ``classes`` is a score of each class,
            ``objectness_classes`` that there is an object, then that it is of each class, and
            ``score_class`` one score, then the number of the class.
        corners: what the four numbers are.
        scale: of boxes.
        strides: where boxes are still those of cells, `(x + column) * stride` and
            `exp(width) * stride`: pixels from cell to cell. Rows of cells are in this order.
        transposed: whether the output is `(F, N)` or `(1, F, N)`.
        logits: what makes probabilities of the scores; default: they are probabilities.
    """

    kind: Literal["rows"]
    output: Name | None = None
    columns: Literal["classes", "objectness_classes", "score_class"]
    corners: Corners = "cxcywh"
    scale: Scale = "pixels"
    strides: tuple[Stride, ...] = ()
    transposed: bool = False
    logits: Literal["sigmoid"] | None = None

    @property
    def names(self) -> dict[str, str]:
        """The names of outputs by the keys that give them."""
        return {} if self.output is None else {"output": self.output}

    @model_validator(mode="after")
    def _cells_have_middles(self) -> "RowsOutputs":
        if self.strides and (self.corners, self.scale) != ("cxcywh", "pixels"):
            raise ValueError("with strides corners must be cxcywh and scale pixels")
        return self


Outputs: TypeAlias = Annotated[
    NanoDetOutputs | CenterNetOutputs | BoxesOutputs | RowsOutputs, Field(discriminator="kind")
]


class DetectorSpec(_Part):
    """A detector in an ONNX file.

    Attributes:
        tags: one-stage or two-stage.
        input: what the graph takes.
        outputs: what it gives.
        min_score: of what counts as found, where no option says so.
        overlap: IoU above which the surer of two boxes is kept, where no option says so.
        classes: names, in the order of the scores. ``N/A`` is one that no object has, such as the
            background or a gap between the labels of COCO; others differ.
    """

    tags: tuple[Tag, ...]
    input: Input
    outputs: Outputs
    min_score: Share
    overlap: Share
    classes: Annotated[tuple[str, ...], Field(min_length=1)]

    @property
    def names(self) -> dict[int, str]:
        """The names of classes that objects have, by their index."""
        return {index: name for index, name in enumerate(self.classes) if name != NO_CLASS}

    @field_validator("classes")
    @classmethod
    def _can_be_told_apart(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        names = [name for name in classes if name != NO_CLASS]
        if not names:
            raise ValueError(f"all are {NO_CLASS}, at least one must have a name")
        for number, name in enumerate(names):
            if name in names[:number]:
                raise ValueError(f"{name!r} is there twice, only {NO_CLASS} may be")
        return classes

    @model_validator(mode="after")
    def _softmax_has_a_choice(self) -> "DetectorSpec":
        match self.outputs:
            case BoxesOutputs(logits="softmax", first_class=0) if len(self.classes) == 1:
                raise ValueError("outputs.logits: softmax of one class is always 1, use sigmoid")
        return self


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
        message = first["msg"].removeprefix("Value error, ")
        raise NetworkError(f"spec {path}: {where}: {message}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2020-13-45
        raise NetworkError(f"spec {path}: is not YAML: {' '.join(str(error).split())}") from error
