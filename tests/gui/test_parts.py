"""The parts that the classifier panels are made of, used as a user uses them."""

import sys
import threading
import time

import pytest

pytest.importorskip("qtpy")

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QColorDialog, QLineEdit, QMessageBox, QWidget

from bioloom.errors import InputError

pytestmark = pytest.mark.gui


class Heard:
    """Everything that a signal said."""

    def __init__(self, *signals):
        self.values = []
        for signal in signals:
            signal.connect(lambda *values: self.values.append(values[0] if len(values) == 1 else values))

    def take(self):
        taken, self.values = self.values, []
        return taken


@pytest.fixture
def show(qtbot):
    """Show a part as wide as a narrow dock."""

    def shown(part, width=320):
        qtbot.addWidget(part)
        part.resize(width, part.sizeHint().height())
        part.show()
        qtbot.waitExposed(part)
        part.setFocus()
        return part

    return shown


# ------------------------------------------------------------------------------------------------ ClassList
@pytest.fixture
def class_list(show):
    from bioloom.widgets._class_list import ClassList

    return show(ClassList())


def row_of(class_list, class_id):
    return class_list.ids().index(class_id)


def rename_by_keys(class_list, name):
    QTest.keyClick(class_list.table, Qt.Key.Key_F2)
    editor = class_list.table.findChildren(QLineEdit)[-1]
    editor.selectAll()
    QTest.keyClicks(editor, name)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QApplication.processEvents()


def test_number_keys_and_arrows_choose_classes_that_exist(class_list):
    class_list.set_classes([1, 2, 5])
    heard = Heard(class_list.class_chosen)
    for key in (Qt.Key.Key_5, Qt.Key.Key_3, Qt.Key.Key_Up):
        QTest.keyClick(class_list.table, key)
    assert heard.take() == [5, 2]
    assert class_list.current == 2
    class_list.set_current(1)
    assert class_list.current == 1
    assert heard.take() == []


def test_a_click_chooses_the_class(class_list):
    heard = Heard(class_list.class_chosen)
    place = class_list.table.visualItemRect(class_list.table.item(1, 1)).center()
    QTest.mouseClick(class_list.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert heard.take() == [2]


def test_classes_are_renamed_in_place_and_digits_belong_to_the_name(class_list):
    class_list.choose(2)
    heard = Heard(class_list.names_changed, class_list.class_chosen)
    rename_by_keys(class_list, "phase 1")
    assert heard.take() == [{1: "class 1", 2: "phase 1"}]
    assert class_list.names() == {1: "class 1", 2: "phase 1"}
    class_list.set_current(1)
    rename_by_keys(class_list, "phase 1")
    assert heard.take() == []
    assert class_list.names()[1] == "class 1"
    assert "class 2 already" in class_list.hint.text()


def test_colours_can_be_chosen_and_differ_from_the_start(class_list, monkeypatch):
    class_list.set_classes(range(1, 41))
    assert len(set(class_list.colours().values())) == 40
    heard = Heard(class_list.colours_changed)
    monkeypatch.setattr(QColorDialog, "getColor", lambda start, *rest: type(start)("#123456"))
    place = class_list.table.visualItemRect(class_list.table.item(row_of(class_list, 3), 0)).center()
    QTest.mouseClick(class_list.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    (colours,) = heard.take()
    assert colours[3] == class_list.colours()[3] == "#123456"
    icon = class_list.table.item(row_of(class_list, 3), 0).icon().pixmap(20, 20).toImage()
    assert icon.pixelColor(icon.width() // 2, icon.height() // 2).name() == "#123456"


def test_counts_bring_classes_and_say_what_is_missing(class_list):
    assert class_list.hint.text() == "Nothing annotated yet"
    class_list.set_counts({1: 1234})
    assert "second class" in class_list.hint.text()
    class_list.set_counts({0: 9, 1: 1234, 7: 1})
    assert class_list.ids() == [1, 2, 7]
    assert [class_list.table.item(row, 2).text() for row in range(3)] == ["1,234 px", "–", "1 px"]
    assert class_list.hint.text() == ""
    class_list.set_counts(dict.fromkeys(range(1, 3000), 5))
    assert class_list.ids() == [1, 2, 7]
    assert "is this an annotation" in class_list.hint.text()


def test_classes_come_and_go(class_list):
    class_list.set_classes([1, 3], {3: "cell"})
    added, removed, chosen = (
        Heard(class_list.class_added),
        Heard(class_list.class_removed),
        Heard(class_list.class_chosen),
    )
    class_list.add_button.click()
    assert (added.take(), chosen.take(), class_list.ids()) == ([2], [2], [1, 2, 3])
    class_list.choose(3)
    class_list.set_counts({3: 20})
    assert not class_list.remove_button.isEnabled()
    assert "Erase its annotations first (20 px)" in class_list.remove_button.toolTip()
    QTest.keyClick(class_list.table, Qt.Key.Key_Delete)
    assert removed.take() == []
    class_list.set_counts({})
    QTest.keyClick(class_list.table, Qt.Key.Key_Delete)
    assert removed.take() == [3]
    assert class_list.names() == {1: "class 1", 2: "class 2"}
    assert class_list.current == 2
    class_list.remove_class(2)
    assert "One class must remain" in class_list.remove_button.toolTip()


def test_removing_a_class_with_annotations_asks_first(show, monkeypatch):
    from bioloom.widgets._class_list import ClassList

    class_list = show(ClassList("object", can_erase=True))
    class_list.set_counts({1: 4, 2: 1})
    class_list.choose(2)
    removed, asked = Heard(class_list.class_removed), []
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]

    def answer(parent, title, text):
        asked.append(text)
        return answers.pop(0)

    monkeypatch.setattr(QMessageBox, "question", answer)
    class_list.remove_button.click()
    assert removed.take() == []
    class_list.remove_button.click()
    assert removed.take() == [2]
    assert asked == ["Remove class 2 and erase its 1 object?"] * 2


def test_the_class_list_fits_a_narrow_dock(class_list):
    class_list.set_classes([1, 2], {1: "a name that is much too long for the dock that it stands in, by far"})
    class_list.set_counts({1: 123_456_789, 2: 1})
    assert class_list.minimumSizeHint().width() <= 300
    assert class_list.table.horizontalScrollBar().maximum() == 0
    right = class_list.table.visualItemRect(class_list.table.item(0, 2)).right()
    assert right <= class_list.table.viewport().width()


# ------------------------------------------------------------------------------------------------ CollapsibleGroup
def test_a_group_folds_and_remembers_what_the_user_chose(show):
    from bioloom.widgets._parts import CollapsibleGroup

    def make():
        group = show(CollapsibleGroup("Scores", QLineEdit(), key="test/scores"))
        return group, group.findChild(QLineEdit)

    group, part = make()
    group.set_summary("accuracy 0.93")
    assert part.isVisible()
    assert group.summary.text() == ""
    QTest.keyClick(group.button, Qt.Key.Key_Space)
    assert not part.isVisible()
    assert group.summary.text() == "accuracy 0.93"
    group, part = make()
    assert not part.isVisible()
    group.set_open(True)
    assert part.isVisible()
    assert not make()[0].is_open


# ------------------------------------------------------------------------------------------------ FeatureGrid
@pytest.fixture
def grid(show):
    from bioloom.widgets._feature_grid import FeatureGrid

    return show(FeatureGrid())


def click_cell(grid, kind, sigma, to=None):
    """Click a cell, or drag from it to another."""
    start = grid.cells.rect_of((kind, sigma)).center().toPoint()
    QTest.mousePress(grid.cells, Qt.MouseButton.LeftButton, pos=start)
    if to:
        QTest.mouseMove(grid.cells, grid.cells.rect_of(to).center().toPoint())
    end = grid.cells.rect_of(to or (kind, sigma)).center().toPoint()
    QTest.mouseRelease(grid.cells, Qt.MouseButton.LeftButton, pos=end)


def test_cells_and_text_say_the_same(grid):
    grid.set_text("original gaussian_blur=2")
    heard = Heard(grid.changed)
    click_cell(grid, "sobel_of_gaussian_blur", 5)
    assert heard.take() == [grid.text()] == ["original gaussian_blur=2 sobel_of_gaussian_blur=5"]
    assert grid.text_line.text() == grid.text()
    click_cell(grid, "original", 0)
    assert heard.take() == ["gaussian_blur=2 sobel_of_gaussian_blur=5"]
    grid.text_line.selectAll()
    QTest.keyClicks(grid.text_line, "gaussian_blur=1")
    assert heard.take()[-1] == "gaussian_blur=1"
    assert grid.cells.checked == {("gaussian_blur", 1.0)}


def test_every_preset_can_be_chosen_and_is_found_again(grid):
    from bioloom.classify.feature_set import PRESETS, FeatureSet

    for name in PRESETS:
        grid.preset.setCurrentText(name)
        grid.preset.textActivated.emit(name)
        assert grid.features() == FeatureSet.parse(name)
        assert len(grid.cells.checked) == len(FeatureSet.parse(name).features)
        feature = FeatureSet.parse(name).features[-1]
        click_cell(grid, feature.kind, feature.sigma)
        assert grid.preset.currentText() != name
        click_cell(grid, feature.kind, feature.sigma)
        assert grid.preset.currentText() == name
        assert grid.text() == str(FeatureSet.parse(name))


def test_titles_check_rows_and_columns(grid):
    grid.set_text("gaussian_blur=2")
    heard = Heard(grid.changed)
    place = grid.cells.title_rect(2.0).center().toPoint()
    QTest.mouseClick(grid.cells, Qt.MouseButton.LeftButton, pos=place)
    n_kinds = sum(kind not in grid.cells.without_sigma for kind in grid.cells.kinds)
    assert {sigma for _, sigma in grid.cells.checked} == {2.0}
    assert len(grid.cells.checked) == n_kinds
    QTest.mouseClick(grid.cells, Qt.MouseButton.LeftButton, pos=place)
    assert not grid.cells.checked
    assert "Check at least one" in grid.info.text()
    with pytest.raises(InputError, match="No feature is checked"):
        grid.text()
    place = grid.cells.title_rect("gaussian_blur").center().toPoint()
    QTest.mouseClick(grid.cells, Qt.MouseButton.LeftButton, pos=place)
    assert grid.cells.checked == {("gaussian_blur", sigma) for sigma in grid.cells.sigmas}
    # The empty set was never told to anybody.
    assert len(heard.take()) == 2


def test_a_drag_checks_what_it_crosses_and_tells_it_once(grid):
    grid.set_text("original")
    heard = Heard(grid.changed)
    click_cell(grid, "gaussian_blur", 1.0, to=("gaussian_blur", 2.0))
    assert heard.take() == ["original gaussian_blur=1 gaussian_blur=2"]


def test_the_grid_works_by_keys(grid):
    grid.set_text("original")
    grid.cells.setFocus()
    heard = Heard(grid.changed)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Space):
        QTest.keyClick(grid.cells, key)
    sigma = grid.cells.sigmas[2]
    assert heard.take() == [f"original gaussian_blur={sigma:g}"]
    assert grid.cells.accessibleDescription() == f"gaussian_blur, σ = {sigma:g} px"


def test_wrong_text_is_explained_and_changes_nothing(grid):
    before, heard = grid.cells.checked, Heard(grid.changed)
    grid.text_line.selectAll()
    QTest.keyClicks(grid.text_line, "gaussian_blur")
    assert "needs a sigma" in grid.info.text()
    assert grid.cells.checked == before
    assert heard.take() == []
    with pytest.raises(InputError, match="needs a sigma"):
        grid.features()
    QTest.keyClicks(grid.text_line, "=7")
    assert heard.take() == ["gaussian_blur=7"]
    assert grid.info.text() == "1 feature, 1 MB/Mpx"
    grid.set_channels(3)
    assert grid.info.text() == "3 features of 3 channels, 3 MB/Mpx"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("gauss", "gaussian_blur"),
        ("gausian_blur=2", "gaussian_blur"),
        ("Sobel=1", "sobel"),
        ("x" * 200, "more filters"),
    ],
)
def test_a_wrong_name_is_guessed_and_does_not_widen_the_grid(grid, text, meant):
    width = grid.minimumSizeHint().width()
    grid.text_line.selectAll()
    QTest.keyClicks(grid.text_line, text)
    said = grid.info.text().replace("\u200b", "")
    assert meant in said
    assert len(said) < 200
    assert grid.minimumSizeHint().width() == width
    grid.set_text("gaussian_blur=2")
    assert grid.info.text() == "1 feature, 1 MB/Mpx"


def test_rare_filters_are_folded_away_until_they_are_wanted_or_used(grid):
    usual = list(grid.cells.kinds)
    grid.more.click()
    assert len(grid.cells.kinds) > len(usual)
    kind = list(grid.cells.kinds)[-1]
    click_cell(grid, kind, 2.0)
    assert f"{kind}=2" in grid.text().split()
    grid.more.click()
    assert list(grid.cells.kinds) == [*usual, kind]


def test_filters_for_stacks_are_listed_for_stacks(grid):
    from bioloom.classify.feature_set import KINDS

    grid.more.click()
    for_planes = list(grid.cells.kinds)
    grid.set_dimensions(3)
    assert list(grid.cells.kinds) == list(KINDS)
    for_stacks = next(kind for kind in KINDS if kind not in for_planes)
    grid.set_text(f"original {for_stacks}=2")
    assert "2 features" in grid.info.text()
    grid.set_dimensions(2)
    assert for_stacks in grid.cells.kinds
    assert "only stacks" in grid.info.text()
    assert "only stacks" in grid.cells.describe(list(grid.cells.kinds).index(for_stacks), 0)


def test_images_of_ones_own_stay_in_the_set(grid):
    grid.set_text("original gaussian_blur=2 custom=0 custom=1")
    click_cell(grid, "gaussian_blur", 1.0)
    assert set(grid.text().split()) == {"original", "gaussian_blur=2", "gaussian_blur=1", "custom=0", "custom=1"}
    click_cell(grid, "gaussian_blur", 1.0)
    assert grid.text() == "original gaussian_blur=2 custom=0 custom=1"
    grid.set_channels(2)
    assert grid.info.text().startswith("6 features")


def test_importances_of_channels_are_added_up(grid):
    grid.show_importances({"gaussian_blur=2 of channel 0": 0.25, "gaussian_blur=2 of channel 1": 0.5, "area": 0.1})
    row, column = list(grid.cells.kinds).index("gaussian_blur"), grid.cells.sigmas.index(2.0)
    assert "importance 75.0 %" in grid.cells.describe(row, column)


def test_own_sigmas_get_a_column(grid):
    grid.set_unit("µm")
    assert grid.own_sigma.text() == "4.00 µm"
    grid.add_sigma_button.click()
    assert 4.0 in grid.cells.sigmas
    assert not grid.add_sigma_button.isEnabled()
    assert "already" in grid.add_sigma_button.toolTip()
    click_cell(grid, "gaussian_blur", 4.0)
    assert "gaussian_blur=4" in grid.text().split()
    grid.set_text("gaussian_blur=0.7 gaussian_blur=1.6 gaussian_blur=3.5")
    assert {0.7, 1.6, 3.5, 4.0} <= set(grid.cells.sigmas)
    assert grid.cells.sigmas == sorted(grid.cells.sigmas)
    assert len(grid.cells.sigmas) <= 11


def test_the_eye_asks_for_the_feature_under_the_mouse(grid, qtbot):
    wanted, ended = Heard(grid.preview_requested), Heard(grid.preview_ended)
    place = grid.cells.rect_of(("gaussian_blur", 2.0)).center().toPoint()
    QTest.mouseMove(grid.cells, place)
    qtbot.wait(300)
    assert wanted.take() == []
    grid.eye.click()
    QTest.mouseMove(grid.cells, grid.cells.rect_of(("original", 0.0)).center().toPoint())
    QTest.mouseMove(grid.cells, place)
    qtbot.waitUntil(lambda: bool(wanted.values))
    assert wanted.take() == ["gaussian_blur=2"]
    grid.cells.setFocus()
    QTest.keyClick(grid.cells, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: bool(wanted.values))
    assert wanted.take() != ["gaussian_blur=2"]
    grid.eye.click()
    assert len(ended.take()) == 1


def test_the_grid_fits_a_narrow_dock(grid):
    grid.resize(300, grid.height())
    QApplication.processEvents()
    assert grid.minimumSizeHint().width() <= 300
    assert grid.cells.rect_of(("gaussian_blur", grid.cells.sigmas[-1])).right() <= grid.cells.parentWidget().width() + 1


# ------------------------------------------------------------------------------------------------ ScoreView
SCORES = {
    "oob_accuracy": 0.973,
    "accuracy": 0.9,
    "classes": [
        {"id": 1, "name": "ground", "precision": 0.9, "recall": 0.95, "f1": 0.924, "support": 2000, "trained": 9000},
        {"id": 5, "name": "cell", "precision": None, "recall": 0.8, "f1": 0.84, "support": 500, "trained": 2500},
    ],
    "confusion": [[1900, 100], [100, 400]],
    "features": [
        {"name": "original", "importance": 0.1, "permutation": None, "permutation_std": None},
        {"name": "gaussian_blur=2", "importance": 0.9, "permutation": None, "permutation_std": None},
    ],
    "decisions": [[0.25, 0.5], [0.75, 0.5]],
    "notes": [],
}
NO_SCORES = {
    **SCORES,
    "oob_accuracy": None,
    "accuracy": None,
    "classes": [
        {"id": k, "name": f"class {k}", **dict.fromkeys(("precision", "recall", "f1", "support", "trained"))}
        for k in (1, 2)
    ],
    "confusion": None,
    "notes": ["The file does not hold the annotation."],
}


@pytest.fixture
def score_view(show):
    from bioloom.widgets._score_view import ScoreView

    return show(ScoreView())


def test_scores_are_shown_with_names_and_colours(score_view):
    assert "Train a classifier" in score_view.headline.text()
    assert not score_view.table.isVisible()
    score_view.show_scores(SCORES, {5: "#112233"})
    assert score_view.summary() == "90.0 % held out, 97.3 % out of bag"
    table = score_view.table
    shown = [[table.item(row, column).text() for column in range(5)] for row in range(2)]
    assert shown == [["ground", "0.90", "0.95", "0.92", "2,000"], ["cell", "–", "0.80", "0.84", "500"]]
    assert table.verticalScrollBar().maximum() == 0
    matrix = score_view.confusion
    words = matrix.explain(matrix.cell_rect(1, 0).center())
    assert words == "100 of 500 held out as cell, 20.0 % of it\nwere predicted to be ground"
    picture = matrix.grab().toImage()
    right, wrong = (matrix.cell_rect(0, column).topLeft().toPoint() for column in (0, 1))
    blue, orange = (picture.pixelColor(place.x() + 3, place.y() + 3) for place in (right, wrong))
    assert blue.blue() > blue.red()
    assert orange.red() > orange.blue()
    swatch = picture.pixelColor(8, int(matrix.cell_rect(1, 0).center().y()))
    assert swatch.name() == "#112233"


def test_scores_that_are_not_known_say_why(score_view):
    score_view.show_scores(NO_SCORES)
    assert "Not enough annotated blocks yet" in score_view.headline.text()
    assert score_view.notes.text() == "The file does not hold the annotation."
    assert not score_view.table.isVisible()
    assert not score_view.confusion.isVisible()
    asked = Heard(score_view.permutation_requested)
    score_view.what.setCurrentIndex(1)
    assert asked.take() == []
    assert "Not enough annotated blocks" in score_view.feature_note.text()


def test_importances_come_sorted_and_permutation_is_asked_for_once(score_view):
    score_view.show_scores(SCORES)
    asked = Heard(score_view.permutation_requested)
    assert [row[0] for row in score_view.bars.rows] == ["gaussian_blur=2", "original"]
    score_view.what.setCurrentIndex(1)
    score_view.what.setCurrentIndex(0)
    score_view.what.setCurrentIndex(1)
    assert len(asked.take()) == 1
    assert not score_view.bars.isVisible()
    values = zip(SCORES["features"], (0.2, 0.1), strict=True)
    measured = [{**f, "permutation": v, "permutation_std": 0.01} for f, v in values]
    score_view.show_scores({**SCORES, "features": measured})
    assert asked.take() == []
    assert score_view.bars.rows == [("original", 0.2, 0.01), ("gaussian_blur=2", 0.1, 0.01)]
    score_view.what.setCurrentIndex(2)
    depths = score_view.depths
    assert depths.explain(depths.cell_rect(0, 1).center()) == (
        "50.0 % of the decisions at depth 1 ask for gaussian_blur=2"
    )


def test_many_features_are_folded_and_all_can_be_copied(score_view):
    names = [f"gaussian_blur={k}" for k in range(1, 31)]
    features = [{"name": n, "importance": 1 / 30, "permutation": None, "permutation_std": None} for n in names]
    score_view.show_scores({**SCORES, "features": features, "decisions": [[1 / 30]] * 30})
    folded = score_view.bars.height()
    assert len(score_view.bars.rows) == 8
    score_view.all_button.click()
    assert len(score_view.bars.rows) == 30
    assert score_view.bars.height() > 3 * folded
    score_view.copy_button.click()
    lines = QApplication.clipboard().text().splitlines()
    assert "5\tcell\t\t0.8\t0.84\t500\t2500" in lines
    assert "5\t100\t400" in lines
    assert sum(line.startswith("gaussian_blur=") for line in lines) == 30


def test_scores_of_a_real_classifier_can_be_shown(score_view):
    from bioloom.classify import PixelClassifier
    from bioloom.classify.scores import summary
    from bioloom.samples import nuclei_2d

    sample = nuclei_2d(shape=(160, 180), n_nuclei=12, seed=0)
    classifier = PixelClassifier("original gaussian_blur=1", n_trees=10, max_depth=4)
    classifier.fit(sample.image, (sample.labels > 0) + 1)
    score_view.show_scores(summary(classifier))
    assert score_view.table.rowCount() == 2
    assert sum(map(sum, score_view.confusion.counts)) > 0
    assert {name for name, _, _ in score_view.bars.rows} <= {"original", "gaussian_blur=1"}


# ------------------------------------------------------------------------------------------------ TrainingList
@pytest.fixture
def training_list(show):
    from bioloom.widgets._training_list import TrainingList

    return show(TrainingList())


@pytest.fixture
def members():
    from bioloom.widgets._training_list import TrainingMember

    return [
        TrainingMember(4, "nuclei", "annotation of nuclei", 1200),
        TrainingMember(7, "lapse", "annotation of lapse", 34, frames=(3, 7)),
        TrainingMember(9, "old", "annotation of old", 5, problem="Its layer was removed"),
    ]


def test_training_images_are_listed_with_what_is_annotated(training_list, members):
    assert not training_list.go_button.isEnabled()
    assert "no image in the list" in training_list.remove_button.toolTip()
    training_list.set_members(members)
    texts = [training_list.list.item(row).text() for row in range(3)]
    assert texts[0] == "nuclei\n1,200 px – annotation of nuclei"
    assert texts[1] == "lapse\n34 px in 2 frames – annotation of lapse"
    assert texts[2] == "old\nIts layer was removed"
    assert "3, 7" in training_list.list.item(1).toolTip()
    assert training_list.hint.text() == "2 of 3 images, 1,234 px"
    assert training_list.current == 9
    assert "Its layer was removed" in training_list.go_button.toolTip()


def test_training_images_are_left_out_visited_and_removed(training_list, members):
    training_list.set_members(members)
    used, went = Heard(training_list.used_changed), Heard(training_list.go_to_requested)
    removed, added = Heard(training_list.remove_requested), Heard(training_list.add_requested)
    training_list.set_current(4)
    QTest.keyClick(training_list.list, Qt.Key.Key_Space)
    assert used.take() == [(4, False)]
    assert training_list.members[0].used is False
    assert training_list.hint.text() == "1 of 3 images, 34 px"
    training_list.go_button.click()
    QTest.keyClick(training_list.list, Qt.Key.Key_Delete)
    assert (went.take(), removed.take()) == ([4], [4])
    training_list.set_members(members[1:])
    assert used.take() == []
    training_list.add_button.click()
    training_list.allow_add("Nothing is annotated yet")
    training_list.add_button.click()
    assert len(added.take()) == 1
    assert "Nothing is annotated yet" in training_list.add_button.toolTip()


# ------------------------------------------------------------------------------------------------ ApplyDialog
@pytest.fixture
def folder(tmp_path):
    """Make a folder, with brackets in its name, of two images, a mask and a note."""
    images = tmp_path / "plate [3]"
    images.mkdir()
    for name in ("b.tif", "a.png", "a_mask.tif", "note.txt"):
        (images / name).touch()
    return images


def test_what_cannot_be_chosen_says_why(show):
    from bioloom.widgets._apply_dialog import Application, ApplyDialog

    dialog = show(ApplyDialog("nuclei"))
    assert "one frame only" in dialog.targets["frames"].toolTip()
    assert "no other layer" in dialog.targets["layers"].toolTip()
    assert dialog.application() == Application("image", ("classes",))
    dialog.output_boxes["classes"].click()
    assert not dialog.apply_button.isEnabled()
    assert "at least one result" in dialog.apply_button.toolTip()
    dialog.output_boxes["uncertainty"].click()
    dialog.output_boxes["objects"].click()
    assert dialog.application().outputs == ("objects", "uncertainty")


def test_frames_and_other_layers_can_be_chosen(show):
    from bioloom.widgets._apply_dialog import ApplyDialog

    layers = [object(), object()]
    dialog = show(ApplyDialog("lapse", 12, [("a", layers[0]), ("b", layers[1])]))
    assert not dialog.layer_list.isVisible()
    dialog.targets["frames"].click()
    assert dialog.application().target == "frames"
    dialog.targets["layers"].click()
    assert dialog.layer_list.isVisible()
    assert dialog.application().layers == tuple(layers)
    dialog.layer_list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert dialog.application().layers == (layers[1],)
    dialog.layer_list.item(1).setCheckState(Qt.CheckState.Unchecked)
    assert dialog.hint.text() == "Check at least one layer."


def test_a_folder_is_read_as_it_is_typed(show, folder):
    from bioloom.widgets._apply_dialog import ApplyDialog

    dialog = show(ApplyDialog("nuclei"))
    dialog.targets["folder"].click()
    hints = [dialog.hint.text()]
    for field, text in (
        (dialog.folder, str(folder / "nowhere")),
        (dialog.folder, str(folder)),
        (dialog.out, str(folder)),
        (dialog.out, str(folder / "results")),
        (dialog.pattern, "*.jpg"),
        (dialog.pattern, "*.tif"),
    ):
        field.setText(text)
        hints.append(dialog.hint.text())
    assert hints == [
        "Choose the folder with the images.",
        f"There is no folder {folder / 'nowhere'}.",
        "Choose the folder for the results.",
        "Choose another folder for the results: here they would be mistaken for images the next time.",
        "3 files, from a.png to b.tif.",
        "No file in this folder matches *.jpg.",
        "2 files, from a_mask.tif to b.tif.",
    ]
    dialog.existing.setCurrentIndex(1)
    chosen = dialog.application()
    assert chosen.files == (folder / "a_mask.tif", folder / "b.tif")
    assert (chosen.out, chosen.existing, chosen.labels) == (folder / "results", "keep", "")


def test_objects_of_files_are_asked_for_where_they_are_needed(show, folder):
    from bioloom.widgets._apply_dialog import ApplyDialog

    dialog = show(ApplyDialog("nuclei", with_labels=True))
    dialog.targets["folder"].click()
    dialog.folder.setText(str(folder))
    dialog.out.setText(str(folder / "results"))
    assert dialog.application().labels == str(folder / "{stem}_labels.tif")
    dialog.labels.clear()
    assert "where the objects" in dialog.hint.text()


def test_the_answer_is_the_choice_or_nothing(qtbot):
    from bioloom.widgets._apply_dialog import ApplyDialog

    def answer(accept):
        dialog = QApplication.activeModalWidget()
        cancel = dialog.buttons.button(dialog.buttons.StandardButton.Cancel)
        (dialog.apply_button if accept else cancel).click()

    for accept in (True, False):
        QTimer.singleShot(100, lambda accept=accept: answer(accept))
        choice = ApplyDialog.ask("nuclei", checked=("objects",))
        assert (choice.outputs if choice else None) == (("objects",) if accept else None)


def test_a_hint_of_several_lines_makes_the_dialog_taller(show, folder):
    from bioloom.widgets._apply_dialog import ApplyDialog

    dialog = show(ApplyDialog("nuclei"), 420)
    dialog.targets["folder"].click()
    QApplication.processEvents()
    height = dialog.folder.height()
    dialog.folder.setText(str(folder / "somewhere else" / ("no folder of this name " * 8)))
    QApplication.processEvents()
    assert dialog.hint.height() >= dialog.hint.heightForWidth(dialog.hint.width()) > 3 * dialog.fontMetrics().height()
    assert dialog.folder.height() == height
    assert dialog.width() == 420


# ------------------------------------------------------------------------------------------------ tooltips, layers
@pytest.mark.parametrize("told", ["", "Do it"])
def test_a_disabled_part_says_why_once(qtbot, told):
    from qtpy.QtWidgets import QPushButton

    from bioloom.widgets._parts import enable

    button = QPushButton()
    qtbot.addWidget(button)
    button.setToolTip(told)
    for why in ("First this", "Then that", "Then that"):
        enable(button, False, why)
        assert button.toolTip() == (f"{why}\n({told})" if told else why)
    enable(button, True, "")
    assert button.toolTip() == told


def test_objects_are_first_those_of_the_active_layer_then_visible_ones(qtbot):
    import numpy as np
    from napari.components import ViewerModel

    from bioloom.widgets._parts import LayerCombo

    viewer, nothing = ViewerModel(), np.zeros((8, 8), int)
    image = viewer.add_image(np.zeros((8, 8)))
    lower, upper, hidden = (viewer.add_labels(nothing, name=name) for name in ("lower", "upper", "hidden"))
    made = {"bioloom": {"role": "classes"}}
    classes = viewer.add_labels(nothing, name="classes", metadata=made)
    hidden.visible = False

    def first(active):
        viewer.layers.selection.active = active
        combo = LayerCombo(viewer, "labels", "")
        qtbot.addWidget(combo)
        combo.stop()
        return combo.layer

    assert first(image) is upper
    assert first(classes) is upper, "what was made for something else is no object"
    assert first(lower) is lower
    assert first(hidden) is hidden
    upper.visible = lower.visible = False
    assert first(image) is hidden


def test_the_chosen_objects_stay_chosen_when_they_are_hidden(qtbot):
    import numpy as np
    from napari.components import ViewerModel

    from bioloom.widgets._parts import LayerCombo

    viewer, nothing = ViewerModel(), np.zeros((8, 8), int)
    chosen, other = viewer.add_labels(nothing, name="chosen"), viewer.add_labels(nothing, name="other")
    combo = LayerCombo(viewer, "labels", "")
    qtbot.addWidget(combo)
    assert combo.layer is other
    combo.setCurrentText("chosen")
    chosen.visible = False
    viewer.add_labels(nothing, name="newest")
    assert combo.layer is chosen
    combo.stop()


def test_names_of_layers_that_differ_at_their_ends_can_be_told_apart(show):
    import numpy as np
    from napari.components import ViewerModel

    from bioloom.widgets._parts import LayerCombo

    viewer = ViewerModel()
    names = [f"annotation of the image of the sample from {day}" for day in ("Monday", "Sunday")]
    for name in names:
        viewer.add_labels(np.zeros((8, 8), int), name=name)
    combo = show(LayerCombo(viewer, "labels", "Objects"), width=140)
    pictures = []
    for name in names:
        combo.setCurrentText(name)
        assert name in combo.toolTip()
        pictures.append(combo.grab().toImage())
    assert pictures[0] != pictures[1]
    viewer.layers.clear()
    assert combo.grab().toImage() not in pictures
    combo.stop()


def test_none_stays_chosen_whatever_layers_come(qtbot):
    import numpy as np
    from napari.components import ViewerModel

    from bioloom import layers
    from bioloom.widgets._parts import LayerCombo

    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((8, 8)), name="A")
    combo = LayerCombo(viewer, "labels", "", optional=True, wanted_role="annotation")
    qtbot.addWidget(combo)
    annotation = layers.new_annotation(viewer, image)
    assert combo.layer is annotation, "a new annotation is taken up"
    combo.setCurrentIndex(0)
    viewer.add_labels(np.zeros((8, 8), int), name="classes of A")
    viewer.add_image(np.zeros((8, 8)), name="B")
    assert combo.layer is None
    combo.stop()


# ------------------------------------------------------------------------------------------------ MainThread
def test_panels_may_be_deleted_while_threads_tell_them_something(qtbot):
    from bioloom.widgets._base import MainThread

    def tell(panel):
        for _ in range(2000):
            if stop.is_set():
                return
            panel.send(lambda: heard.append(threading.get_ident()))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            panel, heard, stop = QWidget(), [], threading.Event()
            thread = threading.Thread(target=tell, args=(MainThread(panel),))
            thread.start()
            qtbot.waitUntil(lambda heard=heard: bool(heard), timeout=5000)
            panel.deleteLater()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            assert set(heard) == {threading.get_ident()}, "it is told on the thread of the application"
            heard.clear()
            time.sleep(0.001)
            stop.set()
            thread.join()
            QApplication.processEvents()
            assert not heard, "a panel that is gone is told nothing"
    finally:
        sys.setswitchinterval(interval)
