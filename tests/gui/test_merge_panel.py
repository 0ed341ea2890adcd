"""The Merge objects panel: lines across borders, clicks on two objects, keys, and the merged objects after each."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from bioloom import layers, samples
from bioloom.classify.object_merger import ObjectMerger

pytestmark = pytest.mark.gui


def cut_up(labels):
    """Cut every object into two, as a segmentation that splits too much; the parts are label and label + 1000."""
    parts = labels.astype(np.int32).copy()
    for label in np.unique(labels)[1:]:
        ys, xs = np.nonzero(labels == label)
        lower = ys > np.median(ys)
        parts[ys[lower], xs[lower]] = label + 1000
    return parts


def belongs(key):
    return key[1] % 1000 == key[2] % 1000


@pytest.fixture(scope="module")
def nuclei():
    return samples.nuclei_2d(shape=(256, 256), n_nuclei=40, seed=4)


@pytest.fixture(scope="module")
def parts(nuclei):
    return cut_up(nuclei.labels)


@pytest.fixture
def panel(user, nuclei, parts):
    """The panel on nuclei that were cut up, with the view on all of them."""
    viewer = user.viewer
    viewer.add_image(nuclei.image, name="DNA")
    viewer.add_labels(parts.copy(), name="parts")
    panel = user.open("Merge objects")
    viewer.reset_view()
    viewer.window._qt_window.activateWindow()
    user.look(0.4)
    return panel


def settle(user, panel):
    """Wait until everything that was set off is over."""
    user.until(
        lambda: not (panel.jobs.busy or panel.scores.jobs.busy or panel._live_timer.isActive()
                     or panel._edit_timer.isActive() or panel.marking._timer.isActive()),
        "the answer",
    )  # fmt: skip
    user.look()


def keys_of(panel):
    pairs = panel.marking.marks.pairs
    return [pairs.key(r) for r in range(len(pairs))]


def middle(labels, label):
    where = np.argwhere(labels == label)
    return tuple(where[np.abs(where - where.mean(0)).sum(1).argmin()])


def mark(user, panel, n=5):
    """Mark some pairs of both kinds."""
    panel.marking.click_button.setChecked(True)
    keys = keys_of(panel)
    panel.marking.marks.assign([k for k in keys if belongs(k)][:n], 1)
    panel.marking.marks.assign([k for k in keys if not belongs(k)][:n], 2)
    settle(user, panel)


def test_two_clicks_make_a_pair_and_the_answer_follows(user, panel, nuclei, parts, errors):
    viewer = user.viewer
    panel.marking.click_button.setChecked(True)
    user.viewer.reset_view()
    user.look(0.3)
    keys = keys_of(panel)
    together, apart = [k for k in keys if belongs(k)][:4], [k for k in keys if not belongs(k)][:3]
    for class_id, chosen in ((1, together), (2, apart)):
        panel.marking.classes.choose(class_id)
        for _, a, b in chosen:
            user.drag_on_canvas([middle(parts, a)])
            user.drag_on_canvas([middle(parts, b)])
    settle(user, panel)
    assert panel.marking.marks.classes == dict.fromkeys(together, 1) | dict.fromkeys(apart, 2)
    merged = viewer.layers["merged parts"]
    annotation = viewer.layers["pair annotation of parts"]
    plain = ObjectMerger(panel.features.checked()).fit(parts, annotation.data, nuclei.image)
    np.testing.assert_array_equal(merged.data, plain.predict(parts, nuclei.image))
    right = [len(np.unique(merged.data[nuclei.labels == k])) == 1 for k in np.unique(nuclei.labels)[1:]]
    assert np.mean(right) > 0.85
    np.testing.assert_array_equal(viewer.layers["parts"].data, parts)

    # Again: the class is taken away; objects that do not touch make no pair.
    panel.marking.classes.choose(1)
    _, a, b = together[0]
    user.drag_on_canvas([middle(parts, a)])
    user.drag_on_canvas([middle(parts, b)])
    assert panel.marking.marks.class_of(together[0]) == 0
    user.drag_on_canvas([middle(parts, together[0][1])])
    user.drag_on_canvas([middle(parts, together[1][1])])
    assert "do not touch" in panel.status.text.text()
    assert not errors


def test_lines_across_borders_undo_and_redo(user, panel, parts, errors):
    viewer = user.viewer
    panel.new_button.click()
    annotation = viewer.layers["pair annotation of parts"]
    assert viewer.layers.selection.active is annotation
    assert annotation.mode == "paint"
    annotation.brush_size = 1
    pairs = panel.marking.marks.pairs
    keys = keys_of(panel)
    chosen = [k for k in keys if belongs(k)][:3] + [k for k in keys if not belongs(k)][:3]
    for key in chosen:
        first, second, _ = pairs.faces_of(np.array([pairs.row(key)]))
        ends = [np.unravel_index(side[len(side) // 2], parts.shape) for side in (first, second)]
        user.paint(annotation, 1 if belongs(key) else 2, [tuple(int(c) for c in end) for end in ends])
        settle(user, panel)
    expected = {key: 1 if belongs(key) else 2 for key in chosen}
    assert panel.marking.marks.classes == expected
    assert len(np.unique(viewer.layers["merged parts"].data)) < len(np.unique(parts))
    shown = viewer.layers["merged parts"].data.copy()
    panel.marking.undo_button.click()
    assert panel.marking.marks.classes == {k: c for k, c in expected.items() if k != chosen[-1]}
    panel.marking.redo_button.click()
    settle(user, panel)
    assert panel.marking.marks.classes == expected
    np.testing.assert_array_equal(viewer.layers["merged parts"].data, shown)
    assert not errors


def test_uncertain_pairs_are_visited_and_named_by_a_key(user, panel, parts, errors):
    mark(user, panel, 3)
    before = panel.marking.marks.classes
    row = panel.answer.most_uncertain(before)[0]
    key = panel.answer.key(int(row))
    panel.uncertain.next_button.click()
    user.look()
    assert panel.marking.current == key
    centre, _ = panel.answer.objects.pairs.place(int(row))
    np.testing.assert_allclose(user.viewer.layers["object to look at"].data[0], centre)
    canvas = user.viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_2)
    settle(user, panel)
    assert panel.marking.marks.classes == before | {key: 2}
    assert "object to look at" not in user.viewer.layers
    assert key not in [panel.answer.key(d.row) for d in panel.uncertain._doubts]
    # Class 3 does not exist for pairs.
    QTest.keyClick(canvas, Qt.Key.Key_3)
    assert panel.marking.marks.class_of(key) == 2
    assert not errors


def test_keys_answer_for_the_pair_in_the_ring_while_lines_are_drawn(user, panel, parts, errors):
    viewer = user.viewer
    mark(user, panel, 3)
    panel.marking.brush_button.click()
    annotation = viewer.layers["pair annotation of parts"]
    assert annotation.mode == "paint"
    assert "choose" not in panel.marking.hint.text()
    before = panel.marking.marks.classes
    key = panel.answer.key(int(panel.answer.most_uncertain(before)[0]))
    panel.uncertain.next_button.click()
    user.look()
    assert annotation.mode == "paint"
    assert "in the ring" in panel.marking.hint.text()
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_2)
    settle(user, panel)
    assert panel.marking.marks.classes == before | {key: 2}

    # After a stroke elsewhere, a key chooses the class of the next one.
    pairs = panel.marking.marks.pairs
    other = next(k for k in keys_of(panel) if k not in before and k != key)
    first, second, _ = pairs.faces_of(np.array([pairs.row(other)]))
    ends = [np.unravel_index(side[len(side) // 2], parts.shape) for side in (first, second)]
    annotation.brush_size = 1
    user.paint(annotation, 2, [tuple(int(c) for c in end) for end in ends])
    settle(user, panel)
    assert "in the ring" not in panel.marking.hint.text()
    marked = panel.marking.marks.classes
    assert marked[other] == 2
    QTest.keyClick(canvas, Qt.Key.Key_1)
    settle(user, panel)
    assert panel.marking.marks.classes == marked
    assert panel.marking.classes.current == 1
    assert not errors


def test_the_status_is_of_the_marks_that_there_are(user, panel, errors):
    panel.train_button.click()
    assert "no annotation" in panel.status.text.text()
    panel.marking.brush_button.click()
    assert "Draw short lines" in panel.status.text.text()
    errors.clear()
    mark(user, panel, 3)
    assert "pairs touch" in panel.status.text.text()
    while panel.marking.undo_button.isEnabled():
        panel.marking.undo_button.click()
    settle(user, panel)
    assert "No pair is marked" in panel.status.text.text()
    assert "from the last training" in panel.status.text.text()
    assert not errors


def test_save_load_apply_and_undo_of_the_training(user, panel, nuclei, parts, errors, tmp_path):
    viewer = user.viewer
    mark(user, panel)
    expected = viewer.layers["merged parts"].data.copy()
    assert "out of bag" in panel.scores.view.summary()
    panel.save(str(tmp_path / "merger.cl"))
    first = panel.classifier
    keys = keys_of(panel)
    panel.marking.marks.assign([k for k in keys if belongs(k)][3:9], 2)
    settle(user, panel)
    assert panel.classifier is not first
    panel.undo_training_button.click()
    settle(user, panel)
    assert panel.classifier is first
    assert panel.live.isChecked()
    np.testing.assert_array_equal(viewer.layers["merged parts"].data, expected)
    user.clear()
    viewer.add_image(nuclei.image, name="DNA")
    viewer.add_labels(parts, name="again")
    panel.images.set_checked({"DNA"})
    panel.load(str(tmp_path / "merger.cl"))
    panel.apply_button.click()
    settle(user, panel)
    np.testing.assert_array_equal(viewer.layers["merged again"].data, expected)
    n = len(panel.classifier.samples_)
    assert panel.keep_box.isChecked()
    panel.live.setChecked(True)
    panel.marking.click_button.setChecked(True)
    key = next(k for k in keys_of(panel) if not belongs(k) and k not in keys[:20])
    panel.marking.marks.assign([key], 2)
    settle(user, panel)
    # Both sides of the pair are learnt from, beside what was loaded.
    assert n < len(panel.classifier.samples_) <= n + 2
    assert not errors
    objects = user.open("Object classifier")
    objects.attempt(lambda: objects.load(str(tmp_path / "merger.cl")))
    assert "another kind" in errors[-1]


def test_pairs_over_time_and_edited_objects(user, errors):
    series = samples.nuclei_timelapse(shape=(3, 160, 160), n_nuclei=12, seed=2)
    parts = np.stack([cut_up(frame) for frame in series.labels])
    viewer = user.viewer
    viewer.add_image(series.image, name="film", axis_labels=("t", "y", "x"))
    labels = viewer.add_labels(parts, name="parts", axis_labels=("t", "y", "x"))
    panel = user.open("Merge objects")
    assert panel.axes.has_time
    panel.marking.click_button.setChecked(True)
    keys = keys_of(panel)
    panel.marking.marks.assign([k for k in keys if belongs(k) and k[0] == 1], 1)
    panel.marking.marks.assign([k for k in keys if not belongs(k)], 2)
    settle(user, panel)
    merged = viewer.layers["merged parts"].data
    for frame in range(3):
        assert len(np.unique(merged[frame])) < len(np.unique(parts[frame]))
    panel.uncertain.next_button.click()
    user.look()
    assert layers.current_frame(viewer, labels, True) == panel.marking.current[0]
    n = len(panel.answer.classes)
    viewer.dims.set_point(0, 0)
    y, x = next(np.argwhere(series.labels[0] == 0).__iter__())
    user.paint(labels, 5001, [(0, y, x)])
    user.paint(labels, 5002, [(0, y, x + 30)])
    settle(user, panel)
    assert len(panel.answer.classes) != n or panel.answer.objects.pixels[0].max() >= 5001
    assert panel.answer.objects.still_shows(labels.data)
    assert not errors


def test_what_cannot_be_merged_is_said(user, errors):
    viewer = user.viewer
    apart = np.zeros((40, 40), int)
    apart[2:8, 2:8], apart[20:30, 20:30] = 1, 2
    viewer.add_labels(apart, name="apart")
    panel = user.open("Merge objects")
    panel.train_button.click()
    assert "no annotation" in errors[-1]
    panel.new_button.click()
    panel.train_button.click()
    settle(user, panel)
    assert "touch each other" in errors[-1]
    panel.features.none_button.click()
    panel.train_button.click()
    settle(user, panel)
    assert "No measurement is checked" in errors[-1]


def test_a_hundred_thousand_pairs_stay_fluent(user, errors):
    n = 230
    y, x = np.mgrid[:2300, :2300]
    grid = ((y // 10) * n + (x // 10) + 1).astype(np.int32)
    viewer = user.viewer
    viewer.add_image(np.random.default_rng(0).random(grid.shape, np.float32), name="image")
    viewer.add_labels(grid, name="grid")
    panel = user.open("Merge objects")
    panel.marking.click_button.setChecked(True)
    pairs = panel.marking.marks.pairs
    assert len(pairs) > 100_000
    panel.marking.marks.assign([pairs.key(40 * k) for k in range(10)], 1)
    panel.marking.marks.assign([pairs.key(40 * k + 17) for k in range(10)], 2)
    settle(user, panel)
    import time

    before = panel.answer
    cpu = time.process_time()
    panel.marking.marks.click(pairs.key(9999), 1)
    user.until(lambda: panel.answer is not before, "the answer")
    spent = time.process_time() - cpu
    settle(user, panel)
    assert spent < 2, f"{spent:.2f} cpu seconds from the click to the answer"
    assert not errors
