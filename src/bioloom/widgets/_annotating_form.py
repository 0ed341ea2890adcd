"""The form of the panels that learn from marked objects, or pairs of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QWidget

from bioloom import layers
from bioloom.session.jobs import JobRunner, Progress
from bioloom.session.measured_objects import ObjectSource
from bioloom.session.training_session import TrainingSession
from bioloom.widgets._classifier_panel import ClassifierPanel
from bioloom.widgets._marking import Marking
from bioloom.widgets._measurement_list import MeasurementList
from bioloom.widgets._object_scores import ObjectScores
from bioloom.widgets._parts import AxesOptions, CollapsibleGroup, ImageList, LayerCombo, enable, form, group
from bioloom.widgets._uncertain_list import Doubt, UncertainList


class AnnotatingForm(ClassifierPanel):
    """The parts of a panel, and what its kinds have to say about themselves.

    Parameters
    ----------
    viewer
        The napari viewer.
    session
        Measures, trains and classifies.

    Attributes
    ----------
    noun
        What is marked, in the singular.
    settings_key
        Under which it is remembered what is folded away.
    """

    noun: str
    settings_key: str
    apply_button: Any = None

    def __init__(self, viewer: Any, session: TrainingSession[Any, Any]) -> None:
        self.session = session
        super().__init__(viewer)
        self.labels = LayerCombo(viewer, "labels", "The segmented objects")
        self.labels.choose(layers.likely_objects(viewer))
        self.images = ImageList(viewer, "Images to measure intensities in; none for size and shape only")
        self.axes = AxesOptions(viewer)
        self.marking = self.make_marking()
        self.annotation, self.new_button = self.marking.annotation, self.marking.new_button
        self.features = MeasurementList()
        self.live = QCheckBox("Live")
        self.live.setChecked(True)
        self.together = QCheckBox("Train on all annotated layers")
        self.together.setChecked(True)
        self.loaded: Any = None
        self.keep_box = QCheckBox("Go on from what was loaded")
        self.keep_box.setToolTip("Keep what a loaded classifier has learnt, and learn the marks besides")
        enable(self.keep_box, False, "No classifier was loaded")
        self.uncertain = UncertainList(self.noun)
        self.scores = ObjectScores(JobRunner(self._main_thread.send))
        self.apply_button = QPushButton("Apply")
        self.undo_training_button = QPushButton("Undo training")
        self.undo_training_button.setToolTip("Go back to the classifier before the last training")

    def lay_out(self, *results: QWidget) -> None:
        """Fill the panel; `results` come last."""
        rows, layout = form()
        layout.addRow("Objects", self.labels)
        layout.addRow("Images", self.images)
        settings, settings_layout = form()
        self.add_all_forest_rows(settings_layout)
        settings_layout.addRow(self.keep_box)
        first = QHBoxLayout()
        first.addWidget(self.train_button, stretch=1)
        first.addWidget(self.live)
        key = self.settings_key
        self.content.addWidget(group("Objects", rows, self.axes))
        self.content.addWidget(group("Annotate", self.marking))
        self.content.addLayout(first)
        self.content.addWidget(self.together)
        self.content.addWidget(group("Look at next", self.uncertain))
        self.content.addWidget(CollapsibleGroup("Measurements", self.features, key=f"{key} measurements"))
        self.content.addWidget(CollapsibleGroup("Forest", settings, key=f"{key} forest", is_open=False))
        self.content.addWidget(CollapsibleGroup("Scores", self.scores, key=f"{key} scores"))
        for part in results:
            self.content.addWidget(part)
        self.content.addLayout(self.file_buttons(self.apply_button))
        self.content.addWidget(self.undo_training_button)
        self.content.addStretch(1)

    @property
    def base(self) -> Any:
        """The loaded classifier to go on from, or None."""
        return self.loaded if self.keep_box.isChecked() else None

    # -------------------------------------------------------------------------------------------- for subclasses
    def make_marking(self) -> Marking:
        """Make the ways to mark."""
        raise NotImplementedError

    def list_measurements(self, n_dim: int) -> None:
        """List the measurements that fit the chosen layers."""
        raise NotImplementedError

    def train_and_classify(
        self, examples: Sequence[tuple[int, ObjectSource, Any]], settings: dict[str, Any], progress: Progress
    ) -> Any:
        """Train on examples, each a name, a source and its classes, and classify the first; called in a job."""
        raise NotImplementedError

    def show_result(self, answer: Any, layer: Any) -> str:
        """Show an answer in layers; return what there is to say."""
        raise NotImplementedError

    def doubt(self, row: int) -> Doubt:
        """Describe an item of the answer."""
        raise NotImplementedError

    def place(self, row: int) -> tuple[list[float], list[float]]:
        """Return the middle of an item of the answer and its extent, per axis of a frame."""
        raise NotImplementedError
