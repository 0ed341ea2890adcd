"""Projections equal NumPy's, in every direction, on every engine; the sharpest planes are found."""

import numpy as np
import pytest
from scipy import ndimage

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE

NAMES = [n for n, o in CATALOGUE.items() if o.category == "Project/Along an axis"]
REFERENCES = {
    "maximum_projection": np.max,
    "minimum_projection": np.min,
    "sum_projection": lambda a, axis: a.astype(np.float64).sum(axis=axis),
    "mean_projection": lambda a, axis: a.astype(np.float64).mean(axis=axis),
    "median_projection": lambda a, axis: np.median(a.astype(np.float64), axis=axis),
    "standard_deviation_projection": lambda a, axis: a.astype(np.float64).std(axis=axis, ddof=1),
    "position_of_maximum": np.argmax,
    "position_of_minimum": np.argmin,
}
SHAPE = (6, 9, 7)
DTYPES = [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64, bool]


def stack(dtype, shape=SHAPE):
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return rng.normal(50, 20, shape).astype(dtype)
    if np.dtype(dtype).kind == "b":
        return rng.random(shape) > 0.5
    return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def test_all_are_tested():
    assert set(NAMES) == {*REFERENCES, "extended_depth_of_focus"}


@pytest.mark.parametrize("axis", ["z", "y", "x"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REFERENCES)
def test_projections_equal_numpy(name, dtype, axis):
    image = stack(dtype)
    number = "zyx".index(axis)
    result = CATALOGUE[name](image, axis=axis)
    np.testing.assert_allclose(result.astype(np.float64), REFERENCES[name](image, axis=number), rtol=1e-6)
    placement = CATALOGUE[name].place(SHAPE, {"axis": axis})
    assert placement.shape == result.shape
    assert placement.axes == tuple(a for a in range(3) if a != number)
    assert set(placement.start) == {0}
    assert set(placement.step) == {1}


def test_what_is_picked_keeps_its_dtype_and_sums_are_exact():
    for dtype in (np.uint8, np.uint16, np.int32, np.float32):
        assert operations.maximum_projection(stack(dtype)).dtype == dtype
        assert operations.minimum_projection(stack(dtype)).dtype == dtype
    full = np.full((300, 2, 2), 65_535, np.uint16)
    full[0] = 65_534
    assert operations.sum_projection(full).dtype == np.uint32
    assert (operations.sum_projection(full) == 300 * 65_535 - 1).all()
    assert (operations.sum_projection(np.full((300, 2, 2), -32_768, np.int16)) == -300 * 32_768).all()


def test_the_deviation_of_large_numbers_close_together():
    image = stack(np.float32) / 20
    shifted = image.astype(np.float64) + 1e9
    expected = image.astype(np.float64).std(axis=0, ddof=1)
    np.testing.assert_allclose(operations.standard_deviation_projection(shifted), expected, rtol=1e-5)


def test_heights_are_in_units_and_the_first_of_equals_counts():
    image = np.zeros((5, 3, 4), np.uint8)
    image[2:4, 1, 1] = 7
    heights = operations.position_of_maximum(image, spacing=(0.5, 2, 2))
    assert heights[1, 1] == 1.0
    assert heights.sum() == 1.0
    assert operations.position_of_maximum(image, axis="x", spacing=(0.5, 2, 3))[2, 1] == 3
    assert operations.position_of_minimum(image, axis="z")[0, 0] == 0


@pytest.mark.parametrize("name", NAMES)
def test_one_plane_one_pixel_and_constants(name):
    for shape in ((1, 1, 1), (1, 4, 5), (4, 5, 1)):
        result = CATALOGUE[name](np.full(shape, 3, np.uint16))
        assert result.shape == shape[1:]
        expected = 0 if "position" in name or "deviation" in name else 3 * (shape[0] if name == "sum_projection" else 1)
        assert (result == expected).all()


@pytest.mark.parametrize("name", NAMES)
def test_wrong_input_is_refused(name):
    with pytest.raises(InputError, match=r"must be \(z, y, x\)"):
        CATALOGUE[name](np.ones((4, 5)))
    with pytest.raises(InputError, match="NaN"):
        CATALOGUE[name](np.full((2, 4, 5), np.nan))
    with pytest.raises(InputError, match="one of z, y, x"):
        CATALOGUE[name](np.ones((2, 4, 5)), axis="t")


@pytest.mark.parametrize("axis", ["z", "y", "x"])
@pytest.mark.parametrize("name", NAMES)
def test_dask_blocks_equal_the_whole(name, axis):
    da = pytest.importorskip("dask.array")
    image = stack(np.int16, (8, 20, 18))
    result = CATALOGUE[name](da.from_array(image, chunks=7), axis=axis)
    assert device.is_dask(result)
    whole = CATALOGUE[name](image, axis=axis)
    assert (result.shape, result.dtype) == (whole.shape, whole.dtype)
    np.testing.assert_array_equal(result.compute(scheduler="synchronous"), whole)
    if name != "extended_depth_of_focus":
        assert result.npartitions > 1


def test_nan_in_dask_blocks_is_refused_when_it_is_seen():
    da = pytest.importorskip("dask.array")
    lazy = operations.maximum_projection(da.from_array(np.full((2, 4, 5), np.nan), chunks=2))
    with pytest.raises(InputError, match="NaN"):
        lazy.compute(scheduler="synchronous")


def focus_stack(noise=0.0):
    """A textured, tilted surface, blurred the more the further a plane is from it."""
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(0, 1, (48, 60)), 0.7) * 400 + 1000
    height = np.broadcast_to(np.linspace(0.6, 7.4, 60), texture.shape)
    planes = []
    for z in range(9):
        blurred = np.stack([ndimage.gaussian_filter(texture, s) for s in np.arange(0, 9.1, 0.5)])
        level = np.clip(np.rint(2 * np.abs(height - z)), 0, len(blurred) - 1).astype(int)
        planes.append(np.take_along_axis(blurred, level[None], axis=0)[0])
    image = np.stack(planes) + rng.normal(0, noise, (9, 48, 60))
    return image.astype(np.float32), texture, height


@pytest.mark.parametrize("measure", ["variance", "sobel"])
def test_extended_depth_of_focus_gives_back_what_was_blurred(measure):
    image, texture, _ = focus_stack(noise=5)
    result = operations.extended_depth_of_focus(image, measure=measure)
    assert result.dtype == np.float32
    error = np.abs(result - texture).mean()
    single_planes = [np.abs(plane - texture).mean() for plane in image]
    assert error < 0.45 * min(single_planes)
    assert error < 0.3 * np.abs(operations.maximum_projection(image) - texture).mean()
    # Every pixel is one of the stack.
    assert (result == image).any(axis=0).all()


def test_focus_is_sought_along_any_axis_in_physical_units():
    image, _, _ = focus_stack()
    straight = operations.extended_depth_of_focus(image, radius=2, sigma=1)
    turned = operations.extended_depth_of_focus(
        np.moveaxis(image, 0, 2), axis="x", radius=1, sigma=0.5, spacing=(0.5, 0.5, 3)
    )
    np.testing.assert_array_equal(turned, straight)


def test_smoothing_takes_flat_regions_along():
    image, _, _ = focus_stack()
    image[:, 20:26, 20:30] = 500  # nothing is sharp here
    image[0, 20:26, 20:30] += 1e-3 * np.random.default_rng(1).random((6, 10)).astype(np.float32)
    rough = operations.extended_depth_of_focus(image, radius=0.6, sigma=0)[22:24, 23:27]
    smooth = operations.extended_depth_of_focus(image, radius=0.6, sigma=6)[22:24, 23:27]
    assert (rough > 500).all()  # the noise of a plane far out of focus
    assert (smooth == 500).all()


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("axis", ["z", "y", "x"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.uint32])
@pytest.mark.parametrize("name", [n for n in NAMES if "opencl" in CATALOGUE[n].engines])
def test_opencl_gives_the_numpy_answer(name, dtype, axis):
    """To a relative 1e-5 for sums and what is made of them, exactly for what is picked."""
    image = stack(dtype)
    settings = {"spacing": (0.5, 2, 3)} if "position" in name else {}
    result = CATALOGUE[name](device.push(image), axis=axis, **settings)
    assert device.is_opencl(result)
    expected = CATALOGUE[name](image, axis=axis, **settings)
    exact = name in ("maximum_projection", "minimum_projection", "position_of_maximum", "position_of_minimum")
    np.testing.assert_allclose(device.pull(result), expected, rtol=0 if exact else 1e-5)


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_one_plane_on_the_device(axis):
    for name in NAMES:
        result = device.pull(CATALOGUE[name](device.push(np.full((1, 1, 1), 3, np.float32)), axis=axis))
        assert np.isfinite(result).all()
        assert result.shape == (1, 1)
