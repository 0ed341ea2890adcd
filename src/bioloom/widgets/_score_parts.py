"""Small pictures of scores that paint themselves: confusion matrix, importances, decisions per depth."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QEvent, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from bioloom.widgets._feature_cells import short_title
from bioloom.widgets._theme import accent, faint, ground_colour, legible_on, small_font, text_colour

_WRONG = QColor("#d55e00")
_ANNOTATED, _FOUND = "annotated as", "found as"
_FEATURE = re.compile(r"(?P<kind>[a-z_]+)=(?P<sigma>[0-9.eE+-]+)(?P<rest>.*)")


def feature_title(name: str) -> str:
    """Return a short title of a feature: ``"gaussian blur 2"`` for ``"gaussian_blur=2"``."""
    match = _FEATURE.fullmatch(name)
    title = f"{short_title(match['kind'])} {match['sigma']}{match['rest']}" if match else name.replace("_", " ")
    return title.replace(" of channel ", ", channel ")


def short_count(n: int) -> str:
    """Return a number in at most four signs, such as ``"12k"``."""
    for limit, divisor, sign in ((1_000, 1, ""), (1_000_000, 1_000, "k"), (1_000_000_000, 1_000_000, "M")):
        if n < limit:
            value = n / divisor
            return f"{value:.1f}{sign}" if sign and value < 9.95 else f"{value:.0f}{sign}"
    return f"{n / 1e9:.0f}G"


class _Picture(QWidget):
    """A picture whose places explain themselves under the mouse."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)

    def line(self) -> int:
        """Return the height of a line of text."""
        return int(self.fontMetrics().height() + 4)

    def explain(self, point: QPointF) -> str:
        """Return what is at a place."""
        raise NotImplementedError

    def event(self, event: Any) -> bool:
        """Show what is under the mouse."""
        if event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.explain(QPointF(event.pos())), self)
            return True
        return bool(super().event(event))

    def elided(self, text: str, room: float) -> str:
        """Return a text that is cut in its middle where there is no room for it: sigmas stand at the end."""
        return str(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, int(room)))

    def paint_cell(self, painter: QPainter, rect: QRectF, colour: QColor, share: float, text: str) -> None:
        """Fill a cell with so much of a colour, and write on it."""
        rect = rect.adjusted(0.5, 0.5, -0.5, -0.5)
        ground = ground_colour(self)
        mixed = [round(a + (b - a) * share) for a, b in zip(ground.getRgb()[:3], colour.getRgb()[:3], strict=True)]
        painter.fillRect(rect, QColor(*mixed))
        painter.setPen(legible_on(QColor(*mixed)))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


class ConfusionMatrix(_Picture):
    """Rows are annotated classes, columns predicted ones; blue is right and orange wrong, by the share of the row."""

    def __init__(self) -> None:
        super().__init__("Confusion matrix")
        self.ids: list[int] = []
        self.names: dict[int, str] = {}
        self.colours: dict[int, str] = {}
        self.counts: list[list[int]] = []

    def show_counts(
        self, ids: Sequence[int], names: Mapping[int, str], colours: Mapping[int, str], counts: Sequence[Sequence[int]]
    ) -> None:
        """Show other counts."""
        self.ids, self.names, self.colours = list(ids), dict(names), dict(colours)
        self.counts = [list(map(int, row)) for row in counts]
        self.setFixedHeight(self.line() * (len(ids) + 2) + 4)
        self.update()

    def cell_rect(self, row: int, column: int) -> QRectF:
        """Return where a count is painted."""
        left, n = self._left(), max(1, len(self.ids))
        width = min(64.0, (self.width() - left - 2) / n)
        return QRectF(left + column * width, (row + 2) * self.line(), width, self.line())

    def _left(self) -> float:
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(self.names.get(k, "")) for k in self.ids), default=0)
        return float(max(min(widest + 26, 0.45 * self.width()), metrics.horizontalAdvance(_ANNOTATED) + 6))

    def explain(self, point: QPointF) -> str:
        """Return a count in words."""
        for row, k in enumerate(self.ids):
            for column, found in enumerate(self.ids):
                if self.cell_rect(row, column).contains(point):
                    total = sum(self.counts[row])
                    share = f", {100 * self.counts[row][column] / total:.1f} % of it" if total else ""
                    return (
                        f"{self.counts[row][column]:,} of {total:,} held out as {self.names[k]}{share}\n"
                        f"were predicted to be {self.names[found]}"
                    )
        return "Rows: as annotated. Columns: as predicted, in the same order"

    def paintEvent(self, event: Any) -> None:
        """Paint the matrix."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(faint(self, 0.7))
        middle, left, line = Qt.AlignmentFlag.AlignVCenter, self._left(), self.line()
        painter.drawText(QRectF(left, 0, self.width() - left, line), middle, _FOUND)
        painter.drawText(QRectF(0, line, left, line), middle, _ANNOTATED)
        for row, k in enumerate(self.ids):
            self._paint_swatch(painter, self.cell_rect(-1, row).center(), k)
            title = QRectF(0, (row + 2) * line, left - 4, line)
            self._paint_swatch(painter, QPointF(8, title.center().y()), k)
            painter.setPen(text_colour(self))
            room, name = int(title.width()) - 20, self.names.get(k, str(k))
            text = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, room)
            painter.drawText(title.adjusted(20, 0, 0, 0), middle, text)
        painter.setFont(small_font(self))
        for row in range(len(self.ids)):
            total = max(1, sum(self.counts[row]))
            for column in range(len(self.ids)):
                rect, n = self.cell_rect(row, column), self.counts[row][column]
                colour = accent(self) if row == column else _WRONG
                # Even one wrong item can be seen.
                share = 0.85 * n / total if row == column else 0.15 * (n > 0) + 0.7 * n / total
                self.paint_cell(painter, rect, colour, share, short_count(n) if rect.width() >= 22 else "")

    def _paint_swatch(self, painter: QPainter, centre: QPointF, class_id: int) -> None:
        rect = QRectF(0, 0, 11, 11)
        rect.moveCenter(centre)
        painter.setPen(QPen(faint(self, 0.8), 1))
        painter.setBrush(QColor(self.colours.get(class_id, "#999999")))
        painter.drawRoundedRect(rect, 2.5, 2.5)


class FeatureBars(_Picture):
    """One bar per feature, the longest first."""

    def __init__(self) -> None:
        super().__init__("Feature importances")
        self.rows: list[tuple[str, float, float]] = []

    def show_values(self, rows: Sequence[tuple[str, float, float]]) -> None:
        """Show other features: name, value, and standard deviation (0 where not known)."""
        self.rows = list(rows)
        self.setFixedHeight(self.line() * len(self.rows) + 2)
        self.update()

    def explain(self, point: QPointF) -> str:
        """Return a feature and its value in words."""
        row = int(point.y() // self.line())
        if not 0 <= row < len(self.rows):
            return ""
        name, value, std = self.rows[row]
        return f"{name}: {100 * value:.2f} %" + (f" ± {100 * std:.2f} %" if std else "")

    def paintEvent(self, event: Any) -> None:
        """Paint the bars."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        figures = self.fontMetrics().horizontalAdvance("100.0 %") + 4
        left = 0.48 * self.width()
        room = self.width() - left - figures - 6
        longest = max((value + std for _, value, std in self.rows), default=0.0) or 1.0
        for row, (name, value, std) in enumerate(self.rows):
            top = row * self.line()
            painter.setPen(text_colour(self))
            rect = QRectF(0, top, left - 6, self.line())
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, self.elided(feature_title(name), rect.width()))
            end = left + room * max(0.0, value) / longest
            painter.fillRect(QRectF(left, top + 3, end - left, self.line() - 6), accent(self))
            if std:
                painter.setPen(QPen(faint(self, 0.8), 1))
                reach = room * std / longest
                middle = top + self.line() / 2
                painter.drawLine(QPointF(max(left, end - reach), middle), QPointF(end + reach, middle))
            painter.setPen(text_colour(self))
            rect = QRectF(self.width() - figures, top, figures - 2, self.line())
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, f"{100 * value:.1f} %")


class DepthShares(_Picture):
    """One row per feature, one column per depth: the darker, the more of the decisions of that depth ask for it."""

    def __init__(self) -> None:
        super().__init__("Decisions per depth")
        self.rows: list[tuple[str, list[float]]] = []
        self.n_depths = 0

    def show_shares(self, rows: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Show other features: name, and its share of the decisions of each depth, 0 to 1."""
        self.rows = [(name, list(shares)) for name, shares in rows]
        self.n_depths = max((len(shares) for _, shares in self.rows), default=0)
        self.setFixedHeight(self.line() * (len(self.rows) + 1) + 2)
        self.update()

    def cell_rect(self, row: int, depth: int) -> QRectF:
        """Return where a share is painted."""
        left = 0.48 * self.width()
        width = min(40.0, (self.width() - left - 2) / max(1, self.n_depths))
        return QRectF(left + depth * width, (row + 1) * self.line(), width, self.line())

    def explain(self, point: QPointF) -> str:
        """Return a share in words."""
        for row, (name, shares) in enumerate(self.rows):
            for depth, share in enumerate(shares):
                if self.cell_rect(row, depth).contains(point):
                    return f"{100 * share:.1f} % of the decisions at depth {depth} ask for {name}"
        return "Which features are asked for first (depth 0 is the root of the trees), and which last"

    def paintEvent(self, event: Any) -> None:
        """Paint the shares."""
        painter = QPainter(self)
        painter.setPen(faint(self, 0.7))
        painter.drawText(QRectF(0, 0, 0.48 * self.width(), self.line()), Qt.AlignmentFlag.AlignVCenter, "depth")
        for row, (name, _) in enumerate(self.rows):
            rect = QRectF(0, (row + 1) * self.line(), 0.48 * self.width() - 6, self.line())
            painter.setPen(text_colour(self))
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, self.elided(feature_title(name), rect.width()))
        painter.setFont(small_font(self))
        wide = self.cell_rect(0, 0).width() >= 20
        for depth in range(self.n_depths):
            if wide or depth % 5 == 0:
                painter.setPen(faint(self, 0.7))
                rect = self.cell_rect(-1, depth)
                painter.drawText(rect.adjusted(-6, 0, 6, 0), Qt.AlignmentFlag.AlignCenter, str(depth))
        strongest = max((max(shares, default=0.0) for _, shares in self.rows), default=0.0) or 1.0
        for row, (_, shares) in enumerate(self.rows):
            for depth, share in enumerate(shares):
                text = f"{100 * share:.0f}" if wide and share >= 0.005 else ""
                self.paint_cell(painter, self.cell_rect(row, depth), accent(self), 0.85 * share / strongest, text)
