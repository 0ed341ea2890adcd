"""Columns of tables as features."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def as_table(table: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """Return a table; a mapping of names to columns becomes one.

    Raises
    ------
    InputError
        If it is neither, or columns have different lengths.
    """
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    if not isinstance(table, Mapping):
        raise InputError(f"A table is needed (pandas.DataFrame, or columns by name), but {type(table).__name__} came.")
    try:
        return pd.DataFrame(dict(table))
    except ValueError as error:
        raise InputError(f"The columns do not make a table: {error}.") from error


def columns_of(feature: str, columns: Sequence[str]) -> list[str]:
    """Return the column of this name, or those of the measurement of this name: of its axes, of all channels."""
    from bioloom.measure import find_property

    if feature in columns:
        return [feature]
    found = find_property(feature)
    if found is None:
        return []
    pattern = re.escape(feature) + (r"(-\d+)+" if found.parts else "") + (r"(_.*)?" if found.n_images else "")
    return [c for c in columns if re.fullmatch(pattern, str(c), re.DOTALL)]


def numbers_of(table: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float32]:
    """Return columns as float32 (rows, columns), missing values being NaN.

    Raises
    ------
    InputError
        If a column holds no numbers.
    """
    wrong = [n for n in names if not is_number(table[n])]
    if wrong:
        raise InputError(
            f"The columns {', '.join(wrong)} of the table hold no numbers. Leave them out of the features."
        )
    if not names:
        return np.empty((len(table), 0), np.float32)
    values: NDArray[np.float32] = np.stack([table[n].to_numpy(np.float32, na_value=np.nan) for n in names], axis=1)
    return values


def checked_names(names: Any) -> list[str]:
    """Return a list of names from a file.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ValueError("its names of features are no list of names")
    return list(names)


def is_number(column: pd.Series[Any]) -> bool:
    """Tell whether a column holds real numbers or truth values."""
    from pandas.api import types

    return types.is_numeric_dtype(column) and not types.is_complex_dtype(column)


def properties_of(columns: Sequence[str]) -> list[str]:
    """Return the measurements that give some columns; those of one channel or axis are parts of one."""
    from bioloom.measure import column_measurement

    found = [(name, column_measurement(str(name))) for name in columns]
    return list(dict.fromkeys(known[0].name if known else name for name, known in found))
