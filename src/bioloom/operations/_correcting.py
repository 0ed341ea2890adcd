"""Corrections by hand, one after the other, on labels in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._line import line_pixels, outward

_LARGEST = int(np.iinfo(np.uint32).max)
_NEAR = 64
_FRAGMENT_PIXELS, _FRAGMENT_SHARE = 10, 0.05

Box = tuple[slice, ...]


class DoesNotFit(Exception):
    """A correction that cannot be made; its text says why."""


def size_near(labels: Any, point: Sequence[int]) -> int:
    """Count the pixels of the object at a pixel that are no farther than 64 pixels from it along any axis."""
    around = tuple(slice(max(0, p - _NEAR), p + _NEAR + 1) for p in point)
    return int(np.count_nonzero(np.asarray(labels[around]) == np.asarray(labels[tuple(point)])))


def as_pixel(point: Sequence[float], shape: Sequence[int]) -> tuple[int, ...]:
    """Return the pixel that a point lies in.

    Raises
    ------
    DoesNotFit
        If it has another number of coordinates than the image has axes, or lies outside.
    """
    if len(point) != len(shape):
        raise DoesNotFit(f"it was made in {len(point)}D, but the labels are {len(shape)}D now")
    pixel = tuple(int(np.floor(p + 0.5)) for p in point)
    if any(not 0 <= p < n for p, n in zip(pixel, shape, strict=True)):
        raise DoesNotFit(f"the point {_words(point)} lies outside of the image")
    return pixel


class Corrector:
    """Labels that are corrected; each correction sees what the one before left.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x), whole numbers from 0 to 2**32 - 1; they stay as they are.
    """

    def __init__(self, labels: NDArray[Any]) -> None:
        self.labels = labels.astype(np.uint32)
        self._highest = int(self.labels.max())
        self._boxes: dict[int, Box] | None = None

    def correct(self, correction: Mapping[str, Any]) -> None:
        """Make one correction.

        Raises
        ------
        DoesNotFit
            If there is nothing that it could correct; nothing is changed then.
        """
        getattr(self, f"_{correction['kind']}")(correction)

    # ------------------------------------------------------------------------------------------ kinds
    def _merge(self, correction: Mapping[str, Any]) -> None:
        ids = [self._object_at(p, correction, n) for n, p in enumerate(correction["points"])]
        first, *others = dict.fromkeys(ids)
        if not others:
            raise DoesNotFit("its points lie in one and the same object already")
        boxes = self._all_boxes()
        for label in others:
            part = self.labels[boxes[label]]
            part[part == label] = first
            boxes[first] = _union(boxes[first], boxes.pop(label))

    def _delete(self, correction: Mapping[str, Any]) -> None:
        label = self._object_at(correction["point"], correction, 0)
        part = self.labels[self._all_boxes().pop(label)]
        part[part == label] = 0

    def _split(self, correction: Mapping[str, Any]) -> None:
        shape, line = self.labels.shape, np.array(correction["line"], float)
        label, _ = self._object_on(line, correction)
        box = self._all_boxes()[label]
        across = _plane_axis(line, correction, len(shape))
        inside = self.labels[box] == label
        seen = inside if across is None else inside.any(axis=across)
        line = line - [s.start for s in box]
        if across is not None:
            line = np.delete(line, across, axis=1)
        for far in (False, True):
            cut = np.zeros(seen.shape, bool)
            cut[tuple(line_pixels(outward(line, seen, far), seen.shape).T)] = True
            parts = _parts(inside, inside & (cut if across is None else np.expand_dims(cut, across)))
            if parts is not None:
                break
        else:
            raise DoesNotFit("its line does not cut the object there in two")
        target = self.labels[box]
        from scipy import ndimage

        for number, found in enumerate(ndimage.find_objects(parts), start=1):
            # The largest part is the first, and goes on under the old label.
            if number > 1:
                new = self._new_label()
                target[parts == number] = new
                self._all_boxes()[new] = tuple(
                    slice(b.start + f.start, b.start + f.stop) for b, f in zip(box, found, strict=True)
                )

    def _draw(self, correction: Mapping[str, Any]) -> None:
        box, painted = self._painted(correction)
        label = self._object_at(correction["point"], correction, 0) if "point" in correction else None
        if not correction.get("over", True):
            painted = painted & ((self.labels[box] == 0) | (self.labels[box] == (label or 0)))
        if not painted.any():
            raise DoesNotFit("there are objects already where it was drawn")
        if label is None:
            label = self._new_label()
        boxes = self._all_boxes()
        self.labels[box][painted] = label
        boxes[label] = _union(boxes.get(label, box), box)

    def _erase(self, correction: Mapping[str, Any]) -> None:
        box, painted = self._painted(correction)
        if not self.labels[box][painted].any():
            raise DoesNotFit("there is no object where it was erased")
        self.labels[box][painted] = 0

    # ------------------------------------------------------------------------------------------ finding
    def _object_at(self, point: Sequence[float], correction: Mapping[str, Any], number: int) -> int:
        pixel = as_pixel(point, self.labels.shape)
        label = int(self.labels[pixel])
        if not label:
            raise DoesNotFit(f"there is no object at {_words(point)}")
        self._check_size(pixel, correction, number)
        return label

    def _object_on(self, line: NDArray[Any], correction: Mapping[str, Any]) -> tuple[int, tuple[int, ...]]:
        """Return the object that most of a line lies in, and a pixel of both."""
        shape = self.labels.shape
        if line.shape[1] != len(shape):
            raise DoesNotFit(f"it was made in {line.shape[1]}D, but the labels are {len(shape)}D now")
        pixels = line_pixels(line, shape)
        under = self.labels[tuple(pixels.T)]
        ids, counts = np.unique(under[under > 0], return_counts=True)
        if not ids.size:
            raise DoesNotFit("there is no object along its line")
        label = int(ids[np.argmax(counts)])
        on = pixels[under == label]
        middle = tuple(int(p) for p in on[len(on) // 2])
        self._check_size(middle, correction, 0)
        return label, middle

    def _check_size(self, pixel: tuple[int, ...], correction: Mapping[str, Any], number: int) -> None:
        sizes = correction.get("sizes", ())
        if number < len(sizes):
            then, now = sizes[number], size_near(self.labels, pixel)
            if not then <= 2 * now <= 4 * then:
                raise DoesNotFit(
                    f"the object at {_words(pixel)} is another one now: near that point it had {then} pixels when it "
                    f"was corrected, and has {now}"
                )

    def _painted(self, correction: Mapping[str, Any]) -> tuple[Box, NDArray[np.bool_]]:
        """Return which pixels were painted, and in which part of the image."""
        shape = self.labels.shape
        n = len(correction["runs"][0]) - 1 if "runs" in correction else len(correction["polygon"][0])
        if n != len(shape):
            raise DoesNotFit(f"it was made in {n}D, but the labels are {len(shape)}D now")
        if "runs" in correction:
            box, mask = _mask_of_runs(np.array(correction["runs"], np.int64), shape)
        else:
            box, mask = _mask_of_polygon(np.array(correction["polygon"], float), correction, shape)
        if not mask.any():
            raise DoesNotFit("what was drawn lies outside of the image, or holds no pixel")
        return box, mask

    def _all_boxes(self) -> dict[int, Box]:
        """Return a box around each object; it may be larger than the object."""
        if self._boxes is None:
            from scipy import ndimage

            labels: Any = self.labels
            ids = None
            if self._highest > 4 * labels.size + 1000:
                ids, inverse = np.unique(labels, return_inverse=True)
                labels = inverse.reshape(labels.shape) + 1
            found = enumerate(ndimage.find_objects(labels), start=1)
            self._boxes = {(n if ids is None else int(ids[n - 1])): box for n, box in found if box is not None}
            self._boxes.pop(0, None)
        return self._boxes

    def _new_label(self) -> int:
        if self._highest < _LARGEST:
            self._highest += 1
            return self._highest
        used = np.unique(self.labels[self.labels > 0]).astype(np.int64)
        gaps = np.flatnonzero(used != np.arange(1, len(used) + 1))
        return int(gaps[0]) + 1 if gaps.size else len(used) + 1


def _parts(inside: NDArray[np.bool_], cut: NDArray[np.bool_]) -> NDArray[np.int32] | None:
    """Find the parts of an object that a cut leaves, numbered from the largest; None if it is not cut in two.

    What the cut does not touch belongs to the first part. Pixels of the cut, and fragments, go to the nearest part.
    """
    from scipy import ndimage

    everywhere = np.ones((3,) * inside.ndim, bool)
    pieces, n = ndimage.label(inside & ~cut, everywhere)
    sizes = np.bincount(pieces.ravel(), minlength=n + 1)
    sizes[0] = 0
    touched = np.unique(pieces[ndimage.binary_dilation(cut, everywhere)])
    touched = touched[touched > 0]
    least = min(_FRAGMENT_PIXELS, _FRAGMENT_SHARE * np.count_nonzero(inside))
    large = touched[sizes[touched] >= least]
    if len(large) < 2:
        return None
    number = np.zeros(n + 1, np.int32)
    number[1:] = 1
    number[touched] = 0
    number[large[np.argsort(-sizes[large], kind="stable")]] = np.arange(1, len(large) + 1)
    parts: NDArray[np.int32] = number[pieces]
    open_pixels = inside & (parts == 0)
    if open_pixels.any():
        sources = np.zeros(n + 1, bool)
        sources[large] = True
        nearest = ndimage.distance_transform_edt(~sources[pieces], return_distances=False, return_indices=True)
        parts[open_pixels] = parts[tuple(axis[open_pixels] for axis in nearest)]
    return parts


def _plane_axis(points: NDArray[Any], correction: Mapping[str, Any], ndim: int) -> int | None:
    """Return the axis at right angles to the plane that something was drawn in; None in 2D."""
    if ndim == 2:
        return None
    axis = correction.get("axis")
    if axis is None:
        flat = np.ptp(np.floor(points + 0.5), axis=0) == 0
        axis = int(np.argmax(flat)) if flat.any() else 0
    return int(axis)


def _mask_of_runs(runs: NDArray[np.int64], shape: Sequence[int]) -> tuple[Box, NDArray[np.bool_]]:
    first, last = runs[:, :-1].copy(), runs[:, :-1].copy()
    last[:, -1] += runs[:, -1] - 1
    ends = np.array(shape) - 1
    visible = ((last >= 0) & (first <= ends)).all(axis=1)
    if not visible.any():
        return tuple(slice(0, 0) for _ in shape), np.zeros((0,) * len(shape), bool)
    first, last = np.maximum(first[visible], 0), np.minimum(last[visible], ends)
    low, high = first.min(axis=0), last.max(axis=0) + 1
    mask = np.zeros(tuple(high - low), bool)
    for (*row, start), stop in zip((first - low).tolist(), (last[:, -1] + 1 - low[-1]).tolist(), strict=True):
        mask[(*row, slice(start, stop))] = True
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)), mask


def _mask_of_polygon(
    points: NDArray[Any], correction: Mapping[str, Any], shape: Sequence[int]
) -> tuple[Box, NDArray[np.bool_]]:
    from skimage import draw

    across = _plane_axis(points, correction, len(shape))
    plane = list(shape)
    if across is not None:
        level = int(np.floor(points[0, across] + 0.5))
        del plane[across]
        points = np.delete(points, across, axis=1)
        if not 0 <= level < shape[across]:
            return tuple(slice(0, 0) for _ in shape), np.zeros((0,) * len(shape), bool)
    rows, columns = draw.polygon(points[:, 0], points[:, 1], tuple(plane))
    if not rows.size:
        return tuple(slice(0, 0) for _ in shape), np.zeros((0,) * len(shape), bool)
    box = [slice(int(p.min()), int(p.max()) + 1) for p in (rows, columns)]
    mask = np.zeros(tuple(s.stop - s.start for s in box), bool)
    mask[rows - box[0].start, columns - box[1].start] = True
    if across is not None:
        box.insert(across, slice(level, level + 1))
        mask = np.expand_dims(mask, across)
    return tuple(box), mask


def _union(a: Box, b: Box) -> Box:
    return tuple(slice(min(s.start, t.start), max(s.stop, t.stop)) for s, t in zip(a, b, strict=True))


def _words(point: Sequence[float]) -> str:
    return "(" + ", ".join(f"{p:g}" for p in point) + ")"
