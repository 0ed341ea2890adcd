"""The tutorial on images of one's own, step by step: files, one image, the folder, and both in one plot."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QFileDialog

from bioloom import cli, layers
from bioloom.files import read_image
from bioloom.samples import make_sample

pytestmark = pytest.mark.gui

TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorials" / "own-images.md").read_text(encoding="utf-8")


class Reader:
    """Somebody who does what the tutorial says, and checks that it says what is seen."""

    def __init__(self, user, panel):
        self.user, self.panel = user, panel

    def button(self, text):
        """The button that shows a text."""
        shown = [b for b in self.panel.findChildren(QAbstractButton) if b.text() == text and b.isVisible()]
        (found,) = shown
        assert found.isEnabled(), f"{text}: {found.toolTip()}"
        assert f"**{text}**" in TUTORIAL
        return found

    def click(self, text):
        """Click a button, and wait for what it begins."""
        button = self.button(text)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(10, button.height() // 2))
        self.user.wait(self.panel)

    def read(self, text):
        """Both the tutorial and the foot of the panel say this."""
        assert text in TUTORIAL
        assert text in self.panel.status.text.text()


@pytest.fixture
def plate(tmp_path, monkeypatch):
    """The images that the tutorial makes, in the folder where one works."""
    monkeypatch.chdir(tmp_path)
    exec(re.findall(r"```python\n(.*?)```", TUTORIAL, re.S)[0], {})
    return tmp_path / "plate"


def choose_file(monkeypatch, path):
    """Answer the next dialog that asks for a file."""
    for name in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *args: (str(path), ""))


def test_the_tutorial_on_own_images(user, plate, monkeypatch, capsys):
    viewer = user.viewer
    (image,) = viewer.open(str(plate / "B02 control.tif"), plugin="napari")
    user.menu("operation.top_hat")
    process = viewer.window.dock_widgets["Process (Bioloom)"]
    reader = Reader(user, process)

    # The size of a pixel.
    reader.click("Take 0.5 × 0.5 µm from the file")
    process.axes.sizes.setCurrentText("µm")

    # Filter and label.
    process.settings["radius"].value = 12
    reader.click("Preview")
    user.until(lambda: len(viewer.layers) == 2, "the preview")
    reader.click("Apply")
    reader.click("Voronoi–Otsu labeling")
    assert process.settings["spot_sigma"].value == pytest.approx(2.5, abs=0.05)
    process.settings["spot_sigma"].value = 2
    reader.click("Apply")
    reader.read("114 objects")
    labels = viewer.layers[-1]

    # Correct by hand.
    process.corrections_group.set_open(True)
    truth = make_sample("nuclei_2d", 0).labels

    def over(nucleus):
        return set(labels.data[truth == nucleus].tolist()) - {0}

    halves = over(105)
    assert len(halves) == 2
    assert over(16) == over(27)
    reader.click("Merge")
    for half in halves:
        user.drag_on_canvas([labels.data_to_world(_middle(labels.data == half))])
    user.wait(process)
    assert len(over(105)) == 1
    reader.click("Split")
    ends = [np.argwhere(truth == one).mean(0) for one in (16, 27)]
    across = np.array([ends[0][1] - ends[1][1], ends[1][0] - ends[0][0]])
    user.drag_on_canvas([labels.data_to_world(np.mean(ends, 0) + k * across) for k in (-1, -0.5, 0, 0.5, 1)])
    user.wait(process)
    assert over(16) != over(27)
    assert len(np.unique(labels.data)) - 1 == 114

    # Measure.
    reader.click("Remove labels at edges")
    assert process.corrections.tool == "split"
    reader.click("Apply")
    assert not process.corrections.tool
    assert "105 objects" in process.status.text.text()
    assert "105 nuclei" in TUTORIAL
    reader.click("Measure objects")
    reader.click("Apply")
    whole = viewer.layers[-1]
    assert len(whole.features) == 105
    assert layers.measured_in(whole) == "µm"

    # The folder.
    menu = {action.text(): action for action in process.recipe_menu.menu().actions()}
    choose_file(monkeypatch, "nuclei.yaml")
    menu["Save recipe…"].trigger()
    menu["Run over files…"].trigger()
    dialog = process.recipe_menu.batch_dialog
    QTest.keyClicks(dialog.images, "plate")
    QTest.keyClicks(dialog.out, "results")
    user.until(lambda: dialog.run_button.isEnabled(), "the files")
    assert dialog.hint.text().rstrip(".") in TUTORIAL
    dialog.run_button.click()
    user.until(lambda: dialog.result_of_run is not None, "the run")
    assert "measure_objects-all.csv is the table of all images" in dialog.hint.text()
    dialog.close()
    assert cli.main(["run", "nuclei.yaml", "plate", "--out", "by_cli", "--jobs", "1"]) == 0
    written = sorted(Path("results").glob("[BC]0*"))
    assert len(written) == 6
    assert {path.name for path in written[:2]} <= set(re.findall(r"`(B02 control_.*?)`", TUTORIAL))
    for path in written:
        assert path.read_bytes() == (Path("by_cli") / path.name).read_bytes()
    assert (read_image(written[1]) != whole.data).any(), "without the corrections"

    # One table.
    seen = {}
    exec(re.findall(r"```python\n(.*?)```", TUTORIAL, re.S)[1], seen)
    assert seen["table"].columns[0] == "file"
    assert seen["table"]["file"].unique().tolist() == sorted(path.name for path in plate.iterdir())
    assert len(seen["table"]) == sum(len(pd.read_csv(path)) for path in written[::2])
    assert Path("results/measure_objects-all.csv").read_bytes() == Path("by_cli/measure_objects-all.csv").read_bytes()

    # The second image, and both in one plot.
    (other,) = viewer.open(str(plate / "B03 control.tif"), plugin="napari")
    viewer.layers.selection.active = other
    menu["Load recipe…"].trigger()
    user.wait(process)
    assert "switched off" in process.status.text.text()
    second = viewer.layers[-1]
    np.testing.assert_array_equal(second.data, read_image(written[3]))
    np.testing.assert_array_equal(other.scale, 0.5)
    explore = user.open("Explore")
    assert explore.labels.layer is second
    explore.choice.others.set_checked({whole.name})
    user.look()
    assert "*217 objects*" in TUTORIAL
    assert explore.count.text().startswith("217 objects")
    explore.x_box.setCurrentText("eccentricity")
    explore.y_box.setCurrentText("intensity_mean")
    explore.colour_box.setCurrentText("selection and classes")
    explore.plot.wait()
    user.look()
    user.lasso(explore.plot, (0.68, 0.94), (1000, 1450))
    picked = explore.selection.mask
    assert 40 < picked.sum() < 100
    pictures = explore.pool.gallery()
    for layer, source in zip(explore.pool.layers, pictures.sources, strict=True):
        (own, foreign) = (other, image) if layer is second else (image, other)
        assert any(channel is own.data for channel in source.channels)
        assert not any(channel is foreign.data for channel in source.channels)
    gates = Reader(user, explore)
    explore.tabs.setCurrentWidget(explore.gates)
    QTest.keyClicks(explore.gates.name, "long")
    gates.click("Keep what was drawn")
    choose_file(monkeypatch, "gates.json")
    gates.click("Save…")
    assert "1 gate saved" in explore.status.text.text()
    assert json.loads(Path("gates.json").read_text())["gates"][0]["name"] == "long"
    choose_file(monkeypatch, "plot.pdf")
    gates.click("Save figure…")
    user.until(lambda: Path("plot.pdf").exists(), "the figure")


def _middle(mask):
    where = np.argwhere(mask)
    return tuple(where[np.abs(where - where.mean(0)).sum(1).argmin()])
