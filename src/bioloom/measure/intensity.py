"""The measurements of the values of an image in each object; NaN pixels are left out of all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.quantities import Coordinates, Intensities, ranked
from bioloom.measure.registry import NUMBERED, Objects, Property, measured

Array = NDArray[Any]
Floats = NDArray[np.float64]

NDIMAGE = "scipy.ndimage"
CELLPROFILER = "CellProfiler, MeasureObjectIntensity"


def mean_of(values: Intensities) -> Floats:
    """Return the mean; NaN without values."""
    mean: Floats = values.shift + values.sums[:, 0] / values.counts
    return mean


def central(values: Intensities) -> Floats:
    """Return the central moments (n, 3) of second, third and fourth order of the values."""
    one, two, three, four = (values.sums / values.counts[:, None]).T
    second = np.maximum(two - one**2, 0)
    # What rounding leaves of the spread of equal values is none.
    second[second < 1e-14 * two] = 0
    third = three - 3 * one * two + 2 * one**3
    fourth = four - 4 * one * three + 6 * one**2 * two - 3 * one**4
    return np.stack([second, third, fourth], axis=1)


def std_of(values: Intensities) -> Floats:
    """Return the standard deviation, divided by n."""
    deviation: Floats = np.sqrt(central(values)[:, 0])
    return deviation


def sum_of(values: Intensities) -> Floats:
    """Return the sum; NaN without values."""
    return np.where(values.counts > 0, values.counts * values.shift + values.sums[:, 0], np.nan)


@measured("intensity", "intensity", "intensities", per_channel=True)
def intensity_mean(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Mean value."""
    return mean_of(intensities)


@measured("intensity", "intensity", "intensities", per_channel=True)
def intensity_min(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Smallest value."""
    return intensities.extremes[:, 0]


@measured("intensity", "intensity", "intensities", per_channel=True)
def intensity_max(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Largest value."""
    return intensities.extremes[:, 1]


@measured("intensity", "intensity", "intensities", per_channel=True)
def intensity_std(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Spread of the values: their standard deviation, divided by n, not n − 1; 0 for one pixel."""
    return std_of(intensities)


@measured("intensity", "intensity", "intensities", per_channel=True, source=CELLPROFILER)
def intensity_sum(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Sum of the values."""
    return sum_of(intensities)


@measured("intensity", "intensity", "quartiles", per_channel=True)
def intensity_median(objects: Objects, image: Array, quartiles: Floats) -> Array:
    """Median value."""
    return quartiles[:, 1]


@measured("intensity", "intensity", "quartiles", per_channel=True, source=f"{CELLPROFILER} (LowerQuartileIntensity)")
def intensity_lower_quartile(objects: Objects, image: Array, quartiles: Floats) -> Array:
    """Value that a quarter of the pixels is below, interpolated as by `numpy.percentile`."""
    return quartiles[:, 0]


@measured("intensity", "intensity", "quartiles", per_channel=True, source=f"{CELLPROFILER} (UpperQuartileIntensity)")
def intensity_upper_quartile(objects: Objects, image: Array, quartiles: Floats) -> Array:
    """Value that a quarter of the pixels is above, interpolated as by `numpy.percentile`."""
    return quartiles[:, 2]


@measured("intensity", "intensity", "quartiles", per_channel=True, source="scipy.stats.median_abs_deviation")
def intensity_mad(objects: Objects, image: Array, quartiles: Floats) -> Array:
    """Spread of the values: the median of their absolute differences from the median; 0 for one pixel."""
    return quartiles[:, 3]


@measured("intensity", "", "intensities", per_channel=True, source="scipy.stats.skew")
def intensity_skewness(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Third central moment / standard deviation³: above 0 with a tail of large values; NaN for equal values."""
    second, third, _ = central(intensities).T
    skewness: Floats = third / np.where(second > 0, second, np.nan) ** 1.5
    return skewness


@measured("intensity", "", "intensities", per_channel=True, source="scipy.stats.kurtosis")
def intensity_kurtosis(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Fourth central moment / variance² − 3 (excess kurtosis): 0 for a normal distribution; NaN if all are equal."""
    second, _, fourth = central(intensities).T
    kurtosis: Floats = fourth / np.where(second > 0, second, np.nan) ** 2 - 3
    return kurtosis


def _percentile(percent: int) -> Property | None:
    if percent > 100:
        return None

    def compute(objects: Objects, image: Array, coordinates: Coordinates, intensities: Intensities) -> Floats:
        return ranked(objects, image, coordinates, intensities, percent)[:, 0]

    return Property(
        f"intensity_percentile={percent}",
        ("coordinates", "intensities"),
        compute,
        per_channel=True,
        group="intensity",
        description=f"Value that {percent} % of the pixels are below, interpolated as by `numpy.percentile`.",
        unit="intensity",
        source="numpy.percentile",
    )


NUMBERED["intensity_percentile"] = _percentile


# ------------------------------------------------------------------------------------------------------ edges
EDGE = "as skimage.segmentation.find_boundaries(mode='inner')"


@measured("intensity", "intensity", "edge_intensities", per_channel=True, source=f"{CELLPROFILER}; {EDGE}")
def intensity_edge_mean(objects: Objects, image: Array, edge_intensities: Intensities) -> Array:
    """Mean value of the border: pixels that share an edge (in 3D a face) with another object or background."""
    return mean_of(edge_intensities)


@measured("intensity", "intensity", "edge_intensities", per_channel=True, source=f"{CELLPROFILER}; {EDGE}")
def intensity_edge_std(objects: Objects, image: Array, edge_intensities: Intensities) -> Array:
    """Spread of the values of the border: their standard deviation, divided by n."""
    return std_of(edge_intensities)


@measured("intensity", "intensity", "edge_intensities", per_channel=True, source=f"{CELLPROFILER}; {EDGE}")
def intensity_edge_min(objects: Objects, image: Array, edge_intensities: Intensities) -> Array:
    """Smallest value of the border."""
    return edge_intensities.extremes[:, 0]


@measured("intensity", "intensity", "edge_intensities", per_channel=True, source=f"{CELLPROFILER}; {EDGE}")
def intensity_edge_max(objects: Objects, image: Array, edge_intensities: Intensities) -> Array:
    """Largest value of the border."""
    return edge_intensities.extremes[:, 1]


@measured("intensity", "intensity", "edge_intensities", per_channel=True, source=f"{CELLPROFILER}; {EDGE}")
def intensity_edge_sum(objects: Objects, image: Array, edge_intensities: Intensities) -> Array:
    """Sum of the values of the border; NaN, as all of the border's, if the object fills the image."""
    return sum_of(edge_intensities)


# -------------------------------------------------------------------------------------------------- positions
@measured("intensity", "length", "coordinates", "weighted_sums", per_channel=True, parts="axes")
def centroid_weighted(objects: Objects, image: Array, coordinates: Coordinates, weighted_sums: Floats) -> Array:
    """Mean position weighted by the value, per axis; NaN if the values sum up to 0."""
    total = np.where(weighted_sums[:, :1] == 0, np.nan, weighted_sums[:, :1])
    return ((coordinates.first + weighted_sums[:, 1:] / total) * objects.spacing)[:, objects.axes]


@measured("intensity", "length", "centroid", "centroid_weighted", per_channel=True, source=CELLPROFILER)
def intensity_mass_displacement(objects: Objects, image: Array, centroid: Floats, weighted: Floats) -> Array:
    """Distance between the centroid and the centroid weighted by the value; NaN if the values sum up to 0."""
    distance: Floats = np.linalg.norm(weighted - centroid, axis=1)
    return distance


def _position(objects: Objects, pixels: NDArray[np.int64]) -> Floats:
    position: Floats = (np.where(pixels >= 0, pixels, np.nan) * objects.spacing)[:, objects.axes]
    return position


@measured(
    "position", "length", "extreme_positions", per_channel=True, parts="axes", source=f"{NDIMAGE}.minimum_position"
)
def intensity_min_position(objects: Objects, image: Array, positions: NDArray[np.int64]) -> Array:
    """Position of the smallest value, per axis; of several, that of the first pixel."""
    return _position(objects, positions[:, 0])


@measured(
    "position", "length", "extreme_positions", per_channel=True, parts="axes", source=f"{NDIMAGE}.maximum_position"
)
def intensity_max_position(objects: Objects, image: Array, positions: NDArray[np.int64]) -> Array:
    """Position of the largest value, per axis; of several, that of the first pixel."""
    return _position(objects, positions[:, 1])
