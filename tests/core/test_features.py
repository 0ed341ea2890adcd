"""Pixel features: their definitions, blocks, physical units, presets, lazy and big images."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from bioloom.classify import PRESETS, FeatureSet
from bioloom.classify.channels import as_channels
from bioloom.classify.feature_blocks import FeatureBlocks, blocks_of
from bioloom.classify.feature_set import KINDS, Feature
from bioloom.classify.forest import find_edges, to_bins
from bioloom.errors import InputError

KINDS_2D = [kind for kind in KINDS if not kind.startswith("middle_")]


def text_of(kinds, sigma):
    return " ".join(kind if kind == "original" else f"{kind}={sigma:g}" for kind in kinds)


def computed(text, image, spacing=None):
    """Compute features of a whole image as one block."""
    blocks = FeatureBlocks((image,), FeatureSet.parse(text), spacing)
    return list(blocks.values(tuple(slice(0, n) for n in image.shape)))


def gaussian(image, sigma):
    sigma = np.broadcast_to(sigma, image.ndim)
    return ndimage.gaussian_filter(image.astype(float), sigma, mode="nearest", radius=[int(8 * s) // 2 for s in sigma])


def second_differences(smooth):
    """Return the matrix of second differences, (axes, axes, …); the image goes on with its edge."""
    n = smooth.ndim
    padded = np.pad(smooth, 1, "edge")

    def at(**shift):
        return padded[
            tuple(slice(1 + shift.get(f"a{a}", 0), 1 + shift.get(f"a{a}", 0) + smooth.shape[a]) for a in range(n))
        ]

    matrix = np.empty((n, n, *smooth.shape))
    for i in range(n):
        matrix[i, i] = at(**{f"a{i}": 1}) - 2 * at() + at(**{f"a{i}": -1})
        for j in range(i):
            a, b = f"a{i}", f"a{j}"
            cross = at(**{a: 1, b: 1}) + at(**{a: -1, b: -1}) - at(**{a: 1, b: -1}) - at(**{a: -1, b: 1})
            matrix[i, j] = matrix[j, i] = cross / 4
    return matrix


def eigenvalues(matrix):
    return np.moveaxis(np.linalg.eigvalsh(np.moveaxis(matrix, (0, 1), (-2, -1))), -1, 0)


@pytest.mark.parametrize("shape", [(40, 50), (14, 20, 24)])
def test_features_are_those_of_their_definition(shape):
    image = np.random.default_rng(0).normal(100, 20, shape).astype(np.float32)
    n = image.ndim
    smooth = gaussian(image, 2)
    sobel = np.sqrt(sum(ndimage.sobel(smooth, a, mode="nearest") ** 2 for a in range(n)))
    curvatures = eigenvalues(second_differences(smooth))
    padded = np.pad(smooth, 1, "edge")
    inner = (slice(1, -1),) * n
    gradient = [g[inner] for g in np.gradient(padded)]
    tensor = eigenvalues(np.array([[gaussian(a * b, 2) for a in gradient] for b in gradient]))
    expected = {
        "original": image,
        "gaussian_blur": smooth,
        "difference_of_gaussian": gaussian(image, 1.8) - gaussian(image, 2.2),
        "laplace_box_of_gaussian_blur": 3**n * (smooth - ndimage.uniform_filter(smooth, 3, mode="nearest")),
        "sobel_of_gaussian_blur": sobel,
        "small_hessian_eigenvalue_of_gaussian_blur": curvatures[0],
        "large_hessian_eigenvalue_of_gaussian_blur": curvatures[-1],
        "small_structure_tensor_eigenvalue": tensor[0],
        "large_structure_tensor_eigenvalue": tensor[-1],
        "mean_box": ndimage.uniform_filter(image, 5, mode="nearest"),
        "standard_deviation_box": ndimage.generic_filter(image, np.std, 5, mode="nearest"),
        "minimum_box": ndimage.minimum_filter(image, 5, mode="nearest"),
        "maximum_box": ndimage.maximum_filter(image, 5, mode="nearest"),
        "median_box": ndimage.median_filter(image, 5, mode="nearest"),
    }
    if n == 3:
        expected["middle_hessian_eigenvalue_of_gaussian_blur"] = curvatures[1]
        expected["middle_structure_tensor_eigenvalue"] = tensor[1]
    for kind, value in zip(expected, computed(text_of(expected, 2), image), strict=True):
        np.testing.assert_allclose(value, expected[kind], rtol=2e-4, atol=2e-3, err_msg=kind)


def test_ridges_are_found_whatever_their_direction():
    y, x = np.mgrid[-20:21, -20:21]
    for angle in (0.0, 0.5, 1.2, 2.5):
        line = np.exp(-((y * np.cos(angle) - x * np.sin(angle)) ** 2) / 2)
        blob = np.exp(-(y**2 + x**2) / 2)
        on_line, on_blob = (computed("bright_ridge=1.5", f.astype(np.float32))[0][20, 20] for f in (line, blob))
        assert on_line > 2 * on_blob
        dark = computed("dark_ridge=1.5", -line.astype(np.float32))[0][20, 20]
        assert dark == pytest.approx(on_line, rel=1e-4)
    membrane = np.zeros((21, 21, 21), np.float32)
    membrane[:, 10] = 1
    values = computed("bright_ridge=1", membrane)[0]
    assert values[10, 10, 10] > 3 * values[10, 4, 10]


@pytest.mark.parametrize("spacing", [None, (3.0, 1.0, 0.8)])
@pytest.mark.parametrize("shape", [(1100, 700), (70, 150, 140)])
def test_blocks_give_the_bits_of_the_whole_image(shape, spacing):
    image = np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)
    kinds = [k for k in (KINDS if len(shape) == 3 else KINDS_2D) if k != "median_box"]
    features = FeatureSet.parse(text_of(kinds, 1.5) + " median_box=1")
    blocks = FeatureBlocks((image,), features, spacing[-len(shape) :] if spacing else None)
    assert len(blocks.blocks) > 3
    whole = list(blocks.values(tuple(slice(0, n) for n in shape)))
    for block in blocks.blocks:
        for name, part, feature in zip(blocks.names, blocks.values(block), whole, strict=True):
            np.testing.assert_array_equal(part, feature[block], err_msg=name)
    mask = np.random.default_rng(1).random(shape) < 1e-3
    np.testing.assert_array_equal(blocks.at(mask), np.stack([f[mask] for f in whole], axis=1))


def test_sigma_in_physical_units_of_an_anisotropic_stack():
    image = np.random.default_rng(0).normal(size=(20, 30, 30)).astype(np.float32)
    (value,) = computed("gaussian_blur=1.2", image, (0.9, 0.3, 0.3))
    np.testing.assert_allclose(value, gaussian(image, (1.2 / 0.9, 4, 4)), atol=1e-5)
    # A ball is round whatever the pixels are: the same physical image, sampled more coarsely in z.
    z, y, x = np.mgrid[-15:16, -15:16, -15:16]
    ball = np.exp(-(z**2 + y**2 + x**2) / 50).astype(np.float32)
    for kind in ("sobel_of_gaussian_blur", "small_hessian_eigenvalue_of_gaussian_blur"):
        fine = computed(f"{kind}=2", ball)[0][::3]
        coarse = computed(f"{kind}=2", ball[::3], (3.0, 1.0, 1.0))[0]
        # The gradient at the flanks along z and along x.
        assert coarse[5, 15, 21] == pytest.approx(fine[5, 15, 21], rel=0.15)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("gausian=2", "gausian=2"),
        ("gaussian_blur", "needs a sigma"),
        ("median_box", "needs a radius"),
        ("gaussian_blur=0", "above 0"),
        ("original;rm", "original;rm"),
        ("custom=0.5", "number of an image"),
    ],
)
def test_bad_feature_sets_are_refused(text, says):
    with pytest.raises(InputError, match=says):
        FeatureSet.parse(text)


def test_features_of_stacks_are_refused_in_planes():
    with pytest.raises(InputError, match="only stacks"):
        computed("middle_hessian_eigenvalue_of_gaussian_blur=1", np.zeros((9, 9)))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_can_be_read(name):
    features = FeatureSet.parse(name)
    assert str(features) == PRESETS[name]
    features.check_dimensions(2)
    assert len(set(features.features)) == len(PRESETS[name].split())


def test_every_kind_is_described_and_says_how_far_it_reaches():
    for kind in KINDS:
        assert len(KINDS[kind]) > 10
        assert len(Feature(kind, 2).reach((2.0, 1.0, 1.0))) == 3


def test_custom_images_are_features_as_they_are():
    rng = np.random.default_rng(0)
    image, own = rng.random((2, 30, 40)).astype(np.float32)
    blocks = FeatureBlocks((image, image), FeatureSet.parse("original custom=0"), custom=[own])
    assert blocks.names == ["original of channel 0", "original of channel 1", "custom=0"]
    values = list(blocks.values((slice(3, 9), slice(0, 40))))
    np.testing.assert_array_equal(values[2], own[3:9])
    with pytest.raises(InputError, match="needs 1 images"):
        FeatureBlocks((image,), FeatureSet.parse("custom=0"))
    with pytest.raises(InputError, match="shape"):
        FeatureBlocks((image,), FeatureSet.parse("custom=0"), custom=[own[1:]])


@pytest.mark.parametrize("lazy", ["dask", "zarr"])
@pytest.mark.parametrize("axis", [None, -1, 0])
def test_lazy_images_give_the_same_features(lazy, axis):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 999, {None: (90, 80), -1: (90, 80, 3), 0: (3, 90, 80)}[axis]).astype(np.uint16)
    if lazy == "dask":
        import dask.array as da

        image = da.from_array(pixels, chunks=32)
    else:
        import zarr

        image = zarr.array(pixels, chunks=(32,) * pixels.ndim)
    features = FeatureSet.parse("original gaussian_blur=2")
    block = (slice(20, 60), slice(0, 33))
    mine = list(FeatureBlocks(as_channels(image, axis, "The image"), features).values(block))
    peer = list(FeatureBlocks(as_channels(pixels, axis, "The image"), features).values(block))
    np.testing.assert_array_equal(mine, peer)


def test_nan_in_a_lazy_image_is_refused_when_it_is_read():
    import dask.array as da

    pixels = np.ones((40, 40))
    pixels[5, 5] = np.nan
    channels = as_channels(da.from_array(pixels), None, "The image")
    with pytest.raises(InputError, match="NaN"):
        list(FeatureBlocks(channels, FeatureSet.parse("original")).values((slice(0, 9), slice(0, 9))))


def test_edges_come_from_small_patches_all_over_the_image():
    image = np.tile(np.arange(2000, dtype=np.float32), (2000, 1))
    blocks = FeatureBlocks((image,), FeatureSet.parse("original"))
    (edges,) = blocks.edges
    assert 200 <= len(edges) <= 255
    assert edges[0] < 400
    assert edges[-1] > 1600


def test_bins_are_kept_within_the_budget():
    image = np.random.default_rng(0).random((1030, 1030)).astype(np.float32)
    blocks = FeatureBlocks((image,), FeatureSet.parse("original gaussian_blur=1"), budget=2 * 2 * 512 * 512)
    edges = blocks.edges
    for block in blocks.blocks:
        blocks.bins(block, edges)
    assert blocks._cached_bytes <= 2 * 2 * 512 * 512
    assert blocks.bins(blocks.blocks[-1], edges) is blocks.bins(blocks.blocks[-1], edges)


@pytest.mark.parametrize("scale", [1e-42, 1e-20, 1.0, 1e20, 1e37])
@pytest.mark.parametrize("how", ["normal", "lognormal", "few", "one"])
def test_bins_count_the_edges_that_are_not_above(scale, how):
    rng = np.random.default_rng(0)
    values = {
        "normal": rng.normal(size=5000),
        "lognormal": rng.lognormal(0, 2, 5000),
        "few": rng.integers(0, 3, 5000),
        "one": rng.integers(0, 2, 5000),
    }[how]
    values = np.clip(values * scale, -3e38, 3e38).astype(np.float32)
    edges = find_edges(values)
    values[:5] = np.nan, np.inf, -np.inf, edges[0], edges[-1]
    expected = np.searchsorted(edges, values, side="right")
    expected[0] = 0
    np.testing.assert_array_equal(to_bins(values, edges), expected)


def test_blocks_cover_the_image_once():
    seen = np.zeros((600, 1025), int)
    for block in blocks_of(seen.shape):
        seen[block] += 1
    assert (seen == 1).all()


def test_reading_a_block_of_a_big_image_takes_little_memory():
    zarr = pytest.importorskip("zarr")
    image = zarr.zeros((16_384, 16_384), chunks=(512, 512), dtype=np.uint16)
    blocks = FeatureBlocks((image,), FeatureSet.parse("original gaussian_blur=2"))
    tracemalloc.start()
    list(blocks.values(blocks.blocks[40]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6


def test_names_say_what_is_wrong_with_bad_words():
    with pytest.raises(InputError, match=re.escape("custom=0")):
        FeatureSet.parse("nonsense=1")
