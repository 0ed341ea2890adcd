"""Shows a single pixel feature of the plane in view as an image layer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from bioloom import layers
from bioloom.classify import FeatureSet
from bioloom.classify.feature_blocks import FeatureBlocks, in_threads
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import JobRunner, Progress
from bioloom.session.live_memory import Kept
from bioloom.session.live_view import in_view

_DELAY_MS = 60


class FeaturePreview(QObject):
    """Computes one feature of what is in view, and shows it; the layer goes with the preview.

    Parameters
    ----------
    parent
        The panel.
    viewer
        Where it is shown.
    jobs
        Runs the computation.
    image
        Returns the layer and the stack that are looked at.
    """

    def __init__(self, parent: QObject, viewer: Any, jobs: JobRunner, image: Any) -> None:
        super().__init__(parent)
        self._viewer, self._jobs, self._image = viewer, jobs, image
        self._feature = ""
        self.layer: Any = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._timer.timeout.connect(self._compute)
        viewer.dims.events.current_step.connect(self._moved)

    def show(self, feature: str) -> None:
        """Show a feature, such as ``"gaussian_blur=2"``."""
        self._feature = feature
        self._timer.start()

    def end(self) -> None:
        """Show none any more."""
        self._feature = ""
        self._timer.stop()
        self._jobs.cancel()
        layers.remove(self._viewer, self.layer)
        self.layer = None

    def stop(self) -> None:
        """End, and follow the viewer no more."""
        self.end()
        self._viewer.dims.events.current_step.disconnect(self._moved)

    def _moved(self, event: Any = None) -> None:
        if self._feature:
            self._timer.start()

    def _compute(self) -> None:
        chosen = self._image()
        if not self._feature or chosen is None:
            return
        source, stack = chosen
        index = layers.position(self._viewer, source)
        work = partial(_feature_of_plane, self._feature, stack, index)
        self._jobs.start("Preview", work, partial(self._show, source, index, self._feature))

    def _show(self, source: Any, index: tuple[int, ...], feature: str, plane: NDArray[np.float32]) -> None:
        if source not in self._viewer.layers or feature != self._feature:
            return
        data, placed = layers.place_plane(plane, source, index)
        self.layer = layers.show_preview(self._viewer, data, "image", source, placed, self.layer)
        self.layer.name = f"{feature} of {source.name}"


def _feature_of_plane(
    feature: str, stack: ImageStack, index: tuple[int, ...], progress: Progress
) -> NDArray[np.float32]:
    """Return a feature of the first channel on one plane, (y, x)."""
    frame = 0 if stack.n_frames is None else index[0]
    channel = stack.channels_of(frame, Kept(), 0)[0]
    blocks = FeatureBlocks([channel], FeatureSet.parse(feature), stack.spacing)
    depth = index[-1:] if len(stack.shape) == 3 else ()
    region = (*(slice(z, z + 1) for z in depth), *(slice(0, n) for n in stack.shape[-2:]))
    plane = np.empty(stack.shape[-2:], np.float32)
    wanted = [(*region[:-2], *block[-2:]) for block in in_view(blocks.blocks, region)]
    for block, values in in_threads(lambda b: next(blocks.values(b)), wanted, progress):
        plane[block[-2:]] = values.reshape(plane[block[-2:]].shape)
    return plane
