"""Logic of masks and comparisons give what their truth tables say, on every engine."""

import operator

import numpy as np
import pytest

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE

NAMES = [n for n, o in CATALOGUE.items() if o.category == "Filter/Logic and comparison"]
TRUTH = {  # of (False, False), (False, True), (True, False), (True, True)
    "binary_and": [False, False, False, True],
    "binary_or": [False, True, True, True],
    "binary_xor": [False, True, True, False],
    "binary_subtract": [False, False, True, False],
}
BY_HAND = {
    "greater": operator.gt,
    "greater_or_equal": operator.ge,
    "smaller": operator.lt,
    "smaller_or_equal": operator.le,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
SHAPES = [(13, 17), (5, 9, 8)]


def numbers(shape, dtype, seed=0):
    """Few different numbers, so that many are equal."""
    low = 0 if np.dtype(dtype).kind in "ub" else -4
    return np.random.default_rng(seed).integers(low, 5, shape).astype(dtype)


def test_all_are_tested():
    assert set(NAMES) == {*TRUTH, *BY_HAND, "binary_not"}


@pytest.mark.parametrize("name", TRUTH)
def test_truth_tables(name):
    for off, on in ((False, True), (0, 256), (0.0, 0.25), (0, 4_294_967_295), (0, -1)):
        first, second = np.array([[off, off, on, on]]), np.array([[off, on, off, on]])
        assert CATALOGUE[name](first, second).tolist() == [TRUTH[name]]
    volume = np.zeros((2, 3, 4), np.uint8)
    volume[1, 1] = 7
    pairs = zip((volume > 0).ravel(), (volume == 0).ravel(), strict=True)
    expected = np.reshape([TRUTH[name][2 * a + b] for a, b in pairs], volume.shape)
    np.testing.assert_array_equal(CATALOGUE[name](volume, volume == 0), expected)


def test_not():
    assert operations.binary_not(np.array([[0, 1, 256]])).tolist() == [[True, False, False]]
    np.testing.assert_array_equal(operations.binary_not(np.ones((2, 3, 4))), np.zeros((2, 3, 4), bool))


@pytest.mark.parametrize("shape", SHAPES, ids=["2D", "3D"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.uint64, np.float32, np.float64, bool])
@pytest.mark.parametrize("name", BY_HAND)
def test_comparisons(name, dtype, shape):
    a, b = numbers(shape, dtype), numbers(shape, dtype, seed=1)
    expected = [BY_HAND[name](x, y) for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)]
    result = CATALOGUE[name](a, b)
    assert result.dtype == bool
    np.testing.assert_array_equal(result.ravel(), expected)
    for constant in (2, 1.5, -300.0, 300.0):
        expected = [BY_HAND[name](x, constant) for x in a.ravel().tolist()]
        np.testing.assert_array_equal(CATALOGUE[name](a, constant=constant).ravel(), expected)


def test_signed_and_unsigned_numbers_are_compared_by_value():
    signed, unsigned = np.array([[-1, 200]], np.int16), np.array([[255, 200]], np.uint8)
    assert operations.greater(unsigned, signed).tolist() == [[True, False]]
    assert operations.equal(unsigned, signed).tolist() == [[False, True]]


def test_fractions_are_compared_as_pixels_hold_them():
    image = np.array([[0.1, 0.2]], np.float32)
    assert operations.equal(image, constant=0.1).tolist() == [[True, False]]
    assert operations.greater(image, constant=0.1).tolist() == [[False, True]]


def test_nan_equals_nothing():
    image = np.array([[np.nan, 1]])
    answers = {name: CATALOGUE[name](image, constant=1).tolist()[0][0] for name in BY_HAND}
    assert answers == {name: name == "not_equal" for name in BY_HAND}


@pytest.mark.parametrize("name", NAMES)
def test_one_pixel_and_wrong_shapes(name):
    operation = CATALOGUE[name]
    one = {p.name: np.ones((1, 1), np.uint8) for p in operation.arrays}
    assert operation(**one).shape == (1, 1)
    if len(operation.arrays) > 1:
        with pytest.raises(InputError, match="shapes differ"):
            operation(np.ones((3, 4)), np.ones((4, 3)))
    with pytest.raises(InputError, match="has the shape"):
        operation(**dict.fromkeys(one, np.ones(5)))


@pytest.mark.parametrize("name", NAMES)
def test_dask_blocks_equal_the_whole(name):
    da = pytest.importorskip("dask.array")
    operation = CATALOGUE[name]
    given = {p.name: numbers((20, 30), np.int16, seed) for seed, p in enumerate(operation.arrays)}
    result = operation(**{k: da.from_array(v, chunks=11) for k, v in given.items()})
    np.testing.assert_array_equal(result.compute(scheduler="synchronous"), operation(**given))


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", SHAPES, ids=["2D", "3D"])
@pytest.mark.parametrize("name", NAMES)
def test_opencl_gives_the_numpy_answer(name, shape, dtype):
    """Exactly: there is nothing to round."""
    operation = CATALOGUE[name]
    images = [numbers(shape, dtype, seed) for seed in range(len(operation.arrays))]
    if dtype == np.uint16:
        images = [image * 256 for image in images]
    if dtype == np.float32:
        images = [image / 4 for image in images]
    for count in {len(images), sum(p.required for p in operation.arrays)}:
        settings = {"constant": float(images[0].ravel()[0])} if count < len(images) else {}
        result = operation(*(device.push(image) for image in images[:count]), **settings)
        assert device.is_opencl(result)
        np.testing.assert_array_equal(device.pull(result).astype(bool), operation(*images[:count], **settings))
