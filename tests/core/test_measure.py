"""Measurements: equal to scikit-image, right on shapes with known answers, and clear about bad input."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage, stats
from skimage import measure as skm
from skimage.segmentation import find_boundaries

from bioloom.errors import Cancelled, InputError
from bioloom.measure import (
    GROUPS,
    PROPERTIES,
    column_measurement,
    evaluation,
    inputs,
    list_properties,
    measure,
    registry,
)

SHARED_2D = (
    "area", "area_bbox", "axis_major_length", "axis_minor_length", "bbox", "centroid", "centroid_weighted",
    "eccentricity", "equivalent_diameter_area", "extent", "intensity_max", "intensity_mean", "intensity_median",
    "intensity_min", "intensity_std", "num_pixels", "perimeter", "solidity",
)  # fmt: skip
SHARED_3D = tuple(p for p in SHARED_2D if p not in ("eccentricity", "perimeter"))


def blobs(shape: tuple[int, ...], n: int, seed: int) -> np.ndarray:
    """Touching and overlapping ellipsoids with holes and gaps in their numbers, some cut by the border."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    labels = np.zeros(shape, np.int32)
    for i in range(n):
        centre, radii = rng.uniform(0, shape), rng.uniform(2, 8, len(shape))
        turn, _ = np.linalg.qr(rng.normal(size=(len(shape), len(shape))))
        distance = np.linalg.norm((grid - centre) @ turn / radii, axis=-1)
        labels[distance < 1] = 3 * i + 2
    labels[rng.random(shape) < 0.02] = 0
    return labels


def image_for(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 100.0, labels.shape)


def reference(labels: np.ndarray, image: np.ndarray, names: tuple[str, ...], spacing=None) -> pd.DataFrame:
    return pd.DataFrame(skm.regionprops_table(labels, image, properties=("label", *names), spacing=spacing))


def assert_same(table: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert set(expected.columns) <= set(table.columns)
    for name in expected.columns:
        # The square roots of rounding errors are of the order of 1e-8 where the exact value is 0.
        np.testing.assert_allclose(table[name], expected[name], rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("spacing", [None, (0.65, 0.65)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planes_agree_with_scikit_image(seed: int, spacing: tuple[float, ...] | None) -> None:
    labels = blobs((90, 110), 40, seed)
    image = image_for(labels)
    table = measure(labels, image, spacing)
    assert_same(table, reference(labels, image, SHARED_2D, spacing))


def test_planes_with_oblong_pixels_agree_with_scikit_image() -> None:
    labels = blobs((90, 110), 40, 3)
    image = image_for(labels)
    table = measure(labels, image, (2.0, 0.5))
    assert_same(table, reference(labels, image, tuple(p for p in SHARED_2D if p != "perimeter"), (2.0, 0.5)))
    assert table["perimeter"].isna().all()
    assert table["circularity"].isna().all()


@pytest.mark.parametrize("spacing", [None, (2.5, 0.4, 0.6)])
def test_stacks_agree_with_scikit_image(spacing: tuple[float, ...] | None) -> None:
    labels = blobs((30, 40, 45), 25, 4)
    # scikit-image has no hull for flat objects, and warns
    sizes = measure(labels, properties="bbox")
    flat = sizes.loc[[min(r[f"bbox-{i + 3}"] - r[f"bbox-{i}"] for i in range(3)) < 3 for _, r in sizes.iterrows()]]
    labels[np.isin(labels, flat["label"])] = 0
    image = image_for(labels)
    table = measure(labels, image, spacing)
    assert len(table) > 10
    assert_same(table, reference(labels, image, SHARED_3D, spacing))


@pytest.mark.parametrize("spacing", [None, (1.5, 0.5)])
def test_orientation_agrees_with_scikit_image(spacing: tuple[float, ...] | None) -> None:
    labels = blobs((120, 120), 40, 5)
    table = measure(labels, spacing=spacing)
    expected = reference(labels, labels, ("orientation",), spacing)["orientation"]
    difference = (table["orientation"] - expected).to_numpy()
    # the two ends of the major axis are the same, and a round object has no direction
    turned = np.abs((difference + np.pi / 2) % np.pi - np.pi / 2)
    assert turned[table["eccentricity"] > 0.01].max() < 1e-6


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)))
def test_any_small_plane_agrees_with_scikit_image(labels: np.ndarray) -> None:
    if not labels.any():
        assert len(measure(labels)) == 0
        return
    image = image_for(labels)
    assert_same(measure(labels, image), reference(labels, image, SHARED_2D))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", ">u2", "float16", "float32", "int64"])
def test_image_types(dtype: str) -> None:
    labels = blobs((60, 60), 15, 6)
    image = (image_for(labels) % 100).astype(dtype)
    names = ("intensity_mean", "intensity_min", "intensity_max", "intensity_std", "intensity_median")
    table = measure(labels, image, properties=names)
    values = {k: image[labels == k].astype(float) for k in table["label"]}
    for name in names:
        statistic = getattr(np, name.removeprefix("intensity_"))
        np.testing.assert_allclose(table[name], [statistic(v) for v in values.values()], rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i4", "uint32", "int64", "uint64", "float32"])
def test_label_types_give_the_same_table(dtype: str) -> None:
    labels = blobs((50, 60), 20, 7)
    pd.testing.assert_frame_equal(measure(labels.astype(dtype)), measure(labels))


def test_labels_in_any_memory_order() -> None:
    labels = blobs((50, 60), 20, 8)
    image = image_for(labels)
    pd.testing.assert_frame_equal(measure(np.asfortranarray(labels), image.T.copy().T), measure(labels, image))


@pytest.mark.parametrize("highest", [4_000_000_000, 2**32 - 1, 2**40])
def test_huge_ids(highest: int) -> None:
    small = np.array([[1, 1, 0, 2], [0, 3, 3, 2], [4, 4, 0, 2]])
    ids = np.array([0, 5, 70_000, highest - 1, highest])
    table, expected = measure(ids[small], small * 1.5), measure(small, small * 1.5)
    assert table["label"].tolist() == ids[1:].tolist()
    pd.testing.assert_frame_equal(table.drop(columns="label"), expected.drop(columns="label"))


def test_disk() -> None:
    r = 60
    y, x = np.mgrid[-80:81, -80:81]
    row = measure((y**2 + x**2 <= r * r).astype(int), spacing=(0.5, 0.5)).iloc[0]
    assert row["area"] == pytest.approx(np.pi * 30**2, rel=2e-3)
    assert row["equivalent_diameter_area"] == pytest.approx(60, rel=1e-3)
    assert row["axis_major_length"] == pytest.approx(60, rel=2e-3)
    assert row["aspect_ratio"] == pytest.approx(1)
    # the estimator of scikit-image overrates the contour of a disk by some 5 %
    assert row["perimeter"] == pytest.approx(2 * np.pi * 30, rel=0.06)
    assert row["circularity"] == pytest.approx(1, abs=0.11)
    assert row["solidity"] > 0.98
    assert (row["centroid-0"], row["centroid-1"]) == (40.0, 40.0)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (3.0, 0.8, 0.8)])
def test_ball(spacing: tuple[float, float, float]) -> None:
    r = 20.0
    axes = [np.arange(-int(24 / s), int(24 / s) + 1) * s for s in spacing]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    row = measure((z**2 + y**2 + x**2 <= r * r).astype(int), spacing=spacing).iloc[0]
    assert row["area"] == pytest.approx(4 / 3 * np.pi * r**3, rel=0.01)
    assert row["surface_area"] == pytest.approx(4 * np.pi * r**2, rel=0.02)
    assert row["sphericity"] == pytest.approx(1, abs=0.02)
    assert row["axis_major_length"] == pytest.approx(2 * r, rel=0.02)
    assert row["axis_minor_length"] == pytest.approx(2 * r, rel=0.02)


def test_surface_of_a_slab() -> None:
    labels = np.zeros((30, 60, 60), int)
    labels[5:25, 5:55, 5:55] = 1
    row = measure(labels, properties="surface_area").iloc[0]
    assert row["surface_area"] == pytest.approx(2 * 50 * 50 + 4 * 20 * 50, rel=0.1)


def test_one_pixel_and_line_are_limits_not_errors() -> None:
    labels = np.zeros((20, 20), int)
    labels[3, 4] = 1
    labels[8, 2:12] = 2
    labels[np.arange(10, 16), np.arange(10, 16)] = 3
    table = measure(labels, labels * 2.0).set_index("label")
    pixel, line, diagonal = table.loc[1], table.loc[2], table.loc[3]
    assert pixel["area"] == 1
    assert pixel["axis_major_length"] == pixel["axis_minor_length"] == pixel["eccentricity"] == 0
    assert np.isnan(pixel["aspect_ratio"])
    assert np.isnan(pixel["circularity"])
    assert pixel["solidity"] == 1
    assert pixel["intensity_std"] == 0
    for thin in (line, diagonal):
        assert thin["axis_minor_length"] == 0
        assert thin["eccentricity"] == 1
        assert np.isnan(thin["aspect_ratio"])
    assert diagonal["orientation"] == pytest.approx(np.pi / 4)
    assert line["orientation"] == pytest.approx(np.pi / 2)


def test_flat_and_thin_objects_in_stacks() -> None:
    labels = np.zeros((9, 9, 9), int)
    labels[1, 1, 1] = 1
    labels[4, 4, 1:8] = 2
    labels[7, 1:8, 1:8] = 3
    labels[7, 3:6, 3:6] = 0
    table = measure(labels).set_index("label")
    assert table.loc[1:2, "solidity"].tolist() == [1, 1]
    assert table.loc[3, "solidity"] == pytest.approx(40 / 49)
    assert (table["axis_minor_length"] == 0).all()
    assert (table["surface_area"] > 0).all()


def test_means_keep_their_digits_on_a_large_offset() -> None:
    labels = np.zeros((2000, 40), int)
    labels[1900:, 3:37] = 1
    image = 1e9 + np.random.default_rng(0).normal(size=labels.shape)
    row = measure(labels, image).iloc[0]
    inside = image[labels == 1]
    assert row["intensity_std"] == pytest.approx(inside.std(), rel=1e-6)
    assert row["intensity_mean"] == pytest.approx(inside.mean(), rel=1e-15)


def test_nan_pixels_are_left_out() -> None:
    labels = np.array([[1, 1, 1, 0, 2, 2]])
    image = np.array([[np.nan, 2.0, 4.0, 7.0, np.nan, np.nan]])
    table = measure(labels, image, properties=["intensity", "num_pixels"]).set_index("label")
    first = table.loc[1]
    assert (first["intensity_mean"], first["intensity_sum"], first["intensity_median"]) == (3, 6, 3)
    assert (first["intensity_min"], first["intensity_max"], first["intensity_std"]) == (2, 4, 1)
    assert first["centroid_weighted-1"] == pytest.approx((1 * 2 + 2 * 4) / 6)
    assert table.loc[2].drop("num_pixels").isna().all()
    assert table["num_pixels"].tolist() == [3, 2]


def test_infinite_and_zero_values_do_not_raise() -> None:
    labels = np.array([[1, 1, 1, 2, 2]])
    table = measure(labels, np.array([[np.inf, 1.0, 2.0, 0.0, 0.0]])).set_index("label")
    assert table.loc[1, "intensity_max"] == np.inf
    assert table.loc[1, "intensity_min"] == 1
    assert table.loc[1, "intensity_mean"] == np.inf
    assert np.isnan(table.loc[2, "centroid_weighted-0"])


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1001])
@pytest.mark.parametrize("pattern", ["random", "ramp", "constant", "organ pipe"])
def test_median(n: int, pattern: str) -> None:
    values = {
        "random": np.random.default_rng(n).normal(size=n),
        "ramp": np.arange(n)[::-1] * 1.0,
        "constant": np.full(n, 3.0),
        "organ pipe": np.minimum(np.arange(n), np.arange(n)[::-1]) * 1.0,
    }[pattern]
    table = measure(np.ones((1, n), int), values[None], properties="intensity_median")
    assert table["intensity_median"].item() == pytest.approx(np.median(values))


def test_touching_neighbours_and_border() -> None:
    labels = np.array([
        [1, 1, 2, 0, 0],
        [1, 1, 2, 0, 6],
        [3, 3, 0, 0, 0],
        [0, 0, 4, 5, 0],
        [0, 0, 0, 0, 0],
    ])  # fmt: skip
    table = measure(labels, properties=["touching_neighbor_count", "touches_border"]).set_index("label")
    assert table["touching_neighbor_count"].to_dict() == {1: 2, 2: 1, 3: 1, 4: 1, 5: 1, 6: 0}
    assert table["touches_border"].to_dict() == {1: True, 2: True, 3: True, 4: False, 5: False, 6: True}
    stack = np.zeros((4, 5, 5), int)
    stack[1, 2, 2], stack[2, 2, 2], stack[2, 2, 3], stack[0, 0, 0] = 1, 2, 3, 4
    table = measure(stack, properties=["touching_neighbor_count", "touches_border"])
    assert table["touching_neighbor_count"].tolist() == [1, 2, 1, 0]
    assert table["touches_border"].tolist() == [False, False, False, True]


def test_columns_follow_the_request() -> None:
    labels = blobs((40, 40), 8, 9)
    table = measure(labels, properties=["perimeter", "label", "centroid", "size", "area"])
    assert list(table.columns) == [
        "label", "perimeter", "centroid-0", "centroid-1", "num_pixels", "area", "area_bbox",
        "equivalent_diameter_area",
    ]  # fmt: skip
    assert table["label"].is_monotonic_increasing
    assert table["num_pixels"].dtype.kind == "i"
    assert list(measure(labels, properties=[]).columns) == ["label"]


def test_all_groups_by_default_and_intensity_only_with_an_image() -> None:
    labels = blobs((40, 40), 8, 9)
    without, with_image = measure(labels), measure(labels, labels)
    assert set(without.columns) < set(with_image.columns)
    assert all(c.startswith(("intensity", "centroid_weighted")) for c in set(with_image) - set(without))


def test_channels() -> None:
    labels = blobs((40, 50), 10, 10)
    red, green = image_for(labels, 1), image_for(labels, 2)
    expected = measure(labels, green, properties="intensity")
    by_name = measure(labels, {"red": red, "green": green})
    for name in expected.columns.drop("label"):
        np.testing.assert_array_equal(by_name[f"{name}_green"], expected[name])
    by_axis = measure(labels, np.stack([red, green], axis=-1), channel_axis=-1, channel_names=["red", "green"])
    pd.testing.assert_frame_equal(by_axis, by_name)
    assert "intensity_mean_channel1" in measure(labels, [red, green])
    pd.testing.assert_frame_equal(measure(labels, {"green": green}), measure(labels, green))
    assert "area_red" not in by_name


@pytest.mark.parametrize("axis", [0, -1])
def test_frames(axis: int) -> None:
    labels = np.stack([blobs((40, 50), 10, seed) for seed in range(3)])
    labels[1] = 0
    image = image_for(labels)
    expected = pd.concat(
        [measure(labels[t], image[t], (0.5, 0.5)).assign(frame=t) for t in range(3)], ignore_index=True
    )
    moved = np.moveaxis(labels, 0, axis), np.moveaxis(image, 0, axis)
    table = measure(*moved, spacing=(0.5, 0.5), frame_axis=axis)
    assert list(table.columns[:2]) == ["frame", "label"]
    assert sorted(set(table["frame"])) == [0, 2]
    pd.testing.assert_frame_equal(table[expected.columns], expected)


def test_frames_and_channels_together() -> None:
    labels = np.stack([blobs((30, 30), 6, seed) for seed in range(2)])
    image = np.stack([image_for(labels, 1), image_for(labels, 2)], axis=1)  # t, c, y, x
    table = measure(labels, image, frame_axis=0, channel_axis=1, channel_names="ab")
    second = table[table["frame"] == 1].reset_index(drop=True)
    alone = measure(labels[1], {"a": image[1, 0], "b": image[1, 1]})
    pd.testing.assert_frame_equal(second.drop(columns="frame"), alone)


@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 5), (0, 7), (0, 0)])
def test_no_objects_give_an_empty_table_with_all_columns(shape: tuple[int, ...]) -> None:
    table = measure(np.zeros(shape, int), np.zeros(shape))
    one = measure(np.ones((2,) * len(shape), int), np.ones((2,) * len(shape)))
    assert len(table) == 0
    assert table.dtypes.to_dict() == one.dtypes.to_dict()
    assert list(measure(np.zeros((0, 4, 4), int), frame_axis=0).columns)[:2] == ["frame", "label"]


def test_lazy_arrays_are_read_frame_by_frame() -> None:
    da = pytest.importorskip("dask.array")
    labels = np.stack([blobs((30, 30), 6, seed) for seed in range(2)])
    image = image_for(labels)
    lazy = measure(da.from_array(labels, chunks=(1, 15, 30)), da.from_array(image), frame_axis=0)
    pd.testing.assert_frame_equal(lazy, measure(labels, image, frame_axis=0))


L = np.array([[0, 1], [2, 2]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: measure(L + 0.5), "not whole numbers"),
        (lambda: measure(np.where(L > 1, np.nan, 1.0)), "not whole numbers"),
        (lambda: measure(L - 1), "negative"),
        (lambda: measure(L > 0), "mask"),
        (lambda: measure(L.astype(str)), "whole numbers"),
        (lambda: measure(L, np.zeros((3, 3))), "shape"),
        (lambda: measure(L, np.zeros((2, 2, 3))), "channel_axis"),
        (lambda: measure(L, np.zeros((2, 2), complex)), "real numbers"),
        (lambda: measure(L, spacing=(1, 1, 1)), "2 numbers above 0"),
        (lambda: measure(L, spacing=(1, 0)), "2 numbers above 0"),
        (lambda: measure(L, spacing=(1, np.nan)), "2 numbers above 0"),
        (lambda: measure(L, spacing=0.5), "2 numbers above 0"),
        (lambda: measure(L, properties=["perimetre"]), "Did you mean perimeter"),
        (lambda: measure(L, properties=["intensity_mean"]), "image"),
        (lambda: measure(L, properties=["sphericity"]), "3D only"),
        (lambda: measure(L[0]), "needed"),
        (lambda: measure(L[None, None]), "frame_axis"),
        (lambda: measure(L, frame_axis=0), "needed"),
        (lambda: measure(L, frame_axis=4), "does not exist"),
        (lambda: measure(L, [L, L], channel_names=["a", "a"]), "different names"),
        (lambda: measure(L, channel_axis=0), "need an image"),
        (lambda: list_properties(4), "2 or 3"),
    ],
)
def test_bad_input_is_explained(call: Callable[[], object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()


def test_whole_floats_are_labels() -> None:
    pd.testing.assert_frame_equal(measure(L.astype(float)), measure(L))


def test_input_is_not_changed() -> None:
    labels = blobs((30, 30), 6, 1)
    image = image_for(labels)
    before = labels.copy(), image.copy()
    measure(labels, image)
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(image, before[1])


@pytest.mark.parametrize("shape", [(40, 50), (12, 20, 20)])
@pytest.mark.parametrize("largest", [100, 4_000_000_000])
def test_labels_that_were_not_there_at_the_start_are_left_out(shape: tuple[int, ...], largest: int) -> None:
    """A layer can be painted while it is measured: pixels of new objects count for none of the others."""
    known = blobs(shape, 12, 0).astype(np.uint32)
    known[known == known.max()] = largest
    new = blobs(shape, 9, 7)
    painted = known.copy()
    painted[new == 2], painted[new == 5], painted[new == 8] = 4, largest - 1, 2**32 - 1
    kept = np.where(np.isin(painted, known), painted, 0)
    live = known.copy()
    images = {"": inputs.as_stack(image_for(known))}
    steps = registry.closure(p.name for p in list_properties(len(shape)))
    results = []
    for after in (painted, kept):
        np.copyto(live, known)
        objects = inputs.index_objects(inputs.as_stack(live), len(shape), np.ones(3), lambda: None)
        np.copyto(live, after)
        results.append(evaluation.evaluate(steps, objects, images, lambda: None))
    for p in list_properties(len(shape)):
        np.testing.assert_array_equal(results[0][p.name, ""], results[1][p.name, ""], err_msg=p.name)
    assert results[0]["area", ""].sum() == np.count_nonzero(kept)


@pytest.mark.parametrize("shape", [(40, 50), (12, 20, 20)])
@pytest.mark.parametrize("largest", [100, 4_000_000_000])
def test_painting_while_measuring_is_harmless(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], largest: int
) -> None:
    monkeypatch.setattr(registry, "SLAB", 200)
    labels = blobs(shape, 12, 0).astype(np.uint32)
    labels[labels == labels.max()] = largest
    image = image_for(labels).astype(np.float32)
    image.ravel()[::3] = np.nan
    n = np.unique(labels).size - 1
    rng = np.random.default_rng(0)
    other = np.array([0, 2, 5, 8, 11, 3, largest, 2**32 - 1], np.uint32)

    def paint(done: int, total: int) -> None:
        if done > 0:
            labels[...] = rng.choice(other, labels.shape) if rng.random() < 0.5 else rng.choice(other)
            image[...] = rng.choice(np.array([np.nan, 1, 2], np.float32), image.shape)

    table = measure(labels, image, progress=paint)
    assert len(table) == n


def test_an_object_painted_over_while_measuring_has_no_size() -> None:
    for shape in ((20, 20), (8, 9, 10)):
        labels = np.ones(shape, np.uint32)
        labels[2:5] = 7

        def erase(done: int, total: int, labels: np.ndarray = labels) -> None:
            if done:
                labels[labels == 7] = 0

        table = measure(labels, progress=erase).set_index("label")
        assert table["area"].tolist() == [np.count_nonzero(labels), 0]


def test_properties_are_described() -> None:
    for ndim in (2, 3):
        listed = list_properties(ndim)
        assert {p.group for p in listed} == set(GROUPS)
        assert all(p.description.endswith(".") and p.unit != "lengthⁿ" for p in listed)
        labels = np.ones((3,) * ndim, int)
        columns = [c for p in listed for c in p.columns(ndim)]
        assert list(measure(labels, labels).columns) == ["label", *columns]
    assert PROPERTIES["area"].unit == "lengthⁿ"
    assert next(p for p in list_properties(3) if p.name == "area").unit == "length³"


def test_progress_ends_complete_and_can_cancel() -> None:
    calls: list[tuple[int, int]] = []
    measure(L, L, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1]
    assert [c[0] for c in calls] == sorted(c[0] for c in calls)

    def cancel(done: int, total: int) -> None:
        if done >= 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(L, L, progress=cancel)


def test_speed_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """No assertion on time, which depends on the machine; the figures are printed for whoever looks."""
    labels = np.kron(np.arange(1, 2501).reshape(50, 50), np.pad(np.ones((12, 12), int), 4))
    image = image_for(labels).astype(np.float32)
    names = ("area", "centroid", "perimeter", "solidity", "intensity_mean", "intensity_median")
    measure(labels[:40, :40], image[:40, :40])
    start = time.perf_counter()
    everything = measure(labels, image)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    table = measure(labels, image, properties=names)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    expected = reference(labels, image, names)
    theirs = time.perf_counter() - start
    assert len(everything) == 2500
    assert_same(table, expected)
    with capsys.disabled():
        print(
            f"\n2,500 objects, 1000²: all {everything.shape[1]} columns {seconds:.3f} s; "
            f"{len(names)} properties {ours:.3f} s, scikit-image {theirs:.3f} s"
        )


# ------------------------------------------------------------------------------------- moments and intensities
def by_object(labels: np.ndarray, image: np.ndarray, function: Callable[[np.ndarray], float]) -> list[float]:
    return [function(image[labels == k]) for k in np.unique(labels[labels > 0])]


def moments_reference(labels: np.ndarray, image: np.ndarray, spacing=None) -> pd.DataFrame:
    names = ["moments", "moments_central", "moments_normalized", "inertia_tensor", "inertia_tensor_eigvals"]
    names += ["moments_weighted", "moments_weighted_central", "moments_weighted_normalized"]
    names += ["centroid_local", "centroid_weighted_local"]
    if labels.ndim == 2 and spacing is None:
        names += ["moments_hu", "moments_weighted_hu"]
    return reference(labels, image, tuple(names), spacing)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((70, 80), None), ((70, 80), (0.4, 1.5)), ((18, 30, 32), None), ((18, 30, 32), (2.0, 0.5, 0.7))],
)
def test_moments_agree_with_scikit_image(shape: tuple[int, ...], spacing: tuple[float, ...] | None) -> None:
    labels = blobs(shape, 25, 12)
    image = image_for(labels)
    table = measure(labels, image, spacing, "image_moments")
    expected = moments_reference(labels, image, spacing)
    # scikit-image also has moments of fourth order and above, which are not third order moments.
    higher = [c for c in expected if "moments" in c and "hu" not in c and sum(map(int, c.split("-")[1:])) > 3]
    missing = [c for c in table if c not in expected]
    assert all("hu" in c for c in missing)
    assert spacing is not None or not missing
    for name in expected.columns.drop(higher):
        family = [c for c in expected if c.split("-")[0] == name.split("-")[0] and "nan" not in str(expected[c][0])]
        scale = np.abs(expected[family]).max(axis=None)
        np.testing.assert_allclose(table[name], expected[name], rtol=1e-7, atol=1e-11 * scale, err_msg=name)


def test_moments_of_a_box() -> None:
    labels = np.zeros((40, 50), int)
    labels[10:20, 5:35] = 3
    row = measure(labels, spacing=(2, 0.5), properties="image_moments").iloc[0]
    assert row["moments-0-0"] == 300
    assert row["centroid_local-0"] == 4.5 * 2
    assert row["moments_central-2-0"] == pytest.approx(300 * 4 * (10**2 - 1) / 12)
    assert row["moments_central-0-2"] == pytest.approx(300 * 0.25 * (30**2 - 1) / 12)
    for name in ("moments_central-1-0", "moments_central-0-1", "moments_central-1-1", "moments_central-3-0"):
        assert row[name] == pytest.approx(0, abs=1e-8), name
    assert row["inertia_tensor_eigvals-0"] >= row["inertia_tensor_eigvals-1"]


def test_hu_moments_do_not_change_with_position_and_quarter_turns() -> None:
    labels = blobs((60, 60), 1, 3)
    assert labels.any()
    moved, turned = np.pad(labels, ((90, 0), (0, 200))), np.rot90(labels).copy()
    tables = [measure(one, properties="moments_hu").drop(columns="label") for one in (labels, moved, turned)]
    for other in tables[1:]:
        np.testing.assert_allclose(other, tables[0], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(60, 70), (14, 25, 26)])
def test_statistics_of_values_agree_with_scipy(shape: tuple[int, ...], dtype: str) -> None:
    labels = blobs(shape, 20, 14)
    image = (image_for(labels) % 250).astype(dtype)
    table = measure(
        labels, image, properties=["intensity", "position", "intensity_percentile=5", "intensity_percentile=100"]
    )
    statistics = {
        "intensity_lower_quartile": lambda v: np.percentile(v.astype(float), 25),
        "intensity_upper_quartile": lambda v: np.percentile(v.astype(float), 75),
        "intensity_percentile=5": lambda v: np.percentile(v.astype(float), 5),
        "intensity_percentile=100": np.max,
        "intensity_mad": lambda v: stats.median_abs_deviation(v.astype(float)),
        "intensity_skewness": lambda v: stats.skew(v.astype(float)),
        "intensity_kurtosis": lambda v: stats.kurtosis(v.astype(float)),
    }
    big = np.array(by_object(labels, image, np.size)) > 2
    for name, function in statistics.items():
        expected = by_object(labels, image, function)
        np.testing.assert_allclose(table[name][big], np.array(expected)[big], rtol=1e-6, atol=1e-9, err_msg=name)
    ids = table["label"].to_numpy()
    for name, places in (
        ("intensity_min_position", ndimage.minimum_position(image, labels, ids)),
        ("intensity_max_position", ndimage.maximum_position(image, labels, ids)),
    ):
        at = table[[f"{name}-{i}" for i in range(labels.ndim)]].to_numpy().astype(int)
        np.testing.assert_array_equal(image[tuple(at.T)], image[tuple(np.array(places).T)])
        np.testing.assert_array_equal(labels[tuple(at.T)], ids)


@pytest.mark.parametrize("shape", [(60, 70), (14, 25, 26)])
def test_edges_agree_with_scikit_image(shape: tuple[int, ...]) -> None:
    labels = blobs(shape, 20, 15)
    image = image_for(labels)
    table = measure(labels, image, properties="intensity")
    border = np.where(find_boundaries(labels, mode="inner"), labels, 0)
    inside = {k: image[border == k] for k in table["label"]}
    for name in ("mean", "std", "min", "max", "sum"):
        expected = [getattr(np, name)(v) for v in inside.values()]
        np.testing.assert_allclose(table[f"intensity_edge_{name}"], expected, rtol=1e-9, atol=1e-9, err_msg=name)


def test_an_object_that_fills_the_image_has_no_edge() -> None:
    row = measure(np.full((4, 5), 7), np.ones((4, 5)), properties="intensity").iloc[0]
    assert np.isnan([row[f"intensity_edge_{s}"] for s in ("mean", "std", "min", "max", "sum")]).all()


def test_mass_displacement_is_a_length() -> None:
    labels = np.ones((1, 4), int)
    table = measure(labels, np.array([[0.0, 0, 0, 5]]), (3, 2), "intensity_mass_displacement")
    assert table["intensity_mass_displacement"].item() == pytest.approx(1.5 * 2)


def test_equal_values_have_no_skewness() -> None:
    labels = np.repeat([[1, 2, 3]], 9, axis=0)
    image = np.full(labels.shape, 0.1) + 1000.3
    image[0, 1] = 7
    table = measure(labels, image, properties=["intensity_skewness", "intensity_kurtosis", "intensity_std"])
    assert table["intensity_skewness"].isna().tolist() == [True, False, True]
    assert table["intensity_kurtosis"].isna().tolist() == [True, False, True]
    assert table["intensity_std"][0] == 0


def test_scattered_objects_have_ranks_too() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 30, (150, 160))
    image = rng.normal(size=labels.shape)
    table = measure(labels, image, properties=["intensity_median", "intensity_mad"])
    np.testing.assert_allclose(table["intensity_median"], by_object(labels, image, np.median))
    np.testing.assert_allclose(table["intensity_mad"], by_object(labels, image, stats.median_abs_deviation))


def test_percentiles_are_numbered_to_100() -> None:
    with pytest.raises(InputError, match="from 1 to 100 after"):
        measure(L, L, properties="intensity_percentile=101")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("area", ("area", "")),
        ("bbox-3", ("bbox", "")),
        ("intensity_mean_my_dna", ("intensity_mean", "my_dna")),
        ("intensity_percentile=90_dna", ("intensity_percentile=90", "dna")),
        ("radial_cv=8-0", ("radial_cv=8", "")),
        ("radial_cv=8-7_dna", ("radial_cv=8", "dna")),
        ("pearson_corr_coeff_dna_actin", ("pearson_corr_coeff", "dna_actin")),
        ("area_2", None),
        ("class", None),
    ],
)
def test_columns_tell_their_measurement_and_channel(column: str, expected: tuple[str, str] | None) -> None:
    found = column_measurement(column)
    assert (found and (found[0].name, found[1])) == expected
