"""Small pictures of the tools of a plot, drawn in the colour of the text."""

from __future__ import annotations

from qtpy.QtCore import QByteArray, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QWidget

from bioloom.widgets._theme import text_colour

# SVG on a ground of 16 × 16.
_DRAWINGS = {
    "pan": "<path d='M8 1.5v13M1.5 8h13M6 3.5l2-2 2 2M6 12.5l2 2 2-2M3.5 6l-2 2 2 2M12.5 6l2 2-2 2'/>",
    "lasso": "<path d='M5 11C1 10 1 3 8 3s7 7 1 8c-3 .5-5-1-4-2s3 1 2 3-3 2-3 2'/>",
    "polygon": (
        "<path d='M3 12L2 5l6-3 6 4-3 7z'/>"
        "<g fill='currentColor'><circle cx='3' cy='12' r='1'/><circle cx='2' cy='5' r='1'/>"
        "<circle cx='8' cy='2' r='1'/><circle cx='14' cy='6' r='1'/><circle cx='11' cy='13' r='1'/></g>"
    ),
    "rectangle": "<rect x='2' y='3.5' width='12' height='9' stroke-dasharray='2.4 1.4'/>",
    "ellipse": "<ellipse cx='8' cy='8' rx='6.5' ry='4.5' stroke-dasharray='2.4 1.4'/>",
    "brush": (
        "<path d='M14 2L7.5 9'/><path d='M7.5 9c-2-1-4 0-4 2.5 0 1-.8 1.7-2 2 3 1.4 7 .5 6.5-3z' fill='currentColor'/>"
    ),
    "span": "<path d='M4 2v12M12 2v12M4 8h8M6 6L4 8l2 2M10 6l2 2-2 2'/>",
    "replace": "<rect x='3' y='3' width='10' height='10' fill='currentColor' fill-opacity='.5'/>",
    "add": (
        "<path d='M2 2h8v8H2z' fill='currentColor' fill-opacity='.5'/><path d='M12 9.5v5M9.5 12h5' stroke-width='1.7'/>"
    ),
    "remove": "<path d='M2 2h8v8H2z' fill='currentColor' fill-opacity='.5'/><path d='M9.5 12h5' stroke-width='1.7'/>",
    "undo": "<path d='M3 6h6.5a3.5 3.5 0 0 1 0 7H6M3 6l3-3M3 6l3 3'/>",
    "redo": "<path d='M13 6H6.5a3.5 3.5 0 0 0 0 7H10M13 6l-3-3M13 6l-3 3'/>",
    "home": "<path d='M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4'/>",
    "options": (
        "<path d='M1.5 4H8M12 4h2.5M1.5 12H4M8 12h6.5M1.5 8h9'/><circle cx='10' cy='4' r='1.8'/>"
        "<circle cx='6' cy='12' r='1.8'/><circle cx='12.3' cy='8' r='1.8'/>"
    ),
}


def plot_icon(name: str, widget: QWidget) -> QIcon:
    """Return the icon of a tool in the colour of a widget's text."""
    size, ratio = 16, widget.devicePixelRatioF()
    colour = QColor(text_colour(widget)).name()
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='{colour}' stroke-width='1.2' "
        f"stroke-linejoin='round' stroke-linecap='round' color='{colour}'>{_DRAWINGS[name]}</svg>"
    ).replace("currentColor", colour)
    drawing, icon = QSvgRenderer(QByteArray(svg.encode())), QIcon()
    # Themes that are dark do not tell by themselves what is disabled.
    for mode, opacity in ((QIcon.Mode.Normal, 1.0), (QIcon.Mode.Disabled, 0.35)):
        picture = QPixmap(QSize(size, size) * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setOpacity(opacity)
        drawing.render(painter)
        painter.end()
        icon.addPixmap(picture, mode)
    return icon
