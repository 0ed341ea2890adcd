"""Merging objects, joining two label images, and reducing objects to outlines or centres."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import segmentation

from bioloom import operations
from bioloom.operations.labelling import otsu_value

LARGE = 4_294_967_295
SHAPES = [(40, 50), (8, 18, 20)]


def mosaic(shape, seed=0, n=14):
    """Objects of a tessellation with gaps, ids far apart."""
    rng = np.random.default_rng(seed)
    seeds = np.zeros(shape, np.uint32)
    seeds[tuple(rng.integers(0, s, n) for s in shape)] = np.append(rng.permutation(n - 1) * 11 + 2, LARGE)
    nearest = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    labels = seeds[tuple(nearest)]
    labels[..., shape[-1] // 2] = 0
    labels[ndimage.gaussian_filter(rng.random(shape), 1) > 0.62] = 0
    return labels


def faces(labels, image=None):
    """All pairs of touching labels and the values of their faces, by hand."""
    found = {}
    for index in np.ndindex(labels.shape):
        for axis in range(labels.ndim):
            other = tuple(i + (a == axis) for a, i in enumerate(index))
            if other[axis] == labels.shape[axis]:
                continue
            a, b = int(labels[index]), int(labels[other])
            if a and b and a != b:
                value = 0 if image is None else (float(image[index]) + float(image[other])) / 2
                found.setdefault((min(a, b), max(a, b)), []).append((index, other, value))
    return found


def groups(ids, pairs):
    """Lowest id of what each id is connected with, by hand."""
    lowest = {k: k for k in ids}
    for _ in ids:
        for a, b in pairs:
            lowest[a] = lowest[b] = min(lowest[a], lowest[b])
    return lowest


def renamed(labels, names):
    result = np.zeros_like(labels)
    for k, name in names.items():
        result[labels == k] = name
    return result


@pytest.mark.parametrize("shape", SHAPES)
def test_merging_what_touches(shape):
    labels = mosaic(shape)
    ids = [int(k) for k in np.unique(labels[labels != 0])]
    expected = renamed(labels, groups(ids, faces(labels)))
    merged = operations.merge_touching_labels(labels)
    assert merged.dtype == np.uint32
    np.testing.assert_array_equal(merged, expected)
    assert not faces(merged)
    assert 1 < len(np.unique(merged)) < len(ids)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_merging_by_border_intensity(shape, dtype):
    labels = mosaic(shape)
    image = (np.random.default_rng(2).random(shape) * 200 + 20).astype(dtype)
    image = ndimage.uniform_filter(image, 7)
    means = sorted(np.mean([v for *_, v in found]) for found in faces(labels, image).values())
    limit = float(np.mean(means[3:5]))
    merged = operations.merge_labels_by_border_intensity(labels, image, maximum=limit)
    expected = labels.copy()
    while True:
        measured = {pair: np.mean([v for *_, v in found]) for pair, found in faces(expected, image).items()}
        dark = [pair for pair, mean in measured.items() if mean <= limit]
        if not dark:
            break
        expected = renamed(expected, groups([int(k) for k in np.unique(expected[expected != 0])], dark))
    np.testing.assert_array_equal(merged, expected)
    assert len(np.unique(merged)) < len(np.unique(labels))
    bright = operations.merge_labels_by_border_intensity(labels, image, minimum=means[-1] - 1e-6)
    assert len(np.unique(bright)) == len(np.unique(labels)) - 1


def test_the_suggested_border_intensity_parts_dark_from_bright_borders():
    labels = np.kron(np.arange(1, 9, dtype=np.uint32).reshape(2, 4), np.ones((6, 6), np.uint32))
    image = np.full(labels.shape, 10.0)
    image[:, 11:13] = 100
    suggested = operations.merge_labels_by_border_intensity.suggested(labels, image)
    assert 10 <= suggested["maximum"] < 60
    merged = operations.merge_labels_by_border_intensity(labels, image, **suggested)
    assert len(np.unique(merged)) == 2
    means = np.array([10.0, 20.0, 100.0])
    assert otsu_value(means) < 100


def test_merging_by_strokes():
    labels = np.zeros((12, 20), np.uint32)
    labels[:, :5], labels[:, 5:10], labels[:, 10:15], labels[:, 16:] = 7, 3, LARGE, 12
    stroke = np.zeros(labels.shape, bool)
    stroke[4, 2:8] = True
    merged = operations.merge_annotated_labels(labels, stroke)
    assert set(np.unique(merged)) == {0, 3, 12, LARGE}
    assert (merged[:, :10] == 3).all()
    # A mark on one side of a border merges nothing.
    beside = np.zeros(labels.shape, bool)
    beside[:, 4] = beside[:, 10] = True
    np.testing.assert_array_equal(operations.merge_annotated_labels(labels, beside), labels)
    marks = np.zeros(labels.shape, np.uint8)
    marks[2, 1:3], marks[9, 17:19], marks[5, 6], marks[5, 12] = 1, 1, 2, 2
    merged = operations.merge_annotated_labels(labels, marks, merge="all")
    assert (merged[labels == 12] == 7).all()
    assert (merged[labels == LARGE] == 3).all()
    np.testing.assert_array_equal(operations.merge_annotated_labels(labels, marks), labels)


@pytest.mark.parametrize("shape", SHAPES)
def test_combining_and_intersecting(shape):
    a, b = mosaic(shape, 1), mosaic(shape, 2, n=6)
    ids_a, ids_b = (np.unique(x[x != 0]) for x in (a, b))
    combined = operations.combine_labels(a, b)
    pairs = {}
    for index in np.ndindex(shape):
        key = ("b", b[index]) if b[index] else ("a", a[index]) if a[index] else 0
        pairs.setdefault(key, set()).add(int(combined[index]))
    assert pairs.pop(0) == {0}
    order = [k for k in [("a", i) for i in ids_a] + [("b", i) for i in ids_b] if k in pairs]
    assert [pairs[k] for k in order] == [{i + 1} for i in range(len(order))]
    below = operations.combine_labels(a, b, on_top="labels")
    np.testing.assert_array_equal(below[a != 0], operations.relabel_sequential(a)[a != 0])

    both = operations.intersect_labels(a, b)
    np.testing.assert_array_equal(both != 0, (a != 0) & (b != 0))
    joined = segmentation.join_segmentations(
        operations.relabel_sequential(a).astype(int), operations.relabel_sequential(b).astype(int)
    )
    joined[both == 0] = 0
    np.testing.assert_array_equal(both, operations.relabel_sequential(joined))


@pytest.mark.parametrize("shape", SHAPES)
def test_subtracting_removes_whole_objects(shape):
    a, b = mosaic(shape, 1), mosaic(shape, 2)
    b[b > 60] = 0
    ids = np.unique(a[a != 0])
    covered = np.array([(b[a == k] != 0).mean() for k in ids])
    for share in (0.0, 0.5, 1.0):
        goes = ids[(covered > 0) & (covered >= share)]
        left = operations.subtract_labels(a, b, minimum_share=share)
        np.testing.assert_array_equal(left, np.where(np.isin(a, goes), 0, a))


@pytest.mark.parametrize("shape", SHAPES)
def test_outlines(shape):
    labels = mosaic(shape)
    small = operations.relabel_sequential(labels).astype(int)
    for where, mode in (("inner", "inner"), ("both", "thick")):
        expected = segmentation.find_boundaries(small, connectivity=1, mode=mode)
        np.testing.assert_array_equal(operations.find_label_outlines(labels, where=where), expected)
    inner, outer, both = (operations.find_label_outlines(labels, where=w) for w in ("inner", "outer", "both"))
    np.testing.assert_array_equal(inner | outer, both)
    assert not (outer & ndimage.binary_erosion(labels != 0) & ~inner).any()
    np.testing.assert_array_equal(outer & (labels == 0), both & (labels == 0))
    np.testing.assert_array_equal(operations.reduce_labels_to_outlines(labels), np.where(inner, labels, 0))


@pytest.mark.parametrize("shape", SHAPES)
def test_centroids(shape):
    labels = mosaic(shape)
    points = operations.reduce_labels_to_centroids(labels)
    for k in np.unique(labels[labels != 0]):
        centre = np.argwhere(labels == k).mean(0)
        where = np.argwhere(points == k)
        if len(where):
            assert np.abs(where[0] - centre).max() <= 0.5 + 1e-9
    assert np.count_nonzero(points) >= len(np.unique(labels)) - 2


def test_centroids_within_objects_lose_no_object_and_know_spacing():
    labels = np.zeros((21, 21), np.uint32)
    y, x = np.mgrid[:21, :21] - 10
    radius = np.hypot(y, x)
    labels[radius < 10], labels[radius < 6], labels[radius < 3] = LARGE, 0, 5
    assert operations.reduce_labels_to_centroids(labels)[10, 10] == LARGE
    inside = operations.reduce_labels_to_centroids(labels, position="within object")
    assert inside[10, 10] == 5
    (place,) = np.argwhere(inside == LARGE)
    assert labels[tuple(place)] == LARGE
    assert set(np.unique(inside)) == {0, 5, LARGE}
    near = operations.reduce_labels_to_centroids(labels, position="within object", spacing=(10.0, 1.0))
    assert np.argwhere(near == LARGE)[0, 0] == 10
