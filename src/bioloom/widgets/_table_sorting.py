"""Where a table scrolls to when its rows are sorted."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QAbstractItemView


class SortFollower:
    """Goes with a selected row that was in view to its new place; without one, to the first row.

    Parameters
    ----------
    table
        The :class:`bioloom.widgets._table.ObjectTable`, whose model hears of changes before this.
    """

    def __init__(self, table: Any) -> None:
        self._table = table
        self._remember()
        table.view.replaced.connect(self._remember)
        table.view.changed.connect(self._rearranged)

    def _remember(self) -> None:
        self._rows, self._sorted_by = self._table.view.rows, self._table.view.sorted_by

    def _rearranged(self) -> None:
        table, before = self._table, self._rows
        sorted_anew = table.view.sorted_by != self._sorted_by
        self._remember()
        if not sorted_anew:
            return
        # Rows have changed places, but the places in view are still those of before.
        first, last = (table.rowAt(y) for y in (0, table.viewport().height() - 1))
        seen = before[max(first, 0) : last + 1 if last >= 0 else None]
        chosen = seen[table.mask[seen]] if len(table.mask) == table.view.n_rows else seen[:0]
        places = np.flatnonzero(table.view.rows == chosen[0]) if len(chosen) else chosen
        if len(places):
            table.go_to(places[0], QAbstractItemView.ScrollHint.PositionAtCenter)
        else:
            table.scrollToTop()
