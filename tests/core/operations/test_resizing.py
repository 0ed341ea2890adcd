"""Images sampled anew equal scikit-image's, stay where they were, and keep labels whole."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import measure, transform

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE

SHAPES = {"2D": (24, 30), "3D": (6, 24, 20)}
RESIZING = ["resize", "rescale", "make_isotropic", "bin_pixels"]


def pixels(shape, dtype=np.float32):
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.normal(0, 1, shape), 1) * 300 + 500
    return image.astype(dtype)


@pytest.mark.parametrize("sizes", [(None, 12, 15), (None, 48, 31), (3, 11, 40), (13, None, None), (None, 1, 1)])
@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_resize_equals_scikit_image(shape, interpolation, sizes):
    if len(shape) == 2:
        sizes = (None, *sizes[1:])
    image = pixels(shape)
    wanted = [n if s is None else s for n, s in zip(shape, sizes[3 - len(shape) :], strict=True)]
    result = operations.resize(image, *sizes, interpolation=interpolation)
    expected = transform.resize(
        image,
        wanted,
        order={"linear": 1, "cubic": 3}[interpolation],
        mode="edge",
        anti_aliasing=True,
        preserve_range=True,
        clip=False,
    )
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=2e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float64, bool])
@pytest.mark.parametrize("interpolation", ["linear", "nearest", "cubic"])
def test_dtypes(interpolation, dtype):
    image = pixels(SHAPES["2D"]) > 500 if dtype is bool else pixels(SHAPES["2D"], np.float64).clip(0, 250).astype(dtype)
    result = operations.resize(image, y_size=17, x_size=40, interpolation=interpolation)
    if interpolation == "nearest":
        assert result.dtype == dtype
        assert set(np.unique(result)) <= set(np.unique(image))
    else:
        assert result.dtype == (np.float64 if dtype in (np.int32, np.float64) else np.float32)
        as_double = operations.resize(image.astype(np.float64), y_size=17, x_size=40, interpolation=interpolation)
        np.testing.assert_allclose(result, as_double, rtol=1e-4, atol=1e-4)


def test_nearest_takes_the_pixel_whose_area_holds_the_new_centre():
    labels = np.arange(1, 13, dtype=np.uint32).reshape(3, 4) + 4_294_960_000
    result = operations.resize(labels, y_size=7, x_size=3, interpolation="nearest")
    rows, columns = (np.floor((np.arange(n) + 0.5) * m / n).astype(int) for n, m in ((7, 3), (3, 4)))
    np.testing.assert_array_equal(result, labels[np.ix_(rows, columns)])
    assert CATALOGUE["resize"].kind_of_result("labels", {"interpolation": "nearest"}) == "labels"
    assert CATALOGUE["resize"].kind_of_result("labels", {}) == "image"


@pytest.mark.parametrize("interpolation", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("resize", {"y_size": 55, "x_size": 71}),
        ("rescale", {"y_factor": 3, "x_factor": 2}),
        ("rescale", {"y_factor": 0.5, "x_factor": 0.25}),
        ("make_isotropic", {"pixel_size": 0.4, "spacing": (1.0, 0.5)}),
        ("bin_pixels", {"y_block": 2, "x_block": 3}),
        ("bin_pixels", {"y_block": 3, "x_block": 1}),
    ],
)
def test_results_lie_where_the_placement_says(name, settings, interpolation):
    """A ramp has, at each new pixel, the value of the ground that the pixel is said to lie on."""
    if name != "bin_pixels":
        settings = {**settings, "interpolation": interpolation}
    y, x = np.mgrid[:40, :41]
    ramp = (100 * y + 7 * x).astype(np.float64)
    result = CATALOGUE[name](ramp, **settings)
    placement = CATALOGUE[name].place(ramp.shape, settings)
    assert result.shape == placement.shape
    assert placement.axes == (0, 1)
    at = [start + step * np.arange(n) for start, step, n in zip(*placement_of(placement), strict=True)]
    expected = 100 * at[0][:, None] + 7 * at[1]
    # Not at the edges, beyond which a ramp does not go on; the nearest pixel is up to half a pixel away.
    middle = tuple(slice(n // 4, -(n // 4)) for n in result.shape)
    slack = 0.5 * 107 + 1e-6 if interpolation == "nearest" and name != "bin_pixels" else 1e-6 * ramp.max()
    assert np.abs(result - expected)[middle].max() <= slack


def placement_of(placement):
    return placement.start, placement.step, placement.shape


def test_isotropic_pixels_of_an_anisotropic_stack():
    stack = pixels((6, 20, 24))
    result = operations.make_isotropic(stack, spacing=(2.0, 0.5, 0.5))
    assert result.shape == (24, 20, 24)
    np.testing.assert_allclose(result, operations.resize(stack, z_size=24), rtol=1e-6)
    coarse = operations.make_isotropic(stack, pixel_size=1, spacing=(2.0, 0.5, 0.5))
    assert coarse.shape == (12, 10, 12)
    placement = CATALOGUE["make_isotropic"].place(stack.shape, {"pixel_size": 1, "spacing": (2.0, 0.5, 0.5)})
    assert [step * s for step, s in zip(placement.step, (2.0, 0.5, 0.5), strict=True)] == [1, 1, 1]
    np.testing.assert_array_equal(operations.make_isotropic(stack), stack)


@pytest.mark.parametrize("method", ["mean", "sum", "maximum", "minimum", "median"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_binning_equals_scikit_image(dtype, method):
    function = {"mean": np.mean, "sum": np.sum, "maximum": np.max, "minimum": np.min, "median": np.median}[method]
    image = (pixels((6, 20, 24)) / 5).astype(dtype)
    result = operations.bin_pixels(image, 2, 5, 3, method=method)
    expected = measure.block_reduce(image.astype(np.float64), (2, 5, 3), function)
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert (result.dtype == dtype) or method in ("mean", "sum", "median")
    cut = operations.bin_pixels(image[0, :19, :23], y_block=5, x_block=3, method=method)
    np.testing.assert_allclose(cut, measure.block_reduce(image[0, :15, :21].astype(np.float64), (5, 3), function))


@pytest.mark.parametrize("name", RESIZING)
def test_one_pixel_and_a_constant_image(name):
    for shape in ((1, 1), (1, 1, 1), (9, 8), (1, 9, 8)):
        result = CATALOGUE[name](np.full(shape, 7, np.uint8))
        assert (result == 7).all()
        assert result.size >= 1
    grown = operations.resize(np.full((1, 1), 7, np.uint8), y_size=5, x_size=4, interpolation="cubic")
    np.testing.assert_allclose(grown, np.full((5, 4), 7))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda im: operations.resize(im, z_size=3), "no axis z"),
        (lambda im: operations.resize(im, y_size=0), "y_size is 0"),
        (lambda im: operations.resize(im, y_size=1_000_000, x_size=1_000_000), "of the memory"),
        (lambda im: operations.rescale(im, z_factor=2), "no axis z"),
        (lambda im: operations.make_isotropic(im, pixel_size=1e-6), "of the memory"),
        (lambda im: operations.bin_pixels(im, z_block=2), "no axis z"),
        (lambda im: operations.resize(np.where(im > 500, np.nan, im)), "NaN"),
        (lambda im: operations.resize(im, interpolation="spline"), "one of linear"),
    ],
)
def test_bad_input_is_refused_with_the_reason(call, says):
    with pytest.raises(InputError, match=says):
        call(pixels(SHAPES["2D"]))


@pytest.mark.parametrize("name", RESIZING)
def test_dask_arrays_are_computed_as_a_whole(name):
    da = pytest.importorskip("dask.array")
    image = pixels((40, 70), np.uint16)
    settings = {"pixel_size": 2} if name == "make_isotropic" else {}
    result = CATALOGUE[name](da.from_array(image, chunks=16), **settings)
    assert device.is_dask(result)
    whole = CATALOGUE[name](image, **settings)
    assert (result.shape, result.dtype) == (whole.shape, whole.dtype)
    np.testing.assert_array_equal(result.compute(scheduler="synchronous"), whole)
