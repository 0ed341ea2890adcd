"""The plot, used with mouse and keys, in a window of its own and in napari's docks."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("qtpy")

from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from bioloom.explore.appearance import appearance, colour_by
from bioloom.session.plot_card import ObjectCard
from bioloom.session.plot_drawing import KINDS
from bioloom.session.selection import Selection

pytestmark = pytest.mark.gui

SHIFT, ALT = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
NONE = Qt.KeyboardModifier.NoModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
N = 400


class Hand:
    """Mouse, keys and eyes in front of a plot whose selection follows what is drawn."""

    def __init__(self, plot):
        import pandas as pd

        self.plot = plot
        rng = np.random.default_rng(0)
        self.x, self.y = rng.uniform(0, 10, (2, N))
        self.classes = rng.integers(1, 4, N)
        self.colouring = colour_by(self.classes, True, names={1: "round", 2: "long", 3: "odd"})
        self.selection = Selection(pd.DataFrame({"label": np.arange(1, N + 1)}))
        self.gates, self.clicked, self.hovered, self.keys = [], [], [], []
        plot.selected.connect(self.selection.select)
        plot.gate_drawn.connect(self.gates.append)
        plot.point_clicked.connect(self.clicked.append)
        plot.hovered.connect(self.hovered.append)
        plot.class_chosen.connect(self.keys.append)
        self.selection.changed.connect(self.colour)
        plot.set_points(self.x, self.y, ("a", "b"))
        self.colour()

    def colour(self):
        self.plot.set_look(appearance(self.colouring, self.selection.mask))

    def look(self):
        self.plot.wait()
        for _ in range(3):
            QApplication.processEvents()
            time.sleep(0.005)

    @property
    def chosen(self):
        return set(np.flatnonzero(self.selection.mask).tolist())

    def inside(self, found):
        return set(np.flatnonzero(found).tolist())

    def at(self, x, y):
        return QPointF(*self.plot.to_screen(x, y))

    def event(self, kind, place, button, held, modifiers=NONE):
        event = QMouseEvent(kind, place, self.plot.mapToGlobal(place), button, held, modifiers)
        QApplication.sendEvent(self.plot, event)

    def drag(self, places, modifiers=NONE, button=LEFT):
        self.event(QMouseEvent.Type.MouseButtonPress, places[0], button, button, modifiers)
        for place in places[1:]:
            self.event(QMouseEvent.Type.MouseMove, place, Qt.MouseButton.NoButton, button, modifiers)
        self.event(QMouseEvent.Type.MouseButtonRelease, places[-1], button, Qt.MouseButton.NoButton, modifiers)
        self.look()

    def drag_data(self, places, modifiers=NONE):
        self.drag([self.at(*p) for p in places], modifiers)

    def click(self, place, modifiers=NONE, button=LEFT):
        self.drag([place], modifiers, button)

    def move(self, place):
        self.event(QMouseEvent.Type.MouseMove, place, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)

    def hover(self, place):
        """Rest on a place until it is looked at; the real pointer, wherever it is, may interfere."""
        end = time.monotonic() + 5
        looked = []
        self.plot._hover.timeout.connect(lambda: looked.append(self.plot.mouse))
        while place not in looked:
            assert time.monotonic() < end
            if not self.plot._hover.isActive() or self.plot.mouse is None:
                self.move(place)
            QTest.qWait(20)

    def wheel(self, place, clicks=1, modifiers=NONE):
        event = QWheelEvent(
            place, self.plot.mapToGlobal(place), QPoint(), QPoint(0, 120 * clicks), Qt.MouseButton.NoButton, modifiers,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(self.plot, event)
        self.look()

    def pixels(self):
        self.look()
        image = self.plot.grab().toImage().convertToFormat(self.plot.grab().toImage().Format.Format_RGBA8888)
        data = image.constBits()
        data.setsize(image.sizeInBytes())
        return np.frombuffer(bytes(data), np.uint8).reshape(image.height(), image.width(), 4).copy()

    def colours_shown(self):
        area = self.plot.area().toRect()
        shown = self.pixels()[area.top() + 1 : area.bottom() - 1, area.left() + 1 : area.right() - 1, :3]
        return np.unique(shown.reshape(-1, 3), axis=0)


@pytest.fixture
def plot(qtbot):
    from bioloom.widgets._base import MainThread
    from bioloom.widgets._plot import ScatterPlot

    sender = MainThread()
    plot = ScatterPlot(sender.send)
    qtbot.addWidget(plot)
    plot.resize(420, 400)
    plot.show()
    qtbot.waitExposed(plot)
    yield plot
    plot.close_jobs()


@pytest.fixture
def hand(plot):
    hand = Hand(plot)
    hand.look()
    return hand


# ------------------------------------------------------------------------------------------------ tools
def corners(x0, x1, y0, y1):
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def test_a_lasso_selects_and_shift_adds_and_alt_removes(hand):
    x, y = hand.x, hand.y
    left = (x > 1) & (x < 4) & (y > 1) & (y < 9)
    right = (x > 6) & (x < 8) & (y > 1) & (y < 9)
    low = y < 3
    hand.drag_data(corners(1, 4, 1, 9))
    assert hand.chosen == hand.inside(left)
    hand.drag_data(corners(6, 8, 1, 9), SHIFT)
    assert hand.chosen == hand.inside(left | right)
    hand.drag_data(corners(-1, 11, -1, 3), ALT)
    assert hand.chosen == hand.inside((left | right) & ~low)
    hand.drag_data(corners(6, 8, 1, 9))
    assert hand.chosen == hand.inside(right)
    assert hand.selection.undo()
    assert hand.chosen == hand.inside((left | right) & ~low)
    assert hand.selection.undo()
    assert hand.selection.redo()
    assert hand.chosen == hand.inside((left | right) & ~low)


def test_a_key_that_is_let_go_before_the_button_still_counts(hand):
    hand.drag_data(corners(1, 4, 1, 9))
    before = hand.chosen
    places = [hand.at(*p) for p in corners(6, 8, 1, 9)]
    hand.event(QMouseEvent.Type.MouseButtonPress, places[0], LEFT, LEFT, SHIFT)
    for place in places[1:]:
        hand.event(QMouseEvent.Type.MouseMove, place, Qt.MouseButton.NoButton, LEFT)
    hand.event(QMouseEvent.Type.MouseButtonRelease, places[-1], LEFT, Qt.MouseButton.NoButton)
    assert before < hand.chosen


def test_buttons_add_and_remove_where_the_desktop_takes_the_keys(hand):
    hand.plot.mode = "add"
    hand.drag_data(corners(1, 4, 1, 9))
    before = hand.chosen
    hand.drag_data(corners(6, 8, 1, 9))
    assert before < hand.chosen
    hand.plot.mode = "remove"
    hand.drag_data(corners(6, 8, 1, 9))
    assert hand.chosen == before


def test_a_self_crossing_lasso_takes_what_it_goes_around_twice(hand):
    angle = np.linspace(0, 4 * np.pi, 120)
    radius = np.linspace(4, 3, 120)
    hand.drag_data([(5 + r * np.cos(t), 5 + r * np.sin(t)) for r, t in zip(radius, angle, strict=True)])
    distance = np.hypot(hand.x - 5, hand.y - 5)
    assert hand.inside(distance < 2.9) <= hand.chosen <= hand.inside(distance < 4.1)


def test_rectangle_ellipse_and_span(hand):
    hand.plot.tool = "rectangle"
    hand.drag_data([(2, 3), (5, 5), (7, 8)])
    assert hand.chosen == hand.inside((hand.x > 2) & (hand.x < 7) & (hand.y > 3) & (hand.y < 8))
    gate = hand.gates[-1]
    assert (gate.x, gate.y) == ("a", "b")
    np.testing.assert_allclose(np.unique(np.round(gate.vertices, 6)[:, 0]), [2, 7], atol=0.03)
    hand.plot.tool = "ellipse"
    hand.drag_data([(2, 3), (5, 5), (8, 9)])
    far = ((hand.x - 5) / 3) ** 2 + ((hand.y - 6) / 3) ** 2
    assert hand.inside(far < 0.98) <= hand.chosen <= hand.inside(far < 1.02)
    hand.plot.tool = "span"
    hand.drag_data([(6, 1), (5, 5), (4, 2)])
    assert hand.chosen == hand.inside((hand.x > 4) & (hand.x < 6))
    np.testing.assert_allclose([hand.gates[-1].low, hand.gates[-1].high], [4, 6], atol=0.03)


def test_a_polygon_is_clicked_and_closed_by_return_or_escape_drops_it(hand):
    hand.plot.tool = "polygon"
    for corner in [(1, 1), (9, 1), (9, 9)]:
        hand.click(hand.at(*corner))
    assert not hand.chosen
    QTest.keyClick(hand.plot, Qt.Key.Key_Return)
    below = hand.inside((hand.y > 1) & (hand.x < 9) & (hand.x > hand.y))
    assert len(hand.chosen ^ below) <= 2
    for corner in [(1, 1), (9, 1)]:
        hand.click(hand.at(*corner))
    QTest.keyClick(hand.plot, Qt.Key.Key_Escape)
    assert not hand.plot._drawing.active
    assert len(hand.chosen ^ below) <= 2, "Escape drops the polygon, not the selection"
    QTest.keyClick(hand.plot, Qt.Key.Key_Escape)
    assert not hand.chosen


def test_a_polygon_closes_by_a_double_click(hand):
    hand.plot.tool = "polygon"
    view = hand.plot.view
    for corner in [(1, 1), (9, 1)]:
        hand.click(hand.at(*corner))
    place = hand.at(9, 9)
    hand.click(place)
    hand.event(QMouseEvent.Type.MouseButtonDblClick, place, LEFT, LEFT)
    hand.event(QMouseEvent.Type.MouseButtonRelease, place, LEFT, Qt.MouseButton.NoButton)
    assert len(hand.chosen) > 50
    assert hand.plot.view == view


def test_a_brush_paints_over_objects_and_changes_its_size(hand):
    hand.plot.tool = "brush"
    hand.plot.brush_radius = 20
    path = [hand.at(2, 5), hand.at(5, 5), hand.at(8, 5)]
    hand.drag(path)
    px, py = hand.plot.to_screen(hand.x, hand.y)
    expected = np.hypot(px - np.clip(px, path[0].x(), path[-1].x()), py - path[0].y()) <= 20
    assert hand.chosen == hand.inside(expected)
    hand.wheel(hand.at(5, 5), 3, Qt.KeyboardModifier.ControlModifier)
    assert hand.plot.brush_radius > 25


# ------------------------------------------------------------------------------------------------ clicks and keys
def lonely(hand):
    """A row whose point has no other near it."""
    px, py = hand.plot.to_screen(hand.x, hand.y)
    distance = np.hypot(px[:, None] - px, py[:, None] - py)
    np.fill_diagonal(distance, 99)
    return int(distance.min(1).argmax())


def test_a_click_takes_one_object_and_the_ground_none(hand):
    row = lonely(hand)
    place = hand.at(hand.x[row], hand.y[row])
    hand.click(place + QPointF(1, 1))
    assert hand.chosen == {row}
    assert hand.clicked == [row]
    hand.click(hand.at(-0.3, -0.3))
    assert hand.chosen == set()
    assert hand.clicked == [row]


def test_number_keys_name_classes_and_control_a_takes_all(hand):
    QTest.keyClick(hand.plot, Qt.Key.Key_3)
    QTest.keyClick(hand.plot, Qt.Key.Key_0)
    assert hand.keys == [3, 0]
    QTest.keyClick(hand.plot, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(hand.chosen) == N


def test_hovering_shows_picture_label_and_values(hand):
    row = lonely(hand)
    picture = np.zeros((30, 40, 3), np.uint8)
    picture[...] = (10, 200, 90)
    hand.plot.describe = lambda r: ObjectCard(f"label {r + 1}", [("a", f"{hand.x[r]:.3f}")], picture)
    before = hand.pixels()
    assert not (before[..., :3] == (10, 200, 90)).all(-1).any()
    hand.hover(hand.at(hand.x[row], hand.y[row]))
    assert hand.hovered == [row]
    assert hand.plot.card.title == f"label {row + 1}"
    after = hand.pixels()
    assert (after[..., :3] == (10, 200, 90)).all(-1).sum() > 500, "the picture is shown"
    hand.hover(hand.at(-0.3, -0.3))
    assert hand.hovered == [row, -1]
    assert hand.plot.card is None


def test_a_picture_that_comes_later_appears_without_moving_the_mouse(hand, qtbot):
    row = lonely(hand)
    pictures = []
    hand.plot.describe = lambda r: ObjectCard(f"label {r + 1}", [], pictures[0] if pictures else None)
    hand.hover(hand.at(hand.x[row], hand.y[row]))
    assert hand.plot.card.picture is None
    pictures.append(np.full((30, 40, 3), (10, 200, 90), np.uint8))
    qtbot.waitUntil(lambda: hand.plot.card is None or hand.plot.card.picture is not None, timeout=2000)
    assert (hand.pixels()[..., :3] == (10, 200, 90)).all(-1).sum() > 500
    assert hand.hovered == [row]


def test_hovering_takes_plain_text_too(hand):
    row = lonely(hand)
    hand.plot.describe = lambda r: f"label: {r + 1}\narea: 5"
    hand.hover(hand.at(hand.x[row], hand.y[row]))
    assert list(hand.plot.card.values) == [("label", str(row + 1)), ("area", "5")]


# ------------------------------------------------------------------------------------------------ view
def test_wheel_zooms_around_the_mouse_and_over_an_axis_along_it(hand):
    place = hand.at(3, 7)
    hand.wheel(place, 4)
    assert hand.plot.to_data(place) == pytest.approx((3, 7), abs=1e-6)
    x0, x1, y0, y1 = hand.plot.view
    assert x1 - x0 < 8
    below = QPointF(hand.plot.area().center().x(), hand.plot.area().bottom() + 20)
    hand.wheel(below, 2)
    assert hand.plot.view[2:] == (y0, y1)
    assert hand.plot.view[1] - hand.plot.view[0] < x1 - x0
    hand.event(QMouseEvent.Type.MouseButtonDblClick, place, LEFT, LEFT)
    assert hand.plot.view == hand.plot.model.whole()


def test_the_right_button_pans_and_the_points_follow(hand):
    place = hand.at(5, 5)
    hand.drag([place, place + QPointF(30, 10), place + QPointF(60, 20)], button=RIGHT)
    assert hand.plot.to_data(place + QPointF(60, 20)) == pytest.approx((5, 5), abs=1e-6)
    assert hand.plot.picture.view == hand.plot.view
    assert not hand.chosen
    row = lonely(hand)
    hand.click(hand.at(hand.x[row], hand.y[row]))
    assert hand.chosen == {row}


def test_the_pan_tool_moves_and_clicks(hand):
    hand.plot.tool = "pan"
    place = hand.at(5, 5)
    hand.drag([place, place + QPointF(40, 0)])
    assert hand.plot.to_data(place + QPointF(40, 0))[0] == pytest.approx(5, abs=1e-6)
    assert not hand.chosen
    row = lonely(hand)
    hand.click(hand.at(hand.x[row], hand.y[row]))
    assert hand.chosen == {row}


def test_keys_zoom_and_move(hand):
    x0, x1, *_ = hand.plot.view
    QTest.keyClick(hand.plot, Qt.Key.Key_Right)
    assert hand.plot.view[0] > x0
    QTest.keyClick(hand.plot, Qt.Key.Key_Plus)
    assert hand.plot.view[1] - hand.plot.view[0] < x1 - x0
    QTest.keyClick(hand.plot, Qt.Key.Key_Home)
    assert hand.plot.view == hand.plot.model.whole()


# ------------------------------------------------------------------------------------------------ legend and kinds
def test_the_legend_selects_classes_and_hides_them(hand):
    boxes = {entry.class_id: entry.box for entry in hand.plot.places().legend}
    assert set(boxes) == {1, 2, 3}
    hand.click(boxes[2].center())
    assert hand.chosen == hand.inside(hand.classes == 2)
    hand.click(boxes[3].center(), SHIFT)
    assert hand.chosen == hand.inside(hand.classes > 1)
    hand.selection.clear()
    hidden = []
    hand.plot.classes_hidden.connect(hidden.append)
    hand.click(boxes[1].center(), button=RIGHT)
    assert hidden == [{1}]
    hand.drag_data(corners(-1, 11, -1, 11))
    assert hand.chosen == hand.inside(hand.classes > 1), "what is not seen is not selected"
    colour = hand.colouring.palette[1, :3]
    assert not (hand.colours_shown() == colour).all(1).any()
    hand.click(boxes[1].center(), button=RIGHT)
    hand.selection.clear()
    assert (hand.colours_shown() == colour).all(1).any()


def test_a_colour_bar_shows_what_the_colours_mean(hand):
    hand.plot.set_look(appearance(colour_by(hand.x, title="a"), np.zeros(N, bool)))
    hand.look()
    bar = hand.plot.places().bar.toRect()
    assert not hand.plot.places().legend
    column = hand.pixels()[bar.top() + 2 : bar.bottom() - 2, bar.center().x(), :3].astype(int)
    assert column[0].sum() > column[-1].sum() + 200, "bright values are at the top"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_shown_and_can_be_drawn_on(hand, kind):
    hand.plot.set_kind(kind)
    hand.look()
    assert len(hand.colours_shown()) > 3
    area = hand.plot.area()
    hand.drag([area.topLeft(), area.topRight(), area.bottomRight(), area.bottomLeft()])
    assert len(hand.chosen) == N
    hand.look()
    assert len(hand.colours_shown()) > 3


def test_a_click_on_a_bar_takes_its_objects_and_the_mouse_reads_it(hand):
    hand.plot.set_kind("histogram")
    hand.look()
    bars = hand.plot.model.bars()
    number = int(bars.heights.argmax())
    x = float(np.mean(bars.edges(number)))
    place = QPointF(*hand.plot.to_screen(x, bars.heights[number] / 2))
    hand.click(place)
    low, high = bars.edges(number)
    assert len(hand.chosen) == bars.heights[number]
    assert hand.chosen <= hand.inside((hand.x > low - 1e-9) & (hand.x < high + 1e-9))
    hand.hover(place)
    assert dict(hand.plot.card.values)["objects"] == str(bars.heights[number])


def test_objects_in_a_density_and_in_a_violin_can_be_clicked(hand):
    row = lonely(hand)
    hand.plot.set_kind("density")
    hand.look()
    hand.click(hand.at(hand.x[row], hand.y[row]))
    assert hand.chosen == {row}
    hand.plot.set_kind("violin")
    hand.look()
    x, y = hand.plot.model.positions()
    hand.drag([QPointF(*hand.plot._to_screen(x[7], y[7]))])
    assert len(hand.chosen) == 1
    (found,) = hand.chosen
    assert hand.classes[found] == hand.classes[7]
    assert abs(y[found] - y[7]) < 0.3


def test_selected_objects_stand_out_of_the_box_too(hand):
    hand.classes[:] = 0
    hand.colouring = colour_by(hand.classes, True)
    hand.plot.set_kind("box")
    hand.selection.select((hand.y > 4.9) & (hand.y < 5.1))
    hand.look()
    x, y = hand.plot.model.positions()
    row = int(np.flatnonzero(hand.selection.mask)[0])
    column, line = (round(float(c)) for c in hand.plot._to_screen(x[row], y[row]))
    colours = hand.pixels()[line - 2 : line + 3, column - 2 : column + 3, :3].reshape(-1, 3).astype(int)
    assert np.ptp(colours, axis=1).max() > 120, "bright, not behind a veil"


def test_logarithmic_axes_keep_screen_and_values_together(hand):
    hand.plot.set_scales("log", "symlog")
    hand.look()
    row = lonely(hand)
    place = hand.at(hand.x[row], hand.y[row])
    assert hand.plot.to_data(place) == pytest.approx((hand.x[row], hand.y[row]))
    hand.click(place)
    assert hand.chosen == {row}
    hand.plot.tool = "rectangle"
    hand.drag_data([(2, 3), (3, 4), (6, 8)])
    assert hand.chosen == hand.inside((hand.x > 2) & (hand.x < 6) & (hand.y > 3) & (hand.y < 8))


def test_objects_without_a_value_are_told(hand):
    plain = hand.pixels()
    hand.x[:7] = np.nan
    hand.plot.set_points(hand.x, hand.y, ("a", "b"))
    hand.colour()
    assert hand.plot.model.n_left_out == 7
    area = hand.plot.area().toRect()
    strip = np.s_[area.top() + 2 : area.top() + 16, area.right() - 150 : area.right() - 2]
    dark = (hand.pixels()[strip][..., :3].sum(-1) < 450).sum()
    assert dark > (plain[strip][..., :3].sum(-1) < 450).sum()


def test_why_nothing_is_seen_is_said(hand):
    hand.plot.set_points(np.full(N, np.nan), hand.y, ("a", "b"))
    hand.look()
    area = hand.plot.area()
    middle = np.s_[round(area.center().y()) - 15 : round(area.center().y()) + 15]
    assert (hand.pixels()[middle, round(area.left()) + 4 : round(area.right()) - 4, :3].sum(-1) < 500).sum() > 100
    hand.plot.set_points(-np.abs(hand.x) - 1, hand.y, ("a", "b"))
    hand.plot.set_scales("log", "linear")
    assert "not above 0" in hand.plot._nothing_to_see()
    hand.plot.set_kind("box")
    assert not hand.plot._nothing_to_see()


def test_counts_are_whole_numbers_on_their_axis(hand):
    hand.plot.set_points([3.0, 3.0, 9.0], [1.0, 2.0, 3.0], ("a", "b"))
    hand.plot.set_kind("histogram")
    assert [text for _, text in hand.plot._ticks(hand.plot.area())[1]] == ["0", "1", "2"]


def test_a_picture_of_points_that_are_gone_is_not_shown(hand):
    """Its rows would be picked, though there are fewer objects now."""
    go, compute = threading.Event(), hand.plot._renderer._compute
    hand.plot._renderer._compute = lambda scene: go.wait(5) and compute(scene)
    hand.plot.refresh()
    QApplication.processEvents()
    assert hand.plot._renderer.busy
    highest = []
    hand.plot.drawn.connect(lambda: highest.append(hand.plot.picture.ids.max()))
    hand.plot.set_points([1.0, 2.0], [1.0, 2.0], ("a", "b"))
    go.set()
    hand.look()
    assert highest == [1]


def test_an_error_in_drawing_is_said_and_the_next_plot_works(hand):
    hand.plot.model.set_groups(np.arange(N))
    hand.plot.set_kind("box")
    hand.look()
    assert "too many" in hand.plot.error
    hand.pixels()
    hand.plot.model.set_groups(None)
    hand.plot.set_kind("points")
    hand.look()
    assert not hand.plot.error
    assert hand.plot.picture is not None


# ------------------------------------------------------------------------------------------------ the bar
@pytest.fixture
def bar(hand, qtbot):
    from bioloom.widgets._plot_bar import PlotBar

    holder = QWidget()
    layout = QVBoxLayout(holder)
    bar = PlotBar(hand.plot)
    layout.addWidget(bar)
    layout.addWidget(hand.plot)
    qtbot.addWidget(holder)
    holder.resize(350, 450)
    holder.show()
    qtbot.waitExposed(holder)
    yield bar
    hand.plot.setParent(None)


def test_the_bar_leads_the_plot_and_follows_it(hand, bar):
    assert bar.minimumSizeHint().width() <= 330, "fits into a narrow dock"
    QTest.mouseClick(bar.tools["rectangle"], LEFT)
    assert hand.plot.tool == "rectangle"
    hand.plot.tool = "pan"
    assert bar.tools["pan"].isChecked()
    QTest.mouseClick(bar.modes["add"], LEFT)
    assert hand.plot.mode == "add"
    bar.kind.setCurrentIndex(bar.kind.findData("histogram"))
    assert hand.plot.model.kind == "histogram"
    assert bar.bins.isEnabled()
    bar.bins.setValue(7)
    hand.look()
    assert len(hand.plot.model.bars().counts) == 7
    hand.plot.set_kind("points")
    assert bar.kind.currentData() == "points"
    assert not bar.bins.isEnabled()
    bar.x_scale.setCurrentText("log")
    assert hand.plot.model.scale_kinds == ("log", "linear")
    bar.size.setValue(12)
    bar.alpha.setValue(50)
    assert (hand.plot.model.radius(), hand.plot.model.alpha) == (6, 0.5)
    hand.look()
    asked = []
    bar.undo_asked.connect(lambda: asked.append("undo"))
    bar.redo_asked.connect(lambda: asked.append("redo"))
    QTest.mouseClick(bar.undo, LEFT)
    QTest.mouseClick(bar.redo, LEFT)
    assert asked == ["undo", "redo"]


def test_the_bar_and_the_plot_are_used_by_keyboard_alone(hand, bar):
    plot = hand.plot
    bar.show_history(False, True)
    bar.window().activateWindow()
    bar.kind.setFocus()
    hand.look()
    reached = []
    for _ in range(8):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.append(QApplication.focusWidget())
    # Of tools and of modes, the chosen one; arrows lead to the others.
    chosen = [bar.redo, bar.home, bar.options, bar.tools["lasso"], bar.modes["replace"], plot]
    assert reached[: len(chosen)] == chosen
    bar.tools["lasso"].setFocus()
    QTest.keyClick(bar.tools["lasso"], Qt.Key.Key_Right)
    QTest.keyClick(bar.tools["polygon"], Qt.Key.Key_Right)
    assert plot.tool == "rectangle"
    assert bar.tools["rectangle"].hasFocus()
    QTest.mouseClick(bar.modes["add"], LEFT)
    assert plot.hasFocus()
    QTest.keyClick(plot, Qt.Key.Key_Backtab)
    assert bar.modes["add"].hasFocus()
    QTest.keyClick(bar.modes["add"], Qt.Key.Key_Backtab)
    assert bar.tools["rectangle"].hasFocus()
    away = hand.pixels()
    plot.setFocus()
    there = hand.pixels()
    area = plot.area().toRect()
    assert (there[area.top() - 2 : area.top() + 1] != away[area.top() - 2 : area.top() + 1]).any(), "a frame says so"
    bar.kind.setFocus()
    QTest.mouseClick(bar.tools["brush"], LEFT)
    assert plot.hasFocus(), "keys go on in the plot"
    shown = []
    for button in (bar.undo, bar.redo):
        image = button.grab().toImage()
        colours = [image.pixelColor(x, y) for x in range(5, 21) for y in range(4, 20)]
        shown.append(max(abs(c.lightness() - image.pixelColor(3, 12).lightness()) for c in colours))
    assert shown[0] < 0.7 * shown[1], "what cannot be used is pale"


def test_hiding_the_others(hand, bar):
    hand.drag_data(corners(1, 4, 1, 9))
    bar.hide_others.setChecked(True)
    hand.look()
    shown = hand.plot.picture.ids
    assert set(np.unique(shown[shown >= 0]).tolist()) <= hand.chosen
    bar.hide_others.setChecked(False)
    hand.look()
    shown = hand.plot.picture.ids
    assert len(np.unique(shown)) > len(hand.chosen) + 50


# ------------------------------------------------------------------------------------------------ many, and docks
def test_panning_shows_every_picture_that_is_done(plot):
    """With a million points, the view is never empty for long: pictures come while the mouse still moves."""
    rng = np.random.default_rng(0)
    plot.set_points(*rng.normal(size=(2, 1_000_000)), ("a", "b"))
    plot.wait()
    QApplication.processEvents()
    drawn = []
    plot.drawn.connect(lambda: drawn.append(plot.picture.view))
    start = plot.area().center()
    send = Hand.event
    holder = type("Mouse", (), {"plot": plot})()
    send(holder, QMouseEvent.Type.MouseButtonPress, start, RIGHT, RIGHT)
    end = time.monotonic() + 1.5
    step = 0
    while time.monotonic() < end:
        step += 1
        place = start + QPointF(40 * np.sin(step / 10), 20 * np.cos(step / 10))
        send(holder, QMouseEvent.Type.MouseMove, place, Qt.MouseButton.NoButton, RIGHT)
        QApplication.processEvents()
    send(holder, QMouseEvent.Type.MouseButtonRelease, start, RIGHT, Qt.MouseButton.NoButton)
    assert len(drawn) >= 5
    plot.wait()
    QApplication.processEvents()
    assert plot.picture.view == plot.view


def test_a_plot_is_painted_once_with_its_picture(hand, monkeypatch):
    """A window that is put together by OpenGL takes long to paint: no empty axes first."""
    from bioloom.widgets import _plot

    monkeypatch.setattr(_plot, "_PATIENCE", 5)
    seen, paint = [], hand.plot.paintEvent

    def paint_and_look(event):
        paint(event)
        seen.append(hand.plot.picture.view)

    hand.plot.paintEvent = paint_and_look
    hand.plot.set_points(hand.x * 3, hand.y, ("three", "b"))
    hand.colour()
    for _ in range(5):
        QApplication.processEvents()
    assert seen == [hand.plot.view]


def test_docked_floating_and_docked_again(make_napari_viewer, qtbot):
    from bioloom.widgets._base import MainThread
    from bioloom.widgets._plot import ScatterPlot

    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 800)
    viewer.add_image(np.random.default_rng(0).random((64, 64)))
    sender = MainThread()
    plot = ScatterPlot(sender.send)
    dock = viewer.window.add_dock_widget(plot, name="plot", area="right")
    hand = Hand(plot)
    for floating, size in ((False, None), (True, (600, 500)), (False, None)):
        dock.setFloating(floating)
        if size:
            dock.resize(*size)
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)
        hand.look()
        colours = {tuple(c) for c in hand.colours_shown().tolist()}
        assert {tuple(c) for c in hand.colouring.palette[1:4, :3].tolist()} <= colours
        area, ratio = plot.area(), plot.devicePixelRatioF()
        assert plot.picture.ids.shape == (round(area.height() * ratio), round(area.width() * ratio))
        hand.drag_data(corners(1, 4, 1, 9))
        assert hand.chosen == hand.inside((hand.x > 1) & (hand.x < 4) & (hand.y > 1) & (hand.y < 9))
        hand.selection.clear()
    plot.close_jobs()
    viewer.window.remove_dock_widget(dock)


WITHOUT_A_SCREEN = """
import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

app = QApplication([])

from bioloom.explore.appearance import appearance
from bioloom.widgets._base import MainThread
from bioloom.widgets._plot import ScatterPlot

sender = MainThread()
plot = ScatterPlot(sender.send)
plot.resize(400, 300)
plot.show()
plot.set_points(np.arange(4.0), np.array([0.0, 1, 0, 1]), ("x", "y"))
plot.set_look(appearance(np.array([1, 1, 2, 2]), np.zeros(4, bool), True))
plot.selected.connect(lambda mask, mode: print(mode, mask.tolist()))
plot.wait()
shown = plot.grab().toImage()
places = [QPoint(*map(round, plot.to_screen(x, x % 2))) for x in range(4)]
print(app.platformName(), *(shown.pixelColor(place).name() for place in places))
plot.tool = "rectangle"
QTest.mousePress(plot, Qt.MouseButton.LeftButton, pos=places[2] + QPoint(-9, 9))
QTest.mouseMove(plot, places[3])
QTest.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=places[3] + QPoint(9, -9))
plot.close_jobs()
"""


def test_the_plot_is_drawn_and_used_without_a_screen():
    there = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    there.pop("DISPLAY", None)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_SCREEN], env=there, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    drawn, selected = done.stdout.splitlines()
    platform, *colours = drawn.split()
    assert platform == "offscreen"
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert selected == "replace [False, False, True, True]"
