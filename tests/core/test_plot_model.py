"""What a plot shows, what it selects, and that it never falls behind: without a window."""

import numpy as np
import pandas as pd
import pytest

from bioloom.errors import InputError
from bioloom.explore import GateSet, RangeGate
from bioloom.explore.appearance import appearance, colour_by
from bioloom.explore.plot_trails import Trails
from bioloom.session.plot_drawing import KINDS, draw
from bioloom.session.plot_model import PlotModel
from bioloom.session.plot_picking import describe_place, gate_of, nearest, objects_in, objects_of_bin
from bioloom.session.plot_tools import Drawn

N = 600
SHAPE = (120, 160)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, N)
    x = rng.normal(size=N) + 3 * classes
    y = np.exp(rng.normal(size=N))
    x[3], y[4] = np.nan, np.inf
    y[5] = -1
    return x, y, classes


@pytest.fixture
def model(data):
    x, y, classes = data
    model = PlotModel()
    model.set_points(x, y, ("a", "b"))
    model.set_look(appearance(colour_by(classes, True, names={1: "one", 2: "two"}), np.zeros(N, bool)))
    return model


def rectangle(x0, x1, y0, y1):
    return Drawn("rectangle", np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scales", [("linear", "linear"), ("log", "log"), ("symlog", "symlog")])
def test_every_kind_draws_something_on_every_axis(model, kind, scales):
    model.scale_kinds = scales
    model.kind = kind
    picture = draw(model.scene(SHAPE))
    drawn = [p for p in (picture.ground, picture.points) if p is not None]
    assert sum(int((p[..., 3] > 0).sum()) for p in drawn) > 30
    assert picture.ids.shape == SHAPE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0, 2.0], [np.nan, np.nan], [np.inf, 1.0], [-1.0, 0.0]])
def test_odd_data_are_drawn_without_complaint(kind, values):
    for scale in ("linear", "log", "symlog"):
        model = PlotModel()
        model.set_points(np.array(values), np.array(values), ("a", "b"))
        model.scale_kinds = (scale, scale)
        model.kind = kind
        draw(model.scene(SHAPE))
        assert np.isfinite(model.view).all()
        assert model.view[0] < model.view[1]
        assert model.view[2] < model.view[3]


def test_what_has_no_place_is_counted(model):
    assert model.n_left_out == 2
    model.scale_kinds = ("linear", "log")
    assert model.n_left_out == 3
    model.kind = "histogram"
    assert model.n_left_out == 1


def test_a_rectangle_selects_in_the_positions_of_the_axes(model, data):
    x, y, _ = data
    model.scale_kinds = ("linear", "log")
    mask = objects_in(model, rectangle(-1, 2, np.log10(0.5), np.log10(2)))
    np.testing.assert_array_equal(mask, (x >= -1) & (x < 2) & (y >= 0.5) & (y < 2))


def test_a_gate_selects_the_same_objects_by_their_values(model, data):
    x, y, _ = data
    model.scale_kinds = ("symlog", "log")
    drawn = Drawn("polygon", np.array([(-0.2, -0.8), (0.9, -0.5), (0.4, 0.6)]))
    gate = gate_of(model, drawn)
    mask = objects_in(model, drawn)
    assert mask.sum() > 20
    # Its edges are straight on the axes on which it was drawn, also after it was saved.
    saved = GateSet.from_json(GateSet({"drawn": gate}).to_json())
    np.testing.assert_array_equal(saved.mask("drawn", pd.DataFrame({"a": x, "b": y})), mask)


def test_a_span_is_a_range_of_the_horizontal_column(model, data):
    x, _, _ = data
    drawn = Drawn("span", np.array([(2.0, 9), (0.5, -9)]))
    np.testing.assert_array_equal(objects_in(model, drawn), (x >= 0.5) & (x <= 2))
    gate = gate_of(model, drawn)
    assert gate == RangeGate("a", 0.5, 2)
    model.kind = "histogram"
    np.testing.assert_array_equal(objects_in(model, rectangle(0.5, 2, 0, 1)), (x >= 0.5) & (x <= 2))
    assert gate_of(model, Drawn("brush", np.array([(0.5, 0), (1, 0)]))) == RangeGate("a", 0.5, 1)
    model.kind = "points"
    assert gate_of(model, Drawn("brush", np.zeros((2, 2)))) is None
    assert gate_of(model, Drawn("lasso", np.zeros((2, 2)))) is None


def test_a_brush_is_round_on_the_screen(model, data):
    x, y, _ = data
    mask = objects_in(model, Drawn("brush", np.array([(0.0, 1.0)])), per_unit=(100.0, 10.0), brush_radius=50)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(mask, np.hypot(x * 100, (y - 1) * 10) <= 50)


def test_hidden_objects_are_neither_drawn_nor_selected(model, data):
    _, _, classes = data
    everything = rectangle(-100, 100, -100, 100)
    model.hide(frozenset({1}), False)
    assert not objects_in(model, everything)[classes == 1].any()
    shown = draw(model.scene(SHAPE)).ids
    assert not (classes[shown[shown >= 0]] == 1).any()
    selected = classes == 2
    model.set_look(appearance(model.look.colouring, selected))
    model.hide(frozenset(), True)
    np.testing.assert_array_equal(model.visible(), selected)
    model.set_look(appearance(model.look.colouring, np.zeros(N, bool)))
    assert model.visible().all(), "nothing is selected: nothing is hidden"


def test_a_click_on_a_bar_selects_its_objects(model, data):
    x, _, _ = data
    model.kind, model.n_bins = "histogram", 20
    bars = model.bars()
    total = 0
    for number in range(20):
        low, high = bars.edges(number)
        total += objects_of_bin(model, (low + high) / 2, 0).sum()
    assert total == np.isfinite(x).sum()
    model.kind, model.n_bins = "histogram 2D", 5
    grid = model.grid()
    counts = [
        [objects_of_bin(model, *np.mean(np.reshape(grid.edges(r, c), (2, 2)), axis=1)).sum() for c in range(5)]
        for r in range(5)
    ]
    np.testing.assert_array_equal(counts, grid.counts)
    model.kind = "points"
    assert objects_of_bin(model, 0, 0) is None


def test_places_are_described(model):
    model.kind = "histogram"
    low, high = model.bars().edges(int(model.bars().heights.argmax()))
    told = dict(describe_place(model, (low + high) / 2, 1))
    assert told["objects"] == str(model.bars().heights.max())
    assert "–" in told["a"]
    model.kind = "histogram 2D"
    row, column = np.unravel_index(model.grid().counts.argmax(), model.grid().counts.shape)
    x0, x1, y0, y1 = model.grid().edges(row, column)
    assert dict(describe_place(model, (x0 + x1) / 2, (y0 + y1) / 2))["objects"] == str(model.grid().counts.max())
    model.kind = "box"
    box = model.layout().boxes[1]
    told = dict(describe_place(model, 1.1, box.median))
    assert told[""] == "one"
    assert float(told["median"]) == pytest.approx(box.median, rel=1e-4)
    assert describe_place(model, 1.5, box.median) == []


def test_the_nearest_object_is_found_within_reach(model, data):
    x, y, _ = data
    assert nearest(model, x[7] + 0.001, y[7], (100, 100), 5) == 7
    assert nearest(model, 1e6, 1e6, (100, 100), 5) == -1


def test_groups_follow_the_classes_or_what_is_given(model, data):
    _, y, classes = data
    model.kind = "violin"
    assert model.group_names() == ["no class", "one", "two"]
    assert model.view[0] == pytest.approx(-0.6)
    assert model.view[1] == pytest.approx(2.6)
    finite = y[(classes == 2) & np.isfinite(y)]
    assert model.layout().boxes[2].median == pytest.approx(np.median(finite))
    x, _ = model.positions()
    placed = np.isfinite(y)
    assert (np.abs(x - classes)[placed] < 0.5).all()
    model.set_groups(np.arange(N) % 4, ["a", "b"])
    assert model.group_names() == ["a", "b", "2", "3"]
    model.set_groups(np.arange(N))
    with pytest.raises(InputError, match="too many"):
        model.group_names()


def test_boxes_of_texts_stand_in_natural_order(model):
    texts = np.array([f"class {1 + i % 11}" for i in range(N)])
    model.set_look(appearance(colour_by(texts), np.zeros(N, bool)))
    model.kind = "box"
    assert model.group_names() == [f"class {i}" for i in range(1, 12)]
    assert (np.rint(model.positions()[0]) == np.arange(N) % 11)[6:].all()


def test_of_many_classes_the_small_ones_are_one_group(model):
    classes = 1 + np.minimum(np.arange(N) % 200, np.arange(N) % 80)
    model.set_look(appearance(classes, np.zeros(N, bool), True))
    names = model.group_names()
    assert len(names) == 60
    assert names[-1] == f"{len(np.unique(classes)) - 59} other classes"
    assert "class 1" in names
    model.kind = "box"
    counts = np.bincount(model.layout().groups)
    assert counts.sum() == N
    assert counts[:-1].min() >= np.bincount(classes)[1:].min()


def test_zooming_keeps_the_place_and_has_an_end(model):
    before = model.view
    model.zoom(1.0, 2.0, 0.5)
    share = [(1.0 - v[0]) / (v[1] - v[0]) for v in (before, model.view)]
    assert share[0] == pytest.approx(share[1])
    model.zoom(1.0, 2.0, 0.5, up=False)
    for factor in (1e-3, 1e3):
        for _ in range(300):
            model.zoom(1.0, 2.0, factor)
        assert np.isfinite(model.view).all()
        assert model.view[0] < 1.0 < model.view[1]
        draw(model.scene(SHAPE))


def test_other_objects_forget_groups_and_colours(model):
    model.set_groups(np.zeros(N, int))
    model.kind = "box"
    model.set_points(np.arange(5.0), np.arange(5.0), ("c", "d"))
    assert model.group_names() == ["all"]
    assert model.legend() == []
    draw(model.scene(SHAPE))
    with pytest.raises(InputError, match="5 objects"):
        model.set_colours(np.zeros(4, int), np.zeros((1, 4), np.uint8))
    for wrong in (-1, 1):
        with pytest.raises(InputError, match="only 1"):
            model.set_colours(np.full(5, wrong), np.zeros((1, 4), np.uint8))
    with pytest.raises(InputError, match="equally long"):
        model.set_points(np.zeros(3), np.zeros(2), ("a", "b"))


@pytest.mark.parametrize(
    ("name", "value"), [("kind", "pie"), ("scale_kinds", ("linear", "square")), ("n_bins", 0), ("n_bins", 5000)]
)
def test_unknown_wishes_are_refused(model, name, value):
    with pytest.raises(InputError):
        setattr(model, name, value)


def test_trails_are_drawn_below_the_points():
    model = PlotModel()
    model.set_points(np.array([1.0, 9.0]), np.array([5.0, 5.0]), ("x", "y"))
    model.view = (0.0, 10.0, 0.0, 10.0)
    before = draw(model.scene((100, 100))).points
    model.trails, model.frame = Trails([1, 1], [0, 1]), 1
    after = draw(model.scene((100, 100)))
    assert before[50, 50, 3] == 0
    assert after.points[50, 20:80, 3].all()
    assert not after.points[20, :, 3].any()
    np.testing.assert_array_equal(after.points[after.ids >= 0], before[after.ids >= 0], "points lie above")
    model.view = (4.0, 6.0, 4.0, 6.0)
    assert draw(model.scene((100, 100))).points[50, :, 3].all(), "a line through the view has both ends outside"


def test_trails_to_nowhere_are_left_out():
    model = PlotModel()
    values = np.array([1.0, np.nan, np.inf, 1e308, -1e308, 1e18, 2.0])
    model.set_points(values, values[::-1], ("x", "y"))
    model.trails, model.frame, model.view = Trails(np.ones(7), np.arange(7)), 6, (0.0, 10.0, 0.0, 10.0)
    draw(model.scene((100, 100)))


def test_a_brush_far_from_zero_selects_what_it_touches():
    model = PlotModel()
    x = 1e12 + np.arange(5.0)
    model.set_points(x, np.zeros(5), ("x", "y"))
    model.zoom(1e12 + 2, 0, 0.5)
    mask = objects_in(model, Drawn("brush", np.array([(1e12 + 2, 0.0)])), (100.0, 100.0), 60)
    assert mask.tolist() == [False, False, True, False, False]


def test_one_selected_point_stands_out_and_the_others_stay_in_sight():
    model = PlotModel()
    model.set_points(np.array([2.0, 5.0, 5.0, 8.0]), np.full(4, 5.0), ("x", "y"))
    model.view, model.point_size = (0.0, 10.0, 0.0, 10.0), 6.0
    everything = np.zeros(4, bool)

    def drawn(selected, classes):
        model.set_look(appearance(colour_by(np.array(classes), True), selected))
        picture = draw(model.scene((100, 100)))
        # On white, as the plot shows it.
        share = picture.points[..., 3:] / 255
        return picture.ids, 255 + share * (picture.points[..., :3] - 255.0)

    one = np.array([False, True, False, False])
    for classes in ([0, 0, 0, 0], [1, 2, 2, 1]):
        before, plain = drawn(everything, classes)
        ids, white = drawn(one, classes)
        assert ids[50, 50] == 1, "above the point that covered it"
        assert (ids == 1).sum() > 1.5 * (before == 0).sum()
        assert (white[ids == 1].max(axis=1) < 60).any(), "an outline"
        strength, was = (255 - shown[50, 20].min() for shown in (white, plain))
        assert strength > 0.5 * was, "what is not selected"


def test_trails_lead_out_of_hidden_and_faint_frames():
    model = PlotModel()
    model.set_points(np.array([1.0, 5.0, 9.0]), np.full(3, 5.0), ("x", "y"))
    model.trails, model.frame, model.view = Trails([1, 1, 1], [0, 1, 2]), 2, (0.0, 10.0, 0.0, 10.0)
    now = np.array([False, False, True])
    for others in ({"hidden": ~now}, {"bright": now}):
        model.set_look(appearance(colour_by(np.full(3, 2), True), np.zeros(3, bool), **others))
        picture = draw(model.scene((100, 100)))
        colours = picture.points[50, 12:90]
        assert (colours[:, 3] > 150).all()
        assert (colours[:, :3] == model.look.colouring.palette[2, :3]).all()
    model.hide(frozenset({2}), False)
    assert not draw(model.scene((100, 100))).points.any()


def test_classes_that_no_legend_can_bring_back_are_not_hidden():
    model = PlotModel()
    model.set_points(np.arange(4.0), np.arange(4.0), ("x", "y"))
    nothing = np.zeros(4, bool)

    def colour(classes, title=""):
        model.set_look(appearance(colour_by(np.array(classes), True, title=title), nothing))

    colour([0, 0, 1, 2])
    model.hide(frozenset({0}), False)
    colour([0, 1, 1, 2])
    assert model.visible().tolist() == [False, True, True, True], "a step further it stays hidden"
    model.kind = "histogram 2D"
    assert model.grid().counts.sum() == 3
    assert [entry[0] for entry in model.legend()] == [0, 1, 2], "it says why some are not counted"
    model.kind = "points"
    colour([0, 0, 0, 0])
    assert model.visible().all(), "the classes were taken back, and the legend with them"

    colour([0, 0, 1, 2])
    model.hide(frozenset({1}), False)
    colour([1, 1, 2, 2], "another column")
    assert model.visible().all()
    assert not model.hidden_classes


@pytest.mark.parametrize("a_class", [0, 1])
def test_what_is_of_other_frames_is_fainter_but_in_sight_on_white(a_class):
    model = PlotModel()
    model.set_points(np.array([2.0, 8.0]), np.full(2, 5.0), ("x", "y"))
    model.view, model.point_size = (0.0, 10.0, 0.0, 10.0), 6.0
    classes, now = np.full(2, a_class), np.array([True, False])
    model.set_look(appearance(colour_by(classes, True), np.zeros(2, bool), bright=now))
    points = draw(model.scene((100, 100))).points.astype(float)
    white = 255 + points[..., 3:] / 255 * (points[..., :3] - 255)
    here, elsewhere = (255 - white[50, column].min() for column in (20, 80))
    assert 30 < elsewhere < 0.7 * here
