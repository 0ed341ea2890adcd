"""Work on objects one by one, each in its bounding box."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._threads import in_threads, ranges
from bioloom.measure.registry import Objects

_WORK = 1 << 18  # pixels per call, between two looks at whether the user wants to stop


def boxes_of(objects: Objects, bbox: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bounding boxes (n, 6): first z, y and x and those after the last, also for objects of a plane."""
    boxes = np.zeros((objects.ids.size, 6), np.int64)
    boxes[:, 3] = 1
    boxes[:, :3][:, objects.axes] = bbox[:, : objects.ndim]
    boxes[:, 3:][:, objects.axes] = bbox[:, objects.ndim :]
    return boxes


def for_crops(objects: Objects, boxes: NDArray[np.int64], kernel: Callable[..., None], *arguments: Any) -> None:
    """Run ``kernel(labels, ids, boxes, first, last, *arguments)`` on ranges of objects in the thread pool."""
    parts = ranges(np.prod(boxes[:, 3:] - boxes[:, :3], axis=1), _WORK)
    in_threads([partial(kernel, objects.labels, objects.ids, boxes, *part, *arguments) for part in parts], objects.tick)
