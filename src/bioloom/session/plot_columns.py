"""Two columns laid out along the axes of a plot; knows no window."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.axis_scales import Scale, ScaleKind, scale_for
from bioloom.session.plot_view import value_range

Values = NDArray[np.float64]


class PlotColumns:
    """Values of objects and where they lie on the axes, each computed when it is first needed.

    Parameters
    ----------
    x, y
        Values of each object, float64, shape (n,).
    kinds
        Linear, log or symlog, across and up.

    Raises
    ------
    InputError
        If the lengths differ.
    """

    def __init__(self, x: Values, y: Values, kinds: tuple[ScaleKind, ScaleKind] = ("linear", "linear")) -> None:
        if x.ndim != 1 or x.shape != y.shape:
            raise InputError(f"x and y must be equally long, but their shapes are {x.shape} and {y.shape}.")
        Scale(kinds[0]), Scale(kinds[1])
        self.x, self.y, self.kinds = x, y, kinds

    def laid_out(self, kinds: tuple[ScaleKind, ScaleKind]) -> PlotColumns:
        """Return the same values on other axes."""
        return PlotColumns(self.x, self.y, kinds)

    @cached_property
    def scales(self) -> tuple[Scale, Scale]:
        """The two axes."""
        return scale_for(self.kinds[0], self.x), scale_for(self.kinds[1], self.y)

    @cached_property
    def positions(self) -> tuple[Values, Values]:
        """Positions on both axes; NaN where a value has none."""
        across, up = self.scales
        return across.forward(self.x), up.forward(self.y)

    @cached_property
    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ends between which all positions lie, without a margin."""
        across, up = self.positions
        return value_range(across, 0.0), value_range(up, 0.0)

    @cached_property
    def in_view(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ends between which all positions lie, with a margin."""
        across, up = self.positions
        return value_range(across), value_range(up)

    @cached_property
    def left_out(self) -> dict[str, int]:
        """How many objects have no place "across", "up", or on "both" together."""
        placed = [np.isfinite(positions) for positions in self.positions]
        n = len(self.x)
        across, up = (n - int(np.count_nonzero(found)) for found in placed)
        both = n - int(np.count_nonzero(placed[0] & placed[1])) if across and up else across + up
        return {"across": across, "up": up, "both": both}
