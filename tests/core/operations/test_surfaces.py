"""Surfaces: made, smoothed, simplified, measured and written, against spheres, boxes and tori that are known."""

import struct

import numpy as np
import pytest
from skimage import measure

from bioloom import operations
from bioloom.errors import InputError
from bioloom.operations import _surface_geometry as geometry
from bioloom.operations.surfaces_files import read_surface, write_surface

LARGE = 4_294_967_295
SPACING = (2.0, 0.5, 1.0)


def sphere(radius=10.0, centre=(0, 0, 0), times=3):
    """An icosahedron divided so many times, outwards in x, y, z."""
    phi = (1 + 5**0.5) / 2
    points = [(-1, phi, 0), (1, phi, 0), (-1, -phi, 0), (1, -phi, 0), (0, -1, phi), (0, 1, phi), (0, -1, -phi),
              (0, 1, -phi), (phi, 0, -1), (phi, 0, 1), (-phi, 0, -1), (-phi, 0, 1)]  # fmt: skip
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6),
             (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10),
             (8, 6, 7), (9, 8, 1)]  # fmt: skip
    points = [np.array(p, float) for p in points]
    for _ in range(times):
        middles, divided = {}, []
        for a, b, c in faces:
            new = []
            for u, v in ((a, b), (b, c), (c, a)):
                key = (min(u, v), max(u, v))
                if key not in middles:
                    middles[key] = len(points)
                    points.append(points[u] + points[v])
                    points[-1] = points[-1] / np.linalg.norm(points[-1]) * np.linalg.norm(points[0])
                new.append(middles[key])
            divided += [(a, new[0], new[2]), (b, new[1], new[0]), (c, new[2], new[1]), tuple(new)]
        faces = divided
    xyz = np.array(points) / np.linalg.norm(points[0]) * radius
    vertices = (xyz[:, ::-1] + centre).astype(np.float32)
    return vertices, np.array(faces), np.ones(len(vertices), np.float32)


def torus(big=10.0, small=3.0, n=90, m=40):
    """A torus around z, and the angle around the tube of each vertex."""
    u, v = (a.ravel() for a in np.meshgrid(np.arange(n), np.arange(m), indexing="ij"))
    around, tube = 2 * np.pi * u / n, 2 * np.pi * v / m
    ring = big + small * np.cos(tube)
    vertices = np.column_stack([small * np.sin(tube), ring * np.sin(around), ring * np.cos(around)]).astype(np.float32)
    at = lambda i, j: (i % n) * m + j % m  # noqa: E731
    faces = np.concatenate([
        np.column_stack([at(u, v), at(u + 1, v), at(u + 1, v + 1)]),
        np.column_stack([at(u, v), at(u + 1, v + 1), at(u, v + 1)]),
    ])  # fmt: skip
    return (vertices, faces, np.ones(len(vertices), np.float32)), tube


def two_touching(shape=(12, 16, 18)):
    labels = np.zeros(shape, np.uint32)
    labels[2:7, 3:9, 4:10], labels[7:12, 3:9, 4:10] = 7, 900
    return labels


def parts(surface):
    n, part = geometry.parts_of(len(surface[0]), surface[1])
    return n, geometry.measure_parts(surface[0], surface[1], n, part), part


def joined(*surfaces):
    start, result = 0, ([], [], [])
    for vertices, faces, values in surfaces:
        for into, one in zip(result, (vertices, faces + start, values), strict=True):
            into.append(one)
        start += len(vertices)
    return tuple(np.concatenate(one) for one in result)


@pytest.mark.parametrize("spacing", [None, SPACING])
def test_every_object_gets_a_closed_surface_of_its_own(spacing):
    labels = two_touching()
    vertices, faces, values = operations.labels_to_surface(labels, spacing=spacing)
    assert vertices.dtype == values.dtype == np.float32
    n, found, part = parts((vertices, faces, values))
    assert n == 2
    assert set(np.unique(values)) == {7, 900}
    assert all(len(np.unique(values[part == k])) == 1 for k in range(2))
    pixel = np.prod(spacing) if spacing else 1
    counts = np.array([180, 180]) * pixel
    # Marching cubes cuts edges and corners off, so volumes are a little less; positive: faces point outwards.
    np.testing.assert_allclose(found["volume"], counts, rtol=0.15)
    assert (found["volume"] < counts).all()
    expected = np.array([[4, 5.5, 6.5], [9, 5.5, 6.5]]) * (spacing or 1)
    np.testing.assert_allclose(found["centroid"], expected, atol=1e-4)
    for k, label in enumerate((7, 900)):
        own = np.isin(faces, np.flatnonzero(values == label)).all(axis=1)
        assert found["area"][k] == pytest.approx(measure.mesh_surface_area(vertices.astype(float), faces[own]))
        box = np.argwhere(labels == label)
        low, high = vertices[values == label].min(0), vertices[values == label].max(0)
        np.testing.assert_allclose(low, (box.min(0) - 0.5) * (spacing or 1), atol=1e-5)
        np.testing.assert_allclose(high, (box.max(0) + 0.5) * (spacing or 1), atol=1e-5)


def test_surfaces_of_a_ball_smoothed_in_units_of_spacing():
    z, y, x = np.mgrid[:13, :50, :25]
    ball = (((z - 6) * 2.0) ** 2 + ((y - 25) * 0.5) ** 2 + ((x - 12) * 1.0) ** 2 <= 9**2).astype(np.uint8)
    surface = operations.labels_to_surface(ball, smoothing=1.0, spacing=SPACING)
    radii = np.linalg.norm(surface[0] - np.array([12, 12.5, 12]), axis=1)
    assert abs(radii.mean() - 9) < 0.3
    rough = operations.labels_to_surface(ball, spacing=SPACING)
    assert radii.std() < 0.8 * np.linalg.norm(rough[0] - np.array([12, 12.5, 12]), axis=1).std()


def test_thin_objects_and_huge_ids_have_a_surface():
    labels = np.zeros((5, 6, 7), np.uint32)
    labels[2, 2, 2], labels[4, 5, 6] = LARGE, 3
    for smoothing in (0.0, 2.0):
        surface = operations.labels_to_surface(labels, smoothing=smoothing)
        assert parts(surface)[0] == 2
        assert set(surface[2]) == {3.0, np.float32(LARGE)}
    assert len(operations.labels_to_surface(np.zeros((4, 4, 4), np.uint8))[0]) == 0
    with pytest.raises(InputError, match="z, y, x"):
        operations.labels_to_surface(np.ones((4, 4), np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_surface_of_an_image_lies_at_its_level(dtype):
    z, y, x = np.mgrid[:24, :24, :24] - 11.5
    image = np.clip(200 - 10 * np.sqrt(z**2 + y**2 + x**2), 0, None)
    image = (image if dtype == np.float32 else np.rint(image)).astype(dtype)
    surface = operations.image_to_surface(image, level=120)
    radii = np.linalg.norm(surface[0] - 11.5, axis=1)
    np.testing.assert_allclose(radii, 8, atol=0.1)
    np.testing.assert_allclose(parts(surface)[1]["volume"], 4 / 3 * np.pi * 8**3, rtol=0.02)
    assert (surface[2] == 120).all()
    by_otsu = operations.image_to_surface(image)
    assert len(by_otsu[0]) > 0
    assert len(operations.image_to_surface(image, level=1000)[0]) == 0


def test_smoothing_removes_noise_and_taubin_keeps_the_volume():
    clean = sphere()
    rng = np.random.default_rng(0)
    noisy = (clean[0] + rng.normal(0, 0.15, clean[0].shape).astype(np.float32), *clean[1:])
    volume = parts(clean)[1]["volume"][0]
    taubin = operations.smooth_surface(noisy, iterations=15)
    laplacian = operations.smooth_surface(noisy, iterations=15, method="Laplacian")
    deviations = [np.linalg.norm(s[0], axis=1).std() for s in (noisy, taubin, laplacian)]
    assert deviations[1] < 0.6 * deviations[0]
    assert deviations[2] < deviations[1]
    assert abs(parts(taubin)[1]["volume"][0] / volume - 1) < 0.01
    assert parts(laplacian)[1]["volume"][0] < 0.97 * volume
    np.testing.assert_array_equal(operations.smooth_surface(noisy, iterations=0)[0], noisy[0])
    np.testing.assert_array_equal(operations.smooth_surface(noisy, strength=0)[0], noisy[0])


def test_one_step_of_laplacian_smoothing_is_the_mean_of_the_neighbours():
    vertices, faces, values = sphere(times=1)
    moved = operations.smooth_surface((vertices, faces, values), iterations=1, method="Laplacian", strength=0.3)[0]
    for k in (0, 5, 20):
        around = np.unique(faces[(faces == k).any(axis=1)])
        mean = vertices[around[around != k]].mean(0)
        np.testing.assert_allclose(moved[k], 0.7 * vertices[k] + 0.3 * mean, atol=1e-5)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_simplified_surfaces_keep_their_shape(share):
    bodies = joined(sphere(10), sphere(4, (0, 30, 5)), torus()[0])
    bodies = (bodies[0] + np.float32([0, 0, 1000]), bodies[1], np.arange(len(bodies[0]), dtype=np.float32))
    before, known, _ = parts(bodies)
    simple = operations.simplify_surface(bodies, share=share)
    after, found, part = parts(simple)
    assert len(simple[1]) <= round(share * len(bodies[1]))
    assert len(simple[1]) > 0.95 * share * len(bodies[1])
    assert before == after == 3
    tolerance = 0.03 if share == 0.5 else 0.1
    np.testing.assert_allclose(np.sort(found["volume"]), np.sort(known["volume"]), rtol=tolerance)
    pairs, counts = geometry.edges(simple[1])
    assert (counts == 2).all(), "there are holes or fins"
    # A sphere has the Euler number 2, a torus 0.
    euler = np.bincount(part, minlength=3) - np.bincount(part[pairs[:, 0]]) + np.bincount(part[simple[1][:, 0]])
    assert sorted(euler) == [0, 2, 2]
    assert set(simple[2]) <= set(bodies[2])


def test_flat_faces_need_few_triangles_and_corners_stay():
    labels = np.zeros((14, 14, 14), np.uint8)
    labels[2:12, 2:12, 2:12] = 1
    box = operations.labels_to_surface(labels)
    simple = operations.simplify_surface(box, share=0.05)
    assert len(simple[1]) < 0.06 * len(box[1])
    np.testing.assert_allclose(parts(simple)[1]["volume"], parts(box)[1]["volume"], rtol=1e-3)
    np.testing.assert_allclose(simple[0].min(0), box[0].min(0), atol=1e-3)
    least = operations.simplify_surface(box, share=0)
    assert 4 <= len(least[1]) <= 12
    np.testing.assert_array_equal(operations.simplify_surface(box, share=1)[1], box[1])


def test_the_border_of_an_open_surface_stays():
    y, x = (a.ravel() for a in np.mgrid[:12, :12])
    k = np.arange(144).reshape(12, 12)
    faces = np.concatenate([
        np.stack([k[:-1, :-1], k[1:, :-1], k[1:, 1:]], -1).reshape(-1, 3),
        np.stack([k[:-1, :-1], k[1:, 1:], k[:-1, 1:]], -1).reshape(-1, 3),
    ])  # fmt: skip
    plane = (np.column_stack([0 * y, y, x]).astype(np.float32), faces, np.ones(144, np.float32))
    simple = operations.simplify_surface(plane, share=0.1)
    assert len(simple[1]) <= 0.1 * len(faces) + 1
    assert parts(simple)[1]["area"][0] == pytest.approx(121, rel=1e-3)
    assert np.isnan(parts(simple)[1]["volume"][0])


def test_curvature_of_a_sphere_and_a_torus():
    ball = sphere(8.0, (3, 4, 5))
    for name, expected in (("mean curvature", 1 / 8), ("Gaussian curvature", 1 / 64), ("sphere-fit curvature", 1 / 8)):
        values = operations.measure_vertices(ball, measurement=name, radius=3.0)[2]
        assert np.median(values) == pytest.approx(expected, rel=0.02), name
        # The twelve corners of the icosahedron have faces of another size.
        assert np.abs(values / expected - 1).max() < 0.2, name
    ring, tube = torus()
    mean = operations.measure_vertices(ring)[2]
    gaussian = operations.measure_vertices(ring, measurement="Gaussian curvature")[2]
    radius = 10 + 3 * np.cos(tube)
    np.testing.assert_allclose(gaussian, np.cos(tube) / (3 * radius), atol=0.003)
    np.testing.assert_allclose(mean, (10 + 6 * np.cos(tube)) / (6 * radius), atol=0.006)
    # The sum over any torus is 0 (Gauss and Bonnet).
    areas = operations.measure_vertices(ring, measurement="vertex area")[2]
    assert abs(float((gaussian * areas).sum())) < 1e-3
    inverted = (ball[0], ball[1][:, ::-1], ball[2])
    assert (operations.measure_vertices(inverted)[2] < 0).all()


def test_measurements_of_parts_on_vertices_and_as_a_table():
    bodies = joined(sphere(10, (5, 6, 7)), sphere(4, (0, 30, 5)))
    first = np.arange(len(bodies[0])) < len(bodies[0]) // 2
    radius = np.where(first, 10, 4)
    known = {
        "part": np.where(first, 1, 2),
        "distance to centroid": radius,
        "area of part": 4 * np.pi * radius**2,
        "volume of part": 4 / 3 * np.pi * radius**3,
        "sphericity of part": np.ones(len(first)),
    }
    for name, expected in known.items():
        got = operations.measure_vertices(bodies, measurement=name)
        np.testing.assert_allclose(got[2], expected, rtol=0.02, err_msg=name)
        np.testing.assert_array_equal(got[0], bodies[0])
    bodies = (bodies[0], bodies[1], np.where(first, 41, 12).astype(np.float32))
    table = operations.measure_surfaces(bodies)
    assert table["label"].tolist() == [1, 2]
    assert table["value"].tolist() == [41, 12]
    assert table["num_faces"].tolist() == [1280, 1280]
    np.testing.assert_allclose(table["volume"], [4188.8, 268.08], rtol=0.02)
    np.testing.assert_allclose(table[["centroid-0", "centroid-1", "centroid-2"]], [[5, 6, 7], [0, 30, 5]], atol=1e-3)


def test_open_surfaces_and_lost_vertices_have_nan():
    vertices, faces, values = sphere(times=1)
    opened = (np.vstack([vertices, [[0, 0, 0]]]), faces[1:], np.append(values, 1).astype(np.float32))
    curvature = operations.measure_vertices(opened)[2]
    assert np.isnan(curvature[faces[0]]).all()
    assert np.isnan(curvature[-1])
    assert np.isfinite(curvature).sum() == len(vertices) - 3
    assert np.isnan(operations.measure_surfaces(opened)["volume"]).all()
    empty = (np.zeros((0, 3)), np.zeros((0, 3), int), np.zeros(0))
    assert len(operations.measure_surfaces(empty)) == 0
    for name in ("mean curvature", "sphere-fit curvature", "volume of part"):
        assert len(operations.measure_vertices(empty, measurement=name)[2]) == 0


def test_a_ply_file_is_read_back_as_it_was(tmp_path):
    surface = operations.labels_to_surface(two_touching(), spacing=SPACING)
    write_surface(tmp_path / "new" / "cells.ply", surface)
    for one, other in zip(surface, read_surface(tmp_path / "new" / "cells.ply"), strict=True):
        np.testing.assert_array_equal(one, other)
    header = (tmp_path / "new" / "cells.ply").read_bytes()[:300].decode("latin-1")
    assert f"element vertex {len(surface[0])}" in header


def test_a_stl_file_has_the_triangles_with_normals_outwards(tmp_path):
    surface = sphere(10, (1, 2, 30))
    write_surface(tmp_path / "ball.stl", surface)
    content = (tmp_path / "ball.stl").read_bytes()
    (n,) = struct.unpack_from("<I", content, 80)
    assert n == len(surface[1])
    assert len(content) == 84 + 50 * n
    for k in (0, 17, n - 1):
        numbers = struct.unpack_from("<12fH", content, 84 + 50 * k)
        normal, corners = np.array(numbers[:3]), np.array(numbers[3:12]).reshape(3, 3)
        np.testing.assert_allclose(corners, surface[0][surface[1][k]][:, ::-1])
        outwards = corners.mean(0) - [30, 2, 1]
        assert normal @ outwards / np.linalg.norm(outwards) > 0.98
    back = read_surface(tmp_path / "ball.stl")
    assert len(back[0]) == len(surface[0])
    assert parts(back)[1]["volume"][0] == pytest.approx(parts(surface)[1]["volume"][0], rel=1e-5)


def test_broken_surface_files_are_refused(tmp_path):
    write_surface(tmp_path / "a.ply", sphere(times=0))
    write_surface(tmp_path / "a.stl", sphere(times=0))
    good = (tmp_path / "a.ply").read_bytes()
    bad = {
        "cut.ply": good[:-3],
        "many.ply": good.replace(b"vertex 12", b"vertex 99999999999999999999"),
        "ascii.ply": good.replace(b"binary_little_endian", b"ascii"),
        "code.ply": b"import os",
        "beyond.ply": good[:-4] + struct.pack("<i", 77),
        "quads.ply": good[:-13] + b"\x04" + good[-12:],
        "cut.stl": (tmp_path / "a.stl").read_bytes()[:-1],
        "empty.stl": b"",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            read_surface(tmp_path / name)
    with pytest.raises(InputError, match="ply or"):
        write_surface(tmp_path / "a.obj", sphere(times=0))
    with pytest.raises(InputError, match="No such file"):
        read_surface(tmp_path / "no.ply")
    with pytest.raises(InputError, match="must be a surface"):
        write_surface(tmp_path / "b.ply", (np.zeros((3, 2)), np.zeros((1, 3)), np.zeros(3)))
