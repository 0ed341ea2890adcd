"""Corrections of labels by hand that can be made again, on the same labels or on those of a changed recipe.

A correction is a mapping of plain lists and numbers. Positions are pixels, (y, x) or (z, y, x); the centre of the first
pixel is at 0. In a time series each says in which ``frame`` it was made (without, it counts for every frame).

============ ======================================================= ================================================
kind         what it needs                                           what it does
============ ======================================================= ================================================
``merge``    ``points``: two or more                                 The objects at the points become that at the first
``split``    ``line``: two or more points                            Cuts the object that most of the line lies in; an
                                                                     end within the object goes on straight. In a
                                                                     stack the cut runs through all planes, along
                                                                     ``axis`` (by default that along which the line
                                                                     does not move)
``delete``   ``point``                                               The object there becomes background
``draw``     ``polygon``: three or more points in one plane; or      The pixels become a new object, or with ``point``
             ``runs``: painted pixels as (y, x, n) or (z, y, x, n),  a part of the object there; with ``over: false``
             n pixels from x on                                      other objects stay as they are
``erase``    ``polygon`` or ``runs``                                 The pixels become background
============ ======================================================= ================================================

``sizes`` may tell how many pixels the objects had, see :func:`with_sizes`; then a correction is not made to an object
that has come to lie there but is less than half or more than twice as large.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._correcting import Corrector, DoesNotFit, as_pixel, size_near
from bioloom.operations._correction_list import check_corrections, corrections_of_frame
from bioloom.operations._line import line_pixels
from bioloom.operations._types import Corrections, Labels
from bioloom.operations.checks import as_labels

__all__ = [
    "LostCorrection",
    "apply_corrections",
    "check_corrections",
    "collect_lost",
    "correct_labels",
    "corrections_of_frame",
    "runs_of",
    "with_sizes",
]


@dataclass(frozen=True)
class LostCorrection:
    """A correction that could not be made, and why.

    Attributes
    ----------
    correction : dict
        As it was given.
    reason : str
        Such as ``there is no object at (3, 4)``.
    """

    correction: Mapping[str, Any]
    reason: str


_collected: ContextVar[list[LostCorrection] | None] = ContextVar("lost corrections", default=None)


@contextmanager
def collect_lost() -> Iterator[list[LostCorrection]]:
    """Collect the corrections that :func:`correct_labels` skips within the block, which are logged otherwise."""
    lost: list[LostCorrection] = []
    token = _collected.set(lost)
    try:
        yield lost
    finally:
        _collected.reset(token)


@operation(
    "Segment/Process labels",
    title="Correct labels by hand",
    keywords="manual edit curate merge split delete draw erase paint annotated",
)
def correct_labels(labels: Labels, corrections: Corrections = ()) -> Labels:  # type: ignore[assignment]
    """Merge, split, delete and draw objects as it was done by hand.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    corrections
        What to correct, one after the other; see :mod:`bioloom.operations.corrections`.

    Returns
    -------
    numpy.ndarray
        uint32; objects that are not corrected keep their labels. New objects get labels above the largest.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels, or a correction is no such thing.

    Notes
    -----
    A correction that does not fit, such as to merge where there is no object, is skipped and logged. Needs the whole
    image: a Dask array is computed as one block.
    """
    corrected, lost = apply_corrections(labels, corrections)
    collected = _collected.get()
    if collected is not None:
        collected.extend(lost)
    else:
        for one in lost:
            logging.getLogger("bioloom").warning(
                "A correction (%s) is left out: %s.", one.correction["kind"], one.reason
            )
    return corrected


def apply_corrections(
    labels: NDArray[Any], corrections: Sequence[Mapping[str, Any]]
) -> tuple[NDArray[np.uint32], list[LostCorrection]]:
    """Correct labels, and tell which corrections do not fit them.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x), whole numbers from 0 to 2**32 - 1.
    corrections
        Those of this image, or of this frame of a time series (see :func:`corrections_of_frame`), in their order.

    Returns
    -------
    labels : numpy.ndarray
        uint32, of the same shape.
    lost : list of LostCorrection
        Those that were skipped.

    Raises
    ------
    InputError
        If a correction is no such thing, or they belong to several frames.
    """
    checked = check_corrections(corrections)
    frames = sorted({one["frame"] for one in checked if "frame" in one})
    if len(frames) > 1:
        listed = ", ".join(map(str, frames[:5])) + (" …" if len(frames) > 5 else "")
        raise InputError(
            f"These corrections were made in the frames {listed} of a time series, but there is one image only. "
            "Tell which axis is time, or choose those of one frame with corrections_of_frame."
        )
    array = np.asarray(labels)
    if not array.size:
        return array.astype(np.uint32), []
    corrector = Corrector(as_labels(array, "The corrections"))
    lost = []
    for one in checked:
        try:
            corrector.correct(one)
        except DoesNotFit as reason:
            lost.append(LostCorrection(one, str(reason)))
    return corrector.labels, lost


def with_sizes(labels: Any, correction: Mapping[str, Any]) -> dict[str, Any]:
    """Add to a correction how large the objects are that it is about.

    Parameters
    ----------
    labels
        The image that was corrected, or its frame; only what is near the points is looked at.
    correction
        What is to be done.

    Returns
    -------
    dict
        The correction with ``sizes``: per point the pixels of its object that are no farther than 64 pixels from it
        along any axis. It is left out where there is no object.

    Raises
    ------
    InputError
        If it is no correction.
    """
    (checked,) = check_corrections([correction])
    shape = tuple(labels.shape)
    try:
        if checked["kind"] == "split":
            pixels = line_pixels(np.array(checked["line"], float), shape)
            under = np.array([int(labels[tuple(p)]) for p in pixels])
            ids, counts = np.unique(under[under > 0], return_counts=True)
            on = pixels[under == ids[np.argmax(counts)]]
            points = [tuple(int(p) for p in on[len(on) // 2])]
        else:
            points = [
                as_pixel(p, shape) for p in checked.get("points", [checked["point"]] if "point" in checked else [])
            ]
    except (DoesNotFit, ValueError):
        return checked
    if points and all(labels[p] for p in points):
        checked["sizes"] = [size_near(labels, p) for p in points]
    return checked


def runs_of(mask: NDArray[Any], start: Sequence[int] | None = None) -> list[list[int]]:
    """Return painted pixels as the ``runs`` of a correction.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x): painted where it is not 0.
    start
        The pixel of the image that the mask begins at; the first if left out.

    Returns
    -------
    list of list of int
        (y, x, n) or (z, y, x, n): n pixels from x on.
    """
    painted = np.pad(np.asarray(mask) != 0, [(0, 0)] * (np.ndim(mask) - 1) + [(1, 1)]).astype(np.int8)
    change = np.diff(painted, axis=-1)
    first, stop = np.argwhere(change == 1), np.argwhere(change == -1)
    lengths = stop[:, -1:] - first[:, -1:]
    offset = np.zeros(np.ndim(mask), np.int64) if start is None else np.array(start)
    runs: list[list[int]] = np.hstack([first + offset, lengths]).tolist()
    return runs
