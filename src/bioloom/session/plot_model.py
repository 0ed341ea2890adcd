"""What a plot shows and how, and what lies where in it; knows no window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.appearance import Appearance
from bioloom.explore.axis_scales import Scale, ScaleKind
from bioloom.explore.plot_kinds import Grid, View, grid_bin_count
from bioloom.explore.plot_kinds_bars import Bars, bin_count
from bioloom.explore.plot_trails import Trails
from bioloom.session.plot_columns import PlotColumns
from bioloom.session.plot_drawing import KINDS, GroupLayout, Kind, Scene
from bioloom.session.plot_groups import Grouping, grouping
from bioloom.session.plot_hiding import palette_without, same_classes, trail_colours
from bioloom.session.plot_view import count_range, usual_radius, zoomed


class PlotModel:
    """Points with colours, seen in one of several kinds of plot.

    Attributes
    ----------
    x, y : numpy.ndarray
        Values of each object, float64.
    names : tuple of str
        Of the two columns.
    view : tuple of float
        (x0, x1, y0, y1), positions on the axes that are in view.
    point_size : float or None
        Diameter of points on the screen; None chooses by their number.
    alpha : float
        Opacity of points, greater than 0, at most 1.
    hidden_classes : frozenset of int
        Classes that are not drawn.
    hide_others : bool
        Whether objects that are not selected are hidden, as long as any is selected.
    trails : Trails or None
        Steps of tracks, drawn up to `frame` over `trail_length` frames.
    """

    def __init__(self) -> None:
        self._columns = PlotColumns(np.zeros(0), np.zeros(0))
        self.names = ("", "")
        self.view: View = (0.0, 1.0, 0.0, 1.0)
        self.point_size: float | None = None
        self.alpha = 1.0
        self.hidden_classes: frozenset[int] = frozenset()
        self.hide_others = False
        self.trails: Trails | None = None
        self.frame = 0
        self.trail_length = 10
        self.index: NDArray[np.intp] = np.zeros(0, np.intp)
        self.base_palette: NDArray[np.uint8] = np.array([[153, 153, 153, 255]], np.uint8)
        self.order: NDArray[np.intp] | None = None
        self.look: Appearance | None = None
        self._kind: Kind = "points"
        self._n_bins: int | None = None
        self._groups: NDArray[np.intp] | None = None
        self._group_names: list[str] = []
        self._cache: dict[str, Any] = {}

    # ------------------------------------------------------------------------------------------------ wishes
    x = property(lambda self: self._columns.x)
    y = property(lambda self: self._columns.y)

    def set_points(self, x: NDArray[Any], y: NDArray[Any], names: tuple[str, str]) -> None:
        """Show other objects, all alike, all of them in view."""
        self._columns = PlotColumns(np.asarray(x, np.float64), np.asarray(y, np.float64), self.scale_kinds)
        self.names = names
        self._cache.clear()
        if len(self.index) != len(self.x):
            self.index, self.order, self.look = np.zeros(len(self.x), np.intp), None, None
            self._groups, self.trails = None, None
        self.show_all()

    def set_look(self, look: Appearance) -> None:
        """Colour the objects; what was hidden among other classes is shown again."""
        if self.hidden_classes and not same_classes(self.look, look):
            self.hidden_classes = frozenset()
        self.set_colours(look.index, look.palette, look.order)
        self.look = look
        if self._groups is None:
            n = self._cache.get("n_groups", 0)
            self._forget("layout")
            self._cache["n_groups"] = len(self.group_names())
            if self._kind in ("box", "violin") and self._cache["n_groups"] != n:
                self.show_all()

    def set_colours(
        self, index: NDArray[Any], palette: NDArray[np.uint8], order: NDArray[np.intp] | None = None
    ) -> None:
        """Colour the objects by rows of an RGBA palette; later ones in `order` lie on top."""
        index = np.asarray(index)
        if index.shape != self.x.shape:
            raise InputError(f"A colour for each of {len(self.x)} objects is needed, but {len(index)} were given.")
        palette = np.asarray(palette)
        if index.size and not 0 <= index.min() <= index.max() < len(palette):
            raise InputError(f"Colours {index.min()}…{index.max()} are asked for, but there are only {len(palette)}.")
        self.index, self.base_palette, self.order, self.look = index, palette, order, None
        self._forget("bars", "grid")

    def set_groups(self, groups: NDArray[Any] | None, names: Sequence[str] = ()) -> None:
        """Divide the objects for box and violin.

        Parameters
        ----------
        groups
            Group of each object, 0…k - 1, -1 for none; None: by the classes that they are coloured by.
        names
            One per group.
        """
        self._groups = None if groups is None else np.asarray(groups).astype(np.intp)
        self._group_names = list(names)
        self._forget("layout")

    @property
    def kind(self) -> Kind:
        """One of KINDS; another kind shows all of it."""
        return self._kind

    @kind.setter
    def kind(self, kind: Kind) -> None:
        if kind not in KINDS:
            raise InputError(f"There is no plot {kind!r}: it must be one of {', '.join(KINDS)}.")
        self._kind = kind
        self.show_all()

    @property
    def scale_kinds(self) -> tuple[ScaleKind, ScaleKind]:
        """Linear, log or symlog, across and up."""
        return self._columns.kinds

    @scale_kinds.setter
    def scale_kinds(self, kinds: tuple[ScaleKind, ScaleKind]) -> None:
        self._columns = self._columns.laid_out(kinds)
        self._cache.clear()
        self.show_all()

    @property
    def n_bins(self) -> int | None:
        """Bins of histograms; None chooses by the values."""
        return self._n_bins

    @n_bins.setter
    def n_bins(self, n: int | None) -> None:
        if n is not None and not 1 <= n <= 1000:
            raise InputError(f"The number of bins is {n}, but must be 1 to 1000.")
        self._n_bins = n
        self._forget("bars", "grid")
        if self._kind == "histogram":
            self.show_all()

    # ------------------------------------------------------------------------------------------------ positions
    @property
    def scales(self) -> tuple[Scale, Scale]:
        """The two axes; the upper one of a histogram counts objects."""
        across, up = self._columns.scales
        if self._kind == "histogram":
            return across, Scale("log" if self.scale_kinds[1] == "log" else "linear")
        return (Scale() if self._kind in ("box", "violin") else across), up

    @property
    def axis_names(self) -> tuple[str, str]:
        """What the axes say."""
        if self._kind == "histogram":
            return self.names[0], "objects"
        return ("" if self._kind in ("box", "violin") else self.names[0]), self.names[1]

    def positions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where the objects are on both axes; NaN where they have no place."""
        if self._kind in ("box", "violin"):
            return self.layout().positions, self._columns.positions[1]
        return self._columns.positions

    @property
    def n_left_out(self) -> int:
        """How many objects have no place: a value is missing, or not above 0 on a logarithmic axis."""
        return self._columns.left_out[{"histogram": "across", "box": "up", "violin": "up"}.get(self._kind, "both")]

    def show_all(self) -> None:
        """Choose the view so that all objects are in it."""
        self.view = self.whole()

    def whole(self) -> View:
        """Return the view that has all objects in it."""
        if self._kind == "histogram":
            bars = self.bars()
            margin = 0.02 * (bars.high - bars.low)
            up = count_range(int(bars.heights.max(initial=1)), self.scales[1])
            return bars.low - margin, bars.high + margin, *up
        if self._kind in ("box", "violin"):
            return -0.6, max(len(self.group_names()), 1) - 0.4, *self._columns.in_view[1]
        return *self._columns.in_view[0], *self._columns.in_view[1]

    def zoom(self, x: float, y: float, factor: float, across: bool = True, up: bool = True) -> None:
        """Zoom around a position: what is in view becomes `factor` times as wide and high."""
        x0, x1, y0, y1 = self.view
        w0, w1, w2, w3 = self.whole()
        if across:
            x0, x1 = zoomed(x0, x1, x, factor, w1 - w0)
        if up:
            y0, y1 = zoomed(y0, y1, y, factor, w3 - w2)
        self.view = x0, x1, y0, y1

    # ------------------------------------------------------------------------------------------------ looks
    def palette(self) -> NDArray[np.uint8]:
        """Return the palette, with alpha 0 for what is hidden."""
        if self.look is None:
            return self.base_palette
        return palette_without(self.look, self.hidden_classes, self.hide_others)

    def visible(self) -> NDArray[np.bool_]:
        """Return which objects are drawn, wherever they are."""
        return np.asarray(self.palette()[self.index, 3] > 0, np.bool_)

    def legend(self) -> list[tuple[int, str, tuple[int, ...], int]]:
        """Return class, name, colour and number of objects of the classes that occur."""
        if self.look is None or (self._kind == "histogram 2D" and not self.hidden_classes):
            return []
        return self.look.colouring.legend()

    def radius(self) -> float:
        """Return the radius of a point on the screen."""
        return usual_radius(len(self.x)) if self.point_size is None else self.point_size / 2

    # ------------------------------------------------------------------------------------------------ kinds
    def bars(self) -> Bars:
        """Return the bars of the histogram."""
        if "bars" not in self._cache:
            x, (low, high) = self._columns.positions[0], self._columns.ranges[0]
            look = self.look
            self._cache["bars"] = Bars.of(
                x, np.asarray(self.index, np.intp), self.palette(),
                len(look.colouring.palette) if look else len(self.base_palette),
                look is not None and look.colouring.kind == "classes",
                self._n_bins or bin_count(x, (low, high)), (low, high),
            )  # fmt: skip
        return self._cache["bars"]  # type: ignore[no-any-return]

    def grid(self) -> Grid:
        """Return the bins of the two-dimensional histogram."""
        if "grid" not in self._cache:
            (x, y), extent = self._columns.positions, (*self._columns.ranges[0], *self._columns.ranges[1])
            self._cache["grid"] = Grid.of(x, y, self.visible(), self._n_bins or grid_bin_count(len(x)), extent)
        return self._cache["grid"]  # type: ignore[no-any-return]

    def layout(self) -> GroupLayout:
        """Return how box and violin arrange the objects."""
        if "layout" not in self._cache or self._cache["layout"].violin != (self._kind == "violin"):
            found, up = self._grouping(), self._columns.positions[1]
            self._cache["layout"] = GroupLayout(up, found.groups, len(found.names), self._kind == "violin")
        return self._cache["layout"]  # type: ignore[no-any-return]

    def group_names(self) -> list[str]:
        """Return the names of the groups of box and violin."""
        return self._grouping().names

    def group_colours(self) -> list[tuple[int, ...]]:
        """Return the colour of each group: that of its class, or grey."""
        return self._grouping().colours

    def _grouping(self) -> Grouping:
        return grouping(len(self.x), self.look, self._groups, self._group_names)

    def _forget(self, *names: str) -> None:
        for name in names:
            self._cache.pop(name, None)

    # ------------------------------------------------------------------------------------------------ picture
    def hide(self, classes: frozenset[int], others: bool) -> None:
        """Hide classes, and what is not selected."""
        self.hidden_classes, self.hide_others = classes, others
        self._forget("bars", "grid")

    def scene(self, shape: tuple[int, int], pixel_ratio: float = 1.0) -> Scene:
        """Freeze what is to be drawn on (height, width) pixels."""
        (x, y), look = self._columns.positions, self.look
        trails = self.trails if self._kind == "points" else None
        lines = trails.at(self.frame, self.trail_length) if trails else None
        return Scene(
            self._kind, x, y, self.index, self.palette(), self.order,
            look.n_selected if look else 0,
            look is not None and (look.colouring.kind == "values" or bool(look.legend_rows())),
            self.view, shape, pixel_ratio,
            self.radius() * pixel_ratio, self.alpha,
            self.bars() if self._kind == "histogram" else None,
            self.grid() if self._kind == "histogram 2D" else None,
            self.layout() if self._kind in ("box", "violin") else None,
            self.scales[1], lines, trail_colours(look, self.hidden_classes) if lines and look else None,
        )  # fmt: skip

    def is_of_now(self, scene: Scene) -> bool:
        """Tell whether a scene shows these objects, in this kind of plot, on these axes."""
        return scene.kind == self._kind and scene.x is self._columns.positions[0]
