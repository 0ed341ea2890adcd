"""Which objects an outline drawn on the image encloses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioloom.errors import InputError
from bioloom.session.selection import Mode, Selection

Rule: TypeAlias = Literal["most", "any", "whole"]
"""What of an object must lie inside: more than half of its pixels in the plane, any of them, or all."""

RULES: dict[Rule, str] = {
    "most": "more than half of the object",
    "any": "any part of the object",
    "whole": "the whole object",
}


@dataclass(frozen=True)
class Region:
    """An outline on a plane of a labels layer.

    Attributes
    ----------
    polygon : numpy.ndarray
        Vertices (row, column) in pixels of the plane, (m, 2); centres of pixels are whole numbers.
    index : tuple of (int or slice)
        The plane in the layer's data: a whole number per axis that is stepped through, ``slice(None)`` for the others.
    mode : str
        ``replace``, ``add`` or ``remove``.
    """

    polygon: NDArray[np.float64]
    index: tuple[int | slice, ...]
    mode: Mode = "replace"


def ids_inside(
    plane: NDArray[Any], polygon: ArrayLike, ids: NDArray[np.int64], rule: Rule = "most"
) -> NDArray[np.int64]:
    """Find the objects that a polygon encloses.

    Parameters
    ----------
    plane
        Label image, (y, x).
    polygon
        Vertices (y, x) in pixels, (m, 2). It may cross itself: what it goes around at least once is inside.
    ids
        The objects that may be found, ascending.
    rule
        ``most``, ``any`` or ``whole``.

    Returns
    -------
    numpy.ndarray
        int64 ids, ascending.

    Raises
    ------
    InputError
        If the shapes do not fit, the rule is unknown, or a vertex is not finite.
    """
    vertices = np.ascontiguousarray(polygon, np.float64)
    if plane.ndim != 2 or vertices.ndim != 2 or vertices.shape[1] != 2:
        raise InputError(
            f"A plane of labels and a polygon of (y, x) are needed, but the shapes are {plane.shape} and "
            f"{vertices.shape}."
        )
    if rule not in RULES:
        raise InputError(f"The rule must be one of {', '.join(RULES)}, but is {rule!r}.")
    if not np.isfinite(vertices).all():
        raise InputError("A vertex of the polygon is NaN or infinite. Draw it again.")
    if len(vertices) < 3 or not len(ids):
        return np.zeros(0, np.int64)
    from bioloom.session._label_kernels import count_inside, count_labels

    labels = plane if plane.dtype.isnative and plane.dtype.kind in "iu" else plane.astype(np.int64)
    inside = np.zeros(len(ids), np.int64)
    count_inside(labels, vertices, ids, inside)
    found = inside > 0
    if rule == "any" or not found.any():
        return ids[found]
    touched, counted = ids[found], inside[found]
    total = np.zeros(len(touched), np.int64)
    count_labels(labels, touched, total)
    return touched[counted == total] if rule == "whole" else touched[2 * counted > total]


def rows_inside(
    data: Any,
    region: Region,
    selection: Selection,
    *,
    all_frames: bool = False,
    rule: Rule = "most",
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.bool_]:
    """Find the rows of the objects that an outline encloses.

    Parameters
    ----------
    data
        The labels of the layer, NumPy, Dask or Zarr. Axis 0 is time if the selection has frames.
    region
        The outline and the plane it is on.
    selection
        The objects by row.
    all_frames
        The same outline in every frame, rather than in the one in view.
    rule
        See :func:`ids_inside`.
    progress
        Called with the number of frames done and in all.

    Returns
    -------
    numpy.ndarray
        bool per row of the selection.

    Raises
    ------
    InputError
        If time is one of the axes that are drawn.
    """
    if selection.has_frames and isinstance(region.index[0], slice):
        raise InputError("Time is drawn as an axis of the picture. Put it back on its slider to select objects.")
    frames: Sequence[int] = (region.index[0],) if selection.has_frames else (0,)  # type: ignore[assignment]
    if all_frames and selection.has_frames:
        frames = range(int(data.shape[0]))
    mask = np.zeros(len(selection), bool)
    for done, frame in enumerate(frames):
        index = (frame, *region.index[1:]) if selection.has_frames else region.index
        ids = selection.labels[selection.frames == frame] if selection.has_frames else selection.labels
        found = ids_inside(np.asarray(data[index]), region.polygon, np.sort(ids), rule)
        mask[selection.rows(found, frame)] = True
        if progress is not None:
            progress(done + 1, len(frames))
    return mask


def ellipse(first: Sequence[float], second: Sequence[float], n: int = 64) -> NDArray[np.float64]:
    """Return the vertices of the ellipse that fills the upright rectangle between two corners, (n, 2)."""
    one, other = np.asarray(first, float), np.asarray(second, float)
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    directions = np.stack([np.sin(angles), np.cos(angles)], 1)
    return np.asarray((one + other) / 2 + directions * np.abs(one - other) / 2)
