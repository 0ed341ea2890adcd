"""Tables of objects as layers keep them: columns come and go, rows are known by (frame, label)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

KEYS = ("frame", "label")


def keys_of(table: pd.DataFrame) -> list[str]:
    """Return the columns that identify a row."""
    return [key for key in KEYS if key in table.columns]


def merge_tables(old: pd.DataFrame, new: pd.DataFrame, keep_rows: bool = False) -> pd.DataFrame:
    """Add measurements to a table without losing its other columns.

    Parameters
    ----------
    old
        The table so far; may be empty or without the same keys, in which case nothing of it can be kept.
    new
        ``[frame,] label`` and new columns; its rows are the rows of the result.
    keep_rows
        Keep the rows of `old` instead: columns that are computed from a table may come when it has changed already.

    Returns
    -------
    pandas.DataFrame
        ``index`` (equal to ``label``, as napari looks it up), the keys, the old columns (replaced where `new` has them
        too), the columns that are only in `new`; sorted by the keys. Rows of objects that are no longer there are gone.
    """
    keys = keys_of(new)
    if "label" not in old.columns and "index" in old.columns:
        # napari's own way to say which object a row is of.
        old = old.assign(label=old["index"])
    # Rows of a table with frames and of one without do not mean the same objects.
    comparable = keys_of(old) == keys
    kept = [c for c in old.columns if c not in new.columns and c != "index"] if comparable else []
    if keep_rows and comparable:
        rows = old[[c for c in old.columns if c in keys or c not in new.columns]]
        result = rows.merge(new.drop_duplicates(keys).drop(columns="index", errors="ignore"), on=keys, how="left")
    elif kept:
        result = new.merge(old.drop_duplicates(keys)[[*keys, *kept]], on=keys, how="left")
    else:
        result = new
    result = result.sort_values(keys, ignore_index=True)
    # Columns stay where they were, new ones come last.
    ordered = dict.fromkeys([*keys, *(old.columns if comparable else ()), *new.columns])
    result = result[[c for c in ordered if c in result.columns and c != "index"]]
    result.insert(0, "index", result["label"])
    return result


def joined_frames(old: pd.DataFrame, new: pd.DataFrame, frames: Sequence[int] | None) -> pd.DataFrame:
    """Merge the measurements of some frames into a table; the rows of its other frames stay.

    Parameters
    ----------
    old
        The table so far.
    new
        ``frame, label`` and measurements, of `frames` only.
    frames
        The frames that were measured; None for all.

    Returns
    -------
    pandas.DataFrame
        As of :func:`merge_tables`.
    """
    if frames is None or keys_of(old) != keys_of(new):
        return merge_tables(old, new)
    here = old["frame"].isin(list(frames))
    merged = merge_tables(old[here], new)
    result = pd.concat([part for part in (old[~here], merged) if len(part)] or [merged], ignore_index=True)
    ordered = [*merged.columns, *(c for c in result.columns if c not in merged.columns)]
    return result[ordered].sort_values(["frame", "label"], ignore_index=True)


def lost_columns(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """Return the columns of a table that could not be kept if another were merged into it.

    Rows of a table with frames and of one without do not mean the same objects.
    """
    if "label" not in old.columns or keys_of(old) == keys_of(new):
        return []
    return [str(c) for c in old.columns if c not in (*new.columns, "index", "frame", "label")]


def new_column_name(table: pd.DataFrame, wanted: str) -> str:
    """Return a name that the table does not have yet: the wanted one, or with a number behind it.

    Names of columns that say which object a row is of are never free: rows would be those of other objects.
    """
    if wanted not in table.columns and wanted not in ("index", *KEYS):
        return wanted
    number = 2
    while f"{wanted}_{number}" in table.columns:
        number += 1
    return f"{wanted}_{number}"
