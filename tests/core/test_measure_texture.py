"""Texture: equal to mahotas and scikit-image, right on patterns with known answers, the same wherever objects lie."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import morphology
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern

from bioloom.errors import Cancelled, InputError
from bioloom.measure import list_properties, measure
from bioloom.measure.texture import FEATURES, haralick

COLUMNS = [f"haralick_{name}" for name in FEATURES]


def disks(shape: tuple[int, ...], n: int, seed: int) -> np.ndarray:
    """Overlapping balls, some cut by the border, with gaps in their numbers."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    labels = np.zeros(shape, np.int32)
    for i in range(n):
        labels[np.linalg.norm(grid - rng.uniform(0, shape), axis=-1) < rng.uniform(2, 9)] = 3 * i + 2
    return labels


def grainy(shape: tuple[int, ...], seed: int = 0, top: int = 255) -> np.ndarray:
    """A smooth image with noise on it, of 8 bits."""
    from scipy.ndimage import gaussian_filter

    image = gaussian_filter(np.random.default_rng(seed).random(shape), 1.5)
    image = (image - image.min()) / np.ptp(image) * top
    return image.astype(np.uint8)


@pytest.mark.parametrize("shape", [(23, 31), (9, 11, 13)])
@pytest.mark.parametrize("distance", [1, 3])
def test_features_of_an_image_are_those_of_mahotas(shape: tuple[int, ...], distance: int) -> None:
    mahotas = pytest.importorskip("mahotas")
    image = grainy(shape)
    table = haralick(np.ones(shape, int), image, distance=distance, levels=256, value_range=(0, 256))
    expected = mahotas.features.haralick(image, distance=distance, use_x_minus_y_variance=True, return_mean=True)
    np.testing.assert_allclose(table[COLUMNS].to_numpy()[0], expected, rtol=1e-9, atol=1e-12)


def test_features_of_objects_are_those_of_mahotas_without_what_is_around_them() -> None:
    mahotas = pytest.importorskip("mahotas")
    labels, image = disks((60, 70), 12, 1), np.maximum(grainy((60, 70), 1), 1)
    labels[np.isin(labels, np.flatnonzero(np.bincount(labels.ravel()) < 20))] = 0  # too small for mahotas
    table = haralick(labels, image, levels=256, value_range=(0, 256))
    assert len(table) > 8
    for row, label in enumerate(table["label"]):
        alone = np.where(labels == label, image, 0)
        expected = mahotas.features.haralick(alone, ignore_zeros=True, use_x_minus_y_variance=True, return_mean=True)
        np.testing.assert_allclose(table[COLUMNS].to_numpy()[row], expected, rtol=1e-9, atol=1e-12)


def test_features_are_those_of_scikit_image() -> None:
    image = grainy((30, 40), 2, top=31)
    table = haralick(np.ones(image.shape, int), image, levels=32, value_range=(0, 32))
    # scikit-image turns clockwise, and goes to the pixel farther by rounding.
    matrix = graycomatrix(image, [1], np.arange(4) * np.pi / 4, levels=32, symmetric=True, normed=True)
    names = {
        "ASM": "angular_second_moment", "contrast": "contrast", "correlation": "correlation",
        "variance": "variance", "homogeneity": "inverse_difference_moment",
    }  # fmt: skip
    for theirs, ours in names.items():
        assert table[f"haralick_{ours}"][0] == pytest.approx(graycoprops(matrix, theirs).mean(), rel=1e-9)
    # in nats there
    assert table["haralick_entropy"][0] * np.log(2) == pytest.approx(graycoprops(matrix, "entropy").mean(), rel=1e-9)


def test_known_patterns() -> None:
    flat = measure(np.ones((8, 8), int), np.full((8, 8), 7.0), properties=COLUMNS)
    for name, value in {"angular_second_moment": 1, "contrast": 0, "correlation": 1, "entropy": 0}.items():
        assert flat[f"haralick_{name}"][0] == value
    board = (np.indices((8, 8)).sum(axis=0) % 2).astype(np.float32)
    # Straight neighbours differ by all levels but one, those across do not.
    checked = measure(np.ones((8, 8), int), board, properties=COLUMNS)
    assert checked["haralick_contrast"][0] == pytest.approx(31**2 / 2)
    assert checked["haralick_correlation"][0] == pytest.approx(0, abs=1e-9)
    assert checked["haralick_information_correlation_1"][0] == pytest.approx(-1)
    across = measure(np.ones((8, 8), int), board, properties=["haralick_contrast=2"])
    assert across["haralick_contrast=2"][0] == 0


def test_texture_does_not_change_with_place_brightness_and_neighbours() -> None:
    rng = np.random.default_rng(5)
    patch = rng.integers(0, 50, (12, 15)).astype(np.float64)
    labels, image = np.zeros((80, 90), np.uint32), np.zeros((80, 90))
    for label, (y, x), gain, offset in ((4, (0, 0), 1, 0), (4_000_000_000, (30, 40), 8, 1000), (9, (68, 75), 0.25, 2)):
        labels[y : y + 12, x : x + 15] = label
        image[y : y + 12, x : x + 15] = patch * gain + offset
    image[labels == 0] = rng.random((labels == 0).sum()) * 1e5
    table = measure(labels, image, properties=COLUMNS)
    assert table["label"].tolist() == [4, 9, 4_000_000_000]
    np.testing.assert_allclose(table[COLUMNS].to_numpy()[1:], table[COLUMNS].to_numpy()[[0, 0]], rtol=1e-12)


def test_degenerate_objects() -> None:
    labels, image = np.zeros((10, 10), int), np.arange(100.0).reshape(10, 10)
    labels[0, 0], labels[3, 2:8], labels[6:8, 6:8] = 1, 2, 3
    image[6:8, 6:8] = np.nan
    table = measure(labels, image, properties="texture").set_index("label")
    columns = [c for c in table.columns if c.startswith("haralick")]
    assert table.loc[1, columns].isna().all()
    assert table.loc[2, columns].notna().all()  # along the line there are pairs
    assert table.loc[3].isna().all()
    lbp = [c for c in table.columns if c.startswith("lbp")]
    assert table.loc[[1, 2], lbp].sum(axis=1).tolist() == pytest.approx([1, 1])
    assert table.filter(like="granularity").loc[2].sum() == pytest.approx(100 * (34.5 - 32) / 34.5)


@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_patterns_are_those_of_scikit_image(radius: int, dtype: type) -> None:
    labels, image = disks((60, 70), 12, 3), grainy((60, 70), 3).astype(dtype)
    image[:20, :20] = 7  # flat parts, where rounding would show
    name = "lbp" if radius == 1 else f"lbp={radius}"
    table = measure(labels, image, properties=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        codes = local_binary_pattern(image, 8 * radius, radius, "uniform").astype(int)
    for row, label in enumerate(table["label"]):
        counts = np.bincount(codes[labels == label], minlength=8 * radius + 2)
        np.testing.assert_allclose(table.drop(columns="label").to_numpy()[row], counts / counts.sum(), rtol=1e-12)


def test_patterns_of_a_stack_are_those_of_its_planes() -> None:
    labels, image = disks((6, 40, 40), 5, 4), grainy((6, 40, 40), 4)
    whole = measure(labels, image, properties=["num_pixels", "lbp"]).set_index("label")
    counts = whole.filter(like="lbp").mul(whole["num_pixels"], axis=0) * 0
    for z in range(6):
        plane = measure(labels[z], image[z], properties=["num_pixels", "lbp"]).set_index("label")
        counts = counts.add(plane.filter(like="lbp").mul(plane["num_pixels"], axis=0), fill_value=0)
    np.testing.assert_allclose(counts.div(whole["num_pixels"], axis=0), whole.filter(like="lbp"), atol=1e-12)


def spectrum(image: np.ndarray, mask: np.ndarray, n: int) -> list[float]:
    """Granularity of what is in the mask, by scikit-image."""
    from scipy.ndimage import generate_binary_structure, minimum_filter

    cross = generate_binary_structure(image.ndim, 1)
    ceiling = np.where(mask, image, -1e9)
    eroded, means, out = np.where(mask, image, np.inf), [image[mask].mean()], []
    for _ in range(n):
        eroded = np.where(mask, minimum_filter(eroded, footprint=cross, mode="constant", cval=np.inf), np.inf)
        opened = morphology.reconstruction(np.where(mask, eroded, -1e9), ceiling, footprint=cross)
        means.append(opened[mask].mean())
        out.append(100 * (means[-2] - means[-1]) / means[0])
    return out


@pytest.mark.parametrize("shape", [(50, 60), (12, 24, 30)])
def test_granularity_is_that_of_scikit_image(shape: tuple[int, ...]) -> None:
    labels, image = disks(shape, 10, 6), grainy(shape, 6).astype(np.float64) + 1
    table = measure(labels, image, properties="granularity=6").set_index("label")
    for label in table.index:
        np.testing.assert_allclose(table.loc[label], spectrum(image, labels == label, 6), rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_granularity_of_random_images(seed: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(1, top, (14, 17)).astype(np.float64)
    labels = (rng.random((14, 17)) < 0.8).astype(int)
    table = measure(labels, image, properties="granularity=4").drop(columns="label")
    np.testing.assert_allclose(table.to_numpy()[0], spectrum(image, labels == 1, 4), rtol=1e-9, atol=1e-9)


def test_granularity_finds_the_size_of_grains() -> None:
    image = np.ones((60, 60))
    for y, x in ((10, 10), (10, 40), (40, 25)):
        image[y - 3 : y + 4, x - 3 : x + 4] = 11
    values = measure(np.ones(image.shape, int), image, properties="granularity").drop(columns="label").to_numpy()[0]
    # A diamond of radius 4 does not fit into squares of 7 × 7 pixels any more, one of radius 3 does.
    assert values[3] == pytest.approx(100 * (image.mean() - 1) / image.mean())
    assert np.delete(values, 3) == pytest.approx(0)


def test_several_channels_and_frames() -> None:
    labels, image = disks((2, 40, 40), 4, 8), grainy((2, 40, 40), 8)
    table = measure(labels, {"a": image, "b": image[:, ::-1]}, properties="texture", frame_axis=0)
    assert {"haralick_contrast_a", "haralick_contrast_b", "lbp-9_b", "granularity-15_a"} <= set(table.columns)
    first = measure(labels[1], image[1], properties="texture")
    again = table[table["frame"] == 1].filter(regex="_a$").to_numpy()
    np.testing.assert_array_equal(again, first.drop(columns="label").to_numpy())


def test_texture_is_listed_with_units_and_measured_only_if_asked_for() -> None:
    listed = list_properties(2, ["texture"])
    assert len(listed) == 15
    assert all(p.description and p.source for p in listed)
    assert "lbp-0" not in measure(np.ones((5, 5), int), np.ones((5, 5)))
    empty = measure(np.zeros((5, 5), int), np.ones((5, 5)), properties="texture")
    assert len(empty) == 0
    assert len(empty.columns) == 1 + 13 + 10 + 16


def test_bad_numbers_are_refused() -> None:
    labels, image = np.ones((5, 5), int), np.ones((5, 5))
    for wrong in (
        {"distance": 0},
        {"levels": 1},
        {"levels": 10**6},
        {"value_range": (3, 3)},
        {"value_range": (0, np.nan)},
    ):
        with pytest.raises(InputError, match=next(iter(wrong))):
            haralick(labels, image, **wrong)
    with pytest.raises(InputError, match="image"):
        haralick(labels, None)
    with pytest.raises(InputError, match="image"):
        measure(labels, properties="texture")
    for name in ("lbp=17", "granularity=201", "haralick_contrast=0"):
        with pytest.raises(InputError, match=name.split("=")[0]):
            measure(labels, image, properties=name)


def test_cancelling_stops() -> None:
    labels = np.kron(np.arange(1, 101).reshape(10, 10), np.ones((60, 60), int))

    def stop(done: int, total: int) -> None:
        if done > 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(labels, labels.astype(float), properties="texture", progress=stop)
