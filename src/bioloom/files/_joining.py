"""Tables made elsewhere, joined by label and frame; what has no partner is reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_KEY_NAMES = {
    "label": ("label", "labels", "label_id", "object_label", "objectnumber", "object_number", "object_id", "objectid"),
    "frame": ("frame", "frames", "frame_id", "timepoint", "time_point", "t", "time", "imagenumber"),
}


@dataclass(frozen=True)
class Joined:
    """A table with the columns of another.

    Attributes
    ----------
    table
        The rows of the first table in their order, and its columns, then those of the other.
    columns
        The new columns, by the names that they have now.
    matched
        How many rows of the first table were found in the other.
    missing
        The keys of rows of the first table that the other does not have; their new columns are empty.
    extra
        The keys of rows of the other table that the first does not have; they are left out.
    """

    table: pd.DataFrame
    columns: tuple[str, ...]
    matched: int
    missing: pd.DataFrame
    extra: pd.DataFrame

    def report(self) -> str:
        """Say what was found and what was not."""
        n = len(self.columns)
        text = f"{self.matched:,} object{'s' * (self.matched != 1)} matched, {n} column{'s' * (n != 1)} added."
        if len(self.missing):
            text += f" {len(self.missing)} of the table are not in the file ({_some(self.missing)}): left empty."
        if len(self.extra):
            text += f" {len(self.extra)} of the file are not in the table ({_some(self.extra)}): left out."
        return text


def _some(keys: pd.DataFrame) -> str:
    first = ["frame {}, label {}".format(*row) if len(row) == 2 else str(row[0]) for row in keys.head(3).to_numpy()]
    return ", ".join(first) + (", …" if len(keys) > 3 else "")


def key_columns(table: pd.DataFrame) -> dict[str, str]:
    """Find the columns that say which object a row is of.

    Returns
    -------
    dict of str to str
        ``label`` and, if there is one, ``frame``, with the column of the table that holds it; CellProfiler's
        ObjectNumber and such names are known. Columns are only taken if they hold whole numbers.
    """
    lower = {str(name).lower().strip(): str(name) for name in reversed(list(table.columns))}
    found = {}
    for key, names in _KEY_NAMES.items():
        for name in names:
            if name in lower and _is_whole(table[lower[name]]):
                found[key] = lower[name]
                break
    return found


def join_table(
    table: pd.DataFrame,
    other: pd.DataFrame,
    keys: Mapping[str, str] | None = None,
    columns: Sequence[str] | None = None,
) -> Joined:
    """Join a table made elsewhere by label and frame.

    Parameters
    ----------
    table
        One's own table: ``[frame,] label`` and other columns.
    other
        The other one.
    keys
        The columns of `other` that hold ``label`` and ``frame``, for example ``{"label": "ObjectNumber"}``; those that
        :func:`key_columns` finds where left out.
    columns
        The columns of `other` to take; all but its keys where left out. A column whose name the table has already gets
        a number behind it (``area_2``): nothing is overwritten.

    Returns
    -------
    Joined
        The table, and which rows of both had no partner.

    Raises
    ------
    InputError
        If a key is missing or holds no whole numbers, an object occurs twice, or only one of the tables has frames.
    """
    own = [key for key in ("frame", "label") if key in table.columns]
    if "label" not in own:
        raise InputError("The table has no column ‘label’ to join by. Measure first.")
    where = dict(key_columns(other) if keys is None else keys)
    if "label" not in where:
        raise InputError(
            "No column of the file says which object a row is of: a column ‘label’ with whole numbers is needed. "
            f"The file has: {', '.join(map(str, list(other.columns)[:8]))}{' …' if other.shape[1] > 8 else ''}"
        )
    absent = [name for name in where.values() if name not in other.columns]
    if absent:
        raise InputError(f"The file has no column ‘{absent[0]}’.")
    if keys is None and "frame" not in own:
        where.pop("frame", None)
    if ("frame" in own) != ("frame" in where):
        which = (
            "The objects are over time, but the file has no column ‘frame’"
            if "frame" in own
            else "The file is over time, but the objects have no frame"
        )
        raise InputError(f"{which}, so that rows cannot be told apart.")
    theirs = _keys(other, where, own, "The file")
    mine = _keys(table, {key: key for key in own}, own, "The table")
    wanted = [str(c) for c in other.columns if c not in where.values() and c != "index"]
    if columns is not None:
        unknown = [name for name in columns if name not in wanted]
        if unknown:
            raise InputError(f"The file has no column ‘{unknown[0]}’ to take.")
        wanted = [name for name in wanted if name in columns]
    place = theirs.get_indexer(mine)
    found = place >= 0
    result = table.reset_index(drop=True)
    names = []
    for name in wanted:
        new, number = name, 2
        while new in result.columns:
            new, number = f"{name}_{number}", number + 1
        values = other[name].reset_index(drop=True)
        result[new] = values.reindex(place).set_axis(result.index) if not found.all() else values.take(place).to_numpy()
        names.append(new)
    unused = mine.get_indexer(theirs) < 0
    return Joined(result, tuple(names), int(found.sum()), mine[~found].to_frame(False), theirs[unused].to_frame(False))


def _keys(table: pd.DataFrame, where: Mapping[str, str], order: Sequence[str], what: str) -> Any:
    import numpy as np
    import pandas as pd

    columns = {}
    for key in order:
        if not _is_whole(table[where[key]]):
            raise InputError(f"{what} has no whole numbers in ‘{where[key]}’, so that rows cannot be found.")
        columns[key] = table[where[key]].to_numpy(np.float64).astype(np.int64)
    result = (
        pd.MultiIndex.from_frame(pd.DataFrame(columns))
        if len(order) > 1
        else pd.Index(columns[order[0]], name=order[0])
    )
    if not result.is_unique:
        twice = result[result.duplicated()][0]
        name = "frame {}, label {}".format(*twice) if isinstance(twice, tuple) else f"label {twice}"
        raise InputError(f"{what} has {name} twice; one row per object is needed.")
    return result


def _is_whole(values: pd.Series[Any]) -> bool:
    import numpy as np
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values) or values.isna().any():
        return False
    numbers = values.to_numpy(np.float64)
    return bool((numbers == np.rint(numbers)).all())
