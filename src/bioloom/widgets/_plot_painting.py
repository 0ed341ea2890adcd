"""Painting what surrounds the points of a plot: axes, legend, colour bar, boxes and outlines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QBrush, QColor, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from bioloom.explore.axis_scales import Scale
from bioloom.widgets._plot_layout import PlotLayout

_GRID = QColor(232, 232, 232)
_FRAME = QColor(150, 150, 150)
_FOCUS = QColor(86, 180, 233)
_INK = QColor(30, 30, 30)
_LEAST_NAME = 46
_CENTRE = Qt.AlignmentFlag.AlignCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def paint_grid(
    painter: QPainter,
    area: QRectF,
    ticks: tuple[Sequence[tuple[float, str]], Sequence[tuple[float, str]]],
    to_screen: Callable[[float, float], tuple[float, float]],
    across: bool = True,
) -> None:
    """Paint lines at the ticks."""
    painter.setPen(QPen(_GRID))
    for position, _ in ticks[0] if across else ():
        x = round(to_screen(position, 0.0)[0]) + 0.5
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
    for position, _ in ticks[1]:
        y = round(to_screen(0.0, position)[1]) + 0.5
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))


def paint_axes(
    painter: QPainter,
    area: QRectF,
    ticks: tuple[Sequence[tuple[float, str]], Sequence[tuple[float, str]]],
    names: tuple[str, str],
    to_screen: Callable[[float, float], tuple[float, float]],
    text: QColor,
    grouped: bool = False,
    focus: bool = False,
) -> None:
    """Paint the frame, which tells where keys go, the texts at the ticks, and the names."""
    metrics = QFontMetricsF(painter.font())
    line = metrics.height()
    painter.setPen(text)
    free_from, slot = area.left() - 30, np.inf
    shown = ticks[0]
    if grouped and len(ticks[0]) > 1:
        slot = to_screen(shown[1][0], 0.0)[0] - to_screen(shown[0][0], 0.0)[0]
        # Where groups are narrow, only every second, third, … is named.
        each = max(int(np.ceil(_LEAST_NAME / slot)), 1)
        shown, slot = shown[::each], slot * each - 4
    for position, label in shown:
        label = metrics.elidedText(label, Qt.TextElideMode.ElideRight, slot) if slot < np.inf else label
        x, wide = to_screen(position, 0.0)[0], metrics.horizontalAdvance(label)
        # A text that would run into the one before it is left out.
        if x - wide / 2 >= free_from:
            painter.drawText(QRectF(x - wide, area.bottom() + 4, 2 * wide, line), _CENTRE, label)
            free_from = x + wide / 2 + 6
    for position, label in ticks[1]:
        y = to_screen(0.0, position)[1]
        painter.drawText(QRectF(line, y - line / 2, area.left() - line - 5, line), _RIGHT, label)
    painter.drawText(
        QRectF(area.left(), area.bottom() + line + 5, area.width(), line),
        _CENTRE,
        metrics.elidedText(names[0], Qt.TextElideMode.ElideMiddle, area.width()),
    )
    painter.save()
    painter.rotate(-90)
    painter.drawText(
        QRectF(-area.bottom(), 3, area.height(), line),
        _CENTRE,
        metrics.elidedText(names[1], Qt.TextElideMode.ElideMiddle, area.height()),
    )
    painter.restore()
    painter.setPen(QPen(_FOCUS, 2) if focus else QPen(_FRAME))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(area.adjusted(-0.5, -0.5, 0.5, 0.5))


def paint_legend(painter: QPainter, layout: PlotLayout, hidden: frozenset[int], text: QColor) -> None:
    """Paint colour, name and number of objects of each class; hidden ones hollow and faint."""
    metrics = QFontMetricsF(painter.font())
    for entry in layout.legend:
        gone = entry.class_id in hidden
        colour = QColor(*entry.colour[:3])
        swatch = QRectF(entry.box.left(), entry.box.center().y() - 5, 10, 10)
        painter.setPen(QPen(colour if gone else colour.darker(130), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush if gone else QBrush(colour))
        painter.drawRoundedRect(swatch, 2, 2)
        ink = QColor(text)
        ink.setAlphaF(0.45 if gone else 1.0)
        painter.setPen(ink)
        box = entry.box.adjusted(15, 0, -2, 0)
        painter.drawText(box, _LEFT, metrics.elidedText(entry.text, Qt.TextElideMode.ElideMiddle, box.width()))
    if layout.n_more:
        painter.setPen(text)
        painter.drawText(layout.more_box, _LEFT, f"… {layout.n_more} more")
    painter.setBrush(Qt.BrushStyle.NoBrush)


def paint_colour_bar(
    painter: QPainter,
    bar: QRectF,
    palette: np.ndarray,
    ticks: Sequence[tuple[float, str]],
    title: str,
    text: QColor,
) -> None:
    """Paint a bar of colours; ticks are shares of its height, 0 to 1, with their texts."""
    pixels = np.ascontiguousarray(palette[::-1])
    image = QImage(pixels.data, 1, len(pixels), 4, QImage.Format.Format_RGBA8888).copy()
    painter.drawImage(bar, image)
    painter.setPen(_FRAME)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(bar)
    painter.setPen(text)
    metrics = QFontMetricsF(painter.font())
    line = metrics.height()
    for share, label in ticks:
        y = bar.bottom() - share * bar.height()
        painter.drawLine(QPointF(bar.right(), y), QPointF(bar.right() + 3, y))
        painter.drawText(QRectF(bar.right() + 5, y - line / 2, 100, line), _LEFT, label)
    painter.save()
    widest = max((metrics.horizontalAdvance(label) for _, label in ticks), default=0.0)
    painter.translate(bar.right() + 9 + widest, bar.bottom())
    painter.rotate(-90)
    words = metrics.elidedText(title, Qt.TextElideMode.ElideMiddle, bar.height())
    painter.drawText(QRectF(0, -2, bar.height(), line), _CENTRE, words)
    painter.restore()


def bar_ticks(low: float, high: float, scale: Scale | None = None, whole: bool = False) -> list[tuple[float, str]]:
    """Choose ticks for a colour bar from one value to another: shares of its height and texts."""
    scale = scale or Scale()
    if not high > low:
        return [(0.5, f"{low:.5g}")]
    first, last = (float(v) for v in scale.forward([low, high]))
    ticks = scale.ticks(first, last, 5)
    return [((at - first) / (last - first), text) for at, text in (whole_ticks(ticks, scale) if whole else ticks)]


def whole_ticks(ticks: Sequence[tuple[float, str]], scale: Scale) -> list[tuple[float, str]]:
    """Keep the ticks at whole numbers, for an axis of counts."""
    values = [float(scale.inverse(position)) for position, _ in ticks]
    return [
        (position, text if "·" in text else text.partition(".")[0])
        for (position, text), value in zip(ticks, values, strict=True)
        if abs(value - round(value)) <= 1e-6 * max(abs(value), 1.0)
    ]


def paint_boxes(
    painter: QPainter,
    boxes: Sequence[Any],
    colours: Sequence[tuple[int, ...]],
    violin: bool,
    to_screen: Callable[[float, float], tuple[float, float]],
) -> None:
    """Paint median, quartiles and whiskers of each group, and its violin."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    half = 0.11 if violin else 0.32
    for number, box in enumerate(boxes):
        if box is None:
            continue
        colour = QColor(*colours[number][:3]) if number < len(colours) else _FRAME
        if violin:
            sides = [(number + 0.4 * d, g) for g, d in zip(box.grid, box.density, strict=True)]
            sides += [(number - 0.4 * d, g) for g, d in zip(box.grid[::-1], box.density[::-1], strict=True)]
            fill = QColor(colour)
            fill.setAlpha(60)
            painter.setPen(QPen(colour.darker(140), 1.2))
            painter.setBrush(fill)
            painter.drawPolygon(QPolygonF([QPointF(*to_screen(*side)) for side in sides]))
        left, top = to_screen(number - half, box.third)
        right, bottom = to_screen(number + half, box.first)
        middle, high = to_screen(number, box.high)
        low, median = to_screen(number, box.low)[1], to_screen(number, box.median)[1]
        painter.setPen(QPen(_INK, 1.2))
        painter.drawLine(QPointF(middle, high), QPointF(middle, top))
        painter.drawLine(QPointF(middle, bottom), QPointF(middle, low))
        if not violin:
            for end in (high, low):
                painter.drawLine(QPointF(middle - 8, end), QPointF(middle + 8, end))
        painter.setBrush(QColor(255, 255, 255, 60))
        painter.drawRect(QRectF(left, top, right - left, bottom - top))
        painter.setPen(QPen(_INK, 2.4))
        painter.drawLine(QPointF(left, median), QPointF(right, median))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_outline(painter: QPainter, tool: str, points: np.ndarray, area: QRectF, brush_radius: float) -> None:
    """Paint the shape that is being drawn."""
    if not len(points):
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    path = [QPointF(*p) for p in points.tolist()]
    pen = QPen(_INK, 1.5, Qt.PenStyle.DashLine)
    veil = QColor(30, 30, 30, 28)
    if tool == "brush":
        wide = QPen(QColor(216, 27, 196, 70), 2 * brush_radius, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
        wide.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(wide)
        painter.drawPolyline(QPolygonF(path if len(path) > 1 else [*path, path[0] + QPointF(0.1, 0)]))
    elif tool == "span":
        left, right = sorted(points[:, 0].tolist())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(veil)
        painter.drawRect(QRectF(left, area.top(), right - left, area.height()))
        painter.setPen(pen)
        for x in (left, right):
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
    else:
        painter.setPen(pen)
        painter.setBrush(veil)
        painter.drawPolygon(QPolygonF(path), Qt.FillRule.WindingFill)
        if tool == "polygon":
            painter.setPen(QPen(_INK, 1.5))
            painter.setBrush(QColor("white"))
            for corner in path[:-1]:
                painter.drawEllipse(corner, 3.0, 3.0)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_brush_tip(painter: QPainter, place: QPointF, radius: float) -> None:
    """Paint how large the brush is."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(_INK, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(place, radius, radius)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_ring(painter: QPainter, place: QPointF, radius: float) -> None:
    """Mark the point under the mouse."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor("white"), 4))
    painter.drawEllipse(place, radius + 3, radius + 3)
    painter.setPen(QPen(_INK, 1.6))
    painter.drawEllipse(place, radius + 3, radius + 3)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
