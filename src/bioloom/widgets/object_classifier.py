"""The Object classifier panel: mark a few objects, and see the class of all."""

from __future__ import annotations

from typing import Any

import napari.viewer
import numpy as np
from qtpy.QtWidgets import QPushButton

from bioloom import layers
from bioloom.classify import ObjectClassifier
from bioloom.classify.model_file import describe
from bioloom.classify.objects import DEFAULT_FEATURES
from bioloom.errors import InputError
from bioloom.measure import list_properties
from bioloom.session.object_session import CLASS_COLUMN, ObjectResult, apply_objects, intensities, train_objects
from bioloom.widgets._classifier_panel import ClassifierPanel
from bioloom.widgets._parts import AxesOptions, CheckList, ImageList, LayerCombo, enable, form, group


class ObjectClassifierWidget(ClassifierPanel):
    """Train a random forest on annotated objects and apply it.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    kind = ObjectClassifier
    file_name = "objects.cl"
    other_panel = "Pixel classifier"
    classifier: Any = None
    apply_button: Any = None

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._output = layers.ResultLayer()
        self.labels = LayerCombo(viewer, "labels", "The segmented objects")
        self.images = ImageList(viewer, "Images to measure intensities in; none for size and shape only")
        self.annotation = LayerCombo(
            viewer,
            "labels",
            "The labels layer in which objects are marked with classes 1, 2, …",
            optional=True,
            wanted_role="object annotation",
        )
        self.new_button = QPushButton("New annotation")
        self.new_button.setToolTip("Add an empty labels layer over the objects and start to mark class 1")
        self.axes = AxesOptions()
        rows, layout = form()
        layout.addRow("Objects", self.labels)
        layout.addRow("Images", self.images)
        layout.addRow("Annotation", self.annotation)
        layout.addRow("", self.new_button)
        self.features = CheckList("The measurements that the classifier looks at", rows=6)
        settings, settings_layout = form()
        settings_layout.addRow("Features", self.features)
        self.add_forest_rows(settings_layout)
        self.train_button.setToolTip("Train on the marked objects, and classify all of them")
        self.apply_button = QPushButton("Apply")
        self.apply_button.setToolTip("Classify the chosen objects with the classifier that was trained or loaded")
        self.content.addWidget(group("Training data", rows, self.axes))
        self.content.addWidget(group("Classifier", settings))
        self.content.addWidget(self.train_button)
        self.content.addLayout(self.file_buttons(self.apply_button))
        self.content.addWidget(self.importances)
        self.content.addStretch(1)
        self.labels.layer_changed.connect(self._labels_changed)
        self.images.changed.connect(self._list_features)
        self.axes.time.toggled.connect(lambda on: self._list_features())
        self.new_button.clicked.connect(lambda: self.attempt(self.new_annotation))
        self.apply_button.clicked.connect(lambda: self.attempt(self.apply))
        self._labels_changed(self.labels.layer)
        self.show_classifier()

    def _labels_changed(self, layer: Any) -> None:
        self.axes.follow(layer, physical=True)
        for button in (self.new_button, self.train_button):
            enable(button, layer is not None, "There is no layer of objects: segment an image first")
        self._list_features()

    def _list_features(self) -> None:
        layer = self.labels.layer
        ndim = 2 if layer is None else min(3, layer.ndim - self.axes.has_time)
        known = [p.name for p in list_properties(max(2, ndim)) if p.group != "position"]
        if not self.images.images:
            known = [p.name for p in list_properties(max(2, ndim)) if p.group in ("size", "shape")]
        listed = [self.features.item(i).text() for i in range(self.features.count())]
        if known != listed:
            self.features.set_items(known, set(DEFAULT_FEATURES) & set(known))

    def new_annotation(self) -> None:
        """Add an annotation layer over the objects."""
        if self.labels.layer is None:
            raise InputError("Choose a labels layer with objects first.")
        self.annotation.choose(layers.new_annotation(self.viewer, self.labels.layer, name="object annotation"))
        self.say("Dab a few objects with class 1, press M for class 2, and dab some others. Then click ‘Train’.")

    # -------------------------------------------------------------------------------------------- running
    def _data(self) -> tuple[Any, Any, Any, dict[str, Any]]:
        layer = self.labels.layer
        if layer is None:
            raise InputError("There are no objects. Segment an image first, for example with Voronoi–Otsu.")
        options = {"has_time": self.axes.has_time, "physical": self.axes.physical}
        own = layers.image_stack([layer], **options)
        # A copy, because painting may go on while it is measured.
        labels = np.array(own.channels[0])
        images = self.images.images
        image = intensities(layers.image_stack(images, **options) if images else None, labels)
        return layer, labels, image, {"spacing": own.spacing, "frame_axis": own.frame_axis}

    def train(self) -> None:
        """Train on the marked objects and classify all."""
        layer, labels, image, axes = self._data()
        marks = self.annotation.layer
        if marks is None or marks is layer:
            raise InputError("There is no annotation. Click ‘New annotation’ and mark objects of at least two classes.")
        annotation = np.asarray(layers.pixels(marks)).copy()
        settings = {
            "features": self.features.checked(),
            **self.forest_settings(),
        }
        if not settings["features"]:
            raise InputError("No feature is checked. Check at least one, such as area.")
        self.jobs.start(
            "Training",
            lambda progress: train_objects(labels, annotation, image, **settings, **axes, progress=progress),
            lambda result: self._show_result(result, layer),
        )

    def apply(self) -> None:
        """Classify the chosen objects with the classifier at hand."""
        if self.classifier is None:
            raise InputError("There is no classifier yet. Train one, or load one from a file.")
        layer, labels, image, axes = self._data()
        classifier = self.classifier
        self.jobs.start(
            "Classifying",
            lambda progress: apply_objects(classifier, labels, image, **axes, progress=progress),
            lambda result: self._show_result(result, layer),
        )

    def _show_result(self, result: ObjectResult, layer: Any) -> None:
        if not self.still_there(layer):
            return
        self.classifier = result.classifier
        layers.add_features(layer, result.table)
        active = layers.active_layer(self.viewer)
        provenance = {"role": "classes", **describe(result.classifier)}
        title = f"object classes of {layer.name}"
        self._output.show(self.viewer, result.painted, "labels", title, layer, provenance, opacity=0.5)
        if active is self.annotation.layer and active is not None:
            layers.raise_layer(self.viewer, active)
        counts = result.table[CLASS_COLUMN].value_counts().sort_index()
        listed = ", ".join(f"{n} of class {k}" for k, n in counts.items())
        self.show_classifier()
        self.say(
            f"{len(result.table)} objects: {listed}. The column ‘{CLASS_COLUMN}’ is in the table of ‘{layer.name}’."
        )
