"""Tables as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bioloom.errors import InputError
from bioloom.files._replacing import replacing

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as CSV (UTF-8, comma, no index column).

    Parameters
    ----------
    path
        File to write, ending in .csv.
    table
        One row per object.

    Raises
    ------
    InputError
        If the suffix is another one or the file cannot be written.
    """
    if Path(path).suffix.lower() != ".csv":
        raise InputError(f"Tables are written as CSV, but {Path(path).name} was asked for. Use a name ending in .csv.")
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV table with a header line.

    Raises
    ------
    InputError
        If the file is missing or not a table.
    """
    import pandas as pd

    if not Path(path).is_file():
        raise InputError(f"There is no file {path}. Check the path.")
    try:
        return pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise InputError(f"Cannot read {path} as a CSV table: {error}") from error
