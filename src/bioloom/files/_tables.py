"""Tables as text."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 20_000  # between two looks at whether the user wants to stop
_LARGE = 2_000_000  # values


def write_text(
    file: IO[bytes], table: pd.DataFrame, separator: str, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write a table as text (UTF-8), without its index.

    Parameters
    ----------
    file
        To write to.
    table
        Values are written with all their digits; large tables by pyarrow where it is installed, many times as fast.
    separator
        Of the columns.
    progress
        Called as ``progress(done, total)`` with numbers of rows; may raise Cancelled.
    """
    write = _fast_writer(file, table, separator) if table.size > _LARGE else None
    names = table.iloc[:0].to_csv(index=False, sep=separator)
    file.write(names.encode())
    for first in range(0, len(table), _ROWS):
        if progress is not None:
            progress(first, len(table))
        part = table.iloc[first : first + _ROWS]
        if write is not None:
            write(part)
        else:
            file.write(part.to_csv(index=False, sep=separator, header=False).encode())


def _fast_writer(file: IO[bytes], table: pd.DataFrame, separator: str) -> Callable[[pd.DataFrame], None] | None:
    """Return what writes rows of numbers, truths and plain texts; None for other columns, or without pyarrow."""
    import numpy as np
    import pandas as pd

    try:
        pa, csv = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.csv")
    except ImportError:
        return None
    texts = [i for i, dtype in enumerate(table.dtypes) if not (isinstance(dtype, np.dtype) and dtype.kind in "biuf")]
    if any(pd.api.types.infer_dtype(table.iloc[:, i], skipna=True) not in ("string", "empty") for i in texts):
        return None
    options = csv.WriteOptions(include_header=False, delimiter=separator, quoting_style="needed")

    def write(part: pd.DataFrame) -> None:
        arrays = []
        for i in range(part.shape[1]):
            values = part.iloc[:, i]
            if i in texts:
                arrays.append(pa.array(values.to_numpy(object), pa.string(), from_pandas=True))
            elif values.dtype == bool:
                arrays.append(pa.array(np.where(values, "True", "False")))
            else:
                arrays.append(pa.array(values.to_numpy(), from_pandas=True))
        csv.write_csv(pa.table(arrays, [str(i) for i in range(len(arrays))]), file, options)

    return write
