"""What moves a pixel classifier's answers, in the Explore panel."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from bioloom import layers
from bioloom.classify import PixelClassifier
from bioloom.errors import InputError
from bioloom.explore.explanation import Explanation
from bioloom.session.explaining_pixels import contribution_map, explain_image, in_pixels, pixel_classifier, pixel_text
from bioloom.session.image_stack import ImageStack
from bioloom.widgets._explore_analysis import Exploring
from bioloom.widgets._explore_forms import LARGEST_SEED, button_row, choice
from bioloom.widgets._explore_shap import ShapForm
from bioloom.widgets._parts import ImageList, form, whole_number

_WHERE = {"image": "all of the image", "objects": "inside the selected objects, or all"}


class PixelShapForm(QWidget):
    """Explains a pixel classifier by its features at random pixels of an image, and maps a feature's part.

    Parameters
    ----------
    panel
        The Explore panel.
    """

    def __init__(self, panel: Exploring) -> None:
        super().__init__()
        self._panel = panel
        self.loaded: PixelClassifier | None = None
        self._explained: tuple[PixelClassifier, ImageStack, int, Any] | None = None
        self.images = ImageList(panel.viewer, "The channels of the image that is classified")
        self.used = QLabel()
        self.used.setWordWrap(True)
        self.load_button = QPushButton("Load…")
        self.load_button.setToolTip("Load a pixel classifier, instead of the one in the Pixel classifier panel")
        self.own_button = QPushButton("From the panel")
        self.own_button.setToolTip("Use the classifier that was trained or loaded last in the Pixel classifier panel")
        self.where = choice("Which pixels are looked at", _WHERE)
        self.n_pixels = whole_number(1000, 10, 20_000, "How many pixels, drawn by the seed, are looked at")
        self.seed = whole_number(0, 0, LARGEST_SEED, "Seed of the sample of pixels")
        self.button = QPushButton("Explain pixels (SHAP)")
        self.button.setToolTip("What moves the classifier's answers at pixels of the frame in view")
        self.shap = ShapForm(panel)
        rows, layout = form()
        layout.addRow("Image", self.images)
        layout.addRow("Classifier", self.used)
        layout.addRow(button_row(self.own_button, self.load_button))
        layout.addRow("Pixels", self.where)
        layout.addRow("At most", self.n_pixels)
        layout.addRow("Seed", self.seed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (rows, self.button, self.shap):
            column.addWidget(part)
        column.addStretch(1)
        self.load_button.clicked.connect(self._ask_load)
        self.own_button.clicked.connect(self._use_own)
        self.button.clicked.connect(lambda: panel.attempt(self.explain))
        self.shap.row_clicked.connect(self._go_to)
        self.shap.feature_clicked.connect(lambda feature: panel.attempt(lambda: self.show_map(feature)))
        self.name_classifier()

    # -------------------------------------------------------------------------------------------- classifier
    def classifier(self) -> PixelClassifier | None:
        """Return the classifier that was loaded, else the one of the Pixel classifier panel, else None."""
        return self.loaded or self._of_panel()

    def _of_panel(self) -> PixelClassifier | None:
        window = getattr(self._panel.viewer, "window", None)
        docked = [] if window is None else window.dock_widgets.values()
        return next((w.classifier for w in docked if type(w).__name__ == "PixelClassifierWidget"), None)

    def name_classifier(self) -> None:
        """Say which classifier is used."""
        classifier = self.classifier()
        if classifier is None:
            self.used.setText("none yet: train one in the Pixel classifier panel, or load one")
            return
        of = "loaded" if self.loaded is not None else "of the Pixel classifier panel"
        names = ", ".join(classifier.name_of(c) for c in classifier.classes_.tolist())
        self.used.setText(f"{of}: {names}")

    def showEvent(self, event: Any) -> None:
        """Follow what was trained meanwhile."""
        super().showEvent(event)
        self.name_classifier()

    def _use_own(self) -> None:
        self.loaded = None
        self.name_classifier()

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a pixel classifier", "", "Classifiers (*.cl)")
        if path:
            self._panel.attempt(lambda: self.load(path))

    def load(self, path: str) -> None:
        """Load a pixel classifier."""
        self.loaded = pixel_classifier(path)
        self.name_classifier()

    # -------------------------------------------------------------------------------------------- explaining
    def explain(self) -> None:
        """Explain the classifier's answers at pixels of the frame in view."""
        panel, classifier = self._panel, self.classifier()
        self.name_classifier()
        if classifier is None:
            raise InputError("There is no pixel classifier yet. Train one in the Pixel classifier panel, or load one.")
        images = self.images.images
        # One axis more than the classifier knows is time, also where nobody said so.
        is_film = bool(images) and images[0].ndim == classifier.n_dim + 1
        stack = layers.image_stack(images, has_time=is_film or None, physical=not in_pixels(classifier))
        frame = layers.current_frame(panel.viewer, images[0], stack.n_frames is not None)
        where = self._inside(stack, frame) if self.where.currentData() == "objects" else None
        most, seed = self.n_pixels.value(), self.seed.value()

        def show(result: Explanation) -> None:
            self._explained = classifier, stack, frame, images[0]
            self.shap.show_explanation(result)
            told = "" if stack.n_frames is None else f" of frame {frame}"
            panel.say(
                f"SHAP values at {len(result.rows)} pixels{told}, seed {seed}. Click a point to go to its pixel, the "
                "name of a feature to see where it matters."
            )

        panel.jobs.start(
            "Explaining pixels",
            lambda progress: explain_image(
                classifier, stack, frame, where, max_pixels=most, seed=seed, progress=progress
            ),
            show,
        )

    def _inside(self, stack: ImageStack, frame: int) -> Any:
        pool = self._panel.pool
        for layer, member in zip(pool.layers, pool.members(), strict=True):
            labels = layers.pixels(layer)
            if tuple(labels.shape) == tuple(stack.channels[0].shape):
                plane = np.asarray(labels if stack.n_frames is None else labels[frame])
                here = member.mask & (member.frames == frame) if member.has_frames else member.mask
                return np.isin(plane, member.labels[here]) if member.mask.any() else plane > 0
        raise InputError(
            "The objects are not of this image: the layers differ in shape. Choose a layer of its objects."
        )

    def _go_to(self, row: int) -> None:
        if self._explained is not None:
            _, stack, frame, layer = self._explained
            place = np.unravel_index(row, stack.shape)
            if layer in self._panel.viewer.layers:
                layers.go_to(self._panel.viewer, layer, ([] if stack.n_frames is None else [frame]) + list(place))
            self.shap.show_steps(row, pixel_text(row, stack.shape))

    def show_map(self, feature: str) -> None:
        """Show as an image what a feature contributes to the class at every pixel."""
        panel, class_id = self._panel, self.shap.class_id
        if self._explained is None or class_id is None:
            return
        classifier, stack, frame, layer = self._explained

        def show(result: Any) -> None:
            found, every = result
            if layer not in panel.viewer.layers:
                panel.say(f"‘{layer.name}’ was removed meanwhile, so its result was dropped.")
                return
            title = f"SHAP {feature} for {classifier.name_of(class_id)}"
            layers.show_contributions(
                panel.viewer, layer, found, every, None if stack.n_frames is None else frame, title
            )
            coarse = f", at one of {every} pixels along each axis" if every > 1 else ""
            panel.say(f"‘{title}’ shows where {feature} speaks for the class (red) or against it (blue){coarse}.")

        panel.jobs.start(
            f"Map of {feature}",
            lambda progress: contribution_map(classifier, stack, frame, feature, class_id, progress=progress),
            show,
        )
