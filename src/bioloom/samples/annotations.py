"""Annotations as a person would draw them, made from ground truth: brush strokes, and objects marked by type."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bioloom.errors import InputError
from bioloom.samples.sample import Sample, check_count

BACKGROUND, OBJECT = 1, 2
# People scribble in a few planes of a stack, not in all.
PLANES = 4
# Half the background strokes start this close to an object, where a classifier needs them.
NEAR = 6
INSIDE = 2


def strokes(labels: NDArray[np.integer], *, n_pixels: int = 400, seed: int = 0) -> NDArray[np.uint8]:
    """Draw short brush strokes on background and objects, for tests and benchmarks of pixel classifiers.

    Strokes are smooth random walks three pixels wide; one on an object stays within it. If objects touch, one stroke of
    background follows a border between them, as people draw to have them split: its pixels (of which each
    has a neighbour in another object) are the only pixels of class 1 inside objects. In 3D strokes lie in planes of
    axis 0, a few of them where these have room for all strokes.

    Parameters
    ----------
    labels
        Ground truth labels, (y, x), (z, y, x) or (t, y, x), 0 is background.
    n_pixels
        Number of annotated pixels, half of them (rounded down) background.
    seed
        Random seed, 0 or larger.

    Returns
    -------
    numpy.ndarray
        uint8 of the shape of `labels`: 0 not annotated, 1 background, 2 object.

    Raises
    ------
    InputError
        If `labels` is no label image in 2D or 3D, or has fewer pixels of background or objects than asked for.
    """
    labels = np.asarray(labels)
    if labels.dtype == bool:
        labels = labels.astype(np.uint8)
    if labels.dtype.kind not in "iu":
        raise InputError(
            f"Strokes need a label image of integers, but {labels.dtype} was given. Label the objects first."
        )
    if labels.ndim not in (2, 3):
        raise InputError(
            f"Strokes need labels in 2D or 3D, but the shape {labels.shape} was given. Choose one image of it."
        )
    n_pixels, seed = check_count(n_pixels, "The number of pixels", 2), check_count(seed, "The seed", 0)
    rng = np.random.default_rng(seed)
    stack = labels if labels.ndim == 3 else labels[None]
    wanted = {BACKGROUND: n_pixels // 2, OBJECT: n_pixels - n_pixels // 2}

    border = _touching(stack)
    regions = {BACKGROUND: stack == 0, OBJECT: (stack > 0) & ~border}
    for value, what in ((BACKGROUND, "background"), (OBJECT, "objects")):
        room = int(regions[value].sum())
        if room < wanted[value]:
            raise InputError(
                f"{wanted[value]} pixels of {what} were asked for, but the labels have {room}. Lower n_pixels."
            )
    planes = _some_planes(rng, regions, wanted)

    annotation = np.zeros(stack.shape, np.uint8)
    _along_border(rng, annotation, border, planes, limit=max(wanted[BACKGROUND] // 5, 1))
    for value, region in regions.items():
        _fill(rng, annotation, stack, region, planes, value, wanted[value])
    return annotation.reshape(labels.shape)


def _touching(stack: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Pixels of an object with a neighbour of another object in the plane."""
    border = np.zeros(stack.shape, bool)
    for axis in (1, 2):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        a, b = stack[tuple(low)], stack[tuple(high)]
        step = (a != b) & (a != 0) & (b != 0)
        border[tuple(low)] |= step
        border[tuple(high)] |= step
    return border


def _some_planes(
    rng: np.random.Generator, regions: dict[int, NDArray[np.bool_]], wanted: dict[int, int]
) -> NDArray[np.int64]:
    """Choose a few planes, rather those with many object pixels; all if a few do not offer enough pixels."""
    room = {value: region.sum(axis=(1, 2)) for value, region in regions.items()}
    filled = np.flatnonzero(room[OBJECT])
    weights = room[OBJECT][filled] / room[OBJECT].sum()
    planes = np.sort(rng.choice(filled, min(PLANES, len(filled)), replace=False, p=weights))
    if all(room[value][planes].sum() >= count for value, count in wanted.items()):
        return planes
    return np.arange(len(room[OBJECT]))


def _along_border(
    rng: np.random.Generator,
    annotation: NDArray[np.uint8],
    border: NDArray[np.bool_],
    planes: NDArray[np.int64],
    limit: int,
) -> None:
    """Draw background along one border between objects, at most `limit` pixels of it."""
    z, y, x = np.nonzero(border[planes])
    if not len(z):
        return
    chosen = rng.integers(len(z))
    parts, _ = ndimage.label(border[planes[z[chosen]]], np.ones((3, 3)))
    y, x = np.nonzero(parts == parts[y[chosen], x[chosen]])
    # From one end to the other, so that a cut stroke is still one piece.
    end = np.argmax((y - y[0]) ** 2 + (x - x[0]) ** 2)
    order = np.argsort((y - y[end]) ** 2 + (x - x[end]) ** 2, kind="stable")[:limit]
    annotation[planes[z[chosen]], y[order], x[order]] = BACKGROUND


def _fill(
    rng: np.random.Generator,
    annotation: NDArray[np.uint8],
    stack: NDArray[np.integer],
    region: NDArray[np.bool_],
    planes: NDArray[np.int64],
    value: int,
    wanted: int,
) -> None:
    """Add strokes of `value` inside `region` until `wanted` pixels carry it."""
    done = int(np.count_nonzero(annotation == value))
    flat = np.flatnonzero(region[planes])
    # As many starting points as pixels wanted are always enough: each ends up annotated, by its own stroke or another.
    starts = flat[rng.choice(len(flat), min(wanted, len(flat)), replace=False)]
    # People start near the objects but not in them, or well inside an object.
    if value == BACKGROUND:
        liked = ndimage.maximum_filter(stack[planes] > 0, size=(1, 2 * NEAR + 1, 2 * NEAR + 1)) & region[planes]
    else:
        liked = ndimage.minimum_filter(region[planes], size=(1, 2 * INSIDE + 1, 2 * INSIDE + 1))
    first = np.flatnonzero(liked)
    first = first[rng.choice(len(first), min(len(starts), len(first)), replace=False)]
    if value == BACKGROUND:
        both = np.stack([first, starts[: len(first)]], axis=1).ravel()
        starts = np.concatenate([both, starts[len(first) :]])
    else:
        starts = np.concatenate([first, starts])
    for start in starts:
        if done >= wanted:
            return
        plane, y, x = (int(i) for i in np.unravel_index(start, (len(planes), *stack.shape[1:])))
        z = planes[plane]
        if annotation[z, y, x]:
            continue
        allowed = region[z] & (stack[z] == stack[z, y, x]) & (annotation[z] == 0)
        steps = int(rng.integers(15, 40) if value == BACKGROUND else rng.integers(6, 18))
        for pixel in _stroke(rng, allowed, y, x, steps)[: wanted - done]:
            annotation[z][pixel] = value
            done += 1


def _stroke(rng: np.random.Generator, allowed: NDArray[np.bool_], y: int, x: int, steps: int) -> list[tuple[int, int]]:
    """Pixels under a round brush three pixels wide on a smooth random walk that stays where it is allowed."""
    pixels: dict[tuple[int, int], None] = {}
    where, heading = np.array([y, x], float), rng.uniform(0, 2 * np.pi)
    height, width = allowed.shape
    for _ in range(steps):
        row, column = (int(v) for v in np.round(where))
        for a, b in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
            inside = 0 <= row + a < height and 0 <= column + b < width
            if inside and allowed[row + a, column + b]:
                pixels[row + a, column + b] = None
        for attempt in range(8):
            turn = rng.normal(0, 0.15) if attempt == 0 else rng.uniform(-1, 1) * attempt * 0.4
            ahead = where + np.array([np.sin(heading + turn), np.cos(heading + turn)])
            row, column = (int(v) for v in np.round(ahead))
            if 0 <= row < height and 0 <= column < width and allowed[row, column]:
                where, heading = ahead, heading + turn
                break
        else:
            break
    return list(pixels)


def annotate_objects(sample: Sample, n_per_type: int = 6, seed: int = 0) -> NDArray[np.uint8]:
    """Mark a few objects of each cell type, for tests and benchmarks of object classifiers.

    Parameters
    ----------
    sample
        A simulated sample.
    n_per_type
        How many objects of each type; in a time series an object is one nucleus in one frame.
    seed
        Random seed, 0 or larger.

    Returns
    -------
    numpy.ndarray
        uint8 of the shape of `sample.labels`: the chosen objects are filled with their type (1 or 2), the rest is 0.

    Raises
    ------
    InputError
        If a type has fewer objects than asked for.
    """
    n_per_type, seed = check_count(n_per_type, "The number of objects per type", 1), check_count(seed, "The seed", 0)
    rng = np.random.default_rng(seed)
    annotation = np.zeros(sample.labels.shape, np.uint8)
    table = sample.cell_types
    types = table["cell_type"].to_numpy()
    for cell_type in np.unique(types):
        rows = np.flatnonzero(types == cell_type)
        if len(rows) < n_per_type:
            raise InputError(
                f"{n_per_type} objects of type {cell_type} were asked for, but {sample.name} has {len(rows)}. "
                "Ask for fewer or simulate more nuclei."
            )
        for row in rng.choice(rows, n_per_type, replace=False):
            where = (int(table["frame"].iloc[row]),) if "frame" in table else ()
            annotation[where][sample.labels[where] == table["label"].iloc[row]] = cell_type
    return annotation
