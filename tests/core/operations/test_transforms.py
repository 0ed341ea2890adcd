"""Things go where transforms say: checked against NumPy's quarter turns, scikit-image, and paths of single blobs."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import transform

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE

MOVING = ["translate", "rotate", "scale", "rigid_transform", "affine_transform", "transform_by_matrix"]


def pixels(shape, dtype=np.float32):
    rng = np.random.default_rng(0)
    return (ndimage.gaussian_filter(rng.normal(0, 1, shape), 2) * 300 + 100).clip(0, 255).astype(dtype)


def blob(shape, at, spacing=None, sigma=1.5):
    """A round spot at a position in units."""
    spacing = spacing or (1.0,) * len(shape)
    grid = np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij")
    distance = sum((g - a) ** 2 for g, a in zip(grid, at, strict=True))
    return 1000 * np.exp(-distance / 2 / sigma**2)


def position(image, spacing=None, start=None):
    """Centre of mass in units."""
    spacing = np.array(spacing or (1.0,) * image.ndim)
    return (np.array(ndimage.center_of_mass(image)) + (start or 0.0)) * spacing


@pytest.mark.parametrize("interpolation", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64, bool])
@pytest.mark.parametrize("shape", [(20, 20), (9, 11, 11)], ids=["2D", "3D"])
def test_whole_shifts_and_quarter_turns_are_exact(shape, dtype, interpolation):
    image = pixels(shape) > 100 if dtype is bool else pixels(shape, dtype)
    shifted = operations.translate(image, y=3, x=-2, interpolation=interpolation, fill=7 if dtype is not bool else 1)
    expected = np.full(shape, 7 if dtype is not bool else 1, shifted.dtype)
    expected[..., 3:, :-2] = image[..., :-3, 2:]
    np.testing.assert_allclose(shifted, expected, rtol=1e-4, atol=1e-3)
    turned = operations.rotate(image, angle=90, interpolation=interpolation)
    np.testing.assert_allclose(turned, np.rot90(image, axes=(-2, -1)), rtol=1e-4, atol=1e-3)
    if interpolation == "nearest":
        assert shifted.dtype == turned.dtype == dtype
    else:
        assert turned.dtype == (np.float64 if dtype in (np.int32, np.float64) else np.float32)


@pytest.mark.parametrize(
    ("setting", "axes"), [("angle", (1, 2)), ("angle_y", (2, 0)), ("angle_x", (0, 1))], ids=["z", "y", "x"]
)
def test_quarter_turns_about_each_axis_keep_all_pixels_in_an_enlarged_frame(setting, axes):
    image = pixels((6, 9, 12))
    for quarters in (1, 2, 3, -1):
        turned = operations.rotate(image, **{setting: 90 * quarters}, enlarge=True)
        np.testing.assert_allclose(turned, np.rot90(image, quarters, axes), rtol=1e-5)
        assert CATALOGUE["rotate"].place(image.shape, {setting: 90 * quarters, "enlarge": True}).shape == turned.shape


@pytest.mark.parametrize("angle", [17, -123.5])
def test_rotation_equals_scikit_image(angle):
    image = pixels((40, 53))
    expected = transform.rotate(image, angle, order=1, mode="constant", preserve_range=True)
    result = operations.rotate(image, angle=angle)
    inside = operations.rotate(np.ones_like(image), angle=angle) == 1
    assert inside.mean() > 0.5
    np.testing.assert_allclose(result[inside], expected[inside], rtol=1e-3, atol=0.05)


def test_affine_transform_equals_scikit_image():
    image = pixels((60, 73))
    result = operations.affine_transform(image, y=2.5, x=-1.5, angle=20, y_factor=1.2, x_factor=0.8, x_by_y=0.3)
    # In x, y: stretch, shear, turn (anticlockwise where y points down), shift, all about the centre.
    turn = np.radians(-20)
    turning = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    forth = np.eye(3)
    forth[:2, :2] = turning @ np.array([[1, 0.3], [0, 1]]) @ np.diag([0.8, 1.2])
    centre = np.array([36.0, 29.5])
    forth[:2, 2] = centre + np.array([-1.5, 2.5]) - forth[:2, :2] @ centre
    expected = transform.warp(image, np.linalg.inv(forth), order=1, preserve_range=True)
    inner = np.s_[18:-18, 24:-24]
    np.testing.assert_allclose(result[inner], expected[inner], atol=0.01)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_blobs_of_an_anisotropic_stack_go_where_they_should(interpolation):
    shape, spacing = (15, 33, 35), (2.0, 1.0, 0.8)
    centre = (np.array(shape) - 1) / 2 * spacing
    offset = np.array([4.0, -5.0, 3.0])
    image = blob(shape, centre + offset, spacing)
    # y towards x by 90 degrees about z: (y, x) = (-5, 3) goes to (-3, -5).
    for settings, expected in [
        ({"angle": 90}, [4, -3, -5]),
        ({"angle_y": 90}, [3, -5, -4]),
        ({"angle_x": 90}, [5, 4, 3]),
        ({"angle": 90, "angle_x": 90}, [3, 4, -5]),
    ]:
        turned = operations.rotate(image, **settings, spacing=spacing, interpolation=interpolation)
        np.testing.assert_allclose(position(turned, spacing) - centre, expected, atol=0.05)
        rigid = operations.rigid_transform(
            image, z=2, y=-1.5, x=0.7, **settings, spacing=spacing, interpolation=interpolation
        )
        np.testing.assert_allclose(position(rigid, spacing) - centre, np.add(expected, [2, -1.5, 0.7]), atol=0.05)
    moved = operations.translate(image, z=-3, y=2.2, x=1.7, spacing=spacing, interpolation=interpolation)
    np.testing.assert_allclose(position(moved, spacing) - centre, offset + np.array([-3, 2.2, 1.7]), atol=0.02)
    scaled = operations.scale(image, z_factor=1.5, y_factor=0.7, x_factor=2, interpolation=interpolation)
    np.testing.assert_allclose(position(scaled, spacing) - centre, offset * [1.5, 0.7, 2], atol=0.05)
    sheared = operations.affine_transform(
        image, y_by_z=0.5, x_by_z=-0.25, x_by_y=0.4, spacing=spacing, interpolation=interpolation
    )
    y, x = offset[1] + 0.5 * offset[0], offset[2] - 0.25 * offset[0] + 0.4 * offset[1]
    np.testing.assert_allclose(position(sheared, spacing) - centre, [offset[0], y, x], atol=0.05)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("rotate", {"angle": 33}),
        ("translate", {"y": 20.25, "x": -11}),
        ("scale", {"y_factor": 2.2, "x_factor": 0.6}),
        ("rigid_transform", {"angle": -70, "x": 30}),
        ("affine_transform", {"x_by_y": 1.5, "angle": 10, "y": -9}),
        ("transform_by_matrix", {"matrix": "0 2 -5; -1 0.5 4"}),
    ],
)
def test_an_enlarged_result_loses_nothing_and_lies_where_things_went(name, settings):
    spacing = (1.5, 0.5)
    if name != "scale":
        settings = {**settings, "spacing": spacing}
    image = np.zeros((30, 41))
    image[5, 33], image[7, 7], image[-8, -8], image[-8, 7] = 1e5, 5e4, 5e4, 5e4
    image = ndimage.gaussian_filter(image, 2)
    within, whole = (CATALOGUE[name](image, **settings, enlarge=e) for e in (False, True))
    place = CATALOGUE[name].place(image.shape, {**settings, "enlarge": True})
    assert whole.shape == place.shape
    assert within.sum() < whole.sum()
    stretch = {"scale": 2.2 * 0.6, "transform_by_matrix": 2}.get(name, 1)
    assert whole.sum() == pytest.approx(image.sum() * stretch, rel=0.02)
    # A blob of the result lies, by its placement, where it would lie in a large enough frame.
    padded = np.pad(image, 100)
    if name == "transform_by_matrix":
        matrix = np.array([[0, 2, -5], [-1, 0.5, 4]])
        start = np.array([100, 100]) * spacing
        matrix[:, 2] += start - matrix[:, :2] @ start
        settings = {**settings, "matrix": str(matrix.tolist())}
    by_padding = position(CATALOGUE[name](padded, **settings), spacing, (-100, -100))
    np.testing.assert_allclose(position(whole, spacing, place.start), by_padding, atol=0.05)


def test_a_matrix_is_read_in_many_ways_and_does_what_the_parts_do():
    image = pixels((24, 30))
    expected = operations.translate(image, y=2.5, x=-3, spacing=(0.5, 2))
    for text in ("1 0 2.5; 0 1 -3", "[[1, 0, 2.5], [0, 1, -3]]", "1,0,2.5\n0,1,-3\n0,0,1", "1 0 2.5 0 1 -3 0 0 1"):
        result = operations.transform_by_matrix(image, text, spacing=(0.5, 2))
        np.testing.assert_allclose(result, expected, rtol=1e-5)
    np.testing.assert_array_equal(operations.transform_by_matrix(image), image)
    stack = pixels((5, 12, 13))
    half_turn = operations.transform_by_matrix(stack, "1 0 0 0  0 -1 0 11  0 0 -1 12")
    np.testing.assert_allclose(half_turn, operations.rotate(stack, angle=180), rtol=1e-4, atol=1e-3)


def test_labels_keep_their_ids():
    labels = np.zeros((20, 20), np.uint32)
    labels[4:10, 4:10], labels[12:16, 11:17] = 4_294_967_295, 16_777_217
    turned = operations.rotate(labels, angle=30, interpolation="nearest")
    assert set(np.unique(turned)) == {0, 4_294_967_295, 16_777_217}
    assert CATALOGUE["rotate"].kind_of_result("labels", {"interpolation": "nearest"}) == "labels"
    assert CATALOGUE["rotate"].kind_of_result("labels", {"angle": 3}) == "image"


@pytest.mark.parametrize("name", MOVING)
def test_nothing_asked_for_changes_nothing(name):
    for shape in ((1, 1), (1, 1, 1), (7, 8), (1, 7, 8), (3, 7, 8)):
        image = pixels(shape)
        for enlarge in (False, True):
            np.testing.assert_array_equal(CATALOGUE[name](image, enlarge=enlarge), image)
    constant = np.full((9, 9), 5, np.uint8)
    assert (CATALOGUE[name](constant, interpolation="cubic").round(4) == 5).all()


def test_what_the_fill_value_needs():
    image = np.full((6, 6), 9, np.uint8)
    assert operations.translate(image, y=2, interpolation="nearest", fill=3).dtype == np.uint8
    outside = operations.translate(image, y=2, interpolation="nearest", fill=-1.5)
    assert outside.dtype == np.float32
    assert (outside[:2] == -1.5).all()
    half = operations.translate(image, y=0.5, fill=1)
    assert half[0].tolist() == [5.0] * 6


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda im: operations.translate(im, z=1), "no axis z"),
        (lambda im: operations.rotate(im, angle_y=1), "in its plane"),
        (lambda im: operations.scale(im, z_factor=2), "no axis z"),
        (lambda im: operations.scale(im, y_factor=0), "y_factor is 0"),
        (lambda im: operations.affine_transform(im, x_by_z=1), "no axis z"),
        (lambda im: operations.transform_by_matrix(im, "1 0 0"), "2 rows of 3 numbers"),
        (lambda im: operations.transform_by_matrix(im, "1 0 0; 0 one 0"), "2 rows of 3 numbers"),
        (lambda im: operations.transform_by_matrix(im, "1 0 0; 1 0 0"), "nothing of the image"),
        (lambda im: operations.transform_by_matrix(im, "1 0 0; 0 nan 0"), "2 rows of 3 numbers"),
        (lambda im: operations.transform_by_matrix(im, "1 0 0; 0 1 0; 1 0 1"), "last row"),
        (lambda im: operations.transform_by_matrix(im, "1e9 0 0; 0 1e9 0", enlarge=True), "of the memory"),
        (lambda im: operations.rotate(np.where(im > 100, np.nan, im)), "NaN"),
    ],
)
def test_bad_input_is_refused_with_the_reason(call, says):
    with pytest.raises(InputError, match=says):
        call(pixels((9, 8)))


@pytest.mark.parametrize("name", MOVING)
def test_dask_arrays_are_computed_as_a_whole(name):
    da = pytest.importorskip("dask.array")
    image = pixels((70, 65), np.uint16)
    settings = {"matrix": "1 0 2.5; 0 1 -3"} if name == "transform_by_matrix" else {}
    settings |= {"angle": 20} if "angle" in CATALOGUE[name].parameters else {}
    result = CATALOGUE[name](da.from_array(image, chunks=16), enlarge=True, **settings)
    assert device.is_dask(result)
    whole = CATALOGUE[name](image, enlarge=True, **settings)
    assert (result.shape, result.dtype) == (whole.shape, whole.dtype)
    np.testing.assert_array_equal(result.compute(scheduler="synchronous"), whole)


OPENCL = {
    "translate": {"y": 2.3, "x": -4.7},
    "rotate": {"angle": 25, "enlarge": True},
    "scale": {"y_factor": 1.3, "x_factor": 0.7},
    "rigid_transform": {"angle": -70, "x": 3},
    "affine_transform": {"x_by_y": 0.5, "angle": 10, "y": -1.5, "x_factor": 1.2, "enlarge": True},
    "transform_by_matrix": {},
}


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
@pytest.mark.parametrize("shape", [(24, 30), (9, 14, 17)], ids=["2D", "3D"])
@pytest.mark.parametrize("name", OPENCL)
def test_opencl_gives_the_numpy_answer(name, shape, interpolation, dtype):
    """To 1/256 of the range: devices interpolate with that many steps from pixel to pixel."""
    image = pixels(shape, dtype)
    settings = {**OPENCL[name], "interpolation": interpolation, "fill": 20}
    if "spacing" in CATALOGUE[name].parameters:
        settings["spacing"] = (2.0, 1.0, 0.8)[-len(shape) :]
    if len(shape) == 3 and "angle" in CATALOGUE[name].parameters:
        settings |= {"angle_y": 12, "angle_x": -8}
    if name == "transform_by_matrix":
        settings["matrix"] = (
            "0.9 0.2 1; -0.2 1.1 0.5" if len(shape) == 2 else "1 0 0 1.5  0.1 0.9 0.2 1  0 -0.2 1.1 0.5"
        )
    result = CATALOGUE[name](device.push(image), **settings)
    assert device.is_opencl(result)
    expected = CATALOGUE[name](image, **settings)
    assert expected.std() > 1
    np.testing.assert_allclose(device.pull(result), expected, atol=255 / 256 if interpolation == "linear" else 0)
