"""Columns computed from others, by expressions that are remembered and computed again when the table changes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.session.feature_table import KEYS, keys_of
from bioloom.session.table_columns import Column
from bioloom.session.table_formula import FUNCTIONS, formula
from bioloom.session.table_tokens import renamed

if TYPE_CHECKING:
    import pandas as pd


class ComputedColumns:
    """The expressions of the columns of a table that were computed."""

    def __init__(self) -> None:
        self._formulas: dict[str, str] = {}

    @property
    def formulas(self) -> Mapping[str, str]:
        """The expressions by column; read-only."""
        return MappingProxyType(self._formulas)

    def keep(self, columns: Mapping[str, Column]) -> None:
        """Forget the expressions of columns that are gone."""
        self._formulas = {name: text for name, text in self._formulas.items() if name in columns}

    def rename(self, old: str, new: str, columns: Mapping[str, Column]) -> None:
        """Let a column of a table have another name, also in the expressions of others."""
        self._formulas = {
            new if name == old else name: renamed(text, old, new, columns, FUNCTIONS)
            for name, text in self._formulas.items()
        }

    def compute(self, table: pd.DataFrame, columns: Mapping[str, Column], name: str, expression: str) -> pd.DataFrame:
        """Compute a new column; see :meth:`bioloom.session.table_view.TableView.compute`."""
        name = checked_name(name, [c for c in columns if c not in self._formulas])
        values = formula(expression, columns, len(table))
        self._formulas[name] = expression
        return _keyed(table, {name: values})

    def outdated(self, table: pd.DataFrame, columns: Mapping[str, Column]) -> pd.DataFrame | None:
        """Compute all again; see :meth:`bioloom.session.table_view.TableView.outdated`."""
        changed = {}
        known = dict(columns)
        for name, expression in list(self._formulas.items()):
            try:
                values = formula(expression, known, len(table))
            except InputError:
                del self._formulas[name]
                continue
            new = _keyed(table, {name: values})[name]
            if not new.equals(table[name].reset_index(drop=True).astype(new.dtype, errors="ignore")):
                changed[name] = values
                # Later expressions may use it.
                known[name] = Column(name, new)
        return _keyed(table, changed) if changed else None


def checked_name(name: str, taken: list[str]) -> str:
    """Return the name of a new column without blanks around it.

    Raises
    ------
    InputError
        If it is empty, has a backtick, there is a column of that name already, or such a column would say which
        object a row is of.
    """
    name = name.strip()
    if not name or "`" in name:
        raise InputError("A column needs a name without backticks.")
    if name in KEYS and name not in taken:
        raise InputError(f"A column ‘{name}’ would say which object a row is of. Choose another name.")
    if name == "index" or name in taken:
        raise InputError(f"There is a column ‘{name}’ already. Choose another name.")
    return name


def _keyed(table: pd.DataFrame, values: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    result = table[keys_of(table)].reset_index(drop=True)
    for name, column in values.items():
        result[name] = column
    return result
