"""Colours, fonts and icons for parts that paint themselves, legible in the dark and the light theme."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QIcon, QPainter, QPainterPath, QPalette, QPen, QPixmap
from qtpy.QtWidgets import QWidget


def text_colour(widget: QWidget) -> QColor:
    """Return the colour of a widget's text."""
    return widget.palette().color(QPalette.ColorRole.WindowText)


def is_dark(widget: QWidget) -> bool:
    """Tell whether a widget has light text on a dark ground."""
    return text_colour(widget).lightnessF() > 0.5


def faint(widget: QWidget, share: float) -> QColor:
    """Return the colour of the text, so transparent that only a share of it, 0 to 1, is left."""
    colour = QColor(text_colour(widget))
    colour.setAlphaF(share)
    return colour


def ground_colour(widget: QWidget) -> QColor:
    """Return the colour of an empty cell on the ground of a widget."""
    return QColor("#33363f") if is_dark(widget) else QColor("#dedbd8")


def accent(widget: QWidget) -> QColor:
    """Return a blue that stands out from the ground."""
    return QColor("#56b4e9") if is_dark(widget) else QColor("#0072b2")


def legible_on(colour: QColor) -> QColor:
    """Return black or white, whichever is easier to read on a colour."""
    brightness = 0.299 * colour.redF() + 0.587 * colour.greenF() + 0.114 * colour.blueF()
    return QColor("black") if brightness > 0.55 else QColor("white")


def small_font(widget: QWidget, share: float = 0.85) -> QFont:
    """Return the font of a widget, smaller."""
    font = QFont(widget.font())
    if font.pointSizeF() > 0:
        font.setPointSizeF(font.pointSizeF() * share)
    else:
        font.setPixelSize(round(font.pixelSize() * share))
    return font


def eye_icon(widget: QWidget) -> QIcon:
    """Return an eye in the colour of a widget's text."""
    size, ratio = 16, widget.devicePixelRatioF()
    picture = QPixmap(QSize(size, size) * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(text_colour(widget), 1.3))
    lid = QPainterPath(QPointF(1, 8))
    lid.quadTo(QPointF(8, 0.5), QPointF(15, 8))
    lid.quadTo(QPointF(8, 15.5), QPointF(1, 8))
    painter.drawPath(lid)
    painter.setBrush(text_colour(widget))
    painter.drawEllipse(QPointF(8, 8), 2, 2)
    painter.end()
    return QIcon(picture)
