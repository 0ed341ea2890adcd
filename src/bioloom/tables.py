"""Tables of objects as files, CSV, Parquet or AnnData, and tables made elsewhere joined to one's own.

>>> from bioloom import tables
>>> tables.save_table("cells.parquet", table)  # doctest: +SKIP
>>> joined = tables.join_table(table, tables.load_table("from_elsewhere.csv"))  # doctest: +SKIP
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioloom.errors import InputError
from bioloom.files import replacing
from bioloom.files._anndata import from_anndata, need_package, to_anndata
from bioloom.files._joining import Joined, join_table, key_columns
from bioloom.files._tables import write_text

if TYPE_CHECKING:
    import pandas as pd

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
SUFFIXES = (*TEXT_SUFFIXES, ".parquet", ".h5ad")
"""What files of tables end in; .h5ad is AnnData's."""
TABLE_FORMATS = ("csv", "tsv", "parquet", "h5ad")
"""Those that tables made by recipes can be written in."""

__all__ = [
    "SUFFIXES",
    "TABLE_FORMATS",
    "TEXT_SUFFIXES",
    "Joined",
    "check_table_file",
    "check_table_format",
    "from_anndata",
    "join_table",
    "key_columns",
    "load_table",
    "save_table",
    "to_anndata",
]


def check_table_file(path: str | Path) -> None:
    """Make sure, before any work, that a table can be written to a file of this name.

    Raises
    ------
    InputError
        If the suffix says no kind of table, or a package for it is missing.
    """
    need = {".parquet": ("pyarrow", "Parquet", "parquet"), ".h5ad": ("anndata", "AnnData", "anndata")}
    suffix = _suffix(path)
    if suffix in need:
        need_package(*need[suffix])


def check_table_format(name: str) -> None:
    """Make sure, before any work, that tables can be written in a format.

    Raises
    ------
    InputError
        If there is no such format, or a package for it is missing.
    """
    if name not in TABLE_FORMATS:
        raise InputError(f"The format of tables is {name!r}, but must be one of {', '.join(TABLE_FORMATS)}.")
    check_table_file(f"table.{name}")


def save_table(path: str | Path, table: pd.DataFrame, progress: Callable[[int, int], None] | None = None) -> None:
    """Write a table; the file is whole or not there.

    Parameters
    ----------
    path
        ``.csv`` (UTF-8, commas), ``.tsv`` or ``.txt`` (tabs), ``.parquet``, or ``.h5ad`` (AnnData: numbers in X, keys
        and texts in obs, centroids as (x, y[, z]) in obsm["spatial"]).
    table
        One row per object. napari's ``index`` column and the table's own index are not written.
    progress
        Called as ``progress(done, total)`` with numbers of rows; it may raise `bioloom.errors.Cancelled`, and then no
        file is written.

    Raises
    ------
    InputError
        If the suffix is another one, a package for it is missing, or the file cannot be written.
    """
    suffix = _suffix(path)
    table = table.drop(columns="index", errors="ignore").reset_index(drop=True)
    if suffix in TEXT_SUFFIXES:
        separator = "," if suffix == ".csv" else "\t"
        with replacing(path) as temporary, open(temporary, "wb") as file:
            write_text(file, table, separator, progress)
    elif suffix == ".parquet":
        need_package("pyarrow", "Parquet", "parquet")
        with replacing(path) as temporary:
            table.rename(columns=str).to_parquet(temporary, index=False, engine="pyarrow")
    else:
        data = to_anndata(table)
        with replacing(path) as temporary:
            data.write_h5ad(temporary)


def load_table(path: str | Path) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path
        A file that :func:`save_table` wrote, or made elsewhere. Of text, the separator (comma, semicolon, tab) and the
        decimal sign are recognised by its first lines, and a column of row numbers without a name is left out.

    Returns
    -------
    pandas.DataFrame
        Its columns in their order.

    Raises
    ------
    InputError
        If the file is missing, is no table, or a package for it is missing.
    """
    import pandas as pd

    suffix = _suffix(path)
    if not Path(path).is_file():
        raise InputError(f"There is no file {path}. Check the path.")
    try:
        if suffix in TEXT_SUFFIXES:
            return _load_text(path)
        if suffix == ".parquet":
            need_package("pyarrow", "Parquet", "parquet")
            return pd.read_parquet(path, engine="pyarrow").reset_index(drop=True)
        return from_anndata(need_package("anndata", "AnnData", "anndata").read_h5ad(path))
    except InputError:
        raise
    except Exception as error:  # the readers raise all kinds of errors for broken files
        raise InputError(f"Cannot read {path} as a table: {error}") from error


def _load_text(path: str | Path) -> pd.DataFrame:
    import pandas as pd

    # Excel's "Unicode text" is UTF-16, which begins with a mark.
    with open(path, "rb") as file:
        marked = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding, errors = ("utf-16", "strict") if marked else ("utf-8-sig", "replace")
    with open(path, encoding=encoding, errors=errors, newline="") as file:
        head = [line for line in (file.readline() for _ in range(20)) if line.strip()]
    if not head:
        raise InputError(f"{path} is empty.")
    separator = max(",;\t", key=head[0].count)
    decimal = "."
    if separator != ",":
        cells = [cell for row in csv.reader(head[1:], delimiter=separator) for cell in row]
        with_comma = sum(re.fullmatch(r"[+-]?\d+,\d+([eE][+-]?\d+)?", cell.strip()) is not None for cell in cells)
        decimal = "," if with_comma else "."
    # Before pandas 3, numbers are read to the last digit only if asked for; since then asking is deprecated.
    exactly: Any = {} if int(pd.__version__.partition(".")[0]) >= 3 else {"float_precision": "round_trip"}
    table: pd.DataFrame = pd.read_csv(
        path, sep=separator, decimal=decimal, encoding=encoding, encoding_errors=errors, **exactly
    )
    table.columns = pd.Index([str(name).strip() for name in table.columns])
    first = table.columns[0]
    if (first == "" or first.startswith("Unnamed: 0")) and table.shape[1] > 1:
        table = table.drop(columns=first)
    return table


def _suffix(path: str | Path) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{Path(path).name} does not say which kind of table it is. Use a name ending in {', '.join(SUFFIXES)}."
        )
    return suffix
