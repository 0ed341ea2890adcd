"""One table of all images of a run, beside the table of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bioloom.errors import InputError
from bioloom.recipe.batch import FileResult
from bioloom.recipe.graph import Recipe
from bioloom.tables import load_table, save_table

if TYPE_CHECKING:
    import pandas as pd


def joined_files(recipe: Recipe, out: Path, suffix: str) -> dict[str, Path]:
    """Return, for each output that is a table, the file for that of all images.

    No result of an image has such a name: after its last underscore stands the id of a step, which has no hyphen.
    """
    return {name: out / f"{name}-all.{suffix}" for name in recipe.outputs if recipe.kind(name) == "table"}


def remove_joined(paths: Sequence[Path]) -> None:
    """Remove the tables of an earlier run, so that there is none of other images or settings if this one is stopped.

    Raises
    ------
    InputError
        If one cannot be removed, and so not be written later either.
    """
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"Cannot replace {path}: {error.strerror or error}. Close it in other programs, or remove it."
            ) from error


def short_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Return how files are called in tables: from the folder that all lie in, with / between folders."""
    full = {path: Path(os.path.abspath(path)) for path in paths}
    try:
        common = os.path.commonpath([path.parent for path in full.values()])
    except ValueError:  # on several drives
        return {path: path.as_posix() for path in full}
    return {path: whole.relative_to(common).as_posix() for path, whole in full.items()}


def write_joined(
    joined: Mapping[str, Path],
    outputs: Mapping[Path, Mapping[str, Path]],
    results: Sequence[FileResult],
    names: Mapping[Path, str],
    tick: Callable[[], None],
) -> tuple[Path, ...]:
    """Write, for each output, the rows of all images that did not fail; nothing if all did.

    Parameters
    ----------
    joined
        See :func:`joined_files`.
    outputs
        The files of each input, by output.
    results
        What became of the inputs, in the order of rows.
    names
        What stands in the column ``file``.
    tick
        Called often; it may raise Cancelled.

    Returns
    -------
    tuple of pathlib.Path
        The files written.

    Raises
    ------
    InputError
        If a table cannot be read or written.
    """
    whole = [result.path for result in results if not result.error]
    if not whole:
        return ()
    for name, path in joined.items():
        # From the files, also where they were just computed: a run that went on gives the same as one never stopped.
        parts = {}
        for image in whole:
            tick()
            parts[names[image]] = load_table(outputs[image][name])
        save_table(path, join_rows(parts), lambda done, total: tick())
    return tuple(joined.values())


def join_rows(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other.

    Parameters
    ----------
    parts
        At least one table, by what its rows get in the column ``file``.

    Returns
    -------
    pandas.DataFrame
        ``file``, then all columns by name in the order in which they first appear, empty where a table has none of that
        name. Whole numbers stay whole.
    """
    import pandas as pd

    columns = list(dict.fromkeys(name for part in parts.values() for name in part.columns))
    # What is read from a table without rows has no types that could count.
    filled = {file: part for file, part in parts.items() if len(part)} or dict(list(parts.items())[:1])
    table = pd.concat(list(filled.values()), ignore_index=True).reindex(columns=columns)
    for name in columns:
        kinds = [part[name].dtype for part in filled.values() if name in part.columns]
        if kinds and all(map(pd.api.types.is_integer_dtype, kinds)) and table[name].isna().any():
            table[name] = table[name].astype("Int64")
    table.insert(0, "file", [file for file, part in filled.items() for _ in range(len(part))])
    return table
