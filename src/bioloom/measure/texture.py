"""Measurements of texture: how the values of an object vary from pixel to pixel.

All are of single objects: what lies around an object, or elsewhere in the image, does not change its grey levels. The
distances and radii count pixels, whatever the spacing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure.registry import NUMBERED, PROPERTIES, QUANTITIES, Objects, Property, Quantity

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
Floats = NDArray[np.float64]

GROUP = "texture"
N_LEVELS = 32
MAX_LEVELS = 4096
MAX_RADIUS = 16
MAHOTAS = "Haralick, Shanmugam & Dinstein 1973; mahotas.features.haralick"
OJALA = "Ojala, Pietikäinen & Mäenpää 2002; scikit-image, skimage.feature.local_binary_pattern"

FEATURES = {
    "angular_second_moment": "Sum of the squares of the shares of pairs of levels: 1 where all pixels are alike.",
    "contrast": "Mean square of the difference of levels.",
    "correlation": "Correlation of the levels; 1 where all pixels are alike.",
    "variance": "Variance of the levels.",
    "inverse_difference_moment": "Mean of 1 / (1 + square of the difference of levels).",
    "sum_average": "Mean sum of the two levels, counted from 0.",
    "sum_variance": "Variance of the sum of the two levels.",
    "sum_entropy": "Entropy of the sum of the two levels, in bits.",
    "entropy": "Entropy of the pairs of levels, in bits.",
    "difference_variance": "Variance of the absolute difference of levels.",
    "difference_entropy": "Entropy of the absolute difference of levels, in bits.",
    "information_correlation_1": "First information measure of correlation: 0 if levels are independent, −1 if the "
    "one tells the other.",
    "information_correlation_2": "Second information measure of correlation: 0 if levels are independent.",
}
"""The features of Haralick, in the order of the paper."""


def directions(ndim: int) -> NDArray[np.int64]:
    """Return the steps (n, 3) to one of each two opposite neighbours of a pixel: 4 in planes, 13 in stacks."""
    steps = [s for s in product((-1, 0, 1) if ndim == 3 else (0,), (-1, 0, 1), (-1, 0, 1)) if s > (0, 0, 0)]
    return np.array(steps, np.int64)


def _haralick(
    objects: Objects,
    image: Array,
    bbox: NDArray[np.int64],
    distance: int,
    n_levels: int = N_LEVELS,
    value_range: tuple[float, float] = (np.nan, np.nan),
) -> Floats:
    """Features (n, 13) of Haralick."""
    from bioloom.measure._crops import boxes_of, for_crops
    from bioloom.measure._haralick import N_FEATURES, haralick_features

    out = np.full((objects.ids.size, N_FEATURES), np.nan)
    steps = directions(objects.ndim) * distance
    low, high = (float(v) for v in value_range)
    for_crops(objects, boxes_of(objects, bbox), haralick_features, image, steps, n_levels, low, high, out)
    return out


def _feature(objects: Objects, image: Array, features: Floats, at: int) -> Floats:
    """One of the features of Haralick."""
    return features[:, at]


def _patterns(objects: Objects, image: Array, bbox: NDArray[np.int64], radius: int) -> Floats:
    """Shares (n, 8 × radius + 2) of the local binary patterns."""
    from bioloom.measure._crops import boxes_of, for_crops
    from bioloom.measure._haralick import pattern_histograms

    n_points = 8 * radius
    angles = 2 * np.pi * np.arange(n_points) / n_points
    # Rounded as in scikit-image, so that points on pixels need no interpolation.
    points = np.round(np.stack([-radius * np.sin(angles), radius * np.cos(angles)], axis=1), 5)
    out = np.full((objects.ids.size, n_points + 2), np.nan)
    for_crops(objects, boxes_of(objects, bbox), pattern_histograms, image, points, out)
    return out


def _declare_feature(at: int, distance: int, listed: bool = False) -> Property:
    """Make the property of a feature of Haralick at a distance, and the quantity that it needs."""
    needed, name = f"haralick_features={distance}", f"haralick_{list(FEATURES)[at]}"
    if needed not in QUANTITIES:
        QUANTITIES[needed] = Quantity(needed, ("bbox",), partial(_haralick, distance=distance), per_channel=True)
    far = f"{distance} pixel{'s' if distance > 1 else ''}"
    more = f" Ask for ``{name}=3`` for pixels 3 apart." if listed else ""
    return Property(
        name if listed else f"{name}={distance}",
        (needed,),
        partial(_feature, at=at),
        per_channel=True,
        group=GROUP,
        description=f"{list(FEATURES.values())[at]} For pixels of the object {far} apart in any direction, the mean "
        f"over the directions, with {N_LEVELS} levels from its smallest to its largest value.{more}",
        source=MAHOTAS,
    )


def _declare_patterns(radius: int, listed: bool = False) -> Property:
    """Make the property of local binary patterns of a radius."""
    if radius > MAX_RADIUS:
        raise InputError(f"lbp={radius} is too far; the radius can be up to {MAX_RADIUS} pixels.")
    n_points = 8 * radius
    more = " Ask for ``lbp=2`` for 16 points at 2 pixels, and so on." if listed else ""
    return Property(
        "lbp" if listed else f"lbp={radius}",
        ("bbox",),
        partial(_patterns, radius=radius),
        per_channel=True,
        group=GROUP,
        description=f"Local binary patterns: column i is the share of pixels of whose {n_points} surrounding points, "
        f"in their plane at a radius of {radius}, i that follow one another are at least as bright as the pixel; the "
        f"last column is the share of those where they do not follow one another.{more}",
        source=OJALA,
        parts=str(n_points + 2),
        margin=radius,
    )


for _at, _name in enumerate(FEATURES):
    PROPERTIES[f"haralick_{_name}"] = _declare_feature(_at, 1, listed=True)
    NUMBERED[f"haralick_{_name}"] = partial(_declare_feature, _at)
PROPERTIES["lbp"] = _declare_patterns(1, listed=True)
NUMBERED["lbp"] = _declare_patterns


def haralick(
    labels: Any,
    image: Any,
    *,
    distance: int = 1,
    levels: int = N_LEVELS,
    value_range: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Measure the texture of every object with other grey levels than `bioloom.measure` takes.

    Parameters
    ----------
    labels
        Label image (y, x) or (z, y, x) of whole numbers, 0 being background.
    image
        Image of the same shape; pixels that are NaN or infinite are left out.
    distance
        How many pixels the two of a pair are apart along each axis that they differ in, 1 or more.
    levels
        Number of grey levels, 2 to 4096.
    value_range
        The values between which the levels are divided evenly, as in ``(0, 256)`` with 256 levels for images of 8 bits
        as they are; values beyond it get the first and the last level. By default the range of each object, which
        makes the texture independent of brightness and contrast.

    Returns
    -------
    pandas.DataFrame
        One row per object: `label` and the 13 features of Haralick as `haralick_…`, the means over the directions (4
        in planes, 13 in stacks) in which there are pairs of pixels; NaN where there is none, as in objects of a single
        pixel.

    Raises
    ------
    InputError
        If labels and image do not fit, or a number is out of range.

    Notes
    -----
    Haralick, Shanmugam & Dinstein 1973, "Textural features for image classification". Equal to
    `mahotas.features.haralick` with ``use_x_minus_y_variance=True``, and to what `skimage.feature.graycoprops` has of
    them. Large arrays of Dask and Zarr are read in blocks, as by `bioloom.measure`.
    """
    import pandas as pd

    from bioloom.measure import inputs
    from bioloom.measure._blocks import measure_frame

    shape = inputs.shape_of(labels)
    if len(shape) not in (2, 3):
        raise InputError(f"labels has {len(shape)} axes; (y, x) or (z, y, x) is needed.")
    if distance != int(distance) or distance < 1:
        raise InputError(f"distance={distance} does not fit: give a whole number of pixels from 1.")
    if levels != int(levels) or not 2 <= levels <= MAX_LEVELS:
        raise InputError(f"levels={levels} does not fit: give a whole number from 2 to {MAX_LEVELS}.")
    between = (np.nan, np.nan)
    if value_range is not None:
        limits = np.asarray(value_range, np.float64)
        if limits.shape != (2,) or not np.isfinite(limits).all() or limits[0] >= limits[1]:
            raise InputError(f"value_range={value_range!r} does not fit: give two numbers, the lower first.")
        between = (float(limits[0]), float(limits[1]))
    channel = next(iter(inputs.checked_channels(image, None, None, shape).values()), None)
    if channel is None:
        raise InputError("Texture is measured in an image; none was given.")
    name = f"haralick_features={int(distance)},{int(levels)},{between[0]},{between[1]}"
    features = partial(_haralick, distance=int(distance), n_levels=int(levels), value_range=between)
    step = QUANTITIES.setdefault(name, Quantity(name, ("bbox",), features, per_channel=True))
    ids, values = measure_frame(labels, {"": channel}, [step], np.ones(3), _Silent())
    columns = {f"haralick_{name}": values[step.name, ""][:, i] for i, name in enumerate(FEATURES)}
    largest = int(ids[-1]) if ids.size else 0
    return pd.DataFrame({"label": ids.astype(np.int64 if largest < 2**63 else np.uint64), **columns})


class _Silent:
    """Tells nobody how far a computation is."""

    def tick(self) -> None:
        """Do nothing."""

    def finished(self, steps: int = 1) -> None:
        """Do nothing."""
