"""Makes the pictures of the first tutorial: ``xvfb-run python tools/make_pictures.py`` (needs napari and a display)."""

from __future__ import annotations

import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from bioloom.operations import voronoi_otsu_labeling
from bioloom.samples import annotate_objects, make_sample, strokes

IMAGES = Path(__file__).parents[1] / "docs" / "images"


def look(seconds: float) -> None:
    """Let the application work for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def main() -> None:
    """Drive napari through the steps of the tutorial."""
    sample = make_sample("nuclei_2d")
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1500, 1000)
    viewer.open_sample("napari-bioloom", "nuclei_2d")
    viewer.layers.selection.active = viewer.layers["Nuclei"]

    dock, panel = viewer.window.add_plugin_dock_widget("napari-bioloom", "Pixel classifier")
    panel.new_button.click()
    viewer.layers["annotation of Nuclei"].data = strokes(sample.labels, n_pixels=300)
    panel.live.setChecked(True)
    look(12)
    viewer.window.screenshot(str(IMAGES / "first-loop-pixels.png"), flash=False, canvas_only=False)
    panel.live.setChecked(False)
    dock.close()
    look(1)
    for name in ("classes of Nuclei", "annotation of Nuclei"):
        viewer.layers[name].visible = False

    labels = voronoi_otsu_labeling(sample.image, 4, 1)
    name = "Voronoi–Otsu labeling of Nuclei"
    scale = viewer.layers["Nuclei"].scale
    viewer.add_labels(labels, name=name, scale=scale, units=viewer.layers["Nuclei"].units)
    _, panel = viewer.window.add_plugin_dock_widget("napari-bioloom", "Object classifier")
    panel.labels.choose(viewer.layers[name])
    panel.new_button.click()
    marks = np.zeros_like(labels, np.uint8)
    drawn = annotate_objects(sample, n_per_type=6)
    for number in np.unique(sample.labels[drawn > 0]):
        own = sample.labels == number
        y, x = np.argwhere(own).mean(0).astype(int)
        marks[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4] = drawn[own].max()
    viewer.layers.selection.active.data = marks
    look(8)
    viewer.window.screenshot(str(IMAGES / "first-loop-objects.png"), flash=False, canvas_only=False)
    viewer.close()


if __name__ == "__main__":
    main()
