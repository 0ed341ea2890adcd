"""Pairing of rows and columns at the least cost, where few pairs are possible: the sparse assignment problem."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]
Ints = NDArray[np.int64]


@kernel
def shortest_paths(starts: Array, ends: Array, costs: Array, alone: float, n_columns: int, partners: Array) -> None:
    """Write the column of each row, -1 for none, into `partners`; see `assign`.

    Rows are taken in one after the other, each along the cheapest path of rows that change their columns, with the
    potentials of Jonker & Volgenant. As a row may also stay alone, paths end after a few steps, and the time grows with
    the number of rows.
    """
    n_rows = starts.size - 1
    row_of = np.full(n_columns, -1, np.int64)
    potential_row, potential_column = np.zeros(n_rows), np.zeros(n_columns)
    shortest, came_from = np.full(n_columns, np.inf), np.full(n_columns, -1, np.int64)
    settled = np.zeros(n_columns, np.bool_)
    for row in range(n_rows):
        heap = [(0.0, np.int64(0))]
        heap.clear()
        seen = [np.int64(0)]
        seen.clear()
        visited = [np.int64(0)]
        visited.clear()
        distance, at = 0.0, np.int64(row)
        # The cheapest path so far that ends with a row that stays alone.
        least_alone, lonely = np.inf, at
        sink = np.int64(-1)
        while True:
            visited.append(at)
            way = distance + alone - potential_row[at]
            if way < least_alone:
                least_alone, lonely = way, at
            for e in range(starts[at], starts[at + 1]):
                column = ends[e]
                if not settled[column]:
                    way = distance + costs[e] - potential_row[at] - potential_column[column]
                    if way < shortest[column]:
                        if shortest[column] == np.inf:
                            seen.append(column)
                        shortest[column] = way
                        came_from[column] = at
                        heappush(heap, (way, column))
            while len(heap) > 0 and settled[heap[0][1]]:
                heappop(heap)
            if len(heap) == 0 or heap[0][0] >= least_alone:
                distance = least_alone
                break
            distance, column = heappop(heap)
            if row_of[column] < 0:
                sink = column
                break
            settled[column] = True
            at = row_of[column]
        # Potentials keep all costs that remain from being negative.
        for i in visited:
            if i == row:
                potential_row[i] += distance
            else:
                potential_row[i] += distance - shortest[partners[i]]
        for column in seen:
            if settled[column]:
                potential_column[column] -= distance - shortest[column]
        if sink < 0:
            # Give the column of the row that stays alone to the row before it on the path, and so on.
            sink = partners[lonely]
            partners[lonely] = -1
        while sink >= 0:
            i = came_from[sink]
            row_of[sink] = i
            sink, partners[i] = partners[i], sink
        for column in seen:
            shortest[column] = np.inf
            settled[column] = False


def assign(rows: Ints, columns: Ints, costs: NDArray[np.float64], shape: tuple[int, int], alone: float) -> Ints:
    """Pair rows with columns so that the costs add up to the least, each used once at most.

    Parameters
    ----------
    rows, columns
        The pairs that are possible, each once.
    costs
        Their costs, 0 or more.
    shape
        Numbers of rows and columns.
    alone
        What a row costs that has no partner.

    Returns
    -------
    numpy.ndarray
        The column of each row, -1 for none.
    """
    order = np.lexsort((columns, rows))
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    partners = np.full(shape[0], -1, np.int64)
    if rows.size:
        ends = np.ascontiguousarray(columns[order], np.int64)
        values = np.ascontiguousarray(costs[order], np.float64)
        shortest_paths(starts.astype(np.int64), ends, values, float(alone), shape[1], partners)
    return partners
