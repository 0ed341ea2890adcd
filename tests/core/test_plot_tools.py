"""Shapes drawn with the mouse, and the points that they enclose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioloom.errors import InputError
from bioloom.explore.polygon import points_in_polygon, points_near_path
from bioloom.session.plot_tools import Drawing


def dragged(tool, *places):
    drawing = Drawing()
    drawing.tool = tool
    assert drawing.press(places[0]) is None
    for place in places[1:]:
        drawing.move(place)
    return drawing.release(places[-1])


def test_a_lasso_keeps_its_way():
    drawn = dragged("lasso", (0, 0), (50, 0), (50, 40), (0, 40))
    assert drawn.tool == "lasso"
    assert drawn.points.tolist() == [[0, 0], [50, 0], [50, 40], [0, 40]]


def test_a_rectangle_has_the_corners_of_its_diagonal():
    drawn = dragged("rectangle", (30, 40), (10, 90))
    assert {tuple(p) for p in drawn.points.tolist()} == {(30, 40), (10, 40), (10, 90), (30, 90)}


def test_an_ellipse_fills_its_rectangle():
    drawn = dragged("ellipse", (0, 0), (60, 20))
    x, y = np.random.default_rng(0).uniform(-5, 65, (2, 4000))
    inside = points_in_polygon(x, y, drawn.points)
    truth = ((x - 30) / 30) ** 2 + ((y - 10) / 10) ** 2
    assert inside[truth < 0.99].all()
    assert not inside[truth > 1].any()


def test_a_span_keeps_both_ends():
    assert dragged("span", (70, 5), (20, 90)).points[:, 0].tolist() == [70, 20]


@pytest.mark.parametrize("tool", ["lasso", "rectangle", "ellipse", "span"])
def test_a_press_without_a_move_is_a_click(tool):
    drawn = dragged(tool, (10, 10), (12, 11))
    assert drawn.tool == "click"
    assert drawn.points.tolist() == [[10, 10]]


def test_a_lasso_that_returns_to_its_beginning_is_no_click():
    assert dragged("lasso", (0, 0), (50, 0), (50, 50), (1, 1)).tool == "lasso"


def click(drawing, place):
    drawing.move(place)
    return drawing.press(place) or drawing.release(place)


def test_a_polygon_grows_by_clicks_and_closes_at_its_first_corner():
    drawing = Drawing()
    drawing.tool = "polygon"
    for place in [(0, 0), (100, 0), (100, 80)]:
        assert click(drawing, place) is None
        drawing.move((50, 200))
    assert drawing.active
    assert drawing.outline()[-1].tolist() == [50, 200]
    drawn = click(drawing, (4, 3))
    assert drawn.tool == "polygon"
    assert drawn.points.tolist() == [[0, 0], [100, 0], [100, 80]]
    assert not drawing.active


def test_a_polygon_closes_by_a_double_click_and_takes_corners_back():
    drawing = Drawing()
    drawing.tool = "polygon"
    for place in [(0, 0), (100, 0), (300, 300)]:
        click(drawing, place)
    drawing.back()
    click(drawing, (100, 80))
    drawing.press((100, 80))
    drawn = drawing.finish()
    assert drawn.points.tolist() == [[0, 0], [100, 0], [100, 80]]


def test_a_polygon_of_one_corner_is_a_click_and_of_two_nothing():
    drawing = Drawing()
    drawing.tool = "polygon"
    click(drawing, (5, 6))
    assert drawing.finish().tool == "click"
    click(drawing, (5, 6))
    click(drawing, (50, 6))
    assert drawing.finish() is None


def test_another_tool_drops_what_was_begun():
    drawing = Drawing()
    drawing.press((0, 0))
    drawing.tool = "rectangle"
    assert not drawing.active
    assert drawing.release((9, 9)) is None
    with pytest.raises(InputError, match="wand"):
        drawing.tool = "wand"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=12),
    st.floats(0.5, 60),
    st.integers(0, 1000),
)
def test_a_brush_takes_what_is_within_its_radius(path, radius, seed):
    x, y = np.random.default_rng(seed).uniform(-150, 150, (2, 300))
    found = points_near_path(x, y, path, radius)
    corners = np.array([*path, path[-1]] if len(path) == 1 else path)
    a, b = corners[:-1, None], corners[1:, None]
    points = np.stack([x, y], axis=1)[None]
    way, reach = b - a, points - a
    length = (way**2).sum(-1)
    t = np.clip((way * reach).sum(-1) / np.where(length > 0, length, 1), 0, 1)
    distance = np.sqrt(((reach - t[..., None] * way) ** 2).sum(-1)).min(0)
    sure = np.abs(distance - radius) > 1e-6
    np.testing.assert_array_equal(found[sure], (distance <= radius)[sure])


def test_a_brush_ignores_points_without_a_place_and_refuses_nonsense():
    assert points_near_path([np.nan, 0, np.inf], [0, 0, 0], [(0, 0)], 5).tolist() == [False, True, False]
    assert points_near_path([], [], [(0, 0)], 5).shape == (0,)
    for x, y, path, radius in [
        ([1], [1, 2], [(0, 0)], 1),
        ([1], [1], [], 1),
        ([1], [1], [(0, np.nan)], 1),
        ([1], [1], [(0, 0)], 0),
        ([1], [1], [(0, 0)], np.nan),
    ]:
        with pytest.raises(InputError):
            points_near_path(x, y, path, radius)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-8, 8), st.integers(-8, 8)), min_size=3, max_size=12),
    st.sampled_from([(0.0, 1.0), (1e9, 1.0), (0.0, 1e-9), (-3e5, 0.37)]),
    st.integers(0, 1000),
)
def test_many_points_are_judged_as_few_are(corners, place, seed):
    """Many are looked up in a grid; corners, edges and the ends of the polygon are where that could go wrong."""
    offset, scale = place
    polygon = np.array(corners) * scale + offset
    rng = np.random.default_rng(seed)
    free, whole = rng.uniform(-9, 9, (2, 15_000)), rng.integers(-9, 10, (2, 6_000))
    x, y = np.concatenate([free, whole, np.array(corners).T], axis=1) * scale + offset
    x[:5] = np.nan
    parts = [points_in_polygon(x[i : i + 10_000], y[i : i + 10_000], polygon) for i in range(0, len(x), 10_000)]
    np.testing.assert_array_equal(points_in_polygon(x, y, polygon), np.concatenate(parts))
