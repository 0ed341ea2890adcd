"""Mirroring, swapping, leaving out and cutting: no pixel changes, and results lie where they were cut."""

import numpy as np
import pytest

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE

MOVING = ["flip", "swap_axes", "squeeze", "crop", "sub_stack", "reduce_stack"]
DTYPES = [np.uint8, np.int16, np.uint32, np.float32, np.float64, bool]
CASES = [
    ("flip", {"axis": "y"}, lambda a: a[..., ::-1, :]),
    ("flip", {}, lambda a: a[..., ::-1]),
    ("swap_axes", {}, lambda a: np.swapaxes(a, -1, -2)),
    ("crop", {"y_start": 2, "y_stop": 7, "x_start": 1, "x_stop": 4}, lambda a: a[..., 2:7, 1:4]),
    ("crop", {"x_start": 3}, lambda a: a[..., 3:]),
    ("crop", {"y_stop": 1000}, lambda a: a),
    ("crop", {}, lambda a: a),
    ("squeeze", {}, lambda a: a),
]
CASES_3D = [
    ("flip", {"axis": "z"}, lambda a: a[::-1]),
    ("swap_axes", {"first": "z", "second": "x"}, lambda a: a.transpose(2, 1, 0)),
    ("swap_axes", {"first": "y", "second": "z"}, lambda a: a.transpose(1, 0, 2)),
    ("crop", {"z_start": 1, "z_stop": 3, "x_stop": 2}, lambda a: a[1:3, :, :2]),
    ("sub_stack", {"first": 1, "last": 3}, lambda a: a[1:4]),
    ("sub_stack", {}, lambda a: a),
    ("sub_stack", {"first": 2, "last": 99, "axis": "x"}, lambda a: a[:, :, 2:]),
    ("reduce_stack", {}, lambda a: a[::2]),
    ("reduce_stack", {"step": 3, "first": 1, "axis": "y"}, lambda a: a[:, 1::3]),
    ("reduce_stack", {"step": 1}, lambda a: a),
]
ALL = [(*c, (9, 7)) for c in CASES] + [(*c, (5, 9, 7)) for c in CASES + CASES_3D]


def pixels(shape, dtype):
    image = np.arange(np.prod(shape)).reshape(shape) + 1
    if np.dtype(dtype) == np.uint32:
        image = image + (4_294_967_295 - image.max())
    return (image % 3 == 0) if np.dtype(dtype).kind == "b" else image.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "settings", "expected", "shape"), ALL)
def test_pixels_move_and_stay_as_they_are(name, settings, expected, shape, dtype):
    image = pixels(shape, dtype)
    result = CATALOGUE[name](image, **settings)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, expected(image))
    assert not np.shares_memory(result, image)


@pytest.mark.parametrize(("name", "settings", "expected", "shape"), [c for c in ALL if c[0] != "flip"])
def test_the_placement_says_where_each_pixel_was(name, settings, expected, shape):
    image = pixels(shape, np.int64)
    placement = CATALOGUE[name].place(shape, settings)
    result = CATALOGUE[name](image, **settings)
    assert placement.shape == result.shape
    for index in np.ndindex(*result.shape):
        origin = [0] * len(shape)
        for k, axis in enumerate(placement.axes):
            origin[axis] = int(placement.start[k] + index[k] * placement.step[k])
        assert result[index] == image[tuple(origin)]


def test_only_axes_of_one_pixel_are_left_out_and_two_stay():
    for shape, expected in [
        ((1, 4, 5), (4, 5)),
        ((4, 1, 5), (4, 5)),
        ((4, 5, 1), (4, 5)),
        ((1, 1, 5), (1, 5)),
        ((1, 1, 1), (1, 1)),
        ((1, 5), (1, 5)),
        ((2, 4, 5), (2, 4, 5)),
    ]:
        image = pixels(shape, np.uint8)
        result = operations.squeeze(image)
        assert result.shape == expected
        np.testing.assert_array_equal(result.ravel(), image.ravel())
    placement = CATALOGUE["squeeze"].place((4, 1, 5), {})
    assert (placement.axes, placement.shape) == ((0, 2), (4, 5))


@pytest.mark.parametrize("name", MOVING)
def test_nan_may_be_moved_and_labels_stay_labels(name):
    image = np.full((4, 5, 6), np.nan)
    assert np.isnan(CATALOGUE[name](image)).all()
    operation = CATALOGUE[name]
    assert [operation.kind_of_result(kind, {}) for kind in ("image", "labels", "mask")] == ["image", "labels", "mask"]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda im: operations.crop(im, y_start=9), "no pixels are left along y, which has 9"),
        (lambda im: operations.crop(im, y_start=5, y_stop=5), "no pixels"),
        (lambda im: operations.crop(im, z_start=1), "no axis z"),
        (lambda im: operations.crop(im, z_stop=1), "no axis z"),
        (lambda im: operations.crop(im, x_start=-1), "whole number"),
        (lambda im: operations.flip(im, axis="z"), "no axis z"),
        (lambda im: operations.swap_axes(im, first="z"), "no axis z"),
        (lambda im: operations.sub_stack(im), r"must be \(z, y, x\)"),
        (lambda im: operations.sub_stack(im[None], first=1), "no pixels are left along z"),
        (lambda im: operations.sub_stack(im[None].repeat(4, 0), first=2, last=1), "no pixels"),
        (lambda im: operations.reduce_stack(im[None], step=0), "from 1 to"),
        (lambda im: operations.reduce_stack(im[None], first=1), "no pixels"),
    ],
)
def test_bad_input_is_refused_with_the_reason(call, says):
    with pytest.raises(InputError, match=says):
        call(pixels((9, 7), np.uint8))


@pytest.mark.parametrize(("name", "settings", "expected", "shape"), ALL)
def test_dask_arrays_stay_in_blocks(name, settings, expected, shape):
    da = pytest.importorskip("dask.array")
    image = pixels(shape, np.int16)
    result = CATALOGUE[name](da.from_array(image, chunks=3), **settings)
    assert device.is_dask(result)
    assert result.npartitions > 1
    np.testing.assert_array_equal(result.compute(scheduler="synchronous"), expected(image))


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float32])
@pytest.mark.parametrize(
    ("name", "settings", "expected", "shape"), [c for c in ALL if "opencl" in CATALOGUE[c[0]].engines]
)
def test_opencl_gives_the_same_pixels(name, settings, expected, shape, dtype):
    """Exactly, and in the same dtype, so that large labels stay what they are."""
    image = pixels(shape, dtype)
    result = CATALOGUE[name](device.push(image), **settings)
    assert device.is_opencl(result)
    assert result.dtype == dtype
    np.testing.assert_array_equal(device.pull(result), expected(image))
