"""The Merge objects panel: tell of a few pairs whether they belong together, and see all of them merged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import napari.viewer

from bioloom import layers
from bioloom.classify.model_file import describe
from bioloom.classify.object_merger import DEFAULT_FEATURES, ObjectMerger
from bioloom.classify.object_pairs import KEEP, MERGE
from bioloom.measure import PAIR_FEATURES, find_property, list_properties, pair_measurement_of, pair_needs_image
from bioloom.session.jobs import Progress
from bioloom.session.measured_objects import ObjectSource
from bioloom.session.merge_session import MergeAnswer, MergeSession, PairExample
from bioloom.widgets._annotating_panel import AnnotatingPanel
from bioloom.widgets._pair_marking import NAMES, PairMarking
from bioloom.widgets._uncertain_list import Doubt


class _PairMeasurement(NamedTuple):
    name: str
    group: str
    unit: str
    description: str


class MergeObjectsWidget(AnnotatingPanel):
    """Train a random forest on pairs of touching objects, and merge those that belong together.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    kind = ObjectMerger
    file_name = "merger.cl"
    other_panel = "Pixel classifier or Object classifier"
    noun = "pair"
    settings_key = "merge"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, MergeSession())
        self._output = layers.ResultLayer()
        self._shown: Any = None
        self.images.setToolTip("Images to measure intensities in; none for size, shape and common border only")
        self.train_button.setToolTip("Train on the marked pairs, and merge all that belong together")
        self.live.setToolTip("Train and merge after every mark")
        self.apply_button.setToolTip("Merge the chosen objects with the classifier that was trained or loaded")
        self.lay_out()

    def make_marking(self) -> PairMarking:
        """Make the ways to mark pairs."""
        return PairMarking(self.viewer, self.attempt, self.say)

    def list_measurements(self, n_dim: int) -> None:
        """List the measurements that fit the chosen layers."""
        known = [_PairMeasurement(name, "common border", "", text) for name, text in PAIR_FEATURES.items()]
        listed = [f"{p.name}_difference" for p in list_properties(n_dim) if not p.parts and p.group != "position"]
        for name in dict.fromkeys([*listed, *(n for n in DEFAULT_FEATURES if n not in PAIR_FEATURES)]):
            found = find_property(name.removesuffix("_difference"))
            if found is not None and n_dim in found.ndims:
                text = f"Difference between the two: {found.description}"
                known.append(_PairMeasurement(name, f"difference of {found.group}", found.unit, text))
        known.sort(key=lambda m: m.group)
        with_image = bool(self.images.images)
        self.features.set_known([m for m in known if with_image or not pair_needs_image(m.name)], DEFAULT_FEATURES)

    # -------------------------------------------------------------------------------------------- training
    def train_and_classify(
        self, examples: Sequence[tuple[int, ObjectSource, Any]], settings: dict[str, Any], progress: Progress
    ) -> MergeAnswer:
        """Train on examples and merge the objects of the first; called in a job."""
        features, base = settings.pop("features"), settings.pop("base")
        known = [PairExample(*example) for example in examples]
        self.session.train(known, features, settings, base=base, progress=progress)
        name, source, _ = examples[0]
        return self.session.classify(name, source, progress)

    # -------------------------------------------------------------------------------------------- the answer
    def show_result(self, answer: MergeAnswer, layer: Any) -> str:
        """Show the merged objects."""
        provenance = {"role": "", **describe(answer.classifier)}
        title = f"merged {layer.name}"
        shown = self._output.show(self.viewer, answer.merged, "labels", title, layer, provenance, opacity=1)
        if shown is not self._shown:
            # As outlines around the objects that were: what was merged can be seen, and annotated further.
            shown.contour = 2
        self._shown = shown
        self.raise_marks(shown)
        merged = answer.counts().get(MERGE, 0)
        return (
            f"{len(answer.classes)} pairs touch: {merged} merged, {answer.counts().get(KEEP, 0)} kept apart. "
            f"‘{layer.name}’ is as it was; the result is ‘{shown.name}’."
        )

    # -------------------------------------------------------------------------------------------- what to look at next
    def doubt(self, row: int) -> Doubt:
        """Describe a pair."""
        answer = self.answer
        frame, a, b = answer.key(row)
        title = f"{a} + {b}" if answer.objects.source.frame_axis is None else f"{a} + {b}, frame {frame}"
        k = int(answer.classes[row])
        return Doubt(row, title, NAMES.get(k, ""), self.colours().get(k, "#bbbbbb"), float(answer.probability[row]))

    def place(self, row: int) -> tuple[list[float], list[float]]:
        """Return the middle of the border of a pair and its extent."""
        return self.answer.objects.pairs.place(row)

    def visit(self, row: int) -> None:
        """Bring the border of a pair to the middle of the view; number keys give it a class."""
        super().visit(row)
        if self.answer is not None:
            self.marking.look_at(self.answer.key(row))

    # -------------------------------------------------------------------------------------------- classifier
    def load(self, path: str) -> None:
        """Load a merger from a file."""
        super().load(path)
        self.features.set_checked({pair_measurement_of(name) for name in self.classifier.feature_names_})
