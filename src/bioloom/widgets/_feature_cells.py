"""A grid of check boxes, filter by sigma, that paints itself: eleven columns fit a narrow dock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from bioloom.widgets._theme import accent, faint, is_dark, small_font, text_colour

_TITLE = -1
_NARROWEST_CELL, _WIDEST_CELL = 17, 34
_NARROWEST_TITLE = 84
_BOX = 12
Cell = tuple[str, float]
"""Kind and sigma; sigma 0 for kinds without one."""


def short_title(kind: str) -> str:
    """Return what a kind of feature is called where there is little room."""
    return kind.replace("_of_gaussian_blur", "").replace("_box", "").replace("_", " ")


def size_name(kind: str) -> str:
    """Return what the number of a kind of feature is."""
    return "radius" if kind.endswith("_box") and "gaussian" not in kind else "σ"


class FeatureCells(QWidget):
    """One row per kind of feature, one column per sigma.

    Click or drag over cells to check them, click a title to check its row or column. Keys: arrows move, Space checks.
    """

    edited = Signal()
    """The user checked or unchecked cells."""
    pointed = Signal(object)
    """The cell under the mouse, or the one that the keys moved to."""

    def __init__(self) -> None:
        super().__init__()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Features by filter and sigma")
        self.kinds: dict[str, str] = {}
        self.without_sigma: set[str] = set()
        self.sigmas: list[float] = []
        self.unit = "px"
        self.checked: set[Cell] = set()
        self.impossible: dict[Cell, str] = {}
        self.shown: Cell | None = None
        self.importances: dict[Cell, float] = {}
        self._at = (0, 0)
        self._hovered: tuple[int, int] | None = None
        self._brush: bool | None = None

    def set_axes(
        self,
        kinds: Mapping[str, str],
        sigmas: Sequence[float],
        without_sigma: set[str],
        impossible: Mapping[Cell, str] | None = None,
    ) -> None:
        """Show other rows and columns.

        Parameters
        ----------
        kinds
            Kind of feature to what it shows.
        sigmas
            Ascending.
        without_sigma
            The kinds that have none.
        impossible
            Cells that cannot be checked, and why.
        """
        self.kinds, self.sigmas, self.without_sigma = dict(kinds), list(sigmas), set(without_sigma)
        self.impossible = dict(impossible or {})
        self._at = (min(self._at[0], len(kinds) - 1), min(self._at[1], len(sigmas) - 1))
        self.setMinimumWidth(_NARROWEST_TITLE + _NARROWEST_CELL * len(sigmas))
        self.setFixedHeight(self.sizeHint().height())
        self.update()

    # -------------------------------------------------------------------------------------------- geometry
    def sizeHint(self) -> QSize:
        """Return a size at which nothing is cut."""
        widest = max((self.fontMetrics().horizontalAdvance(short_title(k)) for k in self.kinds), default=60)
        return QSize(widest + 8 + 24 * len(self.sigmas), self._line() * (len(self.kinds) + 1) + 2)

    def _line(self) -> int:
        return int(self.fontMetrics().height() + 5)

    def _title_width(self) -> float:
        hint, n = self.sizeHint().width(), max(1, len(self.sigmas))
        room = self.width() - n * _NARROWEST_CELL - 2
        return max(_NARROWEST_TITLE - 4, min(hint - 24 * n, room))

    def _cell_width(self) -> float:
        n = max(1, len(self.sigmas))
        return min(_WIDEST_CELL, (self.width() - self._title_width() - 2) / n)

    def _rect(self, row: int, column: int) -> QRectF:
        title, width, line = self._title_width(), self._cell_width(), self._line()
        top = (row + 1) * line
        if column == _TITLE:
            return QRectF(0, top, title, line)
        return QRectF(title + column * width, top, width, line)

    def rect_of(self, cell: Cell) -> QRectF:
        """Return where a cell is painted."""
        kind, sigma = cell
        row = list(self.kinds).index(kind)
        return self._rect(row, 0 if kind in self.without_sigma else self.sigmas.index(sigma))

    def title_rect(self, what: str | float) -> QRectF:
        """Return where the title of a kind, or of a sigma, is painted."""
        if isinstance(what, str):
            return self._rect(list(self.kinds).index(what), _TITLE)
        return self._rect(_TITLE, self.sigmas.index(what))

    def cell(self, row: int, column: int) -> Cell | None:
        """Return the cell in a row and column, None for titles and empty places."""
        if not (0 <= row < len(self.kinds) and 0 <= column < len(self.sigmas)):
            return None
        kind = list(self.kinds)[row]
        if kind in self.without_sigma:
            return (kind, 0.0) if column == 0 else None
        return kind, self.sigmas[column]

    def _place(self, point: QPointF) -> tuple[int, int] | None:
        row = int(point.y() // self._line()) - 1
        offset = point.x() - self._title_width()
        column = _TITLE if offset < 0 else int(offset // self._cell_width())
        inside = row < len(self.kinds) and column < len(self.sigmas) and (row, column) != (_TITLE, _TITLE)
        return (row, column) if inside else None

    # -------------------------------------------------------------------------------------------- checking
    def _cells_of(self, row: int, column: int) -> list[Cell]:
        """Return a cell, or those of a row's or a column's title, as far as they can be checked."""
        rows = range(len(self.kinds)) if row == _TITLE else [row]
        columns = range(len(self.sigmas)) if column == _TITLE else [column]
        cells = [self.cell(r, c) for r in rows for c in columns]
        if row == _TITLE:
            cells = [cell for cell in cells if cell and cell[0] not in self.without_sigma]
        return [cell for cell in cells if cell and cell not in self.impossible]

    def _check(self, cells: Sequence[Cell], on: bool) -> None:
        self.checked = self.checked | set(cells) if on else self.checked - set(cells)
        self.update()

    def _toggle(self, row: int, column: int) -> bool | None:
        cells = self._cells_of(row, column)
        if not cells:
            return None
        on = not set(cells) <= self.checked
        self._check(cells, on)
        return on

    # -------------------------------------------------------------------------------------------- mouse and keys
    def mousePressEvent(self, event: Any) -> None:
        """Check or uncheck a cell, a row or a column."""
        place = self._place(event.position())
        if event.button() != Qt.MouseButton.LeftButton or place is None:
            return
        self._brush = self._toggle(*place)
        if _TITLE not in place:
            self._point_at(*place)

    def mouseMoveEvent(self, event: Any) -> None:
        """Check further cells in a drag; tell about the cell under the mouse."""
        place = self._place(event.position())
        if place != self._hovered:
            self._hovered = place
            self.update()
            cell = self.cell(*place) if place else None
            if cell:
                self.pointed.emit(cell)
        if self._brush is not None and place and _TITLE not in place:
            self._check(self._cells_of(*place), self._brush)

    def mouseReleaseEvent(self, event: Any) -> None:
        """End the drag."""
        if event.button() == Qt.MouseButton.LeftButton and self._brush is not None:
            self._brush = None
            self.edited.emit()

    def leaveEvent(self, event: Any) -> None:
        """Forget the mouse."""
        self._hovered = None
        self.update()

    def keyPressEvent(self, event: Any) -> None:
        """Move by the arrows, check by Space."""
        row, column = self._at
        steps = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
        }
        if event.key() in steps:
            down, right = steps[event.key()]
            row = min(max(row + down, _TITLE), len(self.kinds) - 1)
            column = min(max(column + right, _TITLE), len(self.sigmas) - 1)
            if (row, column) != (_TITLE, _TITLE):
                self._point_at(row, column)
        elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._toggle(row, column) is not None:
                self.edited.emit()
        else:
            super().keyPressEvent(event)

    def _point_at(self, row: int, column: int) -> None:
        self._at = (row, column)
        self.setAccessibleDescription(self.describe(row, column).partition("\n")[0])
        cell = self.cell(row, column)
        if cell:
            self.pointed.emit(cell)
        self.update()

    def describe(self, row: int, column: int) -> str:
        """Return what a place in the grid is."""
        if row == _TITLE:
            size = f"{self.sigmas[column]:g} {self.unit}"
            return f"σ or radius = {size}\nClick to check all filters that are listed at this size"
        kind = list(self.kinds)[row]
        if column == _TITLE:
            return f"{kind}: {self.kinds[kind]}\nClick to check this filter at every size"
        cell = self.cell(row, column)
        if cell is None:
            return f"{kind} has no sigma"
        size = "" if kind in self.without_sigma else f", {size_name(kind)} = {cell[1]:g} {self.unit}"
        text = f"{kind}{size}\n{self.kinds[kind]}"
        if cell in self.importances:
            text += f"\nimportance {100 * self.importances[cell]:.1f} %"
        return text + (f"\n{self.impossible[cell]}" if cell in self.impossible else "")

    def event(self, event: Any) -> bool:
        """Show what is under the mouse."""
        if event.type() == QEvent.Type.ToolTip:
            place = self._place(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self.describe(*place) if place else "", self)
            return True
        return bool(super().event(event))

    # -------------------------------------------------------------------------------------------- painting
    def paintEvent(self, event: Any) -> None:
        """Paint titles and boxes."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_titles(painter)
        for row, kind in enumerate(self.kinds):
            for column in range(len(self.sigmas)):
                cell = self.cell(row, column)
                if cell:
                    self._paint_cell(painter, cell, self._rect(row, column))
            if kind in self.without_sigma:
                painter.setPen(faint(self, 0.55))
                rest = self._rect(row, 1).united(self._rect(row, len(self.sigmas) - 1))
                painter.drawText(rest.adjusted(2, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, "has no sigma")
        if self.hasFocus():
            painter.setPen(QPen(text_colour(self), 1, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._rect(*self._at).adjusted(1, 1, -1, -1))

    def _paint_titles(self, painter: QPainter) -> None:
        row_hovered, column_hovered = self._hovered or (None, None)
        titles = self._titles()
        if row_hovered is not None and row_hovered != _TITLE:
            line = self._rect(row_hovered, _TITLE).united(self._rect(row_hovered, len(self.sigmas) - 1))
            painter.fillRect(line, faint(self, 0.08))
        painter.setPen(faint(self, 0.7))
        painter.drawText(self._rect(_TITLE, _TITLE), Qt.AlignmentFlag.AlignVCenter, f"σ, radius ({self.unit})")
        for row in range(len(self.kinds)):
            rect = self._rect(row, _TITLE)
            painter.setPen(text_colour(self) if row == row_hovered else faint(self, 0.85))
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, titles[row])
        font = painter.font()
        painter.setFont(small_font(self, 0.78))
        for column, sigma in enumerate(self.sigmas):
            rect = self._rect(_TITLE, column)
            if column == column_hovered:
                painter.fillRect(rect, faint(self, 0.08))
            painter.setPen(text_colour(self) if column == column_hovered else faint(self, 0.85))
            painter.drawText(rect.adjusted(-4, 0, 4, 0), Qt.AlignmentFlag.AlignCenter, f"{sigma:g}")
        painter.setFont(font)

    def _titles(self) -> list[str]:
        """Return the titles of the rows, cut where there is no room, but never so that two look the same."""
        metrics, room = self.fontMetrics(), int(self._title_width()) - 3
        full = [short_title(kind) for kind in self.kinds]
        cut = [metrics.elidedText(text, Qt.TextElideMode.ElideRight, room) for text in full]
        middle = [metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room) for text in full]
        return [b if cut.count(a) > 1 else a for a, b in zip(cut, middle, strict=True)]

    def _paint_cell(self, painter: QPainter, cell: Cell, rect: QRectF) -> None:
        box = QRectF(0, 0, _BOX, _BOX)
        box.moveCenter(rect.center())
        share = self.importances.get(cell, 0.0) / max(self.importances.values(), default=1.0)
        if share > 0:
            glow = accent(self)
            glow.setAlphaF(0.45 * share)
            painter.fillRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), glow)
        on = cell in self.checked
        if cell in self.impossible and not on:
            painter.setPen(QPen(faint(self, 0.3), 1))
            painter.drawLine(box.center() - QPointF(3, 0), box.center() + QPointF(3, 0))
            return
        painter.setPen(QPen(accent(self) if on else faint(self, 0.4), 1))
        painter.setBrush(accent(self) if on else faint(self, 0.06))
        painter.drawRoundedRect(box, 2.5, 2.5)
        if on:
            mark = [QPointF(0.22, 0.52), QPointF(0.43, 0.73), QPointF(0.78, 0.28)]
            painter.setPen(QPen(Qt.GlobalColor.black if is_dark(self) else Qt.GlobalColor.white, 1.6))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(QPolygonF([box.topLeft() + p * _BOX for p in mark]))
        if cell == self.shown:
            painter.setPen(QPen(text_colour(self), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(-2.5, -2.5, 2.5, 2.5), 4, 4)
