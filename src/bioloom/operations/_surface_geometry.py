"""Geometry of triangle meshes: parts, areas, volumes, curvature.

Vertices are (n, 3) in the order z, y, x. Faces go round counter-clockwise as seen from outside in x, y, z.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def corners(vertices: Array, faces: Array) -> tuple[Floats, Floats, Floats]:
    """Return the corners (m, 3) of faces, in the order x, y, z."""
    points = vertices[:, ::-1].astype(np.float64)
    return points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]


def face_normals(vertices: Array, faces: Array) -> Floats:
    """Return normals (m, 3) of faces in the order x, y, z, twice as long as the face has area; they point outwards."""
    a, b, c = corners(vertices, faces)
    normals: Floats = np.cross(b - a, c - a)
    return normals


def edges(faces: Array) -> tuple[Ints, Ints]:
    """Return the edges (k, 2) of faces, the lower vertex first, and how many faces have each (k,)."""
    pairs = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    n = int(faces.max(initial=0)) + 1
    keys, counts = np.unique(pairs[:, 0] * n + pairs[:, 1], return_counts=True)
    return np.stack(np.divmod(keys, n), axis=1), counts


def border_sides(faces: Array) -> Ints:
    """Return the edges that only one face has: two vertices, as the face has them in order, and the face (k, 3)."""
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    n = int(faces.max(initial=0)) + 1
    _, which, counts = np.unique(sides.min(axis=1) * n + sides.max(axis=1), return_inverse=True, return_counts=True)
    owner = np.tile(np.arange(len(faces)), 3)
    found: Ints = np.column_stack([sides, owner])[counts[which] == 1].astype(np.int64)
    return found


def parts_of(n: int, faces: Array) -> tuple[int, Ints]:
    """Return the number of connected parts of a mesh of n vertices, and the part (n,) of each vertex, from 0.

    Vertices of no face belong to no part: -1.
    """
    from scipy import sparse
    from scipy.sparse import csgraph

    used = np.zeros(n, bool)
    used[faces.ravel()] = True
    a = np.concatenate([faces[:, 0], faces[:, 1]])
    b = np.concatenate([faces[:, 1], faces[:, 2]])
    graph = sparse.coo_array((np.ones(a.size, bool), (a, b)), shape=(n, n))
    _, part = csgraph.connected_components(graph, directed=False)
    ids, number = np.unique(part[used], return_inverse=True)
    result = np.full(n, -1, np.int64)
    result[used] = number
    return int(ids.size), result


def sums(which: Array, values: Array, n: int) -> Floats:
    """Add up values (k,) or (k, d) per group."""
    if values.ndim == 1:
        return np.bincount(which, values, n).astype(np.float64)
    return np.stack([np.bincount(which, column, n) for column in values.T], axis=1).astype(np.float64)


def measure_parts(vertices: Array, faces: Array, n: int, part: Ints) -> dict[str, Floats]:
    """Return area, volume (NaN for parts that are open) and centroid (z, y, x) of the surface of each part."""
    own = part[faces[:, 0]]
    a, b, c = corners(vertices, faces)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    area = sums(own, areas, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        centroid = sums(own, areas[:, None] * (a + b + c) / 3, n)[:, ::-1] / area[:, None]
    # Around the centroid, so that no digits are lost far from the origin.
    shift = np.nan_to_num(centroid[:, ::-1])[own]
    volume = sums(own, np.einsum("ij,ij->i", a - shift, np.cross(b - shift, c - shift)) / 6, n)
    pairs, counts = edges(faces)
    is_open = sums(part[pairs[:, 0]], counts != 2, n) > 0
    return {"area": area, "volume": np.where(is_open, np.nan, volume), "centroid": centroid}


def vertex_areas(vertices: Array, faces: Array) -> Floats:
    """Return the area (n,) of each vertex: a third of that of its faces."""
    areas = np.linalg.norm(face_normals(vertices, faces), axis=1) / 6
    return sums(faces.T.ravel(), np.tile(areas, 3), len(vertices))


def curvatures(vertices: Array, faces: Array) -> tuple[Floats, Floats]:
    """Return the mean and the Gaussian curvature (n,) at vertices; NaN at the border of open surfaces.

    M. Meyer et al., Visualization and Mathematics III (2003) 35-57, with a third of the area of the faces for each of
    their vertices: cotangent weights, and the angle that is missing to a full turn.
    """
    n = len(vertices)
    points = corners(vertices, faces)
    missing, laplacian = np.full(n, 2 * np.pi), np.zeros((n, 3))
    normals = sums(faces.T.ravel(), np.tile(face_normals(vertices, faces), (3, 1)), n)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        u, v = points[j] - points[i], points[k] - points[i]
        sine, cosine = np.linalg.norm(np.cross(u, v), axis=1), np.einsum("ij,ij->i", u, v)
        missing -= sums(faces[:, i], np.arctan2(sine, cosine), n)
        # Faces without area have no say.
        cotangent = np.divide(cosine, sine, out=np.zeros_like(cosine), where=sine > 0)
        along = cotangent[:, None] * (points[j] - points[k]) / 2
        laplacian += sums(faces[:, j], along, n) - sums(faces[:, k], along, n)
    area = vertex_areas(vertices, faces)
    outwards = np.einsum("ij,ij->i", laplacian, normals) >= 0
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(outwards, 1, -1) * np.linalg.norm(laplacian, axis=1) / area / 2
        gaussian = missing / area
    pairs, counts = edges(faces)
    border = np.unique(pairs[counts != 2])
    wrong = np.ones(n, bool)
    wrong[faces.ravel()] = False
    wrong[border] = True
    mean[wrong] = gaussian[wrong] = np.nan
    return mean, gaussian


def fit_spheres(vertices: Array, part: Ints, radius: float) -> Floats:
    """Return the radius (n,) of the sphere that fits best the vertices of the same part within a distance of each.

    Algebraic least squares (I. Kåsa, IEEE Trans. Instrumentation and Measurement 25 (1976) 8-14). NaN where fewer than
    five vertices are near, infinite where they lie in a plane.
    """
    from scipy.spatial import KDTree

    from bioloom.operations._neighbour_lists import chunks_within

    points = vertices.astype(np.float64)
    result = np.full(len(points), np.nan)
    if not len(points):
        return result
    tree = KDTree(points)
    for first, last in chunks_within(tree, radius, 1 << 20):
        some, n = points[first:last], last - first
        found = KDTree(some).sparse_distance_matrix(tree, radius, output_type="ndarray")
        row, near = found["i"], found["j"]
        same = part[near] == part[first:last][row]
        row, near = row[same], near[same]
        # Distances of about 1 keep the equations well-conditioned.
        local = (points[near] - some[row]) / radius
        square = np.einsum("ij,ij->i", local, local)
        terms = np.column_stack([2 * local, np.ones(len(local))])
        matrix = np.empty((n, 4, 4))
        for i in range(4):
            for j in range(i, 4):
                matrix[:, i, j] = matrix[:, j, i] = np.bincount(row, terms[:, i] * terms[:, j], n)
        right = sums(row, terms * square[:, None], n)
        enough = np.bincount(row, minlength=n) >= 5
        size, axes = np.linalg.eigh(matrix[enough])
        along = np.einsum("nji,nj->ni", axes, right[enough])
        flat = size[:, 0] < 1e-9
        solution = np.einsum("nij,nj->ni", axes, along / np.where(flat[:, None], 1, size))
        fitted = np.sqrt(np.maximum(solution[:, 3] + np.sum(solution[:, :3] ** 2, axis=1), 0))
        result[first:last][enough] = np.where(flat, np.inf, fitted * radius)
    return result
