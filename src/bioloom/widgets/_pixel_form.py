"""The parts of the Pixel classifier panel, and where they stand."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QStyle

from bioloom.session.jobs import JobRunner
from bioloom.session.live_loop import LiveLoop
from bioloom.session.live_training import TrainingSettings
from bioloom.session.pixel_session import PixelSession
from bioloom.widgets._class_list import ClassList
from bioloom.widgets._classifier_panel import ClassifierPanel
from bioloom.widgets._feature_grid import FeatureGrid
from bioloom.widgets._parts import (
    AxesOptions,
    CollapsibleGroup,
    ImageList,
    LayerCombo,
    enable,
    form,
    group,
    narrow_combo,
)
from bioloom.widgets._pixel_members import TrainingImages
from bioloom.widgets._pixel_outputs import PixelOutputs
from bioloom.widgets._score_view import ScoreView
from bioloom.widgets._training_list import TrainingList

NORMALISATIONS = {"as they are": "none", "normalised": "linear", "normalised, log": "log"}
"""What may be done to the intensities of each image, as the user reads it."""

SAVED_KINDS = {"Pixel classifier": "classes", "Object segmenter": "objects", "Probability mapper": "probability"}
"""Kinds of classifier files, by their title."""


class PixelForm(ClassifierPanel):
    """Base of the panel: its parts, its session and its jobs.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.session = PixelSession()
        self.loop = LiveLoop(self.session, self.jobs, self._main_thread.send)
        self._side_jobs = [JobRunner(self._main_thread.send) for _ in range(4)]
        self._counting, self._apply_jobs, self._preview_jobs, self._score_jobs = self._side_jobs
        self.training = TrainingImages(self, viewer)
        self.loaded: Any = None
        self._build()

    def _timer(self, milliseconds: int, action: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(action)
        return timer

    def showEvent(self, event: Any) -> None:
        """Be as wide as the content, once the theme has decided how wide that is."""
        super().showEvent(event)
        # Nothing may be cut at the side, also not by the scroll bar.
        needed = self.content.minimumSize().width() + self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        self.setMinimumWidth(max(self.minimumWidth(), needed))

    def _build(self) -> None:
        viewer = self.viewer
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
        self.axes = AxesOptions(viewer)
        self.classes = ClassList(can_erase=True)
        self.training_list = TrainingList()
        self.features = FeatureGrid()
        self.preset = self.features.preset
        self.normalise = narrow_combo(
            "What to do about intensities before anything else. Normalised, each image by itself, dark is 0 and bright "
            "is 1: a classifier of one image holds on the next with another exposure. Log: faint objects beside bright "
            "ones count, too",
            list(NORMALISATIONS),
        )
        self.outputs = PixelOutputs(viewer)
        self.live = QCheckBox("Live")
        self.live.setToolTip("Train after every stroke, undo and redo, and keep what is in view up to date")
        self.undo_button = QPushButton("Undo training")
        self.undo_button.setToolTip("Take the classifier back that there was before the last training")
        self.predict_button = QPushButton("Apply…")
        self.predict_button.setToolTip("Apply the classifier to all frames, to other layers or to a folder of files")
        self.save_kind = narrow_combo(
            "What a saved classifier gives where it is used: the class of every pixel, the objects of the class of "
            "interest, or its probability"
        )
        for title, gives in SAVED_KINDS.items():
            self.save_kind.addItem(title, gives)
        self.keep_box = QCheckBox("Go on from what was loaded")
        self.keep_box.setToolTip("Keep what a loaded classifier has learnt, and learn the annotation besides")
        enable(self.keep_box, False, "No classifier was loaded")
        self.scores = ScoreView()

        rows, layout = form()
        layout.addRow("Image", self.images)
        # In sight, since depth and time are mixed up easily.
        layout.addRow("", self.axes.time)
        layout.addRow("Annotation", self.annotation)
        layout.addRow("", self.new_button)
        feature_rows, feature_layout = form()
        feature_layout.addRow("Features", self.preset)
        advanced, advanced_layout = form()
        self.add_all_forest_rows(advanced_layout)
        advanced_layout.addRow("Intensities", self.normalise)
        advanced_layout.addRow("Save as", self.save_kind)
        advanced_layout.addRow(self.keep_box)
        first = QHBoxLayout()
        first.addWidget(self.train_button, stretch=1)
        first.addWidget(self.live)
        first.addWidget(self.undo_button)

        self.feature_group = CollapsibleGroup("Edit features", self.features, key="pixel features", is_open=False)
        self.training_group = CollapsibleGroup(
            "Training images", self.training_list, key="pixel training images", is_open=False
        )
        self.advanced_group = CollapsibleGroup("Advanced", advanced, self.axes, key="pixel advanced", is_open=False)
        self.score_group = CollapsibleGroup("Scores", self.scores, key="pixel scores", is_open=False)
        self.content.addWidget(group("Training data", rows, self.classes))
        self.content.addWidget(feature_rows)
        self.content.addLayout(first)
        self.content.addWidget(group("Result", self.outputs))
        self.content.addLayout(self.file_buttons(self.predict_button))
        for part in (self.score_group, self.feature_group, self.training_group, self.advanced_group):
            self.content.addWidget(part)
        self.content.addStretch(1)
        self.train_button.setToolTip("Train on everything that is painted, and predict what is in view")

    def settings(self) -> TrainingSettings:
        """Return what the form says.

        Raises
        ------
        InputError
            If the features are none.
        """
        normalise = NORMALISATIONS[self.normalise.currentText()]
        base = self.loaded if self.keep_box.isChecked() else None
        if base is not None and base.normalisation is not None and base.normalisation.scale == normalise:
            # Its percentiles may be its own.
            normalise = base.normalisation
        return TrainingSettings(self.features.text(), **self.all_forest_settings(), normalise=normalise, base=base)
