"""Makes the pictures of the README and of the documentation, by doing what they show.

``xvfb-run -a -s "-screen 0 1600x1200x24" python tools/make_pictures.py [folder]`` needs napari. It prints the
figures that the tutorials name.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari._qt.dialogs.qt_notification import NapariQtNotification
from PIL import Image
from qtpy.QtWidgets import QApplication, QScrollArea
from skimage.segmentation import expand_labels

from bioloom.files import write_image
from bioloom.layers import selection_of
from bioloom.samples import annotate_objects, make_sample, nuclei_2d, strokes

IMAGES = Path(__file__).parents[1] / "docs" / "images"
LABELS = "Voronoi–Otsu labeling of Nuclei"


class Photographer:
    """Drives napari, and takes pictures of its window."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1500, 1000)
        self.look(1)

    def look(self, seconds: float) -> None:
        """Let the application work for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true, and then for what follows from it."""
        end = time.monotonic() + 300
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("Nothing happened for five minutes.")
            self.look(0.1)
        self.look(1)

    def open(self, name: str) -> Any:
        """Open a panel beside the others."""
        return self.viewer.window.add_plugin_dock_widget("napari-bioloom", name, tabify=True)[1]

    def show(self, *names: str) -> None:
        """Hide all layers but these."""
        for layer in self.viewer.layers:
            layer.visible = layer.name in names

    def take(self, name: str) -> None:
        """Keep a picture of the window in few colours, which makes it small."""
        self.viewer.reset_view()
        self.look(0.5)
        picture = Image.fromarray(self.viewer.window.screenshot(flash=False, canvas_only=False)).convert("RGB")
        picture.quantize(256).save(self.folder / name, optimize=True)


class FirstLoop(Photographer):
    """The first tutorial, and the README."""

    def walk(self) -> None:
        """Go through all steps."""
        self.sample = make_sample("nuclei_2d")
        self.viewer.open_sample("napari-bioloom", "nuclei_2d")
        self.look(1)
        self.segment()
        self.classify_pixels()
        self.classify_objects()
        self.measure()
        self.explore()

    def segment(self) -> None:
        """Step 2."""
        panel = self.open("Process")
        panel.open("voronoi_otsu_labeling", self.viewer.layers["Nuclei"])
        self.until(lambda: not panel.suggesting.busy)
        print(panel.status.text.text())
        panel.preview_box.setChecked(True)
        panel.settings["spot_sigma"].value = 4
        self.until(lambda: any(layer.name.startswith("preview") for layer in self.viewer.layers))
        self.take("first-loop-preview.png")
        panel.apply_button.click()
        self.until(lambda: LABELS in self.viewer.layers and not panel.jobs.busy)
        print(self.viewer.layers[LABELS].data.max(), "objects")

    def classify_pixels(self) -> None:
        """Step 3."""
        self.show("Nuclei")
        self.viewer.layers.selection.active = self.viewer.layers["Nuclei"]
        panel = self.open("Pixel classifier")
        panel.new_button.click()
        self.viewer.layers["annotation of Nuclei"].data = strokes(self.sample.labels, n_pixels=300)
        panel.live.setChecked(True)
        self.until(lambda: "classes of Nuclei" in self.viewer.layers and not panel.jobs.busy)
        self.look(5)
        self.take("first-loop-pixels.png")
        panel.live.setChecked(False)

    def classify_objects(self) -> None:
        """Step 4."""
        self.show("Nuclei", LABELS)
        panel = self.open("Object classifier")
        panel.labels.choose(self.viewer.layers[LABELS])
        panel.marking.click_button.setChecked(True)
        drawn = annotate_objects(self.sample, n_per_type=6)
        for number in np.unique(self.sample.labels[drawn > 0]):
            own = self.sample.labels == number
            label = int(np.bincount(self.viewer.layers[LABELS].data[own]).argmax())
            if panel.marking.marks.class_of((0, label)) == 0:
                panel.marking.classes.choose(int(drawn[own].max()))
                panel.marking.clicked(0, label, remove=False, plain=True)
        name = f"object classes of {LABELS}"
        self.until(lambda: name in self.viewer.layers and not panel.jobs.busy)
        self.look(3)
        self.take("first-loop-objects.png")

    def measure(self) -> None:
        """Step 5."""
        self.show("Nuclei", LABELS)
        self.viewer.layers.selection.active = self.viewer.layers[LABELS]
        panel = self.open("Measure")
        panel.labels.choose(self.viewer.layers[LABELS])
        panel.measure_button.click()
        self.until(lambda: not panel.jobs.busy)
        print(panel.status.text.text())

    def explore(self) -> None:
        """Step 6."""
        panel = self.open("Explore")
        panel.tabs.setCurrentWidget(panel.maps)
        panel.embed_button.click()
        self.until(lambda: not panel.jobs.busy)
        panel.tabs.setCurrentWidget(panel.clusters)
        panel.clusters.n_clusters.setValue(2)
        panel.cluster_button.click()
        self.until(lambda: not panel.jobs.busy)
        print(panel.status.text.text())
        self.take("bioloom.png")

        panel.colour_box.setCurrentText("selection and classes")
        table = self.viewer.layers[LABELS].features
        upper = table["UMAP-1"] > (table["UMAP-1"].min() + table["UMAP-1"].max()) / 2
        selection_of(self.viewer.layers[LABELS]).select(upper.to_numpy())
        self.look(1)
        self.take("first-loop-lasso.png")
        types = [self._type_of(int(label)) for label in table["label"][upper]]
        print(len(types), "selected; of each type:", {t: types.count(t) for t in sorted(set(types))})

    def _type_of(self, label: int) -> int:
        """Return the type of the nucleus that an object has most pixels of."""
        inside = self.sample.labels[self.viewer.layers[LABELS].data == label]
        number = np.bincount(inside[inside > 0]).argmax()
        table = self.sample.cell_types
        return int(table["cell_type"].to_numpy()[table["label"] == number][0])


class Exploring(Photographer):
    """The tutorial that goes from a map to a classifier."""

    def walk(self) -> None:
        """Go through the steps up to the SHAP values."""
        self.viewer.open_sample("napari-bioloom", "nuclei_2d")
        self.look(1)
        truth = self.viewer.layers["Nuclei: ground truth"]
        truth.visible = True
        panel = self.open("Measure")
        panel.labels.choose(truth)
        panel.measure_button.click()
        self.until(lambda: not panel.jobs.busy)
        panel = self.open("Explore")
        panel.embed_button.click()
        self.until(lambda: not panel.jobs.busy)
        panel.tabs.setCurrentWidget(panel.clusters)
        panel.clusters.n_clusters.setValue(2)
        panel.clusters.space.setCurrentIndex(panel.clusters.space.findData("plot"))
        panel.cluster_button.click()
        self.until(lambda: not panel.jobs.busy)
        print(panel.status.text.text())
        self.take("explore-clusters.png")
        explaining = panel.explaining
        panel.tabs.setCurrentWidget(explaining)
        for button in (explaining.ranks.rank_button, explaining.train_button, explaining.explain_button):
            button.click()
            self.until(lambda: not panel.jobs.busy)
        print(explaining.agreement.text())
        self.take("explore-shap.png")


class Measuring(Photographer):
    """The guide to measuring: nuclei in cells, and a map of their area."""

    def walk(self) -> None:
        """Measure nuclei, relate them to the cells around them, and filter the table."""
        sample = nuclei_2d(shape=(300, 300), n_nuclei=60, seed=0)
        where: dict[str, Any] = {"scale": (0.5, 0.5), "units": "um"}
        self.viewer.add_image(sample.image, name="DNA", **where)
        cells = self.viewer.add_labels(expand_labels(sample.labels, 7), name="cells", **where)
        cells.contour = 1
        nuclei = self.viewer.add_labels(sample.labels, name="nuclei", **where)
        panel = self.open("Measure")
        panel.labels.choose(nuclei)
        panel.measure_button.click()
        self.until(lambda: not panel.jobs.busy)
        for part in (panel.input, panel.chosen):
            part.set_open(False)
        panel.more.groups["Inside other objects"].set_open(True)
        panel.more.nested.button.click()
        self.until(lambda: not panel.jobs.busy)
        panel.tables.set_filter("area > quantile(area, 0.25)")
        panel.show_map("area")
        self.until(lambda: not panel.jobs.busy)
        self.take("measure-panel.png")


class OwnImages(Photographer):
    """The tutorial on images of one's own."""

    def walk(self) -> None:
        """Go from one image to two in one plot; the corrections are made where the truth knows better."""
        with tempfile.TemporaryDirectory() as folder:
            for seed, name in enumerate(("B02 control", "B03 control")):
                image = make_sample("nuclei_2d", seed).image
                write_image(Path(folder) / f"{name}.tif", image, axes="YX", spacing=(0.5, 0.5))
            self.one_image(folder)
            self.two_images(folder)

    def step(self, panel: Any, name: str, layer: Any, **settings: float) -> Any:
        """Apply an operation with settings other than those that are suggested."""
        panel.open(name, layer)
        self.until(lambda: not panel.suggesting.busy)
        for key, value in settings.items():
            panel.settings[key].value = value
        panel.apply_button.click()
        self.until(lambda: not panel.jobs.busy)
        print(panel.status.text.text())
        return self.viewer.layers[-1]

    def one_image(self, folder: str) -> None:
        """Do steps 1 to 6."""
        (image,) = self.viewer.open(f"{folder}/B02 control.tif", plugin="napari")
        panel = self.panel = self.open("Process")
        panel.open("top_hat", image)
        panel.axes.file_size.click()
        panel.axes.sizes.setCurrentText("µm")
        flat = self.step(panel, "top_hat", image, radius=12)
        labels = self.step(panel, "voronoi_otsu_labeling", flat, spot_sigma=2)
        truth, steps = make_sample("nuclei_2d").labels, panel.steps.layers
        where = {number: np.argwhere(truth == number).mean(0) for number in (16, 27, 105)}
        halves = [np.argwhere((truth == 105) & (labels.data == k)) for k in np.unique(labels.data[truth == 105]) if k]
        steps.correct(labels, {"kind": "merge", "points": [half[len(half) // 2].tolist() for half in halves]})
        self.until(lambda: not panel.jobs.busy)
        middle, along = (where[16] + where[27]) / 2, where[16] - where[27]
        across = np.array([along[1], -along[0]])
        steps.correct(labels, {"kind": "split", "line": [(middle + k * across).tolist() for k in (-1.0, 0.0, 1.0)]})
        self.until(lambda: not panel.jobs.busy)
        whole = self.step(panel, "remove_labels_at_edges", labels)
        self.step(panel, "measure_objects", whole)
        panel.corrections_group.set_open(True)
        self.take("own-images-steps.png")
        panel.recipe_menu.save(f"{folder}/nuclei.yaml")

    def two_images(self, folder: str) -> None:
        """Do step 8."""
        (second,) = self.viewer.open(f"{folder}/B03 control.tif", plugin="napari")
        self.viewer.layers.selection.active = second
        self.panel.recipe_menu.load(f"{folder}/nuclei.yaml")
        self.until(lambda: not self.panel.jobs.busy)
        print(self.panel.status.text.text())
        panel = self.open("Explore")
        panel.choice.others.set_checked({"Remove labels at edges of B02 control"})
        panel.x_box.setCurrentText("eccentricity")
        panel.y_box.setCurrentText("intensity_mean")
        self.look(1)
        table = panel.table
        longer = (table["eccentricity"] > 0.65) & (table["intensity_mean"] > 950)
        panel.selection.select(longer.to_numpy())
        print(panel.count.text())
        panel.gallery_group.set_open(True)
        self.look(1)
        for notification in self.viewer.window._qt_window.findChildren(NapariQtNotification):
            notification.close()
        panel.findChild(QScrollArea).ensureWidgetVisible(panel.figure_button)
        self.take("own-images-together.png")


def main() -> None:
    """Make all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    for kind in (FirstLoop, Exploring, Measuring, OwnImages):
        photographer = kind(folder)
        photographer.walk()
        photographer.viewer.close()


if __name__ == "__main__":
    main()
