"""The card beside the mouse: picture, name and values of an object."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen

from bioloom.session.plot_card import ObjectCard

_INK = QColor(30, 30, 30)
_PICTURE = 72
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def paint_card(painter: QPainter, card: ObjectCard, place: QPointF, bounds: QRectF) -> QRectF:
    """Paint picture, title and values of an object beside a place, within bounds; return where."""
    metrics = QFontMetricsF(painter.font())
    line = metrics.height() + 1
    font = painter.font()
    font.setBold(True)
    bold = QFontMetricsF(font)
    name_width = max((metrics.horizontalAdvance(n) for n, _ in card.values), default=0.0)
    value_width = max((metrics.horizontalAdvance(v) for _, v in card.values), default=0.0)
    name_width = min(name_width, 0.4 * bounds.width())
    gap = 8 if name_width else 0
    text_width = max(name_width + gap + value_width, bold.horizontalAdvance(card.title))
    lines = len(card.values) + bool(card.title)
    picture = _image_of(card.picture)
    side = _PICTURE + 8 if picture is not None else 0
    width = min(text_width + side + 14, bounds.width())
    height = max(lines * line + 10, side + 6 if side else 0)
    x = place.x() + 14 if place.x() + 14 + width <= bounds.right() else place.x() - 14 - width
    y = place.y() + 14 if place.y() + 14 + height <= bounds.bottom() else place.y() - 14 - height
    x = max(min(x, bounds.right() - width), bounds.left())
    y = max(min(y, bounds.bottom() - height), bounds.top())
    box = QRectF(x, y, width, height)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(90, 90, 90), 1))
    painter.setBrush(QColor(255, 255, 255, 240))
    painter.drawRoundedRect(box, 4, 4)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    left = box.left() + 7
    if picture is not None:
        scale = _PICTURE / max(picture.width(), picture.height())
        shown = QRectF(0, 0, picture.width() * scale, picture.height() * scale)
        shown.moveCenter(QPointF(left + _PICTURE / 2, box.top() + 7 + _PICTURE / 2))
        painter.drawImage(shown, picture)
        left += side
    painter.setPen(_INK)
    top = box.top() + 5
    if card.title:
        painter.save()
        painter.setFont(font)
        room = box.right() - left - 4
        painter.drawText(
            QRectF(left, top, room, line), _LEFT, bold.elidedText(card.title, Qt.TextElideMode.ElideRight, room)
        )
        painter.restore()
        top += line
    for name, value in card.values:
        painter.setPen(QColor(95, 95, 95))
        short = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, name_width + 1)
        painter.drawText(QRectF(left, top, name_width + 1, line), _LEFT, short)
        painter.setPen(_INK)
        room = box.right() - left - name_width - gap - 4
        short = metrics.elidedText(value, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(left + name_width + gap, top, room, line), _LEFT, short)
        top += line
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    return box


def _image_of(picture: np.ndarray | None) -> QImage | None:
    if picture is None or picture.ndim != 3 or not picture.size:
        return None
    pixels = np.ascontiguousarray(picture, np.uint8)
    height, width, channels = pixels.shape
    kind = QImage.Format.Format_RGBA8888 if channels == 4 else QImage.Format.Format_RGB888
    return QImage(pixels.data, width, height, channels * width, kind).copy()
