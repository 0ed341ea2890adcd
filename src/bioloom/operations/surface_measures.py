"""Measuring surfaces: a value per vertex, or a table with a row per object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._types import Length, Surface, Table

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@operation(
    "Visualize/Surfaces",
    title="Measure vertices of a surface",
    keywords="surface quality, curvature, Gaussian curvature, mean curvature, spherefitted curvature, vertex colours",
)
def measure_vertices(
    surface: Surface,
    measurement: Literal[
        "mean curvature", "Gaussian curvature", "sphere-fit curvature", "distance to centroid", "vertex area", "part",
        "area of part", "volume of part", "sphericity of part",
    ] = "mean curvature",
    radius: Length = 5.0,
) -> Surface:  # fmt: skip
    """Give each vertex of a surface a measurement as its value.

    Parameters
    ----------
    surface
        Vertices (n, 3), faces (m, 3) and values (n,). Connected parts are measured by themselves.
    measurement
        Curvatures are positive where the surface bulges out: ``mean curvature`` (1 / length) is 1 / r on a sphere of
        radius r, ``Gaussian curvature`` (1 / length²) 1 / r². ``sphere-fit curvature`` is 1 / r of the sphere that fits
        the vertices within `radius` best. ``distance to centroid`` of the part. ``vertex area``: a third of the area of
        its faces. ``part``: numbers 1…n. ``sphericity``: surface of the ball of the same volume divided by the area.
    radius
        How far the sphere is fitted, in units of the vertices; only for ``sphere-fit curvature``.

    Returns
    -------
    tuple
        The same vertices and faces; values float32 (n,), in the units of the vertices; NaN where the measurement is not
        defined: curvature at the border of open surfaces, the volume of open parts, vertices without a face.

    Raises
    ------
    InputError
        If it is not a surface.

    Notes
    -----
    Curvature: M. Meyer et al., Visualization and Mathematics III (2003) 35-57. Sphere: I. Kåsa, IEEE Trans.
    Instrumentation and Measurement 25 (1976) 8-14. On the steps that marching cubes leaves, smooth the surface first.
    """
    from bioloom.operations import _surface_geometry as geometry

    vertices, faces, _ = surface
    n, part = geometry.parts_of(len(vertices), faces)
    used = part >= 0
    values = np.full(len(vertices), np.nan)
    if measurement == "part":
        values[used] = part[used] + 1
    elif measurement == "vertex area":
        values[used] = geometry.vertex_areas(vertices, faces)[used]
    elif measurement in ("mean curvature", "Gaussian curvature"):
        mean, gaussian = geometry.curvatures(vertices, faces)
        values = mean if measurement == "mean curvature" else gaussian
    elif measurement == "sphere-fit curvature":
        values[used] = 1 / geometry.fit_spheres(vertices[used], part[used], max(radius, 1e-9))
    else:
        parts = geometry.measure_parts(vertices, faces, n, part)
        parts["sphericity"] = _sphericity(parts)
        if measurement == "distance to centroid":
            values[used] = np.linalg.norm(vertices[used] - parts["centroid"][part[used]], axis=1)
        else:
            values[used] = parts[measurement.removesuffix(" of part")][part[used]]
    return vertices.copy(), faces.copy(), values.astype(np.float32)


def _sphericity(parts: dict[str, Floats]) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = np.cbrt(np.pi * (6 * parts["volume"]) ** 2) / parts["area"]
    return ratio


@operation(
    "Measure/Table",
    title="Measure surfaces",
    keywords="mesh area, mesh volume, sphericity, surface statistics, table of surfaces",
)
def measure_surfaces(surface: Surface) -> Table:
    """Measure every connected part of a surface.

    Parameters
    ----------
    surface
        Vertices (n, 3), faces (m, 3) and values (n,).

    Returns
    -------
    pandas.DataFrame
        One row per part: ``label`` 1…n; ``value``, the mean value of its vertices (the label of the object, for
        surfaces of labels); ``num_vertices``, ``num_faces``; ``surface_area``, ``volume`` (NaN for open parts) and
        ``sphericity``, in the units of the vertices; ``centroid-0``, ``-1`` and ``-2`` (z, y, x) of the surface.

    Raises
    ------
    InputError
        If it is not a surface.

    Notes
    -----
    Volume by the divergence theorem; sphericity: H. Wadell, Journal of Geology 43 (1935) 250-280.
    """
    import pandas as pd

    from bioloom.operations import _surface_geometry as geometry

    vertices, faces, values = surface
    n, part = geometry.parts_of(len(vertices), faces)
    parts = geometry.measure_parts(vertices, faces, n, part)
    used = part >= 0
    count = np.bincount(part[used], minlength=n)
    table: pd.DataFrame = pd.DataFrame(
        {
            "label": np.arange(1, n + 1),
            "value": geometry.sums(part[used], values[used].astype(np.float64), n) / np.maximum(count, 1),
            "num_vertices": count,
            "num_faces": np.bincount(part[faces[:, 0]], minlength=n),
            "surface_area": parts["area"],
            "volume": parts["volume"],
            "sphericity": _sphericity(parts),
            **{f"centroid-{axis}": parts["centroid"][:, axis] for axis in range(3)},
        }
    )
    return table
