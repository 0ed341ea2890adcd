"""The header of a table: names, and below each a small histogram that filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import QHeaderView, QToolTip

from bioloom.session.jobs import JobRunner
from bioloom.session.table_histograms import (
    BinnedColumn,
    Counts,
    bin_column,
    bins_of_filter,
    count,
    filter_of_bins,
    states,
)
from bioloom.session.table_view import TableView
from bioloom.session.table_words import kind_of, meaning
from bioloom.widgets._table_histogram import paint_bars, tell_bin
from bioloom.widgets._theme import accent

_HEIGHT = 30
_GRIP = 4
_SOON = 40


class HistogramHeader(QHeaderView):
    """Names to sort by, and a histogram below each: grey all rows, blue those shown, orange those selected.

    Histograms are counted on another thread, and only those in view.

    Parameters
    ----------
    view
        Whose columns.
    deliver
        Runs a callable on the application's thread.

    Attributes
    ----------
    menu_wanted : Signal(str, QPoint)
        The user asked for the menu of a column, at a place on the screen.
    counted : Signal()
        Histograms changed.
    """

    menu_wanted = Signal(str, object)
    counted = Signal()

    def __init__(self, view: TableView, deliver: Callable[[Callable[[], object]], None]) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._view = view
        self._binned: dict[str, BinnedColumn] = {}
        self._counts: dict[str, Counts] = {}
        self._mask = np.zeros(0, bool)
        self._drag: tuple[str, int, int] | None = None
        self._also = ""
        self._jobs = JobRunner(deliver)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._count)
        self.setSectionsClickable(True)
        self.setSectionsMovable(True)
        self.setMouseTracking(True)
        self.setDefaultAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._ask_menu)
        self.sectionResized.connect(lambda *_: self._soon.start(_SOON))
        view.replaced.connect(self._forget)
        view.changed.connect(self._stale)

    # -------------------------------------------------------------------------------------------- counting
    def set_mask(self, mask: np.ndarray) -> None:
        """Count other rows as selected; bool per row of the whole table."""
        self._mask = mask
        self._stale()

    def histogram(self, name: str) -> tuple[BinnedColumn, Counts] | None:
        """Return the histogram of a column, or None while it is not counted."""
        return (self._binned[name], self._counts[name]) if name in self._counts else None

    def also_count(self, name: str) -> None:
        """Count this column too, even when it is not in view."""
        self._also = name
        if name and name not in self._counts:
            self._soon.start(0)

    def stop(self) -> None:
        """Count no more."""
        self._soon.stop()
        self._jobs.cancel()

    def wait(self) -> None:
        """Wait until all that was asked for is counted; for tests."""
        if self._soon.isActive():
            self._soon.stop()
            self._count()
        self._jobs.wait(30)

    def _forget(self) -> None:
        self._binned.clear()
        self._stale()

    def _stale(self) -> None:
        self._counts = {}
        self._jobs.cancel()
        self._soon.start(0)
        self.viewport().update()

    def _in_view(self) -> list[str]:
        names = list(self._view.columns)
        width = self.viewport().width()
        seen = []
        for place, name in enumerate(names[: self.count()]):
            if name == "label":
                # How ids are distributed tells nothing.
                continue
            left = self.sectionViewportPosition(place)
            if not self.isSectionHidden(place) and left < width and left + self.sectionSize(place) > 0:
                seen.append(name)
        if not self.isVisible():
            seen = []
        return [*seen, self._also] if self._also in self._view.columns else seen

    def _count(self) -> None:
        view = self._view
        wanted = [name for name in dict.fromkeys(self._in_view()) if name not in self._counts]
        if not wanted:
            return
        columns = {name: view.columns[name] for name in wanted}
        binned = {name: self._binned[name] for name in wanted if name in self._binned}
        mask = self._mask if len(self._mask) == view.n_rows else np.zeros(view.n_rows, bool)
        kept = view.kept

        def work(progress: Any) -> tuple[dict[str, BinnedColumn], dict[str, Counts]]:
            state, counts = states(kept, mask), {}
            for done, (name, column) in enumerate(columns.items()):
                progress(done, len(columns))
                if name not in binned:
                    binned[name] = bin_column(column)
                counts[name] = count(binned[name], state)
            return binned, counts

        def show(result: tuple[dict[str, BinnedColumn], dict[str, Counts]]) -> None:
            self._binned.update(result[0])
            self._counts.update(result[1])
            self.viewport().update()
            self.counted.emit()

        self._jobs.start("Histograms", work, show)

    # -------------------------------------------------------------------------------------------- painting
    def sizeHint(self) -> QSize:
        """Leave room for the histograms."""
        size = super().sizeHint()
        return QSize(size.width(), size.height() + _HEIGHT)

    def showEvent(self, event: Any) -> None:
        """Count what is in view."""
        super().showEvent(event)
        self._soon.start(0)

    def paintEvent(self, event: Any) -> None:
        """Paint, and count what came into view."""
        super().paintEvent(event)
        if not self._soon.isActive() and not self._jobs.busy and any(n not in self._counts for n in self._in_view()):
            self._soon.start(_SOON)

    def paintSection(self, painter: QPainter, rect: QRect, place: int) -> None:
        """Paint name and histogram."""
        painter.save()
        super().paintSection(painter, QRect(rect.left(), rect.top(), rect.width(), rect.height() - _HEIGHT), place)
        painter.restore()
        names = list(self._view.columns)
        if place >= len(names):
            return
        name = names[place]
        area = self._bars(rect)
        painter.save()
        painter.setClipRect(rect)
        limit = self._view.limits.get(name)
        if limit is not None:
            painter.fillRect(QRectF(rect.left() + 1, rect.bottom() - 1, rect.width() - 2, 2), accent(self))
        found = self.histogram(name)
        if found is not None:
            binned, counts = found
            kept = bins_of_filter(binned, limit)
            if self._drag is not None and self._drag[0] == name:
                kept = np.zeros(binned.n_bins, bool)
                kept[min(self._drag[1:]) : max(self._drag[1:]) + 1] = True
            paint_bars(painter, area, counts, kept, self)
        painter.restore()

    @staticmethod
    def _bars(rect: QRect) -> QRectF:
        return QRectF(rect.left() + 4, rect.bottom() - _HEIGHT + 3, max(1, rect.width() - 8), _HEIGHT - 6)

    # -------------------------------------------------------------------------------------------- mouse
    def _bin_at(self, x: float) -> tuple[str, int] | None:
        place = self.logicalIndexAt(round(x))
        names = list(self._view.columns)
        found = self.histogram(names[place]) if 0 <= place < len(names) else None
        if found is None or not found[0].n_bins:
            return None
        left = self.sectionViewportPosition(place)
        area = self._bars(QRect(left, 0, self.sectionSize(place), self.height()))
        n = found[0].n_bins
        return names[place], int(np.clip((x - area.left()) / area.width() * n, 0, n - 1))

    def _over_bars(self, event: Any) -> bool:
        x, y = round(event.position().x()), event.position().y()
        place = self.logicalIndexAt(x)
        if place < 0 or y < self.height() - _HEIGHT:
            return False
        left = self.sectionViewportPosition(place)
        return bool(_GRIP < x - left < self.sectionSize(place) - _GRIP)

    def mousePressEvent(self, event: Any) -> None:
        """Begin a range in a histogram; elsewhere sort, move or resize."""
        at = self._bin_at(event.position().x()) if self._over_bars(event) else None
        if at is not None and event.button() == Qt.MouseButton.LeftButton:
            self._drag = (at[0], at[1], at[1])
            self.viewport().update()
        elif not self._over_bars(event):
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: Any) -> None:
        """Extend the range, or tell about the column."""
        if self._drag is None:
            super().mouseMoveEvent(event)
            if self._over_bars(event):
                at = self._bin_at(event.position().x())
                found = self.histogram(at[0]) if at else None
                if at and found:
                    text = f"{at[0]}\n{tell_bin(*found, at[1])}\nDrag to filter, double-click to show all"
                    QToolTip.showText(event.globalPosition().toPoint(), text, self)
            return
        name, first, _ = self._drag
        place = list(self._view.columns).index(name)
        left, width = self.sectionViewportPosition(place), self.sectionSize(place)
        n = self._binned[name].n_bins
        area = self._bars(QRect(left, 0, width, self.height()))
        last = int(np.clip((event.position().x() - area.left()) / area.width() * n, 0, n - 1))
        self._drag = (name, first, last)
        self.viewport().update()

    def mouseReleaseEvent(self, event: Any) -> None:
        """Filter by the range."""
        if self._drag is None:
            super().mouseReleaseEvent(event)
            return
        (name, first, last), self._drag = self._drag, None
        self.filter_bins(name, first, last)

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Take the filter of a column off by its histogram; at a border of columns, fit the width."""
        at = self._bin_at(event.position().x()) if self._over_bars(event) else None
        if at is not None:
            self._drag = None
            self._view.limit(at[0], None)
        else:
            super().mouseDoubleClickEvent(event)

    def filter_bins(self, name: str, first: int, last: int) -> None:
        """Show only the rows in a range of bins; -1, -1 for all."""
        column = self._view.columns.get(name)
        if column is None or name not in self._binned:
            return
        limit = None if first < 0 else filter_of_bins(column, self._binned[name], first, last)
        self._view.limit(name, limit)

    def _ask_menu(self, point: QPoint) -> None:
        place = self.logicalIndexAt(point)
        if 0 <= place < len(self._view.columns):
            self.menu_wanted.emit(list(self._view.columns)[place], self.viewport().mapToGlobal(point))

    def describe(self, name: str) -> str:
        """Say what a column is."""
        column = self._view.columns[name]
        text = f"{name}\n{meaning(name) or kind_of(column).capitalize()}"
        if name in self._view.limits:
            text += f"\nOnly {self._view.limits[name].describe(name)}"
        return f"{text}\nClick to sort; right-click for more; drag over the histogram to filter"
