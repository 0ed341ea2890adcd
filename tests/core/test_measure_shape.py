"""Shapes: equal to scikit-image and ITK, near what is known of smooth shapes, and defined for the smallest objects."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.special import ellipe
from skimage import measure as skm

from bioloom.errors import Cancelled
from bioloom.measure import list_properties, measure, registry
from bioloom.measure._quickhull import find_hull

STACK = ("area_convex", "area_filled", "euler_number", "feret_diameter_max", "solidity")
PLANE = (*STACK, "perimeter", "perimeter_crofton")


def blobs(shape: tuple[int, ...], n: int, seed: int, holes: float = 0.1) -> np.ndarray:
    """Touching and overlapping ellipsoids with holes and gaps in their numbers, some cut by the border."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    labels = np.zeros(shape, np.int32)
    for i in range(n):
        centre, radii = rng.uniform(0, shape), rng.uniform(2, 8, len(shape))
        turn, _ = np.linalg.qr(rng.normal(size=(len(shape), len(shape))))
        labels[np.linalg.norm((grid - centre) @ turn / radii, axis=-1) < 1] = 3 * i + 2
    labels[rng.random(shape) < holes] = 0
    return labels


def ellipsoid(radii: tuple[float, ...], spacing: tuple[float, ...], turn: np.ndarray | None = None) -> np.ndarray:
    """One object with these radii along the columns of `turn`, in the middle of an image that holds it."""
    axes = [np.arange(-int(max(radii) / s) - 2, int(max(radii) / s) + 3) * s for s in spacing]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return (np.linalg.norm((grid if turn is None else grid @ turn) / radii, axis=-1) <= 1).astype(np.uint8)


def turned(degrees: float) -> np.ndarray:
    a = np.deg2rad(degrees)
    return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


def one(labels: np.ndarray, spacing: tuple[float, ...] | None = None, label: int = 1) -> pd.Series:
    return measure(labels, spacing=spacing, properties=["size", "shape"]).set_index("label").loc[label]


def reference(labels: np.ndarray, names: tuple[str, ...], spacing: tuple[float, ...] | None) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # holes and pieces of their own are what these objects have
        return pd.DataFrame(skm.regionprops_table(labels, properties=("label", *names), spacing=spacing))


def not_flat(labels: np.ndarray) -> np.ndarray:
    """Leave out what has no extent along an axis, or lies in a plane: scikit-image has no hull for it."""
    thick = [r.label for r in skm.regionprops(labels) if np.linalg.matrix_rank(r.coords - r.coords[0]) == labels.ndim]
    return np.where(np.isin(labels, thick), labels, 0)


def assert_same(labels: np.ndarray, names: tuple[str, ...], spacing: tuple[float, ...] | None) -> None:
    table, expected = measure(labels, spacing=spacing, properties=names), reference(labels, names, spacing)
    for name in expected.columns:
        np.testing.assert_allclose(table[name], expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(("spacing", "names"), [(None, PLANE), ((0.65, 0.65), PLANE), ((2.0, 0.5), STACK)])
@pytest.mark.parametrize("seed", [0, 1])
def test_planes_agree_with_scikit_image(seed: int, spacing: tuple[float, ...] | None, names: tuple[str, ...]) -> None:
    assert_same(blobs((90, 110), 40, seed), names, spacing)


@pytest.mark.parametrize("spacing", [None, (2.5, 0.4, 0.6)])
@pytest.mark.parametrize("seed", [0, 1])
def test_stacks_agree_with_scikit_image(seed: int, spacing: tuple[float, ...] | None) -> None:
    labels = not_flat(blobs((26, 32, 36), 25, seed))
    assert len(np.unique(labels)) > 10
    assert_same(labels, STACK, spacing)


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2)))
def test_any_small_plane_agrees_with_scikit_image(labels: np.ndarray) -> None:
    if labels.any():
        assert_same(labels, PLANE, None)


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, st.tuples(*[st.integers(2, 5)] * 3), elements=st.integers(0, 2)))
def test_any_small_stack_agrees_with_scikit_image(labels: np.ndarray) -> None:
    if labels.any():
        assert_same(labels, ("area_filled", "euler_number"), None)
    if not_flat(labels).any():
        assert_same(not_flat(labels), ("area_convex", "feret_diameter_max"), (1.5, 1.0, 0.25))


@pytest.mark.parametrize("shape", [(90, 100), (26, 32, 36)])
def test_itk_agrees(shape: tuple[int, ...]) -> None:
    sitk = pytest.importorskip("SimpleITK")
    labels = blobs(shape, 15, 3, holes=0)
    table = measure(labels, properties=["size", "shape"]).set_index("label")
    table = table[table["num_pixels"] > 30]
    theirs = sitk.LabelShapeStatisticsImageFilter()
    theirs.ComputePerimeterOn()
    theirs.ComputeFeretDiameterOn()
    theirs.Execute(sitk.GetImageFromArray(labels.astype(np.uint32)))
    boundary = "perimeter_crofton" if len(shape) == 2 else "surface_area"
    for label, row in table.iterrows():
        assert row["elongation"] == pytest.approx(theirs.GetElongation(label), rel=1e-6)
        assert row[boundary] == pytest.approx(theirs.GetPerimeter(label), rel=1e-6)
        # between centres of pixels there, between their outer tips here
        assert 0 < row["feret_diameter_max"] - theirs.GetFeretDiameter(label) < 2
        if len(shape) == 3:
            assert row["flatness"] == pytest.approx(theirs.GetFlatness(label), rel=1e-6)
            axes = np.array(theirs.GetPrincipalAxes(label)).reshape(3, 3)[::-1, ::-1]
            for name, axis in zip(("major", "intermediate", "minor"), axes, strict=True):
                mine = row[[f"principal_axis_{name}-{i}" for i in range(3)]].to_numpy(float)
                assert abs(mine @ axis) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("spacing", "tolerance"), [((1, 1), 0.01), ((0.5, 0.5), 0.01), ((2, 1), 0.05), ((1, 3), 0.07), ((5, 1), 0.07)]
)
@pytest.mark.parametrize("degrees", [0, 30, 90])
@pytest.mark.parametrize("radii", [(40.0, 40.0), (60.0, 20.0)])
def test_ellipses(radii: tuple[float, float], degrees: float, spacing: tuple[float, float], tolerance: float) -> None:
    row = one(ellipsoid(radii, spacing, turned(degrees)), spacing)
    a, b = radii
    pixel = max(spacing)
    assert row["perimeter_crofton"] == pytest.approx(4 * a * ellipe(1 - (b / a) ** 2), rel=tolerance)
    assert row["axis_major_length"] == pytest.approx(2 * a, abs=pixel)
    assert row["axis_minor_length"] == pytest.approx(2 * b, abs=pixel)
    assert row["feret_diameter_max"] == pytest.approx(2 * a, abs=2 * pixel)
    assert row["feret_diameter_min"] == pytest.approx(2 * b, abs=2 * pixel)
    assert row["roundness"] == pytest.approx(b / a, rel=0.1)
    assert row["convexity"] == 1
    assert row["solidity"] > 0.85  # the hull is that of diamonds around the pixels
    assert row["euler_number"] == 1
    assert row["form_factor"] == pytest.approx(4 * np.pi * row["area"] / row["perimeter_crofton"] ** 2)
    if spacing[0] == spacing[1]:
        assert row["circularity"] * row["compactness"] == pytest.approx(1)
    else:
        assert np.isnan([row["perimeter"], row["circularity"], row["compactness"]]).all()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (3.0, 1.0, 1.0), (2.0, 0.7, 0.9)])
def test_ellipsoids(spacing: tuple[float, float, float]) -> None:
    radii = (24.0, 16.0, 10.0)
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    row = one(ellipsoid(radii, spacing, turn), spacing)
    a, b, c = (2 * r for r in radii)
    assert row["axis_major_length"] == pytest.approx(a, rel=0.02)
    assert row["axis_intermediate_length"] == pytest.approx(b, rel=0.02)
    assert row["axis_minor_length"] == pytest.approx(c, rel=0.02)
    assert row["elongation"] == pytest.approx(a / b, rel=0.02)
    assert row["flatness"] == pytest.approx(b / c, rel=0.02)
    assert row["aspect_ratio"] == pytest.approx(a / c, rel=0.02)
    assert row["feret_diameter_max"] == pytest.approx(a, abs=2 * max(spacing))
    # Thomsen's formula for the surface, right within 1.1 %
    p = 1.6075
    powers = sum((u * v) ** p for u, v in ((a, b), (a, c), (b, c)))
    surface = np.pi * (powers / 3) ** (1 / p)
    assert row["surface_area"] == pytest.approx(surface, rel=0.06)
    assert row["sphericity"] == pytest.approx(np.cbrt(np.pi * (6 * row["area"]) ** 2) / surface, rel=0.06)
    assert 0.85 < row["solidity"] <= 1
    assert row["euler_number"] == 1
    for name, axis in zip(("major", "intermediate", "minor"), turn.T, strict=True):
        mine = row[[f"principal_axis_{name}-{i}" for i in range(3)]].to_numpy(float)
        assert np.linalg.norm(mine) == pytest.approx(1)
        assert abs(mine @ axis) > 0.999
        assert mine[np.abs(mine).argmax()] > 0


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 0.5)])
def test_box(spacing: tuple[float, float]) -> None:
    labels = np.zeros((50, 70), int)
    labels[10:30, 5:65] = 1
    row = one(labels, spacing)
    height, width = 20 * spacing[0], 60 * spacing[1]
    assert row["extent"] == row["solidity"] == row["convexity"] == 1
    assert row["area_convex"] == row["area_filled"] == height * width
    assert row["feret_diameter_min"] == pytest.approx(min(height, width))
    # The tips are those of a diamond per pixel: half of one is missing at either end of the diagonal.
    longest = max(np.hypot(height, width - spacing[1]), np.hypot(height - spacing[0], width))
    assert row["feret_diameter_max"] == pytest.approx(longest)


def test_box_in_a_stack() -> None:
    labels = np.zeros((14, 30, 40), int)
    labels[2:12, 4:24, 5:35] = 1
    row = one(labels, (2.0, 1.0, 0.5))
    assert row["extent"] == row["solidity"] == 1
    assert row["area_convex"] == row["area_filled"] == 20 * 20 * 15
    assert row[["principal_axis_minor-0", "principal_axis_minor-1"]].tolist() == [0, 0]
    size = np.array([20, 20, 15])
    longest = max(np.linalg.norm(size - np.array(d) * (2, 1, 0.5)) for d in ((1, 1, 0), (1, 0, 1), (0, 1, 1)))
    assert row["feret_diameter_max"] == pytest.approx(longest)
    assert row["feret_diameter_min"] == pytest.approx(15)


@pytest.mark.parametrize("seed", range(6))
def test_smallest_feret_diameter_is_the_smallest_over_all_directions(seed: int) -> None:
    labels = blobs((40, 40), 1, seed, holes=0.2)
    spacing = np.array([1.0, 0.6])
    row = one(labels, tuple(spacing), 2)
    angles = np.linspace(0, np.pi, 20_001)
    widths = []
    for pixels in (labels, skm.regionprops(labels)[0].image_convex):
        y, x = np.nonzero(pixels)
        tips = np.concatenate([np.stack([y + a, x + b], 1) for a, b in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))])
        widths.append(np.ptp((tips * spacing) @ np.array([np.cos(angles), np.sin(angles)]), axis=0))
    assert row["feret_diameter_min"] == pytest.approx(widths[0].min(), rel=1e-3)
    assert row["feret_diameter_min"] <= widths[0].min() + 1e-9
    assert row["feret_diameter_max"] == pytest.approx(widths[1].max(), rel=1e-3)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.5, 0.8)])
@pytest.mark.parametrize("seed", range(3))
def test_smallest_feret_diameter_in_stacks_is_that_of_all_planes(seed: int, spacing: tuple[float, ...]) -> None:
    """Its planes are parallel to a face of the hull or to two edges; all of these are tried."""
    labels = blobs((16, 18, 18), 1, seed, holes=0.2)
    tips = np.concatenate([np.argwhere(labels) + step for step in np.concatenate([np.eye(3), -np.eye(3)]) / 2])
    hull = ConvexHull(tips * spacing)
    corners = hull.points[hull.vertices]
    edges = np.concatenate([hull.points[hull.simplices[:, [i, (i + 1) % 3]]] for i in range(3)])
    along = np.unique(np.round(edges[:, 1] - edges[:, 0], 9), axis=0)
    normals = np.concatenate([hull.equations[:, :3], *(np.cross(along[i + 1 :], a) for i, a in enumerate(along))])
    length = np.linalg.norm(normals, axis=1)
    widths = np.ptp(normals[length > 1e-6] @ corners.T, axis=1) / length[length > 1e-6]
    assert one(labels, spacing, labels.max())["feret_diameter_min"] == pytest.approx(widths.min(), rel=1e-9)


@pytest.mark.parametrize("degrees", [(0, 0), (30, 0), (45, 35.26), (17, 71)])
def test_smallest_feret_diameter_of_turned_boxes(degrees: tuple[float, float]) -> None:
    spacing, size = np.array([1.5, 1.0, 1.0]), np.array([24.0, 40.0, 52.0])
    a, b = np.radians(degrees)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn @= np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    axes = [np.arange(-36 / s, 36 / s + 1) * s for s in spacing]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    box = (np.abs(grid @ turn) <= size / 2).all(axis=-1).astype(np.uint8)
    assert one(box, tuple(spacing))["feret_diameter_min"] == pytest.approx(24, abs=1.5)


def test_euler_numbers() -> None:
    plane = np.zeros((40, 40), int)
    plane[2:9, 2:9] = 1  # a ring
    plane[4:7, 4:7] = 0
    plane[12:15, 2:5] = plane[20:23, 2:5] = 2  # two pieces
    plane[30, 30] = plane[31, 31] = 3  # a corner holds them together
    plane[12:19, 20:35] = 4  # two holes, one with another object in it
    plane[14:17, 22:25] = 0
    plane[14:17, 28:31] = 5
    table = measure(plane, properties=["euler_number", "area_filled", "area"]).set_index("label")
    assert table["euler_number"].to_dict() == {1: 0, 2: 2, 3: 1, 4: -1, 5: 1}
    assert (table["area_filled"] - table["area"]).to_dict() == {1: 9, 2: 0, 3: 0, 4: 18, 5: 0}

    stack = np.zeros((24, 24, 24), int)
    stack[1:8, 1:8, 1:8] = 1  # a hollow cube
    stack[3:6, 3:6, 3:6] = 0
    stack[1:8, 10:17, 10:17] = 2  # a cube with a tunnel
    stack[:, 12:15, 12:15] = 0
    stack[14:17, 2:5, 2:5] = stack[20:23, 20:23, 20:23] = 3
    table = measure(stack, properties=["euler_number", "area_filled", "area"]).set_index("label")
    assert table["euler_number"].to_dict() == {1: 2, 2: 0, 3: 2}
    assert (table["area_filled"] - table["area"]).to_dict() == {1: 27, 2: 0, 3: 0}


def test_a_way_out_over_a_corner_is_no_hole() -> None:
    labels = np.ones((5, 5), int)
    labels[2, 2] = labels[1, 1] = labels[0, 0] = 0
    assert measure(labels, properties="area_filled")["area_filled"].item() == 22
    labels[0, 0] = 1
    assert measure(labels, properties="area_filled")["area_filled"].item() == 25


def test_frayed_outlines() -> None:
    smooth = ellipsoid((30.0, 30.0), (1.0, 1.0))
    y, x = np.nonzero(smooth)
    angle = np.arctan2(y - 32, x - 32)
    star = np.zeros_like(smooth)
    star[y, x] = np.hypot(y - 32, x - 32) < 20 + 8 * np.cos(7 * angle)
    round_one, frayed = one(smooth), one(star)
    for name in ("form_factor", "circularity", "convexity", "solidity"):
        assert frayed[name] < 0.85 * round_one[name], name
    assert frayed["compactness"] > 1.5 * round_one["compactness"]


def test_one_pixel_lines_and_planes_have_limits_not_errors() -> None:
    plane = np.zeros((12, 20), int)
    plane[2, 2] = 1
    plane[6, 3:13] = 2
    table = measure(plane, spacing=(1, 1), properties=["size", "shape"]).set_index("label")
    pixel, line = table.loc[1], table.loc[2]
    names = ("aspect_ratio", "elongation", "circularity", "roundness")
    assert pixel[list(names)].isna().all()
    assert line[["aspect_ratio", "elongation"]].isna().all()
    assert line["roundness"] == pytest.approx(4 * 10 / (np.pi * line["axis_major_length"] ** 2))
    assert (pixel["feret_diameter_max"], line["feret_diameter_max"], line["feret_diameter_min"]) == (1, 10, 1)
    assert pixel["feret_diameter_min"] == pytest.approx(np.sqrt(0.5))
    for row in (pixel, line):
        assert row["solidity"] == row["convexity"] == row["extent"] == row["euler_number"] == 1
        assert row["perimeter_crofton"] > 0

    stack = np.zeros((9, 9, 9), int)
    stack[1, 1, 1] = 1
    stack[4, 4, 1:8] = 2
    stack[7, 1:8, 1:8] = 3
    table = measure(stack, properties=["size", "shape"]).set_index("label")
    assert (table["solidity"] == 1).all()
    assert (table["euler_number"] == 1).all()
    assert (table["surface_area"] > 0).all()
    assert table["feret_diameter_max"].tolist() == pytest.approx([1, 7, np.hypot(7, 6)])
    # An octahedron from face to face, a row of them across, and a plane of them.
    assert table["feret_diameter_min"].tolist() == pytest.approx([np.sqrt(1 / 3), np.sqrt(0.5), 1])
    assert table[["flatness", "aspect_ratio"]].isna().all(axis=None)
    assert table["elongation"].isna().tolist() == [True, True, False]
    assert table["axis_intermediate_length"].tolist() == [0, 0, table["axis_major_length"].iloc[2]]
    vectors = table[[c for c in table if c.startswith("principal_axis")]]
    assert vectors.loc[1].isna().all()
    assert vectors.loc[2, ["principal_axis_major-0", "principal_axis_major-1"]].tolist() == [0, 0]
    assert vectors.loc[2:3].notna().all(axis=None)
    assert vectors.loc[3, "principal_axis_minor-0"] == 1


@pytest.mark.parametrize("shape", [(70, 80), (20, 24, 26)])
def test_pieces_of_the_image_give_the_same_as_the_whole(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = blobs(shape, 15, 8)
    whole = measure(labels, properties=["shape", "size"])
    monkeypatch.setattr(registry, "SLAB", 3 * shape[-1])
    pd.testing.assert_frame_equal(measure(labels, properties=["shape", "size"]), whole)


@pytest.mark.parametrize("shape", [(70, 80), (20, 24, 26)])
def test_numbers_of_labels_do_not_matter(shape: tuple[int, ...]) -> None:
    labels = blobs(shape, 15, 9).astype(np.uint32)
    expected = measure(labels, properties="shape").drop(columns="label")
    huge = np.where(labels > 0, 2**32 - 1 - labels, 0)  # also turns their order around
    table = measure(huge, properties="shape").drop(columns="label")[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(table, expected)


def test_objects_at_the_border_are_cut_by_it_as_by_background() -> None:
    labels = ellipsoid((12.0, 9.0, 7.0), (1.0, 1.0, 1.0))
    box = ndimage.find_objects(labels)[0]
    pd.testing.assert_series_equal(one(np.ascontiguousarray(labels[box])), one(labels))
    pd.testing.assert_series_equal(one(np.ascontiguousarray(labels[box][5])), one(labels[5 + box[0].start]))


def test_long_measurements_can_be_stopped() -> None:
    labels = blobs((20, 24, 26), 10, 10)
    calls = []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(labels, properties="feret_diameter_max", progress=stop)


def hull_volume(points: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (points[faces[:, i]].astype(float) for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@settings(max_examples=200, deadline=None)
@given(arrays(np.int64, st.tuples(st.integers(1, 40), st.just(3)), elements=st.integers(-3, 3)))
def test_hull_of_points_many_of_which_lie_in_planes(points: np.ndarray) -> None:
    faces, planes = find_hull(points)
    if np.linalg.matrix_rank(points - points[0]) < 3:
        assert len(faces) == 0
        return
    assert (points @ planes[:, :3].T <= planes[:, 3]).all()
    assert hull_volume(points, faces) == pytest.approx(ConvexHull(points).volume)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)  # closed: every edge once in each direction
    assert {tuple(e) for e in edges} == {tuple(e[::-1]) for e in edges}


def test_hull_of_lattice_and_large_coordinates() -> None:
    lattice = np.array(list(product(range(9), repeat=3)))
    faces, _ = find_hull(lattice)
    assert hull_volume(lattice, faces) == 512
    points = np.random.default_rng(0).integers(-(2**18), 2**18, (3000, 3))
    faces, planes = find_hull(points)
    assert hull_volume(points, faces) == pytest.approx(ConvexHull(points).volume)
    assert (points @ planes[:, :3].T <= planes[:, 3]).all()


def test_every_measurement_of_shape_says_what_it_is() -> None:
    for p in list_properties(groups=["shape"]):
        assert len(p.description) > 20, p.name
        assert p.description.endswith("."), p.name
