"""Tilted stacks become upright: a known scene, scanned at an angle, is found again."""

import numpy as np
import pytest

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE

# Height, along the scan, across it, in micrometres; and how wide.
BALLS = [((2.0, 5.0, 3.0), 0.9), ((3.2, 9.0, 6.5), 0.8), ((1.6, 12.5, 4.0), 1.0)]


def scene(height, along, across):
    """Soft balls in the space above a cover glass."""
    return sum(
        1000 * np.exp(-((height - h) ** 2 + (along - a) ** 2 + (across - c) ** 2) / 2 / r**2) for (h, a, c), r in BALLS
    )


def scan(angle, step, pixel, planes=56, rows=34, columns=30, reverse=False):
    """What a camera sees whose plane is tilted by the angle and moves a step from plane to plane."""
    p, v, u = np.meshgrid(np.arange(planes), np.arange(rows), np.arange(columns), indexing="ij")
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along = p * step + v * pixel * cosine
    if reverse:
        along = (planes - 1) * step - p * step + v * pixel * cosine
    return scene(v * pixel * sine, along, u * pixel).astype(np.float32)


@pytest.mark.parametrize(("angle", "step"), [(30, 0.3), (45, 0.25), (57.3, 0.4)])
def test_the_scene_is_found_again(angle, step):
    pixel = 0.3
    raw = scan(angle, step, pixel)
    result = operations.deskew(raw, angle=angle, spacing=(step, pixel, pixel))
    place = CATALOGUE["deskew"].place(raw.shape, {"angle": angle, "spacing": (step, pixel, pixel)})
    assert result.shape == place.shape
    np.testing.assert_allclose(np.array(place.step) * (step, pixel, pixel), pixel)
    expected = scene(*np.meshgrid(*(np.arange(n) * pixel for n in result.shape), indexing="ij"))
    seen = operations.deskew(np.ones_like(raw), angle=angle, spacing=(step, pixel, pixel)) > 0.5
    assert np.abs(result - expected)[seen].max() < 45  # of 1000: what linear interpolation loses at the peaks
    assert np.abs(result - expected)[seen].mean() < 2
    # Nearer than slices through the skewed stack could ever be.
    assert np.corrcoef(result[seen], expected[seen])[0, 1] > 0.999


def test_what_was_not_scanned_is_zero_and_the_rest_keeps_its_value():
    result = operations.deskew(np.full((20, 11, 4), 7, np.uint8), angle=30)
    assert set(np.unique(result.round(4))) == {0, 7}
    # A parallelogram: at the top, the scan begins further along.
    first = [np.argmax(result[z, :, 0] > 0) for z in (0, result.shape[0] - 1)]
    assert first == [0, pytest.approx((result.shape[0] - 1) / np.tan(np.radians(30)), abs=1)]
    assert (result > 0).sum(axis=1)[:, 0].tolist() == pytest.approx([20] * len(result), abs=1)


def test_the_other_axis_and_the_other_direction():
    raw = scan(40, 0.3, 0.3)
    upright = operations.deskew(raw, angle=40, spacing=(0.3, 0.3, 0.3))
    turned = operations.deskew(raw.transpose(0, 2, 1), angle=40, skew="x", spacing=(0.3, 0.3, 0.3))
    np.testing.assert_array_equal(turned, upright.transpose(0, 2, 1))
    back = scan(40, 0.3, 0.3, reverse=True)
    mirrored = operations.deskew(back, angle=40, reverse=True, spacing=(0.3, 0.3, 0.3))
    np.testing.assert_allclose(mirrored, upright[:, ::-1], atol=1e-3)


def test_coarser_pixels():
    raw, spacing = scan(35, 0.3, 0.3), (0.3, 0.3, 0.3)
    result = operations.deskew(raw, angle=35, pixel_size=0.6, spacing=spacing)
    fine = operations.deskew(raw, angle=35, spacing=spacing)
    assert result.shape == tuple((n + 1) // 2 for n in fine.shape)
    assert np.corrcoef(result.ravel(), fine[::2, ::2, ::2].ravel())[0, 1] > 0.99
    across = operations.deskew(raw[:, :, ::2], angle=35, spacing=(0.3, 0.3, 0.6))
    assert across.shape == (*fine.shape[:2], 29)
    assert np.abs(across - fine[:, :, :29]).max() < 120  # half of the columns are interpolated


def test_small_stacks_and_dtypes():
    for dtype, expected in (
        (np.uint8, np.float32),
        (np.uint16, np.float32),
        (np.int32, np.float64),
        (bool, np.float32),
    ):
        for shape in ((1, 1, 1), (1, 5, 4), (5, 1, 4), (2, 2, 1)):
            result = operations.deskew(np.ones(shape, dtype))
            assert result.dtype == expected
            assert result.max() == pytest.approx(1)
            assert result.shape == CATALOGUE["deskew"].place(shape, {}).shape


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda im: operations.deskew(im[0]), r"must be \(z, y, x\)"),
        (lambda im: operations.deskew(im, angle=0), "from 5 to 85"),
        (lambda im: operations.deskew(im, skew="z"), "one of y, x"),
        (lambda im: operations.deskew(im, pixel_size=1e-6), "of the memory"),
        (lambda im: operations.deskew(im * np.nan), "NaN"),
    ],
)
def test_bad_input_is_refused_with_the_reason(call, says):
    with pytest.raises(InputError, match=says):
        call(np.ones((6, 5, 4)))


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
def test_clesperanto_agrees_inside_and_turns_height_upside_down():
    raw = scan(30, 0.3, 0.3, planes=40, rows=24, columns=12)
    cle = device.clesperanto()
    there = device.pull(
        device.on_device(
            cle.deskew_y, device.push(raw), angle_in_degrees=30, voxel_size_x=0.3, voxel_size_y=0.3, voxel_size_z=0.3
        )
    )[::-1]
    here = operations.deskew(raw, angle=30, spacing=(0.3, 0.3, 0.3))
    shared = tuple(slice(0, min(a, b)) for a, b in zip(there.shape, here.shape, strict=True))
    both = (there[shared] > 0) & (here[shared] > 0)
    assert both.mean() > 0.4
    assert np.abs(there[shared] - here[shared])[both].max() < 1
