"""From a frozen description of a plot to its picture; runs on any thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.appearance import shades
from bioloom.explore.axis_scales import Scale
from bioloom.explore.plot_kinds import Grid, View, density_picture
from bioloom.explore.plot_kinds_bars import Bars
from bioloom.explore.plot_kinds_groups import Box, group_boxes, strip_positions
from bioloom.explore.plot_trails import Lines
from bioloom.explore.polygon import points_in_polygon
from bioloom.explore.raster import rasterise_points

Kind: TypeAlias = Literal["points", "density", "histogram", "histogram 2D", "box", "violin"]

KINDS: tuple[Kind, ...] = ("points", "density", "histogram", "histogram 2D", "box", "violin")
# Smoothed counts need no more detail than this many pixels of the screen.
_DENSITY_PIXELS = 2
# More selected objects than this cover one another; that they are selected is then seen without outlines.
_MOST_OUTLINED = 2_000
_OUTLINE = (30, 30, 30)


class GroupLayout:
    """Boxes, and where the objects of each group lie, computed when they are first needed, on whatever thread."""

    def __init__(self, values: NDArray[np.float64], groups: NDArray[np.intp], n_groups: int, violin: bool) -> None:
        self.values, self.groups, self.n_groups, self.violin = values, groups, n_groups, violin
        self._lock = threading.Lock()
        self._found: tuple[list[Box | None], NDArray[np.float64]] | None = None

    def _result(self) -> tuple[list[Box | None], NDArray[np.float64]]:
        with self._lock:
            if self._found is None:
                boxes = group_boxes(self.values, self.groups, self.n_groups)
                self._found = boxes, strip_positions(self.values, self.groups, boxes, self.violin)
            return self._found

    @property
    def boxes(self) -> list[Box | None]:
        """One per group, None where it has no values."""
        return self._result()[0]

    @property
    def positions(self) -> NDArray[np.float64]:
        """Horizontal position of each object."""
        return self._result()[1]


@dataclass(frozen=True)
class Scene:
    """Everything that a picture depends on.

    Attributes
    ----------
    kind
        One of KINDS.
    x, y
        Positions on the axes.
    index, palette, order
        Colours and order of drawing; order None is the order of rows.
    n_selected
        How many of the last in `order` are selected.
    coloured
        Whether the colours say something: else density is shown from light to dark.
    view, shape
        What is seen, and height and width in pixels.
    pixel_ratio
        Pixels per point of the screen.
    radius, alpha
        Of discs, in pixels.
    bars, grid, layout
        What the kind needs beyond points.
    vertical
        The vertical axis.
    lines
        Trails of tracks.
    line_colours
        Their colours by the row that they lead to, as index and palette: trails stay where points are faint or hidden.
    """

    kind: Kind
    x: NDArray[np.float64] = field(repr=False)
    y: NDArray[np.float64] = field(repr=False)
    index: NDArray[np.intp] = field(repr=False)
    palette: NDArray[np.uint8] = field(repr=False)
    order: NDArray[np.intp] | None = field(repr=False)
    n_selected: int
    coloured: bool
    view: View
    shape: tuple[int, int]
    pixel_ratio: float
    radius: float
    alpha: float
    bars: Bars | None = None
    grid: Grid | None = None
    layout: GroupLayout | None = None
    vertical: Scale = field(default_factory=Scale)
    lines: Lines | None = None
    line_colours: tuple[NDArray[np.intp], NDArray[np.uint8]] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Picture:
    """What a scene looks like.

    Attributes
    ----------
    view
        What it shows.
    ground
        uint8 RGBA below the points, of any size, or None.
    points
        uint8 RGBA of the scene's shape, or None.
    ids
        int32 of the scene's shape: the row of the point at each pixel, -1 for none.
    boxes
        For box and violin.
    highest
        For density, the largest number of points per pixel.
    """

    view: View
    ground: NDArray[np.uint8] | None
    points: NDArray[np.uint8] | None
    ids: NDArray[np.int32]
    boxes: list[Box | None] | None = None
    highest: float = 0.0


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Load what draws and selects, so that the first plot does not wait for it."""
    x = np.linspace(0.1, 0.9, 3)
    index, palette = np.zeros(3, np.intp), np.full((2, 4), 255, np.uint8)
    rasterise_points(x, x, index, palette, (0.0, 1.0, 0.0, 1.0), (4, 4))
    points_in_polygon(x, x, [(0, 0), (1, 0), (1, 1)])
    shades()


def draw(scene: Scene) -> Picture:
    """Draw a scene."""
    if scene.kind == "points":
        rgba, ids = _points(scene, scene.x)
        if scene.lines is not None:
            rgba = _with_lines(scene, rgba)
        return Picture(scene.view, None, rgba, ids)
    if scene.kind in ("box", "violin") and scene.layout is not None:
        rgba, ids = _points(scene, scene.layout.positions)
        return Picture(scene.view, None, rgba, ids, scene.layout.boxes)
    highest, ground = 0.0, None
    if scene.kind == "density":
        ground, highest = _density(scene)
    elif scene.kind == "histogram" and scene.bars is not None:
        ground = scene.bars.picture(scene.view, scene.shape, scene.vertical.forward)
    elif scene.grid is not None:
        ground = scene.grid.picture(scene.view, scene.shape)
    points, ids = None, np.full(scene.shape, -1, np.int32)
    if scene.n_selected and scene.order is not None and scene.kind != "histogram":
        points, ids = _discs(scene, scene.x, scene.order[-scene.n_selected :], 1.0)
    return Picture(scene.view, ground, points, ids, highest=highest)


def _points(scene: Scene, x: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw all objects, and a few that are selected larger and with an outline, above all others."""
    rgba, ids = _discs(scene, x, scene.order, scene.alpha)
    n = scene.n_selected
    if scene.order is None or not 0 < n <= min(_MOST_OUTLINED, len(x) - 1):
        return rgba, ids
    outline = scene.palette.copy()
    outline[:, :3] = _OUTLINE
    for palette, wider in ((outline, 2), (scene.palette, 1)):
        radius = scene.radius + wider * scene.pixel_ratio
        discs, rows = _discs(replace(scene, palette=palette, radius=radius), x, scene.order[-n:], 1.0)
        there = rows >= 0
        rgba[there], ids[there] = discs[there], rows[there]
    return rgba, ids


def _discs(
    scene: Scene, x: NDArray[np.float64], order: NDArray[np.intp] | None, alpha: float
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    return rasterise_points(
        x, scene.y, scene.index, scene.palette, scene.view, scene.shape, scene.radius, order, alpha
    )  # fmt: skip


def _density(scene: Scene) -> tuple[NDArray[np.uint8], float]:
    cell = _DENSITY_PIXELS * scene.pixel_ratio
    shape = (max(round(scene.shape[0] / cell), 1), max(round(scene.shape[1] / cell), 1))
    ground, highest = density_picture(
        scene.x, scene.y, scene.index, scene.palette, scene.view, shape, scene.coloured
    )  # fmt: skip
    return ground, highest / _DENSITY_PIXELS**2


def _with_lines(scene: Scene, rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from bioloom.explore._plot_kernels import draw_lines

    assert scene.lines is not None
    height, width = scene.shape
    x0, x1, y0, y1 = scene.view
    index, palette = scene.line_colours or (scene.index, scene.palette)
    image = np.ascontiguousarray(rgba)
    draw_lines(
        scene.x, scene.y, scene.lines.starts, scene.lines.ends, scene.lines.strengths, index, palette,
        x0, width / (x1 - x0), y1, height / (y1 - y0), image,
    )  # fmt: skip
    return image
