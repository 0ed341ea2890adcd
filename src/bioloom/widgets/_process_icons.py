"""A small picture per category of operations, drawn in the colour of the text."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QByteArray, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QWidget

from bioloom.widgets._theme import text_colour

_CLASSES = {
    "class='full'": "fill='currentColor' stroke='none'",
    "class='pale'": "fill='currentColor' fill-opacity='.35' stroke='none'",
}

# SVG on a ground of 16 × 16: lines in the colour of the text; only what has a class is filled.
_DRAWINGS: Mapping[str, str] = {
    "Filter": "<path d='M2 3h12l-4.5 5.5v4L6.5 14V8.5z'/>",
    "Filter/Remove noise": (
        "<path d='M1 5l2-3 2 5 2-4 1 2'/><path d='M8 11c2-4 4-4 7 0'/>"
        "<circle cx='3' cy='12' r='1' class='full'/><circle cx='6' cy='10.5' r='.8' class='full'/>"
    ),
    "Filter/Remove background": (
        "<path d='M1 13c3-3 4-1 5-8 1-5 2-5 3 0 1 6 3 4 6 3v5H1z' class='pale'/>"
        "<path d='M1 13c3-3 4-1 5-8 1-5 2-5 3 0 1 6 3 4 6 3'/>"
    ),
    "Filter/Edges and ridges": (
        "<rect x='1.5' y='1.5' width='13' height='13'/><path d='M8 1.5h6.5v13H5z' class='pale'/>"
        "<path d='M8 2L5 14.5' stroke-width='2'/>"
    ),
    "Filter/Enhance": "<circle cx='8' cy='8' r='6'/><path d='M8 2a6 6 0 0 1 0 12z' class='full'/>",
    "Filter/Neighbourhood": (
        "<path d='M2 2h12v12H2zM6 2v12M10 2v12M2 6h12M2 10h12'/><rect x='6' y='6' width='4' height='4' class='full'/>"
    ),
    "Filter/Extrema": (
        "<path d='M1 13c3 0 3-8 5-8s2 5 3.5 5S11 7 12 7s2 6 3 6'/><circle cx='6' cy='2.5' r='1.4' class='full'/>"
    ),
    "Filter/Arithmetic": "<path d='M5 1.5v6M2 4.5h6M9.5 11.5h5M3 9.5l4 4M7 9.5l-4 4'/>",
    "Filter/Logic and comparison": (
        "<circle cx='6' cy='8' r='4.5'/><circle cx='10' cy='8' r='4.5'/>"
        "<path d='M8 4a4.5 4.5 0 0 1 0 8 4.5 4.5 0 0 1 0-8z' class='full'/>"
    ),
    "Filter/Repair": (
        "<path d='M13.5 4.5l-2.5 2.5-2-2 2.5-2.5a3.5 3.5 0 0 0-4.5 4.5l-5 5 2 2 5-5a3.5 3.5 0 0 0 4.5-4.5z'/>"
    ),
    "Filter/Deconvolution": (
        "<circle cx='8' cy='8' r='2' class='full'/><circle cx='8' cy='8' r='4.2' stroke-opacity='.7'/>"
        "<circle cx='8' cy='8' r='6.5' stroke-opacity='.4'/>"
    ),
    "Transform": "<path d='M13 8a5 5 0 1 1-2-4M11 1v3.5H7.5'/>",
    "Transform/Crop and resize": "<path d='M4.5 1v10.5H15M1 4.5h10.5V15'/>",
    "Transform/Move": "<path d='M8 1.5v13M1.5 8h13M6 3.5l2-2 2 2M6 12.5l2 2 2-2M3.5 6l-2 2 2 2M12.5 6l2 2-2 2'/>",
    "Transform/Axes": "<path d='M4 12V2M4 12h10M4 12l-3 3M2.5 3.5L4 2l1.5 1.5M12.5 10.5L14 12l-1.5 1.5'/>",
    "Project": (
        "<path d='M3 2l10 2v3L3 5zM3 6.5l10 2v0' stroke-opacity='.6'/>"
        "<path d='M8 8v3M6.5 9.5L8 11l1.5-1.5'/><path d='M3 12h10v2H3z' class='full'/>"
    ),
    "Project/Along an axis": (
        "<path d='M2 4l6-2.5L14 4 8 6.5zM2 7l6 2.5L14 7' stroke-opacity='.7'/><path d='M8 7v3'/>"
        "<path d='M2 12l6-2.5 6 2.5-6 2.5z' class='full'/>"
    ),
    "Segment": (
        "<path d='M2 2h5v5H2z' class='full'/><path d='M9 9h5v5H9z' class='pale'/><path d='M2 2h5v5H2zM9 9h5v5H9z'/>"
    ),
    "Segment/Threshold": "<path d='M1 14h2V9h2V5h2V3h2v4h2v4h2v1h2'/><path d='M9 1v13' stroke-dasharray='2 1.5'/>",
    "Segment/Binary mask": (
        "<rect x='1.5' y='1.5' width='13' height='13'/><path d='M4 9c0-4 3-6 6-5s3 4 1 6-7 4-7-1z' class='full'/>"
    ),
    "Segment/Label": (
        "<circle cx='5' cy='5' r='3.5' class='full'/><circle cx='11.5' cy='6' r='2.5' class='pale'/>"
        "<circle cx='9' cy='12' r='3' class='pale'/><circle cx='11.5' cy='6' r='2.5'/>"
        "<circle cx='9' cy='12' r='3'/>"
    ),
    "Segment/Process labels": (
        "<circle cx='6' cy='6' r='4.5' class='pale'/><circle cx='6' cy='6' r='4.5'/>"
        "<path d='M10 12.5h5M12.5 10v5' stroke-width='1.6'/>"
    ),
    "Measure": "<path d='M1.5 10.5l9-9 4 4-9 9zM4 8l1.5 1.5M6 6l2 2M8 4l1.5 1.5'/>",
    "Measure/Maps of labels": (
        "<path d='M2 2h6v6H2z' class='full'/><path d='M8 2h6v6H8zM2 8h6v6H2z' class='pale'/>"
        "<path d='M2 2h12v12H2zM8 2v12M2 8h12'/>"
    ),
    "Measure/Table": (
        "<rect x='1.5' y='2.5' width='13' height='11'/><path d='M1.5 2.5h13v3h-13z' class='full'/>"
        "<path d='M1.5 9.5h13M6 5.5v8M10.5 5.5v8'/>"
    ),
    "Visualize": "<path d='M1 8c4-6 10-6 14 0-4 6-10 6-14 0z'/><circle cx='8' cy='8' r='2'/>",
    "Visualize/Surfaces": (
        "<path d='M8 1.5L14 5v6l-6 3.5L2 11V5zM2 5l6 3.5L14 5M8 8.5v6'/><path d='M8 8.5L14 5v6l-6 3.5z' class='pale'/>"
    ),
    "Classify": (
        "<path d='M8 1.5v4M8 5.5L3.5 10M8 5.5l4.5 4.5'/><circle cx='3.5' cy='12' r='2' class='full'/>"
        "<circle cx='12.5' cy='12' r='2'/>"
    ),
    "Classify/Apply a classifier": (
        "<path d='M8 1.5v4M8 5.5L3.5 10M8 5.5l4.5 4.5'/><circle cx='3.5' cy='12' r='2' class='full'/>"
        "<circle cx='12.5' cy='12' r='2'/>"
    ),
    "input": (
        "<rect x='1.5' y='2.5' width='13' height='11'/><circle cx='5.5' cy='6' r='1.3' class='full'/>"
        "<path d='M2 12l4-4 3 3 2-2 3 3'/>"
    ),
    "favourite": "<path d='M8 1.5l2 4.3 4.6.6-3.4 3.2.9 4.7L8 12l-4.1 2.3.9-4.7L1.4 6.4 6 5.8z' class='full'/>",
    "not favourite": "<path d='M8 1.5l2 4.3 4.6.6-3.4 3.2.9 4.7L8 12l-4.1 2.3.9-4.7L1.4 6.4 6 5.8z'/>",
    "recent": "<circle cx='8' cy='8' r='6.5'/><path d='M8 4v4l3 2'/>",
    "search": "<circle cx='6.5' cy='6.5' r='4.5'/><path d='M10 10l4.5 4.5' stroke-width='1.8'/>",
    "undo": "<path d='M3 6h7a4 4 0 0 1 0 8H6M6 2.5L2.5 6 6 9.5'/>",
    "redo": "<path d='M13 6H6a4 4 0 0 0 0 8h4M10 2.5L13.5 6 10 9.5'/>",
    "up": "<path d='M8 14V3M3.5 7L8 2.5 12.5 7'/>",
    "down": "<path d='M8 2v11M3.5 9L8 13.5 12.5 9'/>",
    "remove": "<path d='M3.5 3.5l9 9M12.5 3.5l-9 9'/>",
    "merge": (
        "<circle cx='5' cy='8' r='3.5' class='pale'/><circle cx='11' cy='8' r='3.5' class='pale'/>"
        "<path d='M3 8h10M11 6l2 2-2 2M5 6L3 8l2 2'/>"
    ),
    "split": "<circle cx='8' cy='8' r='5.5' class='pale'/><path d='M4 14.5L12 1.5' stroke-width='1.6'/>",
    "delete": "<circle cx='8' cy='8' r='5.5' class='pale'/><path d='M5 5l6 6M11 5l-6 6' stroke-width='1.6'/>",
    "draw": "<path d='M2 14l1-4 8-8 3 3-8 8zM9.5 3.5l3 3'/>",
}


def category_icon(widget: QWidget, category: str) -> QIcon:
    """Return the picture of a category, such as ``Filter/Remove noise``, or of its first part if it has none."""
    return icon(widget, category if category in _DRAWINGS else category.partition("/")[0])


def icon(widget: QWidget, name: str, colour: QColor | None = None, size: int = 16) -> QIcon:
    """Return a picture by its name, in the colour of a widget's text unless told otherwise; empty if there is none."""
    if name not in _DRAWINGS:
        return QIcon()
    result = QIcon()
    normal = colour or text_colour(widget)
    pale = QColor(normal)
    pale.setAlphaF(0.35)
    for mode, shade in ((QIcon.Mode.Normal, normal), (QIcon.Mode.Disabled, pale)):
        result.addPixmap(_picture(_DRAWINGS[name], shade, size, widget.devicePixelRatioF()), mode)
    return result


def has_picture(category: str) -> bool:
    """Tell whether a category has a picture of its own."""
    return category in _DRAWINGS


def _picture(drawing: str, colour: QColor, size: int, ratio: float) -> QPixmap:
    for name, style in _CLASSES.items():
        drawing = drawing.replace(name, style)
    text = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
        f"<g fill='none' stroke='currentColor' stroke-width='1.2' stroke-linecap='round' stroke-linejoin='round' "
        f"opacity='{colour.alphaF():.2f}'>{drawing}</g></svg>"
    ).replace("currentColor", colour.name())
    picture = QPixmap(QSize(size, size) * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(text.encode())).render(painter)
    painter.end()
    return picture
