"""Surfaces: triangle meshes of labels and images, smoothing, simplifying and measuring them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._label_index import boxes, index_labels, padded
from bioloom.operations._types import Image, Labels, Length, Number, Spacing, Surface

Mesh = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]


def _contour(volume: NDArray[Any], level: float, spacing: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Vertices and faces where a volume is at a level; brighter is inside."""
    from skimage import measure

    vertices, faces, _, _ = measure.marching_cubes(volume, level, spacing=tuple(spacing), allow_degenerate=False)
    return vertices, faces


def _joined(parts: Sequence[tuple[NDArray[Any], NDArray[Any], float]]) -> Mesh:
    starts = np.cumsum([0, *(len(vertices) for vertices, _, _ in parts)])
    return (
        np.concatenate([np.zeros((0, 3)), *(p[0] for p in parts)]).astype(np.float32),
        np.concatenate([np.zeros((0, 3)), *(p[1] + s for p, s in zip(parts, starts, strict=False))]).astype(np.int64),
        np.concatenate([np.zeros(0), *(np.full(len(p[0]), p[2]) for p in parts)]).astype(np.float32),
    )


@operation(
    "Visualize/Surfaces",
    ndims=(3,),
    title="Surface of labels (marching cubes)",
    keywords="mesh, marching cubes, all labels to surface, largest label to surface, 3D rendering, triangulate",
)
def labels_to_surface(labels: Labels, smoothing: Length = 0.0, spacing: Spacing = None) -> Surface:
    """Make the surfaces of all objects, each closed, by marching cubes.

    Parameters
    ----------
    labels
        (z, y, x).
    smoothing
        Standard deviation of a Gaussian with which each object is smoothed before; 0 leaves the steps between pixels.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    tuple
        Vertices float32 (n, 3) as z, y, x in units of spacing, the centre of the first pixel at 0; faces int64 (m, 3),
        counter-clockwise as seen from outside; values float32 (n,), the label of the object. float32 holds ids up to
        2**24 exactly.

    Raises
    ------
    InputError
        If the image is not 3D or holds no labels.

    Notes
    -----
    ``skimage.measure.marching_cubes`` (T. Lewiner et al., J. Graphics Tools 8 (2003) 1-15) at half height, object by
    object, so that objects that touch have a surface each. Objects that end at the edge of the image are closed there.
    """
    from scipy import ndimage

    sizes = np.ones(3) if spacing is None else np.asarray(spacing)
    sigmas = smoothing / sizes
    margin = [int(4 * s + 0.5) + 1 for s in sigmas]
    index = index_labels(labels)
    parts = []
    for k, box in enumerate(boxes(index)):
        place = padded(box, [0, 0, 0], labels.shape)
        mask = np.pad((index.rows[place] == k + 1).astype(np.float32), [(m, m) for m in margin])
        if smoothing > 0:
            mask = ndimage.gaussian_filter(mask, sigmas, mode="constant", truncate=4)
        # Objects thinner than the Gaussian shrink but do not disappear.
        vertices, faces = _contour(mask, min(0.5, float(mask.max()) / 2), sizes)
        offset = np.array([s.start - m for s, m in zip(place, margin, strict=True)]) * sizes
        parts.append((vertices + offset, faces, float(index.ids[k])))
    return _joined(parts)


@operation(
    "Visualize/Surfaces",
    ndims=(3,),
    title="Surface of an image (marching cubes)",
    keywords="isosurface, mesh, marching cubes, contour, level, 3D rendering",
)
def image_to_surface(image: Image, level: float | None = None, spacing: Spacing = None) -> Surface:
    """Make the surface at which an image has a value, by marching cubes.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    level
        The value; leave empty for Otsu's threshold.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    tuple
        Vertices float32 (n, 3) as z, y, x in units of spacing, the centre of the first pixel at 0; faces int64 (m, 3),
        counter-clockwise as seen from the dark side; values float32 (n,), the level. Open where the edge of the image
        cuts it. Empty if the image is darker or brighter everywhere.

    Raises
    ------
    InputError
        If the image is not 3D, thinner than two pixels, or holds NaN.

    Notes
    -----
    ``skimage.measure.marching_cubes`` (T. Lewiner et al., J. Graphics Tools 8 (2003) 1-15).
    """
    from bioloom.operations.filters import as_float
    from bioloom.operations.labelling import otsu_value

    value = otsu_value(image) if level is None else level
    pixels = as_float(image)
    if not (pixels.min() <= value < pixels.max()):
        return _joined([])
    if min(image.shape) < 2:
        raise InputError(f"image_to_surface: the image has the shape {image.shape}; each axis needs two pixels.")
    try:
        vertices, faces = _contour(pixels, value, np.ones(3) if spacing is None else spacing)
    except RuntimeError:  # no surface: the pixels at the level only touch brighter ones at corners
        return _joined([])
    return _joined([(vertices, faces, value)])


@operation(
    "Visualize/Surfaces", keywords="smooth mesh, Laplacian smoothing, Taubin, denoise, polish", title="Smooth surface"
)
def smooth_surface(
    surface: Surface,
    iterations: Annotated[int, Number(minimum=0, maximum=1000, step=1)] = 10,
    method: Literal["Taubin", "Laplacian"] = "Taubin",
    strength: Annotated[float, Number(minimum=0, maximum=1, step=0.05)] = 0.5,
) -> Surface:
    """Smooth a surface by moving each vertex towards its neighbours.

    Parameters
    ----------
    surface
        Vertices (n, 3), faces (m, 3) and values (n,).
    iterations
        How often; more smooths more.
    method
        ``Taubin``: every step is followed by one in the other direction, so that objects do not shrink. ``Laplacian``:
        objects shrink.
    strength
        How far a vertex moves towards the mean of its neighbours: 0 not at all, 1 all the way.

    Returns
    -------
    tuple
        Moved vertices; the same faces and values.

    Raises
    ------
    InputError
        If it is not a surface.

    Notes
    -----
    G. Taubin, SIGGRAPH (1995) 351-358, with a pass band of 0.1, and equal weights of all neighbours.
    """
    from scipy import sparse

    from bioloom.operations._surface_geometry import edges

    vertices, faces, values = surface
    if not len(faces):
        return surface
    pairs, _ = edges(faces)
    a, b = np.concatenate([pairs, pairs[:, ::-1]]).T
    n = len(vertices)
    neighbours = sparse.csr_array((np.ones(a.size), (a, b)), shape=(n, n))
    count = np.bincount(a, minlength=n)[:, None]
    points = vertices.astype(np.float64)
    back = 1 / (0.1 - 1 / strength) if strength > 0 else 0.0
    for _ in range(iterations):
        for step in (strength, back) if method == "Taubin" else (strength,):
            means = (neighbours @ points) / np.maximum(count, 1)
            points = points + step * np.where(count > 0, means - points, 0)
    return points.astype(np.float32), faces.copy(), values.copy()


@operation(
    "Visualize/Surfaces",
    keywords="decimate, quadric edge collapse, reduce number of faces, triangles, vertices",
    title="Simplify surface",
)
def simplify_surface(
    surface: Surface, share: Annotated[float, Number(minimum=0, maximum=1, step=0.05)] = 0.25
) -> Surface:
    """Reduce the number of faces of a surface and keep its shape.

    Parameters
    ----------
    surface
        Vertices (n, 3), faces (m, 3) and values (n,).
    share
        The share of the faces that stays. Every closed part keeps four faces at least.

    Returns
    -------
    tuple
        Vertices, faces and values; each vertex has the value of one of those that it stands for.

    Raises
    ------
    InputError
        If it is not a surface.

    Notes
    -----
    Edges are taken out in the order of quadric error (M. Garland and P. Heckbert, SIGGRAPH (1997) 209-216), never
    such that a hole or a fold arises. Borders of open surfaces are held by planes across them.
    """
    from bioloom.operations._surface_geometry import border_sides
    from bioloom.operations._surface_kernels import collapse_edges

    vertices, faces, values = surface
    if not len(faces) or share >= 1:
        return vertices.copy(), faces.copy(), values.copy()
    # Around 0, so that no digits are lost far from the origin.
    centre = vertices.mean(0, dtype=np.float64)
    points, kept = vertices - centre, np.ones(len(faces), bool)
    corners = np.array(faces, order="C")
    collapse_edges(points, corners, border_sides(faces), round(share * len(faces)), kept)
    used, numbered = np.unique(corners[kept], return_inverse=True)
    return (points[used] + centre).astype(np.float32), numbered.reshape(-1, 3).astype(np.int64), values[used]
