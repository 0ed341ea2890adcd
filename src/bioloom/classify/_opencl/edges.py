"""Edges of bins on an OpenCL device, with what finds a value's place among them quickly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.classify._opencl.runtime import Runtime
from bioloom.classify.forest import to_bins

Edges: TypeAlias = Sequence[NDArray[np.float32]]

_CELLS = 4096
_KEPT = 4


class EdgeTable:
    """The edges of all features on a device.

    The range of a feature's edges is divided into cells, of equal width or of equal ratio, whichever has fewer edges in
    its fullest cell. A larger value is never in an earlier cell, so counting those in the earlier cells and comparing
    with those in its own is exact.

    Parameters
    ----------
    runtime
        The device.
    edges
        Increasing float32 per feature.

    Attributes
    ----------
    edges
        What was given.

    Raises
    ------
    InputError
        If edges are not finite or do not increase.
    """

    def __init__(self, runtime: Runtime, edges: Edges) -> None:
        self.edges = edges
        self._search: list[tuple[int, int, int, float, float, float, int]] = []
        values, cells = [], []
        n_values = n_cells = 0
        for of_feature in edges:
            to_bins(np.empty(0, np.float32), of_feature)  # refuses edges that do not increase
            before, most, scale, shift = _cells_of(np.asarray(of_feature, np.float32))
            ends = (float(of_feature[0]), float(of_feature[-1])) if len(of_feature) else (0.0, 0.0)
            self._search.append((n_values, n_cells, most, *ends, scale, shift))
            values += [np.asarray(of_feature, np.float32), np.full(1, np.nan, np.float32)]
            cells.append(before)
            n_values += len(of_feature) + 1
            n_cells += len(before)
        self._values = runtime.push(np.concatenate(values))
        self._cells = runtime.push(np.concatenate(cells))

    def search(self, feature: int) -> tuple[Any, ...]:
        """Return what the kernel needs to put values of a feature into bins."""
        first_edge, first_cell, *rest = self._search[feature]
        return self._values, first_edge, self._cells, first_cell, *rest


def edge_table(runtime: Runtime, edges: Edges) -> EdgeTable:
    """Return edges on a device; the last ones used are kept there."""
    kept: list[EdgeTable] = runtime.edges
    for i, table in enumerate(kept):
        if table.edges is edges:
            kept.append(kept.pop(i))
            return table
    kept.append(EdgeTable(runtime, edges))
    del kept[:-_KEPT]
    return kept[-1]


def _cells_of(edges: NDArray[np.float32]) -> tuple[NDArray[np.uint16], int, float, int]:
    """Return how many edges lie before each cell, how many are in the fullest, and how to find the cell of a value.

    Returns
    -------
    before : numpy.ndarray
        uint16 per cell.
    most : int
        Edges in the fullest cell.
    scale : float
        Cells per unit; 0 for cells of equal ratio.
    shift : int
        For these: how many bits of an ordered float are left out.
    """
    if not len(edges):
        return np.zeros(1, np.uint16), 0, 0.0, 0
    bits = edges.view(np.int32).astype(np.int64)
    ordered = np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))
    ordered -= ordered[0]
    shift = max(0, int(ordered[-1]).bit_length() - 12)
    before, most = _counted(ordered >> shift)
    if 1e-30 < float(edges[-1]) - float(edges[0]) < 1e30:
        scale = np.float32(_CELLS - 1) / (edges[-1] - edges[0])
        # In float32, as the kernel does it.
        linear, most_linear = _counted(((edges - edges[0]) * scale).astype(np.int64))
        if most_linear < most:
            return linear, most_linear, float(scale), 0
    return before, most, 0.0, shift


def _counted(cells: NDArray[np.int64]) -> tuple[NDArray[np.uint16], int]:
    counts = np.bincount(cells, minlength=_CELLS + 1)
    return np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.uint16), int(counts.max())
