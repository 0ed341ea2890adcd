"""A restless user: strokes, undo, other images and frames, cancel, close and reopen, in any order, at any speed."""

import os
import threading

import numpy as np
import pytest

from bioloom import samples
from bioloom.classify import PixelClassifier
from bioloom.classify.feature_blocks import FeatureBlocks

pytestmark = pytest.mark.gui

N_ACTIONS = int(os.environ.get("BIOLOOM_RANDOM_ACTIONS", "200"))
FEATURES = "original gaussian_blur=1 gaussian_blur=3 sobel_of_gaussian_blur=2"


class Restless:
    """Does one random thing after the other, and remembers which."""

    def __init__(self, user, truth, seed):
        self.user, self.viewer, self.truth = user, user.viewer, truth
        self.rng = np.random.default_rng(seed)
        self.done = []
        self.open_panel()

    def open_panel(self):
        self.panel = self.user.open("Pixel classifier")
        self.panel.features.set_text(FEATURES)
        self.panel.trees.setValue(60)
        self.panel.live.setChecked(True)

    @property
    def annotation(self):
        return self.panel.annotation.layer

    # what a user does
    def stroke(self):
        """Paint a short line of the class that is there, or now and then of a wrong one."""
        layer = self.annotation
        if layer is None:
            self.panel.new_button.click()
            return
        truth = self.truth[self.panel.images.images[0].name]
        frame = () if truth.ndim == 2 else (int(self.viewer.dims.current_step[0]),)
        y, x = (int(self.rng.integers(4, n - 14)) for n in truth.shape[-2:])
        label = int(truth[(*frame, y, x)] > 0) + 1 if self.rng.random() < 0.9 else int(self.rng.integers(1, 4))
        layer.brush_size = int(self.rng.integers(1, 6))
        self.user.paint(layer, label, [(*frame, y, x + k) for k in range(int(self.rng.integers(1, 10)))])

    def erase(self):
        layer = self.annotation
        if layer is None or not layer.data.any():
            return
        where = np.argwhere(layer.data)
        place = where[self.rng.integers(len(where))]
        layer.brush_size = int(self.rng.integers(1, 20))
        self.user.paint(layer, 0, [tuple(place), tuple(place)])

    def fill(self):
        layer = self.annotation
        if layer is None or not layer.data.any():
            return
        where = np.argwhere(layer.data)
        layer.fill(tuple(where[self.rng.integers(len(where))]), int(self.rng.integers(1, 3)))

    def undo(self):
        if self.annotation is not None:
            self.annotation.undo()

    def redo(self):
        if self.annotation is not None:
            self.annotation.redo()

    def switch_image(self):
        self.panel.images.set_checked({str(self.rng.choice(sorted(self.truth)))})

    def switch_frame(self):
        self.viewer.dims.set_current_step(0, int(self.rng.integers(0, 3)))

    def zoom(self):
        camera = self.viewer.scene.camera if hasattr(self.viewer, "scene") else self.viewer.camera
        camera.zoom = float(self.rng.uniform(1, 8))
        camera.center = (0, *self.rng.uniform(0, 200, 2))

    def cancel(self):
        self.panel.cancel()

    def train(self):
        if self.annotation is not None and len(np.unique(self.annotation.data)) > 2:
            self.panel.train_button.click()

    def undo_training(self):
        if self.panel.undo_button.isEnabled():
            self.panel.undo_button.click()

    def toggle_live(self):
        self.panel.live.toggle()

    def toggle_output(self):
        names = ("as_classes", "as_objects", "as_probability", "as_uncertainty")
        getattr(self.panel.outputs, names[self.rng.integers(4)]).toggle()

    def remove_prediction(self):
        for layer in list(self.viewer.layers):
            if layer.name.startswith(("classes of", "objects of", "probability of", "uncertainty of")):
                self.viewer.layers.remove(layer)
                self.user.look(0.1)
                return

    def close(self):
        self.viewer.window.remove_dock_widget(self.panel)
        self.user.look(0.1)

    def close_and_reopen(self):
        self.close()
        self.open_panel()

    def act(self):
        """Do something; strokes and undo are likeliest."""
        odds = {
            "stroke": 40, "erase": 6, "fill": 3, "undo": 12, "redo": 8, "switch_image": 6, "switch_frame": 8,
            "zoom": 6, "cancel": 3, "train": 3, "undo_training": 3, "toggle_live": 2, "toggle_output": 3,
            "remove_prediction": 1, "close_and_reopen": 1.5,
        }  # fmt: skip
        weights = np.array(list(odds.values())) / sum(odds.values())
        name = str(self.rng.choice(list(odds), p=weights))
        self.done.append(name)
        getattr(self, name)()
        self.user.look(float(self.rng.choice([0, 0.01, 0.05, 0.3], p=[0.4, 0.3, 0.2, 0.1])))


def fresh(panel, scene):
    """Train from scratch on the same annotation with the same bins, and predict the frame in view."""
    settings, edges = panel.settings(), panel.session.classifier.forest.edges
    classifier = PixelClassifier(settings.features, settings.n_trees, settings.max_depth, seed=settings.seed)
    sources, painted = [], []
    for entry in panel.training.entries:
        stack, annotation = entry.member(False).stack, np.asarray(entry.annotation.data)
        for index, pixels in stack.annotated_frames(annotation):
            channels = [c if stack.n_frames is None else c[index] for c in stack.channels]
            sources.append(FeatureBlocks(channels, classifier.features, stack.spacing))
            painted.append(pixels.copy())
    classifier.fit_blocks(sources, painted, edges)
    channels = [c if scene.stack.n_frames is None else c[scene.frame] for c in scene.stack.channels]
    said = np.zeros(scene.stack.shape, np.uint8)
    for block, votes in classifier.votes_by_block(FeatureBlocks(channels, classifier.features, scene.stack.spacing)):
        said[block] = classifier.classes_[votes.argmax(0)].reshape(said[block].shape)
    return said


def test_random_actions(user, monkeypatch):
    errors = []
    monkeypatch.setattr("bioloom.widgets._base.show_error", errors.append)
    viewer = user.viewer
    flat = samples.nuclei_2d(shape=(600, 560), n_nuclei=60, seed=0)
    series = samples.nuclei_timelapse(shape=(3, 160, 176), n_nuclei=9, seed=1)
    viewer.add_image(flat.image, name="flat")
    viewer.add_image(series.image, name="series", axis_labels=("t", "y", "x"))
    someone = Restless(user, {"flat": flat.labels, "series": series.labels}, seed=0)
    for number in range(N_ACTIONS):
        someone.act()
        assert not errors, f"after {number + 1} actions, of which the last were {someone.done[-5:]}: {errors}"

    # When the dust has settled, what is shown is what a fresh classifier says.
    panel = someone.panel
    panel.live.setChecked(True)
    panel.outputs.as_classes.setChecked(True)
    for name, sample in (("flat", flat), ("series", series)):
        panel.images.set_checked({name})
        if someone.annotation is None:
            panel.new_button.click()
        here = () if sample.labels.ndim == 2 else (int(viewer.dims.current_step[0]),)
        for label, value in ((1, False), (2, True)):
            y, x = np.argwhere((sample.labels[here] > 0) == value)[1000]
            user.paint(someone.annotation, label, [(*here, y, x), (*here, y, x + 1)])
    user.wait(panel)
    user.look(0.3)
    user.wait(panel)
    scene = panel.scene()
    shown = [layer for layer in viewer.layers if layer.name.startswith("classes of series")][-1]
    np.testing.assert_array_equal(shown.data[scene.frame], fresh(panel, scene))
    assert not errors

    someone.close()
    user.look(0.3)
    # The pool that all computations share stays; jobs do not.
    user.until(
        lambda: not [t for t in threading.enumerate() if t.name.startswith("bioloom ") and t.is_alive()],
        "the threads to end",
        seconds=30,
    )
