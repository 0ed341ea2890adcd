"""What moves a pixel classifier's answers: SHAP values of its features, at random pixels or as a map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify import PixelClassifier, load_classifier
from bioloom.errors import InputError
from bioloom.explore.explanation import Explanation
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import JobProgress
from bioloom.session.worker_process import shared_worker

MOST_MAP_PIXELS = 20_000
"""Of a larger image, a map shows every second, third, … pixel, so that there are about so many."""


def pixel_classifier(path: str) -> PixelClassifier:
    """Load a classifier of pixels.

    Raises
    ------
    InputError
        If the file holds none.
    """
    classifier = load_classifier(path)
    if not isinstance(classifier, PixelClassifier):
        raise InputError(f"{path} holds a {type(classifier).__name__}, but a classifier of pixels is needed.")
    return classifier


def in_pixels(classifier: PixelClassifier) -> bool:
    """Tell whether a classifier was trained with sizes in pixels, rather than in a unit of length."""
    return classifier.spacing is None or min(classifier.spacing) == 1


def explain_image(
    classifier: PixelClassifier,
    stack: ImageStack,
    frame: int,
    where: NDArray[np.bool_] | None,
    *,
    max_pixels: int,
    seed: int,
    progress: JobProgress,
) -> Explanation:
    """Explain a classifier's answers at random pixels of a frame; see `bioloom.explore.explain_pixels`."""
    if where is not None and not where.any():
        raise InputError("There is no object here. Select objects of this frame, or explain all of the image.")
    result: Explanation = shared_worker().call(
        "bioloom.explore.explain_images:explain_pixels",
        classifier,
        stack.frame(frame),
        where,
        channel_axis=0,
        spacing=stack.spacing,
        max_pixels=max_pixels,
        seed=seed,
        progress=progress,
        cancelled=progress.cancelled,
    )
    return result


def contribution_map(
    classifier: PixelClassifier, stack: ImageStack, frame: int, feature: str, class_id: int, *, progress: JobProgress
) -> tuple[NDArray[np.float32], int]:
    """Compute where in a frame a feature matters; return a map of every n-th pixel per axis, and n."""
    every = max(1, int(np.ceil((np.prod(stack.shape) / MOST_MAP_PIXELS) ** (1 / len(stack.shape)))))
    result: Any = shared_worker().call(
        "bioloom.explore.explain_images:contribution_image",
        classifier,
        stack.frame(frame),
        feature,
        class_id,
        channel_axis=0,
        spacing=stack.spacing,
        every=every,
        progress=progress,
        cancelled=progress.cancelled,
    )
    return result, every


def pixel_text(row: int, shape: tuple[int, ...]) -> str:
    """Say where a pixel is, such as "pixel y 12, x 40"."""
    place = np.unravel_index(row, shape)
    return "pixel " + ", ".join(f"{axis} {int(at)}" for axis, at in zip("zyx"[-len(shape) :], place, strict=True))
