"""Strata: numbers beside the samples, such as a noise ratio, to look at results by."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from brainray.errors import DataError


def read_stratum(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return a column of numbers, shape `(N,)`; NaN is a missing value.

    Raises:
        DataError: the column holds something else, an infinite number, or nothing at all.
    """
    column = table.column(name)
    kind = column.type
    present = column.is_valid().to_numpy(zero_copy_only=False)
    if present.any() and not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    ):
        row = int(present.argmax())
        raise DataError(
            f"row {row}, column {name}: is {column[row].as_py()!r} ({kind}), "
            "a stratum holds numbers; missing is allowed"
        )
    values: NDArray[np.float64] = pc.cast(column, pa.float64(), safe=False).to_numpy()
    if np.isnan(values).all():
        raise DataError(f"column {name}: a stratum needs a number in some row, all are missing")
    if np.isinf(values).any():
        row = int(np.isinf(values).argmax())
        raise DataError(
            f"row {row}, column {name}: is {values[row]}, a stratum holds finite numbers"
        )
    return values
