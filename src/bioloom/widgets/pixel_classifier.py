"""The Pixel classifier panel: paint, train, and see every pixel's class."""

from __future__ import annotations

from typing import Any

import napari.viewer
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QPushButton

from bioloom import layers
from bioloom.classify import PRESETS, FeatureSet, PixelClassifier
from bioloom.classify.model_file import describe
from bioloom.errors import BioloomError, InputError
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import Progress
from bioloom.session.pixel_session import PixelSession, Prediction
from bioloom.widgets._classifier_panel import ClassifierPanel
from bioloom.widgets._parts import (
    AxesOptions,
    ImageList,
    LayerCombo,
    enable,
    form,
    group,
    in_grid,
    narrow_combo,
    whole_number,
)

_LIVE_DELAY_MS = 150
_CUSTOM = "custom"
_MOST_CLASSES = 30


class PixelClassifierWidget(ClassifierPanel):
    """Train a random forest on painted pixels and apply it.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    kind = PixelClassifier
    file_name = "pixels.cl"
    other_panel = "Object classifier"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.session = PixelSession()
        self._outputs = {what: layers.ResultLayer() for what in ("classes", "objects", "probability")}
        self._stop_watching: Any = None
        self._painted: Any = None
        self._live_timer = QTimer(self)
        self._live_timer.setSingleShot(True)
        self._live_timer.setInterval(_LIVE_DELAY_MS)
        self._live_timer.timeout.connect(self._train_live)

        self.images = ImageList(
            viewer, "The image to classify. Check several layers to use them as channels of one image"
        )
        self.annotation = LayerCombo(
            viewer,
            "labels",
            "The labels layer with painted classes: 1, 2, … (0 is not annotated)",
            optional=True,
            wanted_role="annotation",
        )
        self.new_button = QPushButton("New annotation")
        self.new_button.setToolTip("Add an empty labels layer over the image and start to paint class 1")
        self.counts = QLabel()
        self.counts.setWordWrap(True)
        self.axes = AxesOptions()
        rows, layout = form()
        layout.addRow("Image", self.images)
        layout.addRow("Annotation", self.annotation)
        layout.addRow("", self.new_button)
        layout.addRow("Painted", self.counts)

        self.preset = narrow_combo(
            "Choose by the size of the structures that tell the classes apart", [*PRESETS, _CUSTOM]
        )
        self.features = QLineEdit()
        self.features.setToolTip("The features as text: name=sigma, separated by blanks. Edit it for a set of your own")
        settings, settings_layout = form()
        settings_layout.addRow("Features", self.preset)
        settings_layout.addRow("", self.features)
        self.add_forest_rows(settings_layout)

        self.object_class = whole_number(2, 1, 65535, "The class for objects and for the probability")
        self.as_classes = QCheckBox("Classes")
        self.as_classes.setToolTip("A labels layer with the class of every pixel")
        self.as_classes.setChecked(True)
        self.as_objects = QCheckBox("Objects")
        self.as_objects.setToolTip("A labels layer with the connected regions of the class below")
        self.as_probability = QCheckBox("Probability")
        self.as_probability.setToolTip("An image layer, 0 to 1, with the probability of the class below")
        outputs, outputs_layout = form()
        outputs_layout.addRow("Show", in_grid([self.as_classes, self.as_objects, self.as_probability], 2))
        outputs_layout.addRow("Class of interest", self.object_class)

        self.train_button.setToolTip("Train on everything that is painted, and predict the frame in view")
        self.live = QCheckBox("Live")
        self.live.setToolTip("Train and predict after every stroke, undo and redo")
        self.predict_button = QPushButton("Predict all")
        self.predict_button.setToolTip("Apply the classifier to all frames of the chosen image")
        first = QHBoxLayout()
        first.addWidget(self.train_button, stretch=1)
        first.addWidget(self.live)

        self.content.addWidget(group("Training data", rows, self.axes))
        self.content.addWidget(group("Classifier", settings))
        self.content.addWidget(group("Result", outputs))
        self.content.addLayout(first)
        self.content.addLayout(self.file_buttons(self.predict_button))
        self.content.addWidget(self.importances)
        self.content.addStretch(1)

        self.images.changed.connect(self._image_changed)
        self.annotation.layer_changed.connect(self._annotation_changed)
        self.new_button.clicked.connect(lambda: self.attempt(self.new_annotation))
        self.preset.currentTextChanged.connect(self._preset_chosen)
        self.features.textEdited.connect(lambda text: self.preset.setCurrentText(_CUSTOM))
        self.predict_button.clicked.connect(lambda: self.attempt(self.predict_all))
        self.on_close(self._live_timer.stop)
        self.on_close(self._leave_annotation)
        self.on_close(self.session.forget)
        self.live.toggled.connect(lambda on: self._train_live() if on else None)
        self._preset_chosen(self.preset.currentText())
        self._image_changed()
        self._annotation_changed(self.annotation.layer)
        self.show_classifier()

    # -------------------------------------------------------------------------------------------- input
    def _image_changed(self) -> None:
        chosen = self.images.images
        self.axes.follow(chosen[0] if chosen else None)
        for button in (self.new_button, self.train_button):
            enable(button, bool(chosen), "Tick an image first; open one with File > Open, or File > Open Sample")

    def _annotation_changed(self, layer: Any) -> None:
        self._leave_annotation()
        self._stop_watching = layers.on_edit(layer, self._edited) if layer is not None else None
        self._painted = None
        self._count()

    def _leave_annotation(self) -> None:
        if self._stop_watching:
            self._stop_watching()
        self._stop_watching = None

    def _edited(self) -> None:
        if not self._live_timer.isActive():
            self._live_timer.start()

    def _count(self) -> bool:
        """Show how much is painted of each class; return whether that changed."""
        layer = self.annotation.layer
        if layer is None:
            self.counts.setText("Nothing yet. Click ‘New annotation’, then paint.")
            return False
        data = np.asarray(layers.pixels(layer))
        ids, counts = np.unique(data[data > 0], return_counts=True)
        state = data.copy()
        changed = self._painted is None or not np.array_equal(self._painted, state)
        self._painted = state
        if len(ids) > 20:
            text = f"{len(ids)} different values: is this an annotation?"
        else:
            text = ", ".join(f"class {k}: {n} px" for k, n in zip(ids, counts, strict=True)) or "Nothing yet."
        if len(ids) == 1:
            text += ". Paint a second class to train."
        self.counts.setText(text)
        return changed

    def _preset_chosen(self, name: str) -> None:
        if name in PRESETS:
            self.features.setText(PRESETS[name])
            self.features.setCursorPosition(0)

    def new_annotation(self) -> None:
        """Add an annotation layer over the image."""
        chosen = self.images.images
        if not chosen:
            raise InputError("Choose an image to annotate first.")
        self.annotation.choose(layers.new_annotation(self.viewer, chosen[0]))
        self.say("Paint class 1 (such as background), then press M for class 2 and paint that. Then click ‘Train’.")

    def stack(self) -> ImageStack:
        """Return the chosen image."""
        return layers.image_stack(self.images.images, has_time=self.axes.has_time, physical=self.axes.physical)

    # -------------------------------------------------------------------------------------------- training
    def train(self, live: bool = False) -> None:
        """Train on everything that is painted, and predict the frame in view."""
        stack = self.stack()
        layer = self.annotation.layer
        if layer is None:
            raise InputError("There is no annotation. Click ‘New annotation’ and paint at least two classes.")
        annotation = np.asarray(layers.pixels(layer)).copy()
        stack.matching(annotation, "The annotation")
        settings = {
            "features": str(FeatureSet.parse(self.features.text())),
            **self.forest_settings(),
        }
        source = self.images.images[0]
        frame = layers.current_frame(self.viewer, source, stack.n_frames is not None)
        wanted = self.object_class.value()

        with_objects = self.as_objects.isChecked()
        self._check_annotation(annotation)

        def work(progress: Progress) -> Prediction:
            classifier = self.session.train(stack, annotation, **settings, live=live, progress=progress)
            class_id = wanted if wanted in classifier.classes_ else None
            return self.session.predict(stack, [frame], class_id=class_id, with_objects=with_objects, progress=progress)

        self.jobs.start("Training", work, lambda prediction: self._show_prediction(prediction, source, stack, [frame]))

    @staticmethod
    def _check_annotation(annotation: np.ndarray) -> None:
        n = len(np.unique(annotation))
        if n > _MOST_CLASSES:
            raise InputError(
                f"The annotation holds {n} different values, as a layer of objects does. Choose the layer in which you "
                "painted classes, or click ‘New annotation’."
            )

    def _train_live(self) -> None:
        changed = self._count()
        if not self.live.isChecked() or not (changed or not self._outputs["classes"].shown):
            return
        if self._painted is None or len(np.unique(self._painted[self._painted > 0])) < 2:
            # Half an annotation is no mistake while it is being painted; the counts above say what is missing.
            return
        try:
            self.train(live=True)
        except BioloomError as error:
            self.say(str(error))

    def predict_all(self) -> None:
        """Apply the classifier to all frames."""
        if self.session.classifier is None:
            raise InputError("There is no classifier yet. Paint and train one, or load one from a file.")
        stack = self.stack()
        source = self.images.images[0]
        frames = list(stack.frames())
        wanted = self.object_class.value()
        class_id = wanted if wanted in self.session.classifier.classes_ else None
        with_objects = self.as_objects.isChecked()
        self.jobs.start(
            "Predicting",
            lambda progress: self.session.predict(
                stack, frames, class_id=class_id, with_objects=with_objects, progress=progress
            ),
            lambda prediction: self._show_prediction(prediction, source, stack, frames),
        )

    # -------------------------------------------------------------------------------------------- output
    def _show_prediction(self, prediction: Prediction, source: Any, stack: ImageStack, frames: list[int]) -> None:
        if not self.still_there(source):
            return
        provenance = {"role": "classes", **describe(self.session.classifier)}
        new = frames if stack.n_frames is not None and len(frames) < stack.n_frames else None
        if self.as_classes.isChecked():
            self._show("classes", prediction.classes, "labels", source, provenance, new, opacity=0.4)
        if prediction.objects is not None:
            self._show("objects", prediction.objects, "labels", source, {**provenance, "role": ""}, new)
        if self.as_probability.isChecked():
            look = {"contrast_limits": (0, 1), "colormap": "magma", "opacity": 0.6, "blending": "translucent"}
            self._show("probability", prediction.probability, "image", source, provenance, new, **look)
        self.show_classifier()
        wanted, shown = self.object_class.value(), prediction.class_id
        text = f"Done: classes {self.known_classes()}."
        if wanted != shown and (prediction.objects is not None or self.as_probability.isChecked()):
            text += f" Class {wanted} is not among them: objects and probability are of class {shown}."
        self.say(text)

    def _show(
        self, what: str, data: Any, kind: layers.Kind, source: Any, provenance: dict[str, Any],
        frames: list[int] | None, **options: Any,
    ) -> None:  # fmt: skip
        """Refresh the layer that shows this result for this source, or add one."""
        active = layers.active_layer(self.viewer)
        title = f"{what} of {source.name}"
        self._outputs[what].show(self.viewer, data, kind, title, source, provenance, frames, **options)
        if self.annotation.layer is not None and active is self.annotation.layer:
            # Painting goes on: the annotation stays on top and chosen.
            layers.raise_layer(self.viewer, active)

    # -------------------------------------------------------------------------------------------- classifier
    @property
    def classifier(self) -> PixelClassifier | None:
        """The classifier that was trained or loaded last, or None."""
        return self.session.classifier

    @classifier.setter
    def classifier(self, classifier: PixelClassifier) -> None:
        self.session.classifier = classifier
        self.preset.setCurrentText(_CUSTOM)
        self.features.setText(str(classifier.features))

    @property
    def apply_button(self) -> QPushButton:
        """The button that applies the classifier."""
        return self.predict_button
