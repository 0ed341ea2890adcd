"""Arithmetic of images and constants: right where integers would wrap around and where results are not defined."""

import numpy as np
import pytest

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE

NAMES = [n for n, o in CATALOGUE.items() if o.category == "Filter/Arithmetic"]
SHAPES = [(13, 17), (5, 9, 8)]
DTYPES = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int64, np.float32, np.float64, bool]


def pixels(shape, dtype, seed=0):
    """Numbers over the whole range of small integers, and moderate ones of the others."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) > 0.5
    if dtype.kind == "f":
        return rng.normal(0, 100, shape).astype(dtype)
    low, high = max(np.iinfo(dtype).min, -(2**30)), min(np.iinfo(dtype).max, 2**30)
    return rng.integers(low, high, shape, endpoint=True).astype(dtype)


# What each operation is, in Python's own exact or double arithmetic of single numbers.
BY_HAND = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b if b else -7.0,
    "maximum_images": max,
    "minimum_images": min,
    "absolute_difference": lambda a, b: abs(a - b),
    "squared_difference": lambda a, b: (a - b) ** 2,
}


def by_hand(function, *arrays):
    """Apply a function of plain numbers pixel by pixel."""
    lists = [a.ravel().tolist() for a in arrays]
    return np.array([float(function(*numbers)) for numbers in zip(*lists, strict=True)]).reshape(arrays[0].shape)


@pytest.mark.parametrize("shape", SHAPES, ids=["2D", "3D"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BY_HAND)
def test_two_images_and_a_constant(name, dtype, shape):
    a, b = pixels(shape, dtype), pixels(shape, dtype, seed=1)
    given = {"undefined": -7} if name == "divide" else {}
    result = CATALOGUE[name](a, b, **given)
    np.testing.assert_allclose(result.astype(float), by_hand(BY_HAND[name], a, b), rtol=1e-5, atol=1e-5)
    for constant in (3.0, -2.5, 300.0):
        result = CATALOGUE[name](a, constant=constant)
        expected = by_hand(BY_HAND[name], a, np.full(a.shape, constant))
        np.testing.assert_allclose(result.astype(float), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "absolute_difference", "squared_difference"])
def test_results_are_floats_that_hold_them(name):
    for dtype, expected in [
        (np.uint8, np.float32),
        (np.uint16, np.float32),
        (np.float32, np.float32),
        (np.int32, np.float64),
        (np.uint64, np.float64),
        (np.float64, np.float64),
    ]:
        image = pixels((4, 5), dtype)
        assert CATALOGUE[name](image, constant=2).dtype == expected
        assert CATALOGUE[name](image, np.ones((4, 5), np.uint8)).dtype == expected


def test_images_of_two_dtypes():
    a, b = np.array([[250, 3]], np.uint8), np.array([[-3, 70_000]], np.int32)
    np.testing.assert_array_equal(operations.add(a, b), [[247, 70_003]])
    np.testing.assert_array_equal(operations.maximum_images(a, b), [[250, 70_000]])
    np.testing.assert_array_equal(operations.minimum_images(a, b), [[-3, 3]])
    np.testing.assert_array_equal(
        operations.add_images_weighted(a, b, factor=0.5, other_factor=-2), [[131, -139_998.5]]
    )


@pytest.mark.parametrize("name", ["maximum_images", "minimum_images", "clip"])
def test_numbers_that_only_are_picked_keep_their_dtype(name):
    image = pixels((6, 7), np.uint16)
    limits = {"minimum": 100, "maximum": 30_000} if name == "clip" else {"constant": 100}
    assert CATALOGUE[name](image, **limits).dtype == np.uint16
    limits = {"minimum": 100.5} if name == "clip" else {"constant": 100.5}
    assert CATALOGUE[name](image, **limits).dtype == np.float32


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("low", "high"), [(10, 50), (None, 20.5), (-3.5, None), (-500, 500), (None, None), (7, 7)])
def test_clip(dtype, low, high):
    image = pixels((13, 17), dtype)
    expected = by_hand(lambda a: min(max(a, -np.inf if low is None else low), np.inf if high is None else high), image)
    result = operations.clip(image, minimum=low, maximum=high)
    np.testing.assert_allclose(result.astype(float), expected, rtol=1e-6)
    assert not np.shares_memory(result, image)


def test_clip_to_limits_outside_of_the_dtype():
    image = np.array([[0, 100, 255]], np.uint8)
    np.testing.assert_array_equal(operations.clip(image, minimum=-10, maximum=1000), image)
    assert operations.clip(image, minimum=-10, maximum=1000).dtype == np.uint8
    np.testing.assert_array_equal(operations.clip(image, minimum=300), [[300, 300, 300]])
    image = np.array([[0, 100]], np.float32)
    np.testing.assert_array_equal(operations.clip(image, minimum=50, maximum=1e300), [[50, 100]])
    assert np.isfinite(operations.maximum_images(image, constant=1e300)).all()
    with pytest.raises(InputError, match="above the maximum"):
        operations.clip(image, minimum=5, maximum=4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_one_image(dtype):
    image = pixels((13, 17), dtype)
    image.ravel()[:3] = 0
    some = by_hand(lambda a: 1 / a if a else -1, image)
    np.testing.assert_allclose(operations.reciprocal(image, undefined=-1), some, rtol=1e-5)
    some = by_hand(lambda a: np.sqrt(a) if a >= 0 else -1, image)
    np.testing.assert_allclose(operations.square_root(image, undefined=-1), some, rtol=1e-5)
    for base, value in (("e", np.e), ("2", 2), ("10", 10)):
        some = by_hand(lambda a, value=value: np.log(a) / np.log(value) if a > 0 else -9, image)
        np.testing.assert_allclose(operations.logarithm(image, base=base, undefined=-9), some, rtol=1e-5, atol=1e-5)
    small = (image / 300).astype(dtype) if np.dtype(dtype).kind != "b" else image
    small = np.clip(small, -80, 80).astype(dtype) if np.dtype(dtype).kind not in "b" else small
    np.testing.assert_allclose(operations.exponential(small), by_hand(lambda a: np.exp(float(a)), small), rtol=1e-4)
    np.testing.assert_allclose(operations.absolute(image).astype(float), by_hand(abs, image), rtol=1e-6)


def test_the_smallest_integer_has_an_absolute_value():
    assert operations.absolute(np.array([[-128, 127]], np.int8)).tolist() == [[128, 127]]
    assert operations.absolute(np.array([[-(2**63)]], np.int64)).tolist() == [[2**63]]


@pytest.mark.parametrize("exponent", [2, 3, 0.5, -1, -0.5, 0, 2.5])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, bool])
def test_power(dtype, exponent):
    image = pixels((13, 17), dtype)
    image.ravel()[:3] = 0

    def expected(base, exponent):
        if (base < 0 and exponent != int(exponent)) or (base == 0 and exponent < 0):
            return -5
        return float(base) ** exponent

    constants = np.full(image.shape, float(exponent))
    reference = by_hand(expected, image, constants)
    np.testing.assert_allclose(operations.power(image, exponent=exponent, undefined=-5), reference, rtol=1e-5)
    np.testing.assert_allclose(operations.power(image, constants, undefined=-5), reference, rtol=1e-5)


def test_what_is_too_large_becomes_the_largest_number():
    image = np.array([[0, 255]], np.uint8)
    largest = np.finfo(np.float32).max
    assert operations.exponential(image).tolist() == [[1.0, largest]]
    assert operations.power(image, exponent=100).tolist() == [[0.0, largest]]
    assert operations.multiply(np.array([[-1e30, 1e30]], np.float32), constant=1e30).tolist() == [[-largest, largest]]
    assert np.isfinite(operations.reciprocal(np.array([[1e-44]], np.float32))).all()
    assert np.isfinite(operations.add(np.full((2, 2), 1.5e308), np.full((2, 2), 1.5e308))).all()


def test_nothing_is_divided_by_zero():
    with pytest.raises(InputError, match="constant is 0"):
        operations.divide(np.ones((3, 3)), constant=0)
    assert operations.divide(np.ones((1, 2)), np.array([[0, 4]])).tolist() == [[0, 0.25]]


def test_masking_keeps_dtype_and_pixels():
    image, labels = pixels((5, 9, 8), np.uint16), np.zeros((5, 9, 8), np.uint32)
    labels[1:3, 2:7] = 256
    result = operations.mask_image(image, labels, outside=9)
    assert result.dtype == np.uint16
    np.testing.assert_array_equal(result[labels > 0], image[labels > 0])
    assert (result[labels == 0] == 9).all()
    assert operations.mask_image(image, labels, outside=-0.5).dtype == np.float32
    assert operations.mask_image(image > 5, labels).dtype == bool


@pytest.mark.parametrize("name", NAMES)
def test_one_pixel_and_a_constant_image(name):
    operation = CATALOGUE[name]
    for image in (np.full((1, 1), 7, np.uint8), np.full((1, 1, 1), 7.0), np.full((4, 5), 3, np.int16)):
        result = operation(**{p.name: image for p in operation.arrays if p.required})
        assert result.shape == image.shape
        assert np.isfinite(result).all()
        assert len(np.unique(result)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_wrong_input_is_refused(name):
    operation = CATALOGUE[name]
    needed = [p.name for p in operation.arrays]
    image = np.ones((4, 5))
    with pytest.raises(InputError, match="NaN"):
        operation(**dict.fromkeys(needed[:1], np.full((4, 5), np.nan)), **dict.fromkeys(needed[1:], image))
    if len(needed) > 1:
        with pytest.raises(InputError, match="shapes differ"):
            operation(image, np.ones((5, 5)))
    with pytest.raises(InputError, match="has the shape"):
        operation(**dict.fromkeys(needed, np.ones(4)))


@pytest.mark.parametrize("name", NAMES)
def test_dask_blocks_equal_the_whole(name):
    da = pytest.importorskip("dask.array")
    operation = CATALOGUE[name]
    given = {p.name: pixels((20, 30), np.int16, seed) for seed, p in enumerate(operation.arrays)}
    lazy = {k: da.from_array(v, chunks=11) for k, v in given.items()}
    result = operation(**lazy)
    assert device.is_dask(result)
    whole = operation(**given)
    assert result.dtype == whole.dtype
    np.testing.assert_array_equal(result.compute(scheduler="synchronous"), whole)


SETTINGS = {
    "add": {"constant": 3.5},
    "subtract": {"constant": -2.5},
    "multiply": {"constant": 0.3},
    "divide": {"constant": 7, "undefined": -3},
    "maximum_images": {"constant": 40.5},
    "minimum_images": {"constant": 40.5},
    "absolute_difference": {"constant": 40.5},
    "squared_difference": {"constant": 40.5},
    "add_images_weighted": {"factor": 0.5, "other_factor": -1.5},
    "clip": {"minimum": 20, "maximum": 90.5},
    "logarithm": {"base": "10", "undefined": -1},
    "square_root": {"undefined": -1},
    "reciprocal": {"undefined": -1},
    "mask_image": {"outside": 4.5},
    "power": {"exponent": 1.5, "undefined": -1},
}


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", SHAPES, ids=["2D", "3D"])
@pytest.mark.parametrize("name", NAMES)
def test_opencl_gives_the_numpy_answer(name, shape, dtype):
    """To a relative 1e-5, which is the precision of the device's functions in float32."""
    operation = CATALOGUE[name]
    assert "opencl" in operation.engines
    images = [pixels(shape, dtype, seed) for seed in range(len(operation.arrays))]
    images[-1].ravel()[::7] = 0
    if name == "exponential":
        images = [(image / 4).astype(dtype) for image in images]
    needed = [p.name for p in operation.arrays if p.required]
    for names in {tuple(needed), tuple(p.name for p in operation.arrays)}:
        if name == "power" and len(names) == 2:
            images[1] = (images[1] / 64).astype(dtype)
        given = dict(zip(names, images, strict=False))
        result = operation(**{k: device.push(v) for k, v in given.items()}, **SETTINGS.get(name, {}))
        assert device.is_opencl(result)
        expected = operation(**given, **SETTINGS.get(name, {}))
        np.testing.assert_allclose(device.pull(result), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
def test_opencl_results_stay_finite():
    zero_and_large = device.push(np.array([[-1.0, 0, 200, 3e38]], np.float32))
    for name in ("exponential", "reciprocal", "logarithm", "square_root", "power", "divide", "multiply"):
        for exponent in (2, -1, -0.5) if name == "power" else (None,):
            given = {"exponent": exponent} if exponent else {}
            other = [zero_and_large] if name in ("divide", "multiply") else []
            assert np.isfinite(device.pull(CATALOGUE[name](zero_and_large, *other, **given))).all(), name
