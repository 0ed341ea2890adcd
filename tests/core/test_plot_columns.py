"""Columns on the axes of a plot: where objects lie, between which ends, and how many have no place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bioloom.errors import InputError
from bioloom.explore.axis_scales import Scale
from bioloom.session.plot_columns import PlotColumns
from bioloom.session.plot_view import count_range, usual_radius

numbers = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([np.nan, np.inf, -np.inf, 0.0]))
pairs = hnp.arrays(np.float64, st.tuples(st.just(2), st.integers(0, 30)), elements=numbers)
kinds = st.sampled_from(["linear", "log", "symlog"])


@settings(max_examples=80, deadline=None)
@given(pairs, kinds, kinds)
def test_what_has_no_place_is_counted_and_the_rest_is_in_view(values, across, up):
    columns = PlotColumns(values[0], values[1], (across, up))
    x, y = columns.positions
    placed_x, placed_y = np.isfinite(x), np.isfinite(y)
    assert columns.left_out == {
        "across": int((~placed_x).sum()),
        "up": int((~placed_y).sum()),
        "both": int((~(placed_x & placed_y)).sum()),
    }
    for positions, placed, (low, high), (first, last) in zip(
        (x, y), (placed_x, placed_y), columns.ranges, columns.in_view, strict=True
    ):
        assert first <= low < high <= last
        assert ((positions[placed] >= low) & (positions[placed] <= high)).all()


def test_other_axes_show_the_same_values():
    columns = PlotColumns(np.array([-1.0, 1.0, 100.0]), np.zeros(3))
    logarithmic = columns.laid_out(("log", "linear"))
    assert logarithmic.x is columns.x
    assert logarithmic.left_out["across"] == 1
    assert logarithmic.ranges[0] == (0, 2)
    assert columns.kinds == ("linear", "linear")
    with pytest.raises(InputError, match="equally long"):
        PlotColumns(np.zeros(3), np.zeros(2))
    with pytest.raises(InputError, match="cubic"):
        columns.laid_out(("cubic", "linear"))


def test_bars_and_points_fit_into_the_view():
    low, high = count_range(50, Scale())
    assert low == 0
    assert 50 < high < 60
    low, high = count_range(0, Scale("log"))
    assert 10**low < 1 < 10**high, "a single object has a height on a logarithmic axis too"
    radii = [usual_radius(n) for n in (10, 2_000, 20_000, 10**6)]
    assert radii == sorted(radii, reverse=True)
    assert radii[-1] >= 1
