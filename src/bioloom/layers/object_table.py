"""The tables of the objects of labels layers, read as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bioloom.session.pooled_selection import joined_tables

if TYPE_CHECKING:
    from napari.layers import Labels


@dataclass(frozen=True)
class ObjectTable:
    """The rows of some layers as they were when they were read; results are given back by them.

    Attributes
    ----------
    table
        One row per object. Of several layers it has the columns that all of them have, and one that names the layer.
    layers
        Where the objects are.
    source
        The number of its layer per row, (n,).
    named_by
        The column that names the layer; empty if there is one layer only.
    left_out
        Columns that only some of the layers have.
    """

    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    layers: tuple[Any, ...] = ()
    source: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    named_by: str = ""
    left_out: tuple[str, ...] = ()

    def part(self, number: int) -> Any:
        """Return the rows of a layer: a slice, as the layers follow one another."""
        return slice(*np.searchsorted(self.source, [number, number + 1]).tolist())


def objects_of(layers: Sequence[Labels]) -> ObjectTable:
    """Read the tables of measured layers."""
    tables = [_with_names(layer.features) for layer in layers]
    if len(tables) < 2:
        table = tables[0].copy() if tables else pd.DataFrame()
        return ObjectTable(table, tuple(layers), np.zeros(len(table), np.intp))
    table, named_by, left_out = joined_tables(tables, [layer.name for layer in layers])
    source = np.repeat(np.arange(len(tables)), [len(t) for t in tables])
    return ObjectTable(table, tuple(layers), source, named_by, left_out)


def _with_names(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns have texts as names."""
    names = [str(c) for c in table.columns]
    return table if names == list(table.columns) else table.set_axis(names, axis="columns")
