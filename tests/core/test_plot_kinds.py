"""Density, histograms, boxes, violins, translucent points and trails."""

import numpy as np
import pandas as pd
import pytest

from bioloom.errors import InputError
from bioloom.explore.appearance import NOISE, appearance, colour_by, value_names
from bioloom.explore.colours import class_colours
from bioloom.explore.plot_kinds import Grid, density_picture, grid_bin_count
from bioloom.explore.plot_kinds_bars import Bars, bin_count
from bioloom.explore.plot_kinds_groups import group_boxes, strip_positions
from bioloom.explore.plot_trails import Trails
from bioloom.explore.raster import rasterise_points

RED_BLUE = np.array([[255, 0, 0, 255], [0, 0, 255, 255], [0, 255, 0, 0]], np.uint8)


def none(n):
    return np.zeros(n, bool)


# translucent points
def test_translucent_points_mix_like_paint():
    x, y = np.array([5.5, 5.5]), np.array([5.5, 5.5])
    rgba, ids = rasterise_points(x, y, np.array([0, 1]), RED_BLUE, (0, 10, 0, 10), (10, 10), 0, None, 0.5)
    red, green, blue, alpha = rgba[4, 5].astype(float) / 255
    assert ids[4, 5] == 1
    assert alpha == pytest.approx(0.75, abs=0.01)
    # Half of what is seen is the upper blue, a quarter the lower red.
    assert (red * alpha, green, blue * alpha) == pytest.approx((0.25, 0, 0.5), abs=0.01)


def test_many_translucent_points_become_opaque_and_hidden_ones_leave_no_trace():
    n = 200
    x = y = np.full(n, 5.5)
    rgba, _ = rasterise_points(x, y, np.zeros(n, int), RED_BLUE, (0, 10, 0, 10), (10, 10), 0, None, 0.1)
    assert rgba[4, 5].tolist() == pytest.approx([255, 0, 0, 255], abs=1)
    rgba, ids = rasterise_points(x, y, np.full(n, 2), RED_BLUE, (0, 10, 0, 10), (10, 10), 2, None, 0.1)
    assert not rgba.any()
    assert (ids == -1).all()
    for alpha in (0, 1.5, np.nan):
        with pytest.raises(InputError, match="alpha"):
            rasterise_points(x, y, np.zeros(n, int), RED_BLUE, (0, 10, 0, 10), (10, 10), 0, None, alpha)


def test_translucent_and_opaque_points_cover_the_same_pixels():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 11, (2, 200))
    order = rng.permutation(200)[:150]
    index = rng.integers(0, 2, 200)
    clear, below = rasterise_points(x, y, index, RED_BLUE, (0, 10, 0, 10), (80, 90), 3, order, 0.4)
    full, top = rasterise_points(x, y, index, RED_BLUE, (0, 10, 0, 10), (80, 90), 3, order)
    np.testing.assert_array_equal(below, top)
    np.testing.assert_array_equal(clear[..., 3] > 0, full[..., 3] > 0)


# density
def test_density_is_highest_where_points_are_and_keeps_their_number():
    rng = np.random.default_rng(0)
    x, y = np.r_[rng.normal(2, 0.3, 5000), rng.normal(7, 0.3, 500)], np.r_[rng.normal(5, 0.3, 5500)]
    rgba, highest = density_picture(x, y, np.zeros(5500, int), RED_BLUE, (0, 10, 0, 10), (100, 100), True)
    assert rgba[50, 20, 3] > rgba[50, 70, 3] > 0
    assert rgba[5, 95, 3] == 0
    assert rgba[50, 20, :3].tolist() == [255, 0, 0]
    # 10 pixels per unit: the crowd is a Gaussian of 3 pixels, smoothed by another one.
    assert 0.5 < highest / (5000 / (2 * np.pi * 9)) < 1


def test_density_mixes_colours_by_number_and_leaves_hidden_points_out():
    x = y = np.full(100, 5.0)
    index = np.r_[np.zeros(75, int), np.ones(25, int)]
    rgba, _ = density_picture(x, y, index, RED_BLUE, (0, 10, 0, 10), (50, 50), True)
    centre = rgba[rgba[..., 3].argmax() // 50, rgba[..., 3].argmax() % 50]
    assert centre[:3].tolist() == pytest.approx([191, 0, 64], abs=2)
    rgba, highest = density_picture(x, y, np.full(100, 2), RED_BLUE, (0, 10, 0, 10), (50, 50), True)
    assert (rgba.any(), highest) == (False, 0.0)


# two-dimensional histogram
def test_grids_count_like_numpy():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 5000))
    shown = rng.random(5000) < 0.7
    extent = (x.min(), x.max(), y.min(), y.max())
    grid = Grid.of(x, y, shown, 30, extent)
    expected, _, _ = np.histogram2d(y[shown], x[shown], 30, (extent[2:], extent[:2]))
    np.testing.assert_array_equal(grid.counts, expected)
    assert grid.counts.sum() == shown.sum()


def test_the_picture_of_a_grid_shows_bins_where_they_are():
    grid = Grid.of(np.array([0.5, 2.5, 2.5, 3.0]), np.array([0.5, 2.5, 2.5, 3.0]), ~none(4), 3, (0, 3, 0, 3))
    rgba = grid.picture((-1, 4, -1, 4), (50, 50))
    for x, y, seen in [(0.5, 0.5, True), (2.5, 2.5, True), (1.5, 1.5, False), (-0.5, 0.5, False), (3.5, 3.5, False)]:
        assert (rgba[int((4 - y) * 10), int((x + 1) * 10), 3] > 0) == seen
    assert rgba[int(1.5 * 10), 35, :3].sum() < rgba[35, 15, :3].sum(), "more objects are darker"
    assert grid.bin_at(2.9, 0.1) == (0, 2)
    assert grid.bin_at(3, 3) == (2, 2)
    assert grid.bin_at(3.1, 0) is None


# one-dimensional histogram
def look_of(classes, selected=None):
    classes = np.asarray(classes)
    return appearance(classes, none(len(classes)) if selected is None else selected, True)


def bars_of(x, look, n_bins, extent):
    return Bars.of(
        np.asarray(x, float), look.index, look.palette, len(look.colouring.palette),
        look.colouring.kind == "classes", n_bins, extent,
    )  # fmt: skip


def test_bars_count_like_numpy_and_stack_classes():
    rng = np.random.default_rng(2)
    x, classes = rng.normal(size=4000), rng.integers(0, 4, 4000)
    x[:5] = np.nan
    extent = (np.nanmin(x), np.nanmax(x))
    bars = bars_of(x, look_of(classes), 25, extent)
    expected, _ = np.histogram(x[5:], 25, extent)
    np.testing.assert_array_equal(bars.heights, expected)
    for part in range(bars.counts.shape[1]):
        colour = bars.colours[0, part]
        of_class = int(np.flatnonzero((class_colours(3) == colour).all(1))[0])
        np.testing.assert_array_equal(bars.counts[:, part], np.histogram(x[classes == of_class], 25, extent)[0])


def test_selected_objects_stand_on_the_axis():
    x = np.repeat([0.5, 1.5], [10, 4])
    selected = np.arange(14) >= 8
    bars = bars_of(x, look_of(np.ones(14, int), selected), 2, (0, 2))
    assert bars.counts.tolist() == [[2, 8], [4, 0]]
    rgba = bars.picture((0, 2, 0, 10), (100, 40), lambda c: c.astype(float))
    vivid = class_colours(1)[1].tolist()
    assert rgba[95, 10].tolist() == vivid
    assert rgba[75, 10].tolist() != vivid
    assert rgba[75, 10, 3] > 0
    assert rgba[50, 30, 3] == 0


def test_even_a_single_object_is_seen_beside_a_million():
    x = np.r_[np.full(100_000, 0.5), 1.5]
    bars = bars_of(x, look_of(np.zeros(len(x), int)), 2, (0, 2))
    rgba = bars.picture((0, 2, 0, 110_000), (100, 40), lambda c: c.astype(float))
    assert rgba[99, 30, 3] > 0


def test_bars_of_measured_colours_have_the_mean_colour():
    values = np.array([0.0, 0.0, 1.0, 1.0, np.nan])
    look = appearance(colour_by(values, limits=(0.0, 1.0)), none(5))
    bars = bars_of([0.5, 0.5, 1.5, 1.5, 2.5], look, 3, (0, 3))
    assert bars.counts.tolist() == [[2], [2], [1]]
    np.testing.assert_array_equal(bars.colours[0, 0], look.palette[1])
    np.testing.assert_array_equal(bars.colours[1, 0], look.palette[256])


def test_number_of_bins_follows_the_spread():
    rng = np.random.default_rng(0)
    assert bin_count(np.zeros(0), (0, 1)) == 11
    assert bin_count(np.r_[np.zeros(90), np.ones(10)], (0, 1)) == 31
    assert bin_count(np.full(50, 3.0), (2.85, 3.15)) % 2, "a single bar stands in the middle"
    few, many = (bin_count(rng.normal(size=n), (-4.0, 4.0)) for n in (100, 100_000))
    assert 10 <= few < many <= 120


def test_few_objects_get_large_bins():
    assert [grid_bin_count(n) for n in (0, 1, 400, 10**6)] == [5, 5, 20, 60]


# boxes and violins
def test_boxes_equal_matplotlib():
    from matplotlib.cbook import boxplot_stats

    rng = np.random.default_rng(3)
    groups = rng.integers(-1, 4, 3000)
    values = rng.gamma(2, size=3000) * (groups + 2)
    values[rng.random(3000) < 0.05] = np.nan
    boxes = group_boxes(values, groups, 6)
    assert [b is None for b in boxes] == [False] * 4 + [True] * 2
    for number, box in enumerate(boxes[:4]):
        mine = values[(groups == number) & np.isfinite(values)]
        expected = boxplot_stats(mine)[0]
        found = (box.n, box.median, box.first, box.third, box.low, box.high)
        keys = ("med", "q1", "q3", "whislo", "whishi")
        assert found == pytest.approx((len(mine), *(expected[k] for k in keys)))


def test_a_violin_is_widest_where_values_are_and_ends_with_them():
    values = np.r_[np.random.default_rng(0).normal(0, 1, 5000), np.random.default_rng(1).normal(8, 1, 500)]
    (box,) = group_boxes(values, np.zeros(5500, int), 1)
    assert box.density.max() == 1
    assert abs(box.grid[box.density.argmax()]) < 0.5
    assert values.min() <= box.grid[0]
    assert box.grid[-1] <= values.max()
    assert np.interp(8, box.grid, box.density) == pytest.approx(0.1, abs=0.04)
    assert np.interp(4, box.grid, box.density) < 0.02


@pytest.mark.parametrize("violin", [False, True])
def test_objects_stay_beside_their_group(violin):
    rng = np.random.default_rng(4)
    groups, values = rng.integers(-1, 3, 2000), rng.normal(size=2000)
    places = strip_positions(values, groups, group_boxes(values, groups, 3), violin)
    assert np.isnan(places[groups < 0]).all()
    known = (groups >= 0) & np.isfinite(values)
    assert (np.abs(places - groups)[known] <= 0.38).all()
    assert len(np.unique(places[known])) == known.sum()
    if violin:
        outer = np.abs(values) > 2.5
        assert np.abs(places - groups)[known & outer].max() < 0.1


def test_groups_of_one_value():
    boxes = group_boxes(np.full(5, 2.0), np.zeros(5, int), 1)
    assert (boxes[0].low, boxes[0].median, boxes[0].high) == (2, 2, 2)
    assert np.isfinite(strip_positions(np.full(5, 2.0), np.zeros(5, int), boxes, True)).all()


# colours
def test_noise_is_a_class_of_its_own():
    classes = np.array([1, -1, 0, 2, -1])
    colouring = colour_by(classes, names={1: "round"})
    colours = colouring.palette[colouring.index]
    assert (colours[1] == colours[4]).all()
    assert len(np.unique(colours, axis=0)) == 4
    assert [(c, name, n) for c, name, _, n in colouring.legend()] == [
        (0, "no class", 1),
        (1, "round", 1),
        (2, "class 2", 1),
        (NOISE, "noise", 2),
    ]
    with pytest.raises(InputError, match="-2"):
        colour_by(np.array([-2, 1]), True)


def test_texts_are_classes_with_their_own_names():
    colouring = colour_by(np.array(["b", "a", None, "b", np.nan], dtype=object), title="treatment")
    assert colouring.index.tolist() == [2, 1, 0, 2, 0]
    assert [name for _, name, _, _ in colouring.legend()] == ["no value", "a", "b"]


@pytest.mark.parametrize(
    "texts",
    [
        ["class 1", "class 2", "class 10", "Class 11", "other"],
        ["-10 µM", "-5 µM", "0 µM", "0.25 µM", "0.5 µM", "2 µM", "10 µM"],
        ["v1.9.2", "v1.10.1", "v1.10.12"],
        ["2", "10", "9007199254740992", "9007199254740993", "1" * 400],
        ["a", "A1", "a-2", "a-10", "ä"],
        ["1", "001b", "1b", "b"],
    ],
)
def test_texts_are_in_the_order_in_which_people_count(texts):
    mixed = np.array(texts, object)[np.random.default_rng(0).permutation(len(texts))]
    colouring = colour_by(mixed)
    assert [name for _, name, _, _ in colouring.legend()] == texts
    assert [colouring.names[i] for i in colouring.classes[colouring.index]] == mixed.tolist()


def test_ordered_categories_keep_their_order():
    steps = pd.Categorical(["late", None, "early", "late"], ["early", "middle", "late"], ordered=True)
    doses = pd.Categorical([10.0, 0.5, 10.0, 2.0], [10.0, 2.0, 0.5], ordered=True)
    plain = pd.Categorical(["b 10", "b 9", "b 10", None], ["b 10", "b 9"])
    found = [[name for _, name, _, _ in colour_by(pd.Series(c)).legend()] for c in (steps, doses, plain)]
    assert found == [["no value", "early", "late"], ["10.0", "2.0", "0.5"], ["no value", "b 9", "b 10"]]


@pytest.mark.parametrize("dtype", ["boolean", "string", "category", "object"])
def test_missing_values_of_every_type_of_column_have_no_class(dtype):
    texts = pd.Series(["True", "False", None, "True"])
    column = texts.map({"True": True, "False": False}).astype("boolean") if dtype == "boolean" else texts.astype(dtype)
    legend = colour_by(column.to_numpy(), title="touches").legend()
    assert [(name, n) for _, name, _, n in legend] == [("no value", 1), ("False", 1), ("True", 2)]


def test_counts_are_named_by_themselves_and_classes_as_classes():
    counts = np.array([0, 2, 2])
    assert value_names(counts, "n_neighbours") == {0: "0", 2: "2"}
    for values, column in ((counts, "MANUAL_CLASS"), (counts * 1.0, "area"), (counts * 100, "id")):
        assert value_names(values, column) == {}


def test_truth_values_are_called_so():
    legend = colour_by(np.array([True, False, True])).legend()
    assert [(name, n) for _, name, _, n in legend] == [("False", 1), ("True", 2)]


def test_limits_and_colour_maps_are_chosen():
    values = np.array([0.0, 5.0, 10.0, 20.0])
    colouring = colour_by(values, limits=(0, 10), colormap="magma")
    assert colouring.index.tolist() == [1, 128, 256, 256]
    assert colouring.limits == (0, 10)
    for wrong in ({"limits": (1, 1)}, {"limits": (0, np.nan)}, {"colormap": "no such map"}):
        with pytest.raises(InputError):
            colour_by(values, **wrong)


def test_only_the_current_frame_is_bright_and_lies_on_top():
    frames = np.array([0, 1, 0, 1, 2, 1])
    selected = np.array([0, 0, 1, 1, 0, 0], bool)
    for mask in (none(6), selected):
        look = appearance(np.ones(6, int), mask, True, bright=frames == 1)
        alpha = look.palette[look.index, 3].astype(int)
        assert alpha[[1, 3, 5]].min() > alpha[[0, 4]].max()
        place = np.argsort(look.order)
        assert place[[0, 4]].max() < place[[1, 5]].min()
    assert look.order[-1] == 3, "selected in the current frame: above all"
    assert look.order[-2] == 2


def test_hidden_objects_cannot_be_seen():
    hidden = np.array([False, True, False])
    look = appearance(np.array([0, 1, 2]), np.array([True, False, False]), True, hidden=hidden)
    assert (look.palette[look.index, 3] == 0).tolist() == hidden.tolist()
    assert not look.plain


# trails
def test_trails_lead_to_the_current_frame():
    tracks = np.array([1, 2, 1, 0, 1, 2, 1, 0])
    frames = np.array([0, 0, 1, 0, 2, 2, 3, 1])
    lines = Trails(tracks, frames).at(2, length=2)
    steps = {(int(a), int(b)): float(s) for a, b, s in zip(lines.starts, lines.ends, lines.strengths, strict=True)}
    assert steps == {(2, 4): 1.0, (1, 5): 1.0, (0, 2): 0.5}
    assert lines.strengths.tolist() == sorted(lines.strengths, reverse=True)
    assert len(Trails(tracks, frames).at(0).starts) == 0
    assert len(Trails(np.zeros(8, int), frames).at(2).starts) == 0
    with pytest.raises(InputError):
        Trails([1, 2], [1])
