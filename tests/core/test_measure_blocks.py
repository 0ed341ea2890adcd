"""Sums of parts of an image merge to those of the whole, and images read in blocks give the table of the whole."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bioloom.errors import Cancelled, InputError
from bioloom.measure import (
    EXTRA_GROUPS,
    GROUPS,
    PAIR_FEATURES,
    PROPERTIES,
    _blocks,
    _summing,
    find_property,
    haralick,
    measure,
    measure_colocalisation,
    measure_images,
    measure_pairs,
    measure_points,
)
from bioloom.measure._lazy import Kept
from bioloom.measure.sums import PARTS, Sums, merged, sum_up

ALL_GROUPS = (*GROUPS, *EXTRA_GROUPS)


def blobs(shape: tuple[int, ...], n: int, seed: int, step: int = 3) -> np.ndarray:
    """Touching and overlapping ellipsoids with holes and gaps in their numbers, some cut by the border."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    labels = np.zeros(shape, np.uint32)
    for i in range(n):
        centre, radii = rng.uniform(0, shape), rng.uniform(1, 7, len(shape))
        labels[(((grid - centre) / radii) ** 2).sum(axis=-1) < 1] = step * i + 2
    labels[rng.random(shape) < 0.02] = 0
    return labels


def image_for(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 100.0, labels.shape)


def assert_same_sums(a: Sums, b: Sums) -> None:
    np.testing.assert_array_equal(a.ids, b.ids)
    for name in ("first", "low", "high", "sums", "cubes"):
        np.testing.assert_allclose(getattr(a.places, name), getattr(b.places, name), rtol=1e-12, err_msg=name)
    for mine, its in ((a.values, b.values), (a.edges, b.edges)):
        assert list(mine) == list(its)
        for channel, values in mine.items():
            for name in ("counts", "extremes", "where"):
                np.testing.assert_array_equal(getattr(values, name), getattr(its[channel], name), err_msg=name)
            assert_same_powers(values, its[channel])
    for channel, sums in a.weighted.items():
        np.testing.assert_allclose(sums, b.weighted[channel], rtol=1e-9, atol=1e-6)
    assert (a.faces is None) == (b.faces is None)
    if a.faces is not None and b.faces is not None:
        for name in ("outside", "pairs", "counts"):
            np.testing.assert_array_equal(getattr(a.faces, name), getattr(b.faces, name), err_msg=name)


def assert_same_powers(a: object, b: object) -> None:
    """Sums of powers are counted from different values: those of central moments are the same."""
    spread = np.sqrt(np.nan_to_num(_central(b)[1]).max(initial=1))
    for order in (1, 2, 3):
        found, expected = (_central(v)[order - 1] for v in (a, b))
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * spread**order, err_msg=f"power {order}")


def _central(v: object) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        one, two, three = (v.sums[:, i] / v.counts for i in range(3))  # type: ignore[attr-defined]
        return [v.shift + one, two - one**2, three - 3 * one * two + 2 * one**3]  # type: ignore[attr-defined]


def parts_of(labels: np.ndarray, images: dict[str, np.ndarray], cuts: list[list[int]]) -> list[Sums]:
    """Sums of the blocks between cuts along each axis."""
    found = []
    edges = [sorted({0, n, *(c for c in some if 0 < c < n)}) for some, n in zip(cuts, labels.shape, strict=True)]
    for z in pairwise(edges[0]):
        for y in pairwise(edges[1]):
            for x in pairwise(edges[2]):
                low, high = np.array([z[0], y[0], x[0]]), np.array([z[1], y[1], x[1]])
                window = tuple(map(slice, low, high))
                here = {c: np.ascontiguousarray(i[window]) for c, i in images.items()}
                found.append(_summing.sum_block(labels, low, high - low, here, PARTS, low))
    return found


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.uint32, st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(1, 8)), elements=st.integers(0, 4)),
    st.lists(st.lists(st.integers(1, 7), max_size=2), min_size=3, max_size=3),
    st.randoms(use_true_random=False),
)
def test_blocks_merge_to_the_whole(labels: np.ndarray, cuts: list[list[int]], random: object) -> None:
    images = {"": image_for(labels), "_b": np.round(image_for(labels, 1) / 100).astype(np.uint8)}
    images[""].flat[:: 1 + labels.size // 4] = np.nan
    whole = sum_up(labels, images)
    parts = parts_of(labels, images, cuts)
    assert_same_sums(merged(parts), whole)
    random.shuffle(parts)  # type: ignore[attr-defined]
    one_by_one = parts[0]
    for part in parts[1:]:
        one_by_one = one_by_one.merged(part)
    assert_same_sums(one_by_one, whole)


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.uint32, st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)), elements=st.integers(0, 4))
)
def test_sums_are_those_of_the_pixels(labels: np.ndarray) -> None:
    image = image_for(labels)
    sums = sum_up(labels, {"": image})
    assert sums.ids.tolist() == [k for k in np.unique(labels) if k]
    padded = np.pad(labels, 1, mode="edge")
    for k, label in enumerate(sums.ids):
        where = np.argwhere(labels == label)
        values = image[labels == label]
        assert sums.places.low[k].tolist() == where.min(axis=0).tolist()
        assert sums.places.high[k].tolist() == (where.max(axis=0) + 1).tolist()
        assert sums.places.first[k].tolist() == where[0].tolist()
        z, y, x = (where - where[0]).T
        np.testing.assert_array_equal(
            sums.places.sums[k], [len(z), *(a.sum() for a in (z, y, x, z * z, y * y, x * x, z * y, z * x, y * x))]
        )
        cubes = (z**3, z**2 * y, z**2 * x, z * y**2, z * y * x, z * x**2, y**3, y**2 * x, y * x**2, x**3)
        np.testing.assert_array_equal(sums.places.cubes[k], [a.sum() for a in cubes])
        np.testing.assert_allclose(sums.weighted[""][k, 10:], [(a * values).sum() for a in cubes], atol=1e-9)
        difference = values - sums.values[""].shift[k]
        np.testing.assert_allclose(sums.values[""].sums[k], [(difference**p).sum() for p in (1, 2, 3, 4)], atol=1e-6)
        assert sums.values[""].extremes[k].tolist() == [values.min(), values.max()]
        for side, arg in enumerate((np.argmin, np.argmax)):
            assert sums.values[""].where[k, side].tolist() == where[arg(values)].tolist()
        assert sums.faces is not None
        for axis in range(3):
            both = [np.roll(padded, shift, axis)[1:-1, 1:-1, 1:-1] for shift in (1, -1)]
            assert sums.faces.outside[k, axis] == sum(np.count_nonzero((labels == label) & (b == 0)) for b in both)
    counted = dict(zip(map(tuple, sums.faces.pairs.tolist()), sums.faces.counts.tolist(), strict=True))  # type: ignore[union-attr]
    expected: dict[tuple[int, int], list[int]] = {}
    for axis in range(3):
        a, b = (np.moveaxis(labels, axis, 0)[s].ravel() for s in (slice(None, -1), slice(1, None)))
        for p, q in zip(a, b, strict=True):
            if p and q and p != q:
                expected.setdefault((min(p, q), max(p, q)), [0, 0, 0])[axis] += 1
    assert counted == expected


def test_many_objects_and_runs_in_a_block() -> None:
    """Hash tables and lists grow while they are filled."""
    labels = np.random.default_rng(0).permutation(40_000).reshape(1, 160, 250).astype(np.uint32)
    sums = sum_up(labels, {"": labels.astype(np.float64)})
    assert sums.ids.size == 39_999
    np.testing.assert_array_equal(sums.values[""].sums[:, 0] + sums.values[""].shift, sums.ids)
    assert sums.faces is not None
    assert sums.faces.counts.sum() + sums.faces.outside.sum() == 160 * 249 + 159 * 250


def test_one_wide_object_in_a_block() -> None:
    labels = np.ones((1, 3, 50_000), np.uint32)
    labels[0, 1, ::2] = 7
    sums = sum_up(labels, {})
    assert sums.faces is not None
    assert sums.faces.pairs.tolist() == [[1, 7]]
    assert sums.faces.counts.tolist() == [[0, 50_000, 49_999]]


# ------------------------------------------------------------------------------------------------------ tables
def assert_same_table(a: pd.DataFrame, b: pd.DataFrame) -> None:
    assert list(a.columns) == list(b.columns)
    assert a.dtypes.to_dict() == b.dtypes.to_dict()
    for name in a.columns:
        x, y = a[name].to_numpy(float), b[name].to_numpy(float)
        # Third moments of symmetric objects are rounding: they are compared with those of other objects.
        scale = np.abs(y[np.isfinite(y)]).max(initial=1.0 if "skewness" in name or "kurtosis" in name else 0.0)
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9 * scale, err_msg=name)


def measurable(ndim: int, n_images: int) -> list[str]:
    """Names of all measurements, with some of those that take a number."""
    numbered = [
        "surface_neighbor_count_within=2.5",
        "neighbor_count_within=6",
        "haralick_contrast=2",
        "lbp=3",
        "radial_cv=3",
    ]
    return [p.name for p in PROPERTIES.values() if ndim in p.ndims and p.n_images <= n_images] + numbered


@pytest.mark.parametrize(
    ("shape", "block", "spacing"),
    [
        ((60, 70), (17, 23), (0.5, 0.5)),
        ((60, 70), (60, 11), (0.5, 2.0)),
        ((14, 30, 32), (5, 12, 13), (2.0, 0.5, 0.5)),
    ],
)
def test_every_measurement_is_the_same_in_blocks(
    shape: tuple[int, ...], block: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    labels = blobs(shape, 18, 1)
    images = {"a": np.round(image_for(labels)).astype(np.uint16), "b": image_for(labels, 1).astype(np.float32)}
    names = measurable(len(shape), 2)
    assert {find_property(n).group for n in names} == set(ALL_GROUPS)  # type: ignore[union-attr]
    whole = measure(labels, images, spacing, names)
    assert_same_table(measure(labels, images, spacing, names, block_shape=block), whole)


small = st.integers(1, 7)
either = st.one_of(
    st.tuples(st.integers(1, 3), small, small), st.tuples(st.integers(1, 2), st.integers(1, 4), small, small)
)


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint8, either, elements=st.integers(0, 5)), st.lists(st.integers(1, 8), min_size=3, max_size=3))
def test_any_blocks_of_any_frames_give_the_table_of_the_whole(labels: np.ndarray, block: list[int]) -> None:
    """Sums, extremes, ranks, moments, boxes, pairs, perimeters, Euler numbers, hulls."""
    image = np.round(image_for(labels) / 50)
    names = [*GROUPS, "image_moments"]
    whole = measure(labels, image, properties=names, frame_axis=0)
    found = measure(labels, image, properties=names, frame_axis=0, block_shape=block[: labels.ndim - 1])
    assert_same_table(found, whole)


@settings(max_examples=20, deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 5)),
    st.tuples(st.integers(1, 3), st.integers(1, 13), st.integers(1, 13)),
    st.sampled_from([0.1, 0.4, 1.0]),
)
def test_any_blocks_give_the_neighbours_and_thresholds_of_the_whole(
    labels: np.ndarray, block: tuple[int, int, int], density: float
) -> None:
    labels = np.where(np.random.default_rng(0).random(labels.shape) < density, labels, 0)
    # Values that many pixels have are what thresholds fall on.
    images = {"a": image_for(labels), "b": np.round(image_for(labels, 1) / 100).astype(np.uint8)}
    names = ["neighbours", "surface_neighbor_count_within=3", "colocalisation"]
    whole = measure(labels, images, (2.0, 1.0, 0.7), names)
    assert_same_table(measure(labels, images, (2.0, 1.0, 0.7), names, block_shape=block), whole)


@pytest.mark.parametrize("seed", range(4))
def test_surfaces_that_are_far_apart_are_found(seed: int) -> None:
    """Most blocks are empty, and the nearest object is not always that with the nearest centroid."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((150, 160), np.int32)
    for i, (y, x) in enumerate(rng.integers(0, 120, (5, 2))):
        labels[y : y + rng.integers(1, 30), x : x + rng.integers(1, 30)] = 7 * i + 1
    labels[3, :] = 50
    names = ["nearest_surface_distance", "nearest_surface_label", "surface_neighbor_count_within=20"]
    whole = measure(labels, None, (0.5, 1.5), names)
    for block in ((10, 10), (150, 7), (33, 200)):
        assert_same_table(measure(labels, None, (0.5, 1.5), names, block_shape=block), whole)


def test_frames_and_channels_in_blocks() -> None:
    labels = np.stack([blobs((40, 50), 10, seed) for seed in range(3)])
    labels[1] = 0
    image = np.stack([image_for(labels, 1), image_for(labels, 2)], axis=-1)
    given_all = {"frame_axis": 0, "channel_axis": -1, "channel_names": ["a", "b"]}
    whole = measure(labels, image, **given_all)  # type: ignore[arg-type]
    assert_same_table(measure(labels, image, **given_all, block_shape=(16, 16)), whole)  # type: ignore[arg-type]


@pytest.mark.parametrize("highest", [2**32 - 1, 2**40])
def test_huge_and_unsorted_ids_in_blocks(highest: int) -> None:
    small = blobs((40, 40), 12, 4, step=1)
    ids = np.random.default_rng(0).choice(highest, 20, replace=False).astype(np.uint64)
    ids[0], ids[small.max()] = 0, highest
    labels = ids[small]
    assert_same_table(measure(labels, small, block_shape=(15, 15)), measure(labels, small))


def stored(array: np.ndarray, kind: str, chunks: tuple[int, ...], folder: object) -> Any:
    """The array as one of Dask or Zarr, in chunks of this size."""
    if kind == "zarr":
        path = f"{folder}/{array.dtype}{array.ndim}.zarr"
        return pytest.importorskip("zarr").create_array(path, data=array, chunks=chunks)
    da = pytest.importorskip("dask.array")
    if kind == "uneven dask":
        rest = [n - c // 2 for n, c in zip(array.shape, chunks, strict=True)]
        return da.from_array(
            array, chunks=tuple((n - r, r) if n > r > 0 else (n,) for n, r in zip(array.shape, rest, strict=True))
        )
    return da.from_array(array, chunks=chunks)


def measured_columns(table: pd.DataFrame, names: list[str]) -> list[str]:
    """Keys and the columns of some measurements, in the order of these."""
    keys = [c for c in ("frame", "label") if c in table]
    return [*keys, *(c for name in names for c in table if c.startswith(name))]


@pytest.mark.parametrize("kind", ["dask", "uneven dask", "zarr"])
@pytest.mark.parametrize(
    ("shape", "frame_axis", "chunks", "spacing"),
    [
        ((50, 60), None, (16, 21), (1.0, 1.0)),
        ((12, 26, 28), None, (5, 11, 13), (2.0, 0.5, 0.5)),
        ((2, 40, 44), 0, (1, 15, 16), (0.5, 2.0)),
    ],
)
def test_every_measurement_of_dask_and_zarr_arrays_is_that_of_the_whole(
    kind: str, shape: tuple[int, ...], frame_axis: int | None, chunks: tuple[int, ...], spacing: tuple[float, ...],
    monkeypatch: pytest.MonkeyPatch, tmp_path: object,
) -> None:  # fmt: skip
    """Chunks are smaller than many objects, and those of the images are not those of the labels."""
    labels = blobs(shape, 14, 6) if frame_axis is None else np.stack([blobs(shape[1:], 12, i) for i in (6, 7)])
    images = {"a": np.round(image_for(labels)).astype(np.uint16), "b": image_for(labels, 1).astype(np.float32)}
    names = measurable(len(spacing), 2)
    whole = measure(labels, images, spacing, names, frame_axis=frame_axis)
    monkeypatch.setattr(_blocks, "LARGE", 100)
    monkeypatch.setattr(_blocks, "BLOCK", 900)
    other = tuple(max(1, c - 2) for c in chunks)
    lazy = {c: stored(i, kind, other, tmp_path) for c, i in images.items()}
    found = measure(stored(labels, kind, chunks, tmp_path), lazy, spacing, names, frame_axis=frame_axis)
    assert_same_table(found, whole)
    # labels in memory do not mean that there is room for images
    few = ["equivalent_diameter_area", "intensity_median", "manders_coloc_coeff_m1"]
    assert_same_table(measure(labels, lazy, spacing, few, frame_axis=frame_axis), whole[measured_columns(whole, few)])


@pytest.mark.parametrize(("shape", "block"), [((60, 70), (17, 23)), ((14, 30, 32), (5, 12, 13))])
def test_pairs_in_blocks_are_those_of_the_whole(shape: tuple[int, ...], block: tuple[int, ...]) -> None:
    labels = np.stack([blobs(shape, 25, seed) for seed in (1, 2)])
    images = {"a": np.round(image_for(labels)).astype(np.uint16), "b": image_for(labels, 1), "c": labels.astype(float)}
    names = [*PAIR_FEATURES, "area_difference", "solidity_difference", "intensity_median_difference"]
    whole = measure_pairs(labels, images, (0.5, 0.7, 2.0)[: len(shape)], names, frame_axis=0)
    assert len(whole) > 20
    found = measure_pairs(labels, images, (0.5, 0.7, 2.0)[: len(shape)], names, frame_axis=0, block_shape=block)
    assert_same_table(found, whole)
    alone = measure_pairs((labels[0] == 5).astype(int), images["a"][0], properties=names, block_shape=block)
    assert alone.columns.tolist() == measure_pairs(labels[0], images["a"][0], properties=names).columns.tolist()
    assert alone.empty


@pytest.mark.parametrize("kind", ["dask", "zarr"])
def test_functions_with_other_thresholds_and_levels_read_blocks_too(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    labels = blobs((50, 60), 14, 6)
    a, b = np.round(image_for(labels)).astype(np.uint16), image_for(labels, 1).astype(np.float32)
    calls = [partial(measure_colocalisation, thresholds=t) for t in ("otsu", "costes", (150.0, 200.0))]
    whole = [call(a, b, labels) for call in calls] + [call(a, b) for call in calls]
    texture = haralick(labels, a, distance=2, levels=8, value_range=(0, 500))
    monkeypatch.setattr(_blocks, "LARGE", 100)
    monkeypatch.setattr(_blocks, "BLOCK", 900)
    lazy = [stored(i, kind, (16, 21), tmp_path) for i in (labels, a, b)]
    for found, expected in zip(
        [c(*lazy[1:], lazy[0]) for c in calls] + [c(*lazy[1:]) for c in calls], whole, strict=True
    ):
        assert_same_table(found, expected)
    assert_same_table(haralick(lazy[0], lazy[1], distance=2, levels=8, value_range=(0, 500)), texture)


@pytest.mark.parametrize("kind", ["dask", "zarr"])
@pytest.mark.parametrize(("shape", "chunks"), [((2, 60, 70), (1, 17, 20)), ((2, 12, 26, 30), (1, 5, 9, 11))])
def test_points_are_read_with_what_is_around_them(
    kind: str, shape: tuple[int, ...], chunks: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    rng = np.random.default_rng(0)
    labels = np.stack([blobs(shape[1:], 40, seed) for seed in (1, 2)])
    image = image_for(labels)
    spacing = (2.0, 0.5, 0.7)[: labels.ndim - 1]
    points = rng.uniform(-2, 1.02 * np.multiply(shape, (1, *spacing)), (80, labels.ndim))
    ways: list[dict[str, Any]] = [{}, {"interpolation": "linear"}, {"radius": 2.3}]
    calls = [partial(measure_points, points, spacing=spacing, frame_axis=0, **way) for way in ways]
    whole = [call(image, labels=labels) for call in calls]
    monkeypatch.setattr(_blocks, "LARGE", 100)
    monkeypatch.setattr(_blocks, "BLOCK", 900)
    lazy = [stored(array, kind, chunks, tmp_path) for array in (image, labels)]
    for call, expected in zip(calls, whole, strict=True):
        assert expected["label"].any()
        assert_same_table(call(lazy[0], labels=lazy[1]), expected)


@pytest.mark.parametrize("kind", ["dask", "zarr"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
def test_statistics_of_images_in_blocks_are_those_of_the_whole(
    kind: str, dtype: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    labels = np.stack([blobs((60, 70), 30, seed) for seed in (1, 2)])
    image = (image_for(labels) * (1e6 if dtype in ("int32", "float64") else 0.2) % 2**31).astype(dtype)
    image[0, :40] = image[0, 0, 0]  # most values are the same
    if dtype.startswith("float"):
        image[1, :3] = np.nan
    whole = measure_images(labels, image, (0.5, 2.0), frame_axis=0), measure_images(None, image, frame_axis=0)
    monkeypatch.setattr(_blocks, "LARGE", 100)
    monkeypatch.setattr(_blocks, "BLOCK", 900)
    numbers, pixels = (stored(array, kind, (1, 17, 20), tmp_path) for array in (labels, image))
    assert_same_table(measure_images(numbers, pixels, (0.5, 2.0), frame_axis=0), whole[0])
    assert_same_table(measure_images(None, pixels, frame_axis=0), whole[1])


class Counted:
    """An array that counts how many pixels are read at a time."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim
        self.largest = self.total = 0

    def __getitem__(self, key: object) -> np.ndarray:
        part = self.array[key]  # type: ignore[index]
        self.largest, self.total = max(self.largest, part.size), self.total + part.size
        return part


def test_no_more_than_blocks_and_their_surroundings_are_read() -> None:
    labels, image = Counted(blobs((200, 200), 60, 3)), Counted(image_for(np.zeros((200, 200))))
    table = measure(labels, image, block_shape=(40, 40), properties=["area", "intensity_mean"])
    assert len(table) > 40
    assert (labels.largest, labels.total) == (image.largest, image.total) == (1600, 200 * 200)
    measure(labels, image, block_shape=(40, 40))
    assert max(labels.largest, image.largest) <= (40 + 16) ** 2


def test_pieces_are_read_once_while_they_are_needed() -> None:
    labels = blobs((80, 90), 40, 3)
    counted = Counted(labels)
    kept = Kept(Chunked(counted, (20, 15)), 1 << 20)
    for y in range(0, 80, 10):
        for x in range(0, 90, 10):
            some = slice(max(y - 3, 0), y + 13), slice(max(x - 3, 0), x + 13)
            np.testing.assert_array_equal(kept[some], labels[some])
    assert (counted.total, counted.largest) == (labels.size, 20 * 15)
    few = Kept(Chunked(counted, (20, 15)), 20 * 15 * labels.itemsize)
    np.testing.assert_array_equal(few[5:75, 3:88], labels[5:75, 3:88])
    assert few[90:95, 5:5].shape == (0, 0)


def test_objects_across_many_chunks_are_not_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks are often stored plane by plane, and objects reach through many planes."""
    labels = blobs((30, 64, 64), 60, 5)
    image = image_for(labels).astype(np.float32)
    names = ["intensity_median", "solidity", "nearest_surface_distance", "contact_area"]
    whole = measure(labels, image, properties=names)
    monkeypatch.setattr(_blocks, "LARGE", 100)
    monkeypatch.setattr(_blocks, "BLOCK", 64 * 64)
    counted = Counted(labels), Counted(image)
    lazy = [Chunked(one, (1, 64, 64)) for one in counted]
    assert_same_table(measure(*lazy, properties=names), whole)
    assert len(whole) > 40
    # once for the sums, the gaps and the tiles, of which images are needed for the first and the last only
    assert counted[0].total <= 4 * labels.size
    assert counted[1].total <= 2 * labels.size


class Chunked:
    """An array that says in which chunks it is stored."""

    def __init__(self, array: Counted, chunks: tuple[int, ...]) -> None:
        self.array, self.chunks, self.shape, self.dtype = array, chunks, array.shape, array.dtype

    def __getitem__(self, key: object) -> np.ndarray:
        return self.array[key]


def test_a_piece_that_cannot_be_read_is_reported_and_tried_again() -> None:
    class Broken(Chunked):
        fails = True

        def __getitem__(self, key: object) -> np.ndarray:
            if self.fails:
                raise OSError("the disk is gone")
            return super().__getitem__(key)

    array = Broken(Counted(blobs((30, 30), 5, 1)), (10, 10))
    kept = Kept(array, 1 << 20)
    with pytest.raises(OSError, match="gone"):
        kept[0:20, 0:20]
    array.fails = False
    np.testing.assert_array_equal(kept[0:20, 0:20], array.array.array[:20, :20])


def test_progress_of_blocks_ends_complete_and_can_cancel() -> None:
    labels = blobs((60, 60), 20, 5)
    calls: list[tuple[int, int]] = []
    measure(labels, labels, block_shape=(20, 20), progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (18, 18)
    assert [c[0] for c in calls] == sorted(c[0] for c in calls)

    def cancel(done: int, total: int) -> None:
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(labels, labels, block_shape=(20, 20), progress=cancel)


def test_no_objects_in_blocks() -> None:
    empty, one = np.zeros((30, 30), int), np.ones((30, 30), int)
    for nothing in (empty, empty[:0]):
        table = measure(nothing, nothing * 1.0, block_shape=(8, 8))
        assert len(table) == 0
        assert table.dtypes.to_dict() == measure(one, one * 1.0).dtypes.to_dict()


@pytest.mark.parametrize("block", [(8,), (8, 0), (8, 2.5), 8, (4, 8, 8)])
def test_wrong_blocks_are_explained(block: object) -> None:
    with pytest.raises(InputError, match="2 whole numbers above 0"):
        measure(np.ones((9, 9), int), block_shape=block)  # type: ignore[arg-type]


def test_bad_labels_in_one_block_are_explained() -> None:
    labels = np.zeros((30, 30))
    labels[25, 25] = -1
    with pytest.raises(InputError, match="negative"):
        measure(labels, block_shape=(8, 8))
