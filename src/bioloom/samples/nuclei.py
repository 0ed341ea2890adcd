"""Simulated still images of nuclei: 2D, 3D and two channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bioloom.errors import InputError
from bioloom.samples import camera, shapes
from bioloom.samples.sample import Sample, check_count, check_shape

if TYPE_CHECKING:
    import pandas as pd

PIXEL_2D = 0.5
RADIUS_2D = 11.0
SPACING_3D = (0.9, 0.3, 0.3)
RADIUS_3D = 14.0
TOUCHING = 0.4
PSF = 1.2
# Light spreads this much farther along the optical axis than across it.
AXIAL_ELONGATION = 3.0


def cell_table(nuclei: shapes.Nuclei) -> pd.DataFrame:
    """Table of the true types and factors, one row per nucleus, labels 1 … n."""
    import pandas as pd

    return pd.DataFrame(
        {
            "label": np.arange(1, len(nuclei) + 1),
            "cell_type": nuclei.cell_type,
            "size": nuclei.size,
            "brightness": nuclei.brightness,
        }
    )


def nuclei_2d(shape: Sequence[int] = (512, 512), n_nuclei: int = 120, seed: int = 0) -> Sample:
    """Simulate a fluorescence image of nuclei of two types, many of them touching.

    Nuclei of type 1 are round and smooth, those of type 2 elongated, brighter and speckled; both vary in size and
    brightness. The image has uneven illumination, blur, a background, and shot and read noise.

    Parameters
    ----------
    shape
        (y, x), at least 32 each.
    n_nuclei
        Number of nuclei, 60 % of them of type 1.
    seed
        Random seed, 0 or larger.

    Returns
    -------
    Sample
        Axes "yx", 0.5 micrometer per pixel; the mean radius of a nucleus is 5.5 micrometer.

    Raises
    ------
    InputError
        If the shape or number is no good or the nuclei do not fit.
    """
    shape = check_shape(shape, "yx")
    n_nuclei, seed = check_count(n_nuclei, "The number of nuclei", 1), check_count(seed, "The seed", 0)
    rng = np.random.default_rng(seed)
    nuclei, labels, light = _scene(rng, shape, n_nuclei, RADIUS_2D, np.ones(2))
    field = camera.illumination(rng, (shape[0], shape[1]))
    return Sample(
        name="nuclei_2d",
        image=camera.expose(rng, light, sigma=(PSF, PSF), field=field, photons=150, background=12),
        labels=labels,
        cell_types=cell_table(nuclei),
        axes="yx",
        spacing=(PIXEL_2D, PIXEL_2D),
        units=("micrometer", "micrometer"),
        seed=seed,
    )


def nuclei_3d(shape: Sequence[int] = (24, 192, 192), n_nuclei: int = 40, seed: int = 0) -> Sample:
    """Simulate an anisotropic stack of nuclei of two types.

    As `nuclei_2d`, with planes three times as far apart as pixels, a point spread function three times as long in z as
    in y and x, and light that gets weaker with depth.

    Parameters
    ----------
    shape
        (z, y, x); at least 3 planes and 32 pixels.
    n_nuclei
        Number of nuclei, 60 % of them of type 1.
    seed
        Random seed, 0 or larger.

    Returns
    -------
    Sample
        Axes "zyx", spacing (0.9, 0.3, 0.3) micrometer; the mean radius of a nucleus in the plane is 4.2 micrometer.

    Raises
    ------
    InputError
        If the shape or number is no good or the nuclei do not fit.
    """
    shape = check_shape(shape, "zyx")
    n_nuclei, seed = check_count(n_nuclei, "The number of nuclei", 1), check_count(seed, "The seed", 0)
    rng = np.random.default_rng(seed)
    aspect = np.array(SPACING_3D) / SPACING_3D[-1]
    nuclei, labels, light = _scene(rng, shape, n_nuclei, RADIUS_3D, aspect)
    attenuation = np.exp(-0.3 * np.linspace(0, 1, shape[0]))[:, None, None]
    field = camera.illumination(rng, (shape[1], shape[2])) * attenuation
    sigma = np.array([AXIAL_ELONGATION * PSF, PSF, PSF]) / aspect
    return Sample(
        name="nuclei_3d",
        image=camera.expose(rng, light, sigma=tuple(sigma), field=field, photons=120, background=10),
        labels=labels,
        cell_types=cell_table(nuclei),
        axes="zyx",
        spacing=SPACING_3D,
        units=("micrometer",) * 3,
        seed=seed,
    )


def nuclei_two_channels(shape: Sequence[int] = (2, 384, 384), n_nuclei: int = 70, seed: int = 0) -> Sample:
    """Simulate nuclei in channel 0 and, in channel 1, a marker of cytoplasm and membrane that only type 2 expresses.

    Parameters
    ----------
    shape
        (c, y, x) with c = 2; y and x at least 32.
    n_nuclei
        Number of nuclei, 60 % of them of type 1.
    seed
        Random seed, 0 or larger.

    Returns
    -------
    Sample
        Axes "cyx", 0.5 micrometer per pixel. The labels are those of the nuclei, (y, x).

    Raises
    ------
    InputError
        If the shape or number is no good, there are not exactly two channels, or the nuclei do not fit.
    """
    shape = check_shape(shape, "cyx")
    if shape[0] != 2:
        raise InputError(f"This sample has 2 channels, but {shape[0]} were asked for. Give a shape (2, y, x).")
    n_nuclei, seed = check_count(n_nuclei, "The number of nuclei", 1), check_count(seed, "The seed", 0)
    rng = np.random.default_rng(seed)
    nuclei, labels, light = _scene(rng, shape[1:], n_nuclei, RADIUS_2D, np.ones(2))
    field = camera.illumination(rng, (shape[1], shape[2]))
    marker = _marker(rng, nuclei, labels) + 0.02 * light
    channels = [
        camera.expose(rng, light, sigma=(PSF, PSF), field=field, photons=150, background=12),
        camera.expose(rng, marker, sigma=(PSF, PSF), field=field, photons=110, background=9),
    ]
    return Sample(
        name="nuclei_two_channels",
        image=np.stack(channels),
        labels=labels,
        cell_types=cell_table(nuclei),
        axes="cyx",
        spacing=(1.0, PIXEL_2D, PIXEL_2D),
        units=("pixel", "micrometer", "micrometer"),
        seed=seed,
    )


def _scene(
    rng: np.random.Generator, shape: tuple[int, ...], n: int, radius: float, aspect: NDArray[np.float64]
) -> tuple[shapes.Nuclei, NDArray[np.uint32], NDArray[np.float64]]:
    """Place, label and light up `n` nuclei."""
    nuclei = shapes.random_nuclei(rng, n, len(shape), radius)
    shapes.place(rng, nuclei, (np.array(shape) - 1) * aspect, TOUCHING)
    labels, depth = shapes.draw_labels(nuclei, shape, aspect)
    light = shapes.emission(nuclei, labels, depth, shapes.textures(rng, len(shape), aspect), aspect)
    return nuclei, labels, light


def _marker(rng: np.random.Generator, nuclei: shapes.Nuclei, labels: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Emission of the marker: cytoplasm around the nucleus, brighter at the membrane, weak in the nucleus."""
    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    owner = labels[tuple(nearest)].astype(np.int64)
    uneven = ndimage.gaussian_filter(rng.normal(size=labels.shape), 6, mode="reflect")
    uneven /= uneven.std()
    cell = np.where(distance < 8 + 1.5 * uneven, owner, 0)
    border = np.zeros(cell.shape, bool)
    for axis in (0, 1):
        step = np.diff(cell, axis=axis) != 0
        border |= np.pad(step, [(0, int(a == axis)) for a in (0, 1)])
        border |= np.pad(step, [(int(a == axis), 0) for a in (0, 1)])
    to_membrane = ndimage.distance_transform_edt(~border)
    grains = ndimage.gaussian_filter(rng.normal(size=labels.shape), 1.5, mode="reflect")
    cytoplasm = 0.45 * np.exp(0.25 * grains / grains.std()) + 0.9 * np.exp(-0.5 * (to_membrane / 1.2) ** 2)
    light = np.where(labels > 0, 0.3 * cytoplasm, cytoplasm)
    strength = np.where(nuclei.cell_type == shapes.ELONGATED, np.exp(rng.normal(0, 0.2, len(nuclei))), 0.05)
    return np.asarray(light * np.concatenate([[0.0], strength])[cell])
