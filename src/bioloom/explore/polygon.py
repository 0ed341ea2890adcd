"""Which points lie inside a polygon drawn by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioloom.errors import InputError


def points_in_polygon(x: ArrayLike, y: ArrayLike, polygon: ArrayLike) -> NDArray[np.bool_]:
    """Find the points inside a polygon by the non-zero winding rule.

    A lasso may cross itself: what it goes around at least once, counted with direction, is inside.

    Parameters
    ----------
    x, y
        Coordinates of the points, shape (n,).
    polygon
        Vertices (x, y), shape (m, 2). The last is joined to the first.

    Returns
    -------
    numpy.ndarray
        bool of shape (n,). False for points with NaN or infinite coordinates, and for all if there are fewer than 3
        vertices. Points on the left and lower edges of an upright rectangle are inside, those on the right and upper
        edges are not, so that polygons side by side share no point.

    Raises
    ------
    InputError
        If the shapes do not fit, or a vertex is NaN or infinite.

    Notes
    -----
    Hormann & Agathos: The point in polygon problem for arbitrary polygons, Comput. Geom. 20 (2001), with the edges
    sorted into horizontal slabs, so that each point meets only the edges at its height. Of many points, only those near
    an edge meet any: the others lie in cells of a grid that are inside or outside as a whole.
    """
    xs, ys = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(y, dtype=np.float64)
    vertices = np.ascontiguousarray(polygon, dtype=np.float64)
    if xs.ndim != 1 or xs.shape != ys.shape:
        raise InputError(
            f"x and y must be equally long lists of numbers, but have the shapes {xs.shape} and {ys.shape}."
        )
    if not vertices.size or len(vertices) < 3:
        return np.zeros(xs.shape, dtype=np.bool_)
    if vertices.ndim != 2 or vertices.shape[1] != 2:
        raise InputError(f"A polygon is a list of (x, y) vertices, shape (m, 2), but its shape is {vertices.shape}.")
    if not np.isfinite(vertices).all():
        raise InputError("A vertex of the polygon is NaN or infinite. Draw it again.")
    from bioloom.explore._kernels import winding_mask

    return winding_mask(xs, ys, vertices)


def points_near_path(x: ArrayLike, y: ArrayLike, path: ArrayLike, radius: float) -> NDArray[np.bool_]:
    """Find the points under a brush that was drawn along a path.

    Parameters
    ----------
    x, y
        Coordinates of the points, shape (n,).
    path
        Where the centre of the brush went: (x, y) corners of a line, shape (m, 2), m of 1 or more.
    radius
        Radius of the brush, greater than 0.

    Returns
    -------
    numpy.ndarray
        bool of shape (n,): no farther than `radius` from the line. False for points with NaN coordinates.

    Raises
    ------
    InputError
        If the shapes do not fit, or the path or the radius is not finite.
    """
    xs, ys = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(y, dtype=np.float64)
    line = np.ascontiguousarray(path, dtype=np.float64)
    if xs.ndim != 1 or xs.shape != ys.shape:
        raise InputError(
            f"x and y must be equally long lists of numbers, but have the shapes {xs.shape} and {ys.shape}."
        )
    if line.ndim != 2 or line.shape[1] != 2 or not len(line) or not np.isfinite(line).all():
        raise InputError("The path of a brush is a list of finite (x, y) corners, at least one. Draw it again.")
    if not (np.isfinite(radius) and radius > 0):
        raise InputError(f"The radius of the brush is {radius}, but must be greater than 0.")
    from bioloom.explore._plot_kernels import near_path

    return near_path(xs, ys, line, float(radius))
