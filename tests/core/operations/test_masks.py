"""Masks are eroded, filled and thinned as SciPy and scikit-image do it, in pixels of any shape."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import morphology

from bioloom import device, operations
from bioloom.operations import CATALOGUE

SHAPES = {"2D": (60, 70), "3D": (12, 26, 30)}
MORPHOLOGY = {
    "binary_erosion": morphology.erosion,
    "binary_dilation": morphology.dilation,
    "binary_opening": morphology.opening,
    "binary_closing": morphology.closing,
}


def ragged(shape, seed=0, share=0.5):
    """Foreground of all sizes, with holes, also at the edges."""
    noise = np.random.default_rng(seed).normal(size=shape)
    smooth = ndimage.gaussian_filter(noise, 1.5)
    return smooth > np.quantile(smooth, 1 - share)


def ball(radius, spacing):
    """Return a footprint of the pixels within a distance."""
    reach = [int(radius / s + 1e-6) for s in spacing]
    grid = np.meshgrid(*(np.arange(-r, r + 1) * s for r, s in zip(reach, spacing, strict=True)), indexing="ij")
    return sum(g**2 for g in grid) <= radius**2 * (1 + 1e-9)


@pytest.mark.parametrize("radius", [0, 1, 1.5, 3, 6])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", MORPHOLOGY)
def test_balls_equal_scikit_image(name, shape, radius):
    mask = ragged(shape)
    expected = MORPHOLOGY[name](mask, ball(radius, (1,) * mask.ndim))
    found = CATALOGUE[name](mask, radius)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", MORPHOLOGY)
def test_balls_in_units_of_an_anisotropic_stack(name):
    mask, spacing = ragged(SHAPES["3D"], share=0.6), (0.9, 0.3, 0.3)
    for radius in (0.3, 0.9, 1.2):
        expected = MORPHOLOGY[name](mask, ball(radius, spacing))
        np.testing.assert_array_equal(CATALOGUE[name](mask, radius, spacing=spacing), expected)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", MORPHOLOGY)
def test_boxes_equal_scikit_image(name, shape):
    mask = ragged(shape, share=0.6)
    for radius in (1, 2):
        expected = MORPHOLOGY[name](mask, np.ones((2 * radius + 1,) * mask.ndim, bool))
        np.testing.assert_array_equal(CATALOGUE[name](mask, radius, shape="box"), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32])
def test_what_is_not_zero_is_foreground(dtype):
    mask = ragged(SHAPES["2D"])
    for name in (*MORPHOLOGY, "fill_holes", "skeletonize", "distance_map"):
        np.testing.assert_array_equal(CATALOGUE[name](mask.astype(dtype) * 7), CATALOGUE[name](mask))


@pytest.mark.parametrize("name", MORPHOLOGY)
@pytest.mark.parametrize("radius", [2.0, 5.0])
@pytest.mark.parametrize("form", ["ball", "box"])
def test_blocks_equal_the_whole_with_other_settings(name, radius, form):
    da = pytest.importorskip("dask.array")
    mask, spacing = ragged(SHAPES["3D"], share=0.6), (2.5, 1, 0.8)
    settings = {"radius": radius, "shape": form, "spacing": spacing}
    lazy = CATALOGUE[name](da.from_array(mask, chunks=(5, 11, 13)), **settings)
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), CATALOGUE[name](mask, **settings))


def test_large_masks_are_eroded_in_parts_as_in_one():
    mask = ragged((700, 300), share=0.9)
    for radius in (2, 9):
        footprint = ball(radius, (1, 1))
        expected = ndimage.binary_erosion(mask, footprint, border_value=1)
        np.testing.assert_array_equal(operations.binary_erosion(mask, radius), expected)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_holes_are_filled_as_by_scipy(shape):
    for share in (0.5, 0.7, 0.9):
        mask = ragged(shape, share=share)
        np.testing.assert_array_equal(operations.fill_holes(mask), ndimage.binary_fill_holes(mask))


def test_only_small_holes_are_filled():
    mask = np.ones((12, 20), bool)
    mask[2, 2], mask[5:7, 5:7], mask[3:8, 12:17], mask[0, 10] = False, False, False, False
    filled = operations.fill_holes(mask, maximum_size=4)
    assert filled[2, 2]
    assert filled[5:7, 5:7].all()
    assert not filled[3:8, 12:17].any()
    assert not filled[0, 10]
    physical = operations.fill_holes(mask, maximum_size=1, spacing=(0.5, 0.5))
    np.testing.assert_array_equal(physical, filled)


def test_a_plane_of_a_stack_is_filled_as_a_plane():
    mask = ragged(SHAPES["2D"], share=0.7)
    np.testing.assert_array_equal(operations.fill_holes(mask[None])[0], operations.fill_holes(mask))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_skeletons_are_thin_and_keep_what_is_connected(shape):
    mask = ragged(shape, share=0.3)
    skeleton = operations.skeletonize(mask)
    assert skeleton.dtype == bool
    assert not (skeleton & ~mask).any()
    full = np.ones((3,) * mask.ndim)
    assert ndimage.label(skeleton, full)[1] == ndimage.label(mask, full)[1]
    assert skeleton.sum() < 0.5 * mask.sum()
    np.testing.assert_array_equal(operations.skeletonize(skeleton), skeleton)
    bar = np.zeros((9, 30), bool)
    bar[2:7, 2:28] = True
    line = operations.skeletonize(bar)
    assert line[4, 8:22].all()
    assert line.sum() < 30


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("stretched", [False, True])
def test_distances_equal_scipy(shape, stretched):
    mask = ragged(shape, share=0.7)
    spacing = (0.9, 0.3, 0.25)[-mask.ndim :] if stretched else None
    expected = ndimage.distance_transform_edt(mask, sampling=spacing)
    found = operations.distance_map(mask, spacing=spacing)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("stretched", [False, True])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_distances_reach_over_blocks(shape, stretched):
    da = pytest.importorskip("dask.array")
    # One region that goes through all blocks.
    mask = ndimage.binary_dilation(ragged(shape, share=0.75))
    spacing = (0.9, 0.3, 0.25)[-mask.ndim :] if stretched else None
    lazy = operations.distance_map(da.from_array(mask, chunks=7), spacing=spacing)
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), operations.distance_map(mask, spacing=spacing))


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("form", ["ball", "box"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", ["binary_erosion", "binary_dilation"])
def test_opencl_erodes_and_dilates_alike(name, shape, form):
    mask = ragged(shape, share=0.6)
    for radius in (1, 3):
        there = CATALOGUE[name](device.push(mask), radius, shape=form)
        assert device.is_opencl(there)
        np.testing.assert_array_equal(device.pull(there).astype(bool), CATALOGUE[name](mask, radius, shape=form))
