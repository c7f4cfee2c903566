r"""The nine-field code of a model (paper 2.4, Table 1).

One line, the fields joined by ``/``, several values of a field by ``,``; a backslash stands before
a ``/``, a ``,`` or a backslash that belongs to a value. The paper's example is
``ResNet18/image,motion/detection,classification/ResNet/CIFAR10/2M/96%/SGD/PyTorch1.6``.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sqlmodel import Session

from brainray.catalog import queries
from brainray.catalog.tables import DataSet, Network, PretrainedModel
from brainray.errors import CatalogError

FIELDS = (
    "name",
    "regions",
    "functions",
    "category",
    "data_set",
    "parameters",
    "accuracy",
    "optimizer",
    "platform",
)
UNITS = {"G": 10**9, "M": 10**6, "K": 10**3, "": 1}
_SIZE = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>[GMK]?)")
_TEXTS = ("name", "category", "data_set", "optimizer", "platform")
_LISTS = ("regions", "functions")


@dataclass(frozen=True)
class Code:
    """The nine fields of Table 1.

    Attributes:
        name: of the model.
        regions: functional regions, in the order of its network.
        functions: tasks that it does.
        category: family of its network.
        data_set: name of what it was trained on.
        parameters: model size, counted from the weights.
        accuracy: a fraction in [0, 1], None if it is not known.
        optimizer: that trained it.
        platform: that computes it.

    Raises:
        CatalogError: a text is empty, the size is negative or the accuracy is no fraction.
    """

    name: str
    regions: tuple[str, ...]
    functions: tuple[str, ...]
    category: str
    data_set: str
    parameters: int
    accuracy: float | None
    optimizer: str
    platform: str

    def __post_init__(self) -> None:
        texts = {field: (getattr(self, field),) for field in _TEXTS}
        texts |= {field: getattr(self, field) for field in _LISTS}
        for field, values in texts.items():
            if not all(values):
                raise CatalogError(f"code: {field}: must not be empty text")
        if self.parameters < 0:
            raise CatalogError(f"code: parameters: {self.parameters} is less than 0")
        if self.accuracy is not None and not 0 <= self.accuracy <= 1:
            raise CatalogError(f"code: accuracy: {self.accuracy} is not a fraction in [0, 1]")


def encode(code: Code) -> str:
    """Return the code as one text; `decode` gives the same code back."""
    values = []
    for field in FIELDS:
        value = getattr(code, field)
        if field == "parameters":
            values.append(_size_text(value))
        elif field == "accuracy":
            values.append("" if value is None else _percent_text(value))
        elif field in _LISTS:
            values.append(",".join(map(_escape, value)))
        else:
            values.append(_escape(value))
    return "/".join(values)


def decode(text: str) -> Code:
    """Return the code of a text.

    Raises:
        CatalogError: it is no code, naming the field.
    """
    parts = _split(text, "/")
    if len(parts) != len(FIELDS):
        raise CatalogError(
            f"code {text!r}: has {len(parts)} fields, not {len(FIELDS)}: {', '.join(FIELDS)}"
        )
    given = dict(zip(FIELDS, parts, strict=True))
    lists = {
        field: tuple(map(_unescape, _split(given[field], ","))) if given[field] else ()
        for field in _LISTS
    }
    texts = {field: _unescape(given[field]) for field in _TEXTS}
    return Code(
        **texts,
        regions=lists["regions"],
        functions=lists["functions"],
        parameters=_size(given["parameters"]),
        accuracy=_fraction(given["accuracy"]),
    )


def code_of(session: Session, model: PretrainedModel) -> Code:
    """Return the code of a model in the catalog; its size is that of its weights."""
    network = queries.network_value(session.get_one(Network, model.network))
    return Code(
        name=model.name,
        regions=network.sub_regions,
        functions=network.functions,
        category=network.category,
        data_set=session.get_one(DataSet, model.data_set).name,
        parameters=model.parameters,
        accuracy=model.accuracy,
        optimizer=model.optimizer,
        platform=model.platform,
    )


def _size_text(parameters: int) -> str:
    """Return e.g. ``2M`` or ``11.689512M``: the largest unit, without rounding."""
    unit = next((unit for unit, many in UNITS.items() if parameters >= many), "")
    whole, rest = divmod(parameters, UNITS[unit])
    digits = str(rest).zfill(len(str(UNITS[unit])) - 1).rstrip("0") if rest else ""
    return f"{whole}.{digits}{unit}" if digits else f"{whole}{unit}"


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match:
        whole, _, digits = match["number"].partition(".")
        many = UNITS[match["unit"]]
        places = len(str(many)) - 1
        if len(digits) <= places:
            return int(whole) * many + int(digits.ljust(places, "0") or "0")
    raise CatalogError(f"code: parameters: {text!r} is no number such as 2M, 61.7K or 512")


def _percent_text(fraction: float) -> str:
    digits = format((Decimal(repr(float(fraction))) * 100).normalize(), "f")
    return f"{digits}%"


def _fraction(text: str) -> float | None:
    if not text:
        return None
    try:
        if not text.endswith("%"):
            raise InvalidOperation
        return float(Decimal(text[:-1]) / 100)
    except InvalidOperation as error:
        raise CatalogError(f"code: accuracy: {text!r} is no percentage such as 96%") from error


def _escape(value: str) -> str:
    return re.sub(r"([\\/,])", r"\\\1", value)


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


def _split(text: str, separator: str) -> list[str]:
    """Split at separators that no backslash stands before; the parts stay escaped."""
    parts = [""]
    for token in re.findall(r"\\.|[^\\]|\\$", text, flags=re.DOTALL):
        if token == separator:
            parts.append("")
        else:
            parts[-1] += token
    return parts
