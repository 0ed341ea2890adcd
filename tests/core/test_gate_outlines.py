"""The outlines of gates on the axes of a plot: where their edges are, and which gates a plot can show."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioloom.explore import CombinedGate, GateSet, PolygonGate, RangeGate, ValueGate, points_in_polygon, save_scatter
from bioloom.explore.axis_scales import Scale
from bioloom.explore.gate_outlines import axes_of, clipped, columns_of, outline
from bioloom.session.plot_gates import gates_to_show, outlines, why_not_outlined
from bioloom.session.plot_model import PlotModel

CORNERS = ((5.0, 2.0), (400.0, 3.0), (300.0, 900.0), (40.0, 60.0), (6.0, 700.0))
SCALES = Scale(), Scale("log"), Scale("symlog", 3.0), Scale("symlog", 50.0)
WHOLE = -1e4, 1e4, -1e4, 1e4


def view_of(scales, low=1.0, high=1000.0):
    return tuple(float(s.forward(v)) for s in scales for v in (low, high))


@pytest.mark.parametrize(("own", "shown"), list(itertools.product(SCALES, SCALES)))
def test_an_outline_divides_the_plot_as_the_gate_divides_the_objects(own, shown):
    gate = PolygonGate("a", "b", CORNERS, own, Scale("log"))
    scales = shown, Scale()
    view = view_of(scales)
    (line,) = outline(gate, ("a", "b"), scales, view).lines
    assert (line[0] == line[-1]).all()
    rng = np.random.default_rng(0)
    x, y = rng.uniform(view[0], view[1], 4000), rng.uniform(view[2], view[3], 4000)
    drawn = points_in_polygon(x, y, line)
    table = pd.DataFrame({"a": scales[0].inverse(x), "b": scales[1].inverse(y)})
    wrong = drawn != GateSet({"g": gate}).mask("g", table)
    assert 300 < drawn.sum() < 3700
    # Only what lies on the line, as broad as it is on the screen, may be judged otherwise.
    size = np.array([view[1] - view[0], view[3] - view[2]])
    for place in np.stack([x, y], axis=1)[wrong]:
        assert np.abs((line - place) / size).max(axis=1).min() < 1 / 250
    assert wrong.mean() < 0.002


def test_straight_edges_stay_what_they_are_and_others_are_finer_where_one_looks_closer():
    gate = PolygonGate("a", "b", CORNERS, Scale("log"), Scale("log"))
    both = Scale("log"), Scale("log")
    assert len(outline(gate, ("a", "b"), both, view_of(both)).lines[0]) == len(CORNERS) + 1
    flat = Scale(), Scale()
    (line,) = outline(gate, ("a", "b"), flat, (399.9, 400.1, 2.9, 3.1)).lines
    t = np.log10(line[:, 0] / 5) / np.log10(400 / 5)
    lower = line[:, 1] < 3
    assert np.allclose(line[lower, 1], 2 * 1.5 ** t[lower], atol=1e-9), "the edge from the first corner to the second"
    assert lower.sum() > 100
    many = outline(gate, ("a", "b"), both, view_of(both), everywhere_curved=True).lines[0]
    assert len(many) > 500
    assert {tuple(c) for c in np.log10(CORNERS).round(9)} <= {tuple(c) for c in many.round(9)}


def test_axes_may_be_swapped_and_others_show_nothing():
    gate = PolygonGate("a", "b", CORNERS, Scale("log"), Scale())
    seen = outline(gate, ("b", "a"), (Scale(), Scale("log")), WHOLE)
    assert np.allclose(seen.lines[0][:-1], [(b, np.log10(a)) for a, b in CORNERS])
    assert axes_of(gate, ("a", "b")) == (0, 1)
    for columns in (("a", "c"), ("a", "a"), ("b", "b"), ("a", None), (None, "b"), (None, None)):
        assert outline(gate, columns, (Scale(), Scale()), WHOLE) is None
    same = PolygonGate("a", "a", ((0, 0), (1, 0), (1, 1)))
    assert axes_of(same, ("a", "a")) == (0, 1)
    assert axes_of(same, ("a", "b")) is None


def test_ranges_are_lines_through_the_whole_view():
    view, flat = (0.0, 10.0, 0.0, 100.0), (Scale(), Scale())
    seen = outline(RangeGate("a", 2, 4), ("a", None), flat, view)
    assert [line[:, 0].tolist() for line in seen.lines] == [[2, 2], [4, 4]]
    assert all(line[0, 1] < 0 and line[1, 1] > 100 for line in seen.lines)
    assert (seen.axis, seen.ends) == (0, (2, 4))
    seen = outline(RangeGate("b", high=30), ("a", "b"), flat, view)
    assert [line[:, 1].tolist() for line in seen.lines] == [[30, 30]]
    assert (seen.axis, seen.ends) == (1, (0, 30))
    assert outline(RangeGate("a", -5, 1e300), ("a", "b"), flat, view).ends == (0, 10)
    assert outline(RangeGate("a", 11, 12), ("a", "b"), flat, view).ends is None
    assert outline(RangeGate("c", 1, 2), ("a", "b"), flat, view) is None
    log = Scale("log"), Scale()
    assert outline(RangeGate("a", -5, 10), ("a", "b"), log, view).ends == (0, 1)
    assert outline(RangeGate("a", -5, -1), ("a", "b"), log, view).ends is None


def test_what_has_no_place_on_a_logarithmic_axis_leaves_the_view():
    gate = PolygonGate("a", "b", ((-50, 0), (100, 0), (100, 30), (-50, 30)))
    view = (-2.0, 3.0, -10.0, 40.0)
    (line,) = outline(gate, ("a", "b"), (Scale("log"), Scale()), view).lines
    assert line[:, 0].max() == 2
    assert line[0, 0] < -2
    assert line[-1, 0] < -2
    assert set(line[:, 1]) > {0, 30}
    below = PolygonGate("a", "b", ((-50, 0), (-10, 0), (-10, 30)))
    assert outline(below, ("a", "b"), (Scale("log"), Scale()), view).lines == ()


sizes = st.one_of(st.floats(-3, 3), st.sampled_from([0.0, 1e-300, 1e9, -1e9, 1e200, -1.7e308, 1.7e308, np.inf, np.nan]))


@given(st.lists(st.tuples(sizes, sizes), min_size=2, max_size=8))
def test_cut_paths_are_small_and_complete(path):
    path = np.array(path)
    view = (-1.0, 2.0, -0.5, 0.5)
    pieces = clipped(path, view)
    for piece in pieces:
        assert np.isfinite(piece).all()
        assert (np.abs(piece - [0.5, 0]) <= [1.5 * 1.05, 0.5 * 1.05]).all()
    for start, end in itertools.pairwise(path[:50]):
        if not (np.abs([start, end]) < 10).all():
            continue
        for place in np.linspace(start, end, 7):
            if -1 <= place[0] <= 2 and -0.5 <= place[1] <= 0.5:
                assert min(distance(place, a, b) for p in pieces for a, b in itertools.pairwise(p)) < 1e-9


@pytest.mark.parametrize("far", [1e4, 1e14, 1e300, 1.7e308])
def test_lines_to_far_corners_have_their_direction(far):
    path = np.array([(-far, -far), (0.1, 0.2), (far, -far), (far, 0.2), (0.1, 0.2), (0.1, far)])
    pieces = clipped(path, (-1.0, 1.0, -1.0, 1.0))
    ends = [(-1.04, -0.94), (0.1, 0.2), (1.04, -0.74), (1.04, 0.2), (0.1, 0.2), (0.1, 1.04)]
    assert [len(piece) for piece in pieces] == [3, 3]
    for piece, start, corner, end in ((pieces[0], *ends[:3]), (pieces[1], *ends[3:])):
        slopes = np.diff(piece, axis=0)
        wanted = np.array(corner) - start, np.array(end) - corner
        for slope, direction in zip(slopes, wanted, strict=True):
            assert abs(slope[0] * direction[1] - slope[1] * direction[0]) < 1e-3 * np.hypot(*slope)
            assert slope @ direction > 0
        assert np.allclose(piece[1], corner)


def test_curved_lines_to_far_corners_have_their_direction():
    gate = PolygonGate("a", "b", ((-1e300, -1e300), (120, 5), (1e300, -1e300)))
    symlog = Scale("symlog", 10)
    lines = outline(gate, ("a", "b"), (symlog, symlog), (0.0, 2.5, -1.5, 1.5)).lines
    across, up = (symlog.inverse(np.concatenate(lines)[:, i]) for i in (0, 1))
    assert np.allclose(np.abs(across - 120), 5 - up, atol=1e-6)
    assert across.min() < 5
    assert across.max() > 400


def distance(place, a, b):
    length = float(((b - a) ** 2).sum())
    t = np.clip(((place - a) @ (b - a)) / length, 0, 1) if length else 0.0
    return float(np.linalg.norm(a + t * (b - a) - place))


@pytest.mark.parametrize("view", [(1e300, 1.7e308, -1.7e308, 1.7e308), (1.0, 1 + 1e-9, -1e-290, 1e-290)])
def test_views_of_every_size_are_served(view):
    far = PolygonGate("a", "b", ((-1e308, 1e-300), (1e308, -1e308), (1.0, 1e300)), Scale("symlog"), Scale())
    for scales in itertools.product((Scale(), Scale("symlog", 1e-290)), repeat=2):
        for line in outline(far, ("a", "b"), scales, view).lines:
            assert np.isfinite(line).all()


# ------------------------------------------------------------------------------------------------ in a plot
def gates():
    return GateSet(
        {
            "drawn": PolygonGate("a", "b", CORNERS),
            "all": CombinedGate("and", ("not", "chosen", "high")),
            "not": CombinedGate("not", ("drawn",)),
            "high": RangeGate("b", low=100),
            "chosen": ValueGate("class", (1, 2)),
            "wide": RangeGate("c", 1, 2),
        }
    )


def test_chosen_gates_lie_on_top_and_parts_of_chosen_ones_are_dashed():
    def shown(*chosen):
        return [(g.name, g.strong, g.dashed) for g in gates_to_show(gates(), chosen)]

    assert shown() == [(name, False, False) for name in ("drawn", "high", "wide")]
    assert shown("drawn") == [("high", False, False), ("wide", False, False), ("drawn", True, False)]
    assert shown("all") == [("wide", False, False), ("drawn", True, True), ("high", True, True)]
    assert shown("all", "drawn")[1:] == [("high", True, True), ("drawn", True, False)]


def test_a_plot_outlines_the_gates_of_its_columns():
    model = PlotModel()
    every = gates_to_show(gates())
    assert outlines(model, every) == []
    model.set_points(np.arange(1.0, 500), np.arange(1.0, 500), ("a", "b"))

    def seen():
        return [shown.name for shown, _ in outlines(model, every)]

    assert seen() == ["drawn", "high"]
    for kind, columns, names in (
        ("density", ("a", "b"), ["drawn", "high"]),
        ("histogram 2D", ("a", "b"), ["drawn", "high"]),
        ("histogram", ("a", None), []),
        ("box", (None, "b"), ["high"]),
    ):
        model.kind = kind
        assert (columns_of(kind, model.names), seen()) == (columns, names)
    model.kind = "histogram"
    model.set_points(model.x, model.y, ("b", "a"))
    assert seen() == ["high"]
    ((_, line),) = outlines(model, every[1:2])
    assert line.axis == 0


def test_what_is_not_outlined_says_what_to_plot():
    model = PlotModel()
    model.set_points(np.arange(3.0), np.arange(3.0), ("a", "b"))
    told = {name: why_not_outlined(model, gates(), name) for name in gates()}
    assert told == {
        "drawn": "", "high": "", "not": "",
        "all": "On values of class, which have no outline",
        "chosen": "On values of class, which have no outline",
        "wide": "On c; plot it to see it",
    }  # fmt: skip
    model.kind = "histogram"
    assert why_not_outlined(model, gates(), "drawn") == (
        "On a and b; choose a scatter, density or 2D histogram to see it"
    )
    assert why_not_outlined(model, gates(), "high") == "On b; choose a scatter plot to see it"
    model.set_points(np.arange(3.0), np.arange(3.0), ("c", "b"))
    assert why_not_outlined(model, gates(), "drawn") == "On a and b; plot these to see it"


def test_gates_that_are_combined_many_times_over_are_told_at_once():
    many = {"g0": RangeGate("a", 0, 1)}
    for n in range(1, 60):
        many[f"g{n}"] = CombinedGate("and", (f"g{n - 1}", f"g{n - 1}") if n < 2 else (f"g{n - 1}", f"g{n - 2}"))
    every = GateSet(many)
    assert gates_to_show(every, ["g59"])[0].dashed
    assert (every.parts("g59"), every.columns("g59"), every.units("g59")) == (["g0"], ["a"], set())


# ------------------------------------------------------------------------------------------------ in figures
def drawn_in(path, monkeypatch, **options):
    """Save a figure of objects with gates; return its axes, and the lines and names of the gates."""
    from matplotlib.figure import Figure

    kept = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *a, **k: (save(figure, *a, **k), kept.append(figure))[0])
    x = np.geomspace(1, 1000, 50)
    y = np.tile([5.0, 500.0], 25)
    named = {shown.name: shown.gate for shown in gates_to_show(gates())}
    save_scatter(path, x, y, x_label="A [µm]", y_label="B", gates=named, columns=("a", "b"), **options)
    axes = kept[-1].axes[0]
    lines = {line.get_gid(): line.get_xydata() for line in axes.lines if str(line.get_gid()).startswith("gate")}
    return axes, lines, [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("scales", [("linear", "linear"), ("log", "linear"), ("symlog", "log")])
@pytest.mark.parametrize("kind", ["points", "histogram 2D"])
def test_figures_show_the_outlines_and_keep_their_limits(tmp_path, monkeypatch, kind, scales):
    axes, lines, names = drawn_in(tmp_path / "plot.png", monkeypatch, kind=kind, scales=scales)
    assert sorted(names) == ["drawn", "high"]
    assert lines.keys() == {"gate-0", "gate-1"}
    assert np.allclose(lines["gate-1"][:, 1], 100)
    # Wherever the corners come to lie, they are on the straight edges of the gate.
    corners = np.array([*CORNERS, CORNERS[0]])
    for place in lines["gate-0"]:
        assert min(distance(place, a, b) for a, b in itertools.pairwise(corners)) < 1e-6 * 1000
    assert max(axes.get_xlim()) < 2000
    assert max(axes.get_ylim()) < 2000


def test_histograms_and_boxes_in_figures_show_ranges_alone(tmp_path, monkeypatch):
    _, lines, names = drawn_in(tmp_path / "box.svg", monkeypatch, kind="box")
    assert (list(lines), names) == (["gate-1"], ["high"])
    _, lines, names = drawn_in(tmp_path / "bars.pdf", monkeypatch, kind="histogram")
    assert (lines, names) == ({}, [])
    text = (tmp_path / "box.svg").read_text()
    assert 'id="gate-1"' in text
    assert "<!-- high -->" in text


def test_figures_without_a_place_for_gates_are_drawn(tmp_path):
    named = {"<a> & $b$": gates()["drawn"], "_": RangeGate("b", -5, -1)}
    for scale in ("linear", "log"):
        path = tmp_path / f"{scale}.svg"
        save_scatter(path, [-1.0], [-1.0], scales=(scale, scale), gates=named, columns=("a", "b"))
        assert path.stat().st_size > 1000
    save_scatter(tmp_path / "other.svg", [1.0, 9.0], [1.0, 9.0], gates=named, x_label="c", y_label="d")
    save_scatter(tmp_path / "none.svg", [1.0, 9.0], [1.0, 9.0], x_label="c", y_label="d")
    assert (tmp_path / "other.svg").read_text().count("<path") == (tmp_path / "none.svg").read_text().count("<path")
