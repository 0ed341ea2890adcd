"""Painting gates over a plot: their outlines and names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from bioloom.explore.gate_outlines import Outline
from bioloom.session.plot_gates import ShownGate

ToScreen: TypeAlias = Callable[[Any, Any], tuple[Any, Any]]

# Dark lines between light ones are seen on every ground: white paper, points, and the shades of bins.
_INK, _STRONG_INK = QColor(64, 68, 74), QColor(15, 15, 15)
_CASING, _LABEL_GROUND = QColor(255, 255, 255, 140), QColor(255, 255, 255, 215)
_THIN, _THICK = 1.3, 2.2
_DASHES = [8.0, 5.0]
# Corners closer than this many pixels are one.
_LEAST_STEP = 0.5
_AROUND = [(math.cos(a * math.pi / 4), math.sin(a * math.pi / 4)) for a in (1, 3, 5, 7, 0, 2, 4, 6)]
_PAD, _GAP, _MOST_SHIFTS = 3.0, 3.0, 20


def paint_gates(
    painter: QPainter, area: QRectF, outlines: Sequence[tuple[ShownGate, Outline]], to_screen: ToScreen
) -> None:
    """Paint gates and their names, later ones on top.

    Parameters
    ----------
    painter
        Clipped to the area.
    area
        Where the points are.
    outlines
        What is seen of the gates, as positions on the axes.
    to_screen
        Converts positions on the axes into pixels.
    """
    if not outlines:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    labels = _Labels(area, painter.font())
    lines = [[_on_screen(line, to_screen) for line in seen.lines] for _, seen in outlines]
    # The strongest come last, and get the best places for their names.
    for number in reversed(range(len(outlines))):
        lines[number] += labels.put(number, *outlines[number], lines[number], to_screen)
    for (shown, _), drawn in zip(outlines, lines, strict=True):
        _paint_lines(painter, shown, drawn)
    for number, (shown, _) in enumerate(outlines):
        if number in labels.boxes:
            labels.paint(painter, shown, labels.boxes[number])
    painter.restore()


def _on_screen(line: np.ndarray, to_screen: ToScreen) -> np.ndarray:
    """Return pixels of a line, without corners that nobody could tell from others."""
    places = np.stack(to_screen(line[:, 0], line[:, 1]), axis=1)
    cells = np.floor(places / _LEAST_STEP)
    kept = np.append((np.diff(cells, axis=0) != 0).any(axis=1), True)
    return np.asarray(places[kept])


def _paint_lines(painter: QPainter, shown: ShownGate, lines: Sequence[np.ndarray]) -> None:
    paths = [QPolygonF([QPointF(*place) for place in line.tolist()]) for line in lines]
    width = _THICK if shown.strong else _THIN
    ratio = painter.device().devicePixelRatioF()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, wide in ((_CASING, width + 2.4), (_STRONG_INK if shown.strong else _INK, width)):
        pen = QPen(colour, 1)
        pen.setCosmetic(True)
        if shown.dashed and colour is not _CASING:
            pen.setDashPattern([length * ratio for length in _DASHES])
        painter.setPen(pen)
        # Hair lines side by side: Qt takes ten times as long to paint a broad line with many corners.
        aside = (wide * ratio - 1) / 2 / ratio
        around = _AROUND[: 8 if ratio > 1 else 4] if aside > 0.3 else []
        for dx, dy in [(0.0, 0.0), *around]:
            painter.translate(aside * dx, aside * dy)
            for path in paths:
                painter.drawPolyline(path)
            painter.translate(-aside * dx, -aside * dy)


class _Labels:
    """Names of gates, in places where none covers another as long as there are such."""

    def __init__(self, area: QRectF, font: QFont) -> None:
        self.boxes: dict[int, QRectF] = {}
        self._room = area.adjusted(_GAP, _GAP, -_GAP, -_GAP)
        self._plain, self._bold = font, QFont(font)
        self._bold.setBold(True)

    def put(
        self, number: int, shown: ShownGate, seen: Outline, lines: Sequence[np.ndarray], to_screen: ToScreen
    ) -> list[np.ndarray]:
        """Choose the place of a name; return what is drawn from it to both ends of a range."""
        metrics, room = QFontMetricsF(self._font(shown)), self._room
        wide = min(metrics.horizontalAdvance(shown.name) + 2 * _PAD, 0.6 * room.width())
        high = metrics.height()
        if seen.ends is not None:
            low, end = (to_screen(at, at)[seen.axis or 0] for at in seen.ends)
            across = seen.axis == 0
            middle = (low + end) / 2
            left, top = (middle - wide / 2, room.top()) if across else (room.right() - 6 - wide, middle - high / 2)
            step = (0.0, high + 2 * _GAP) if across else (-wide - 2 * _GAP, 0.0)
            box = self._free(QRectF(left, top, wide, high), step)
            self.boxes[number] = box
            bar = box.bottom() + 1 if across else box.right() + _GAP
            return [np.array([(low, bar), (end, bar)] if across else [(bar, low), (bar, end)])]
        if lines:
            every = np.concatenate(lines)
            top = float(every[:, 1].min())
            middle = float(every[every[:, 1] < top + 1, 0].mean())
            box = QRectF(middle - wide / 2, top - high - _GAP, wide, high)
            self.boxes[number] = self._free(box, (0.0, high + 1))
        return []

    def paint(self, painter: QPainter, shown: ShownGate, box: QRectF) -> None:
        """Paint a name."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_LABEL_GROUND)
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(_STRONG_INK if shown.strong else _INK)
        painter.setFont(self._font(shown))
        # What fits must not be shortened by a rounding.
        width = box.width() - 2 * _PAD + 0.5
        name = QFontMetricsF(painter.font()).elidedText(shown.name, Qt.TextElideMode.ElideMiddle, width)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, name)

    def _font(self, shown: ShownGate) -> QFont:
        return self._bold if shown.strong else self._plain

    def _free(self, box: QRectF, step: tuple[float, float]) -> QRectF:
        """Move a box into the room, and step by step to where no other is."""
        room = self._room
        box.moveLeft(max(min(box.left(), room.right() - box.width()), room.left()))
        box.moveTop(max(min(box.top(), room.bottom() - box.height()), room.top()))
        for number in range(_MOST_SHIFTS):
            moved = box.translated(number * step[0], number * step[1])
            if not room.contains(moved):
                break
            if not any(moved.intersects(other) for other in self.boxes.values()):
                return moved
        return box
