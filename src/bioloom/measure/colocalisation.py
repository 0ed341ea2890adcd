"""Measurements of how the values of two channels go together within each object.

Every one is taken for each pair of channels, in the order of the channels: its column ends in ``_<first>_<second>``.
Pixels that are NaN in either channel are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure import _frame_thresholds
from bioloom.measure.registry import Objects, measured, quantity

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

GROUP = "colocalisation"
MANDERS = "Manders, Verbeek and Aten (1993), Journal of Microscopy 169:375; as in skimage.measure.manders_coloc_coeff"
COSTES = "Costes et al. (2004), Biophysical Journal 86:3993"

_GATHERED = 1 << 24  # pixels whose values are sorted at a time
_FLAT = 1e-13  # spread over mean below which values are one value and rounding


@dataclass(frozen=True)
class PairSums:
    """Sums per object (rows) of the values of two images.

    `plain` has the columns of `_pair_sums`; `centred` has the squares and the product of the differences from the
    means, and the counts of pixels in which that product is above and below 0.
    """

    plain: Floats
    centred: Floats


@quantity(per_pair=True)
def pair_sums(objects: Objects, a: Array, b: Array) -> PairSums:
    """Add up both values, their squares and products."""
    from bioloom.measure import _pair_sums as k
    from bioloom.measure._threads import added_up

    n = objects.ids.size
    given = (objects.labels, a, b, objects.table, objects.ids)
    plain = added_up(objects.slabs(), (n, k.N_SUMS), partial(k.add_pair_sums, *given), objects.tick)
    means = plain[:, [k.A, k.B]] / np.maximum(plain[:, [k.COUNT]], 1)

    def add(first: int, last: int, sums: Floats) -> None:
        k.add_centred_sums(*given, first, last, means, sums)

    centred = added_up(objects.slabs(), (n, 5), add, objects.tick)
    # What is left of the differences between equal numbers is rounding.
    for i in range(2):
        scale = plain[:, k.COUNT] * np.square(_FLAT * means[:, i])
        centred[centred[:, i] <= scale, i] = 0
    return PairSums(plain, centred)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide; NaN where the divisor is not above 0."""
    result: Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return result


@measured(GROUP, "", "pair_sums", per_pair=True, source="skimage.measure.pearson_corr_coeff")
def pearson_corr_coeff(objects: Objects, a: Array, b: Array, sums: PairSums) -> Array:
    """Pearson's correlation of both values, −1 to 1; NaN where one channel has one value only."""
    squares_a, squares_b, products = sums.centred[:, :3].T
    return np.clip(_ratio(products, np.sqrt(squares_a) * np.sqrt(squares_b)), -1, 1)


@measured(GROUP, "", "pair_sums", per_pair=True, source="Spearman (1904); as in scipy.stats.spearmanr")
def spearman_corr_coeff(objects: Objects, a: Array, b: Array, sums: PairSums) -> Array:
    """Correlation of the ranks of both values, −1 to 1; NaN where one channel has one value only."""
    from bioloom.measure._pair_sums import COUNT, gather_pairs, rank_correlations
    from bioloom.measure._threads import in_threads, ranges

    counts = sums.plain[:, COUNT].astype(np.int64)
    out = np.full(objects.ids.size, np.nan)
    given = (objects.labels, a, b, objects.table, objects.ids)
    for first, last in ranges(counts, _GATHERED):
        ends = np.zeros(objects.ids.size, np.int64)
        ends[first:last] = np.cumsum(counts[first:last])
        starts = ends - counts
        size = int(ends[last - 1])
        values_a, values_b, cursor = np.empty(size, a.dtype), np.empty(size, b.dtype), starts.copy()
        for rows in objects.slabs():
            gather_pairs(*given, *rows, first, last, cursor, ends, values_a, values_b)
        parts = [(first + i, first + j) for i, j in ranges(counts[first:last])]
        in_threads([partial(rank_correlations, values_a, values_b, starts, cursor, *part, out) for part in parts],
                   objects.tick)  # fmt: skip
    return out


@measured(GROUP, "", "pair_sums", per_pair=True, source="skimage.measure.manders_overlap_coeff")
def manders_overlap_coeff(objects: Objects, a: Array, b: Array, sums: PairSums) -> Array:
    """Sum of the products divided by the root of the product of the sums of squares; NaN with values below 0."""
    from bioloom.measure._pair_sums import AA, AB, BB

    overlap = _ratio(sums.plain[:, AB], np.sqrt(sums.plain[:, AA]) * np.sqrt(sums.plain[:, BB]))
    return np.where(_none_below_0(sums), np.minimum(overlap, 1), np.nan)


@measured(GROUP, "", "pair_sums", per_pair=True, source="Li et al. (2004), Journal of Neuroscience 24:4070")
def intensity_correlation_quotient(objects: Objects, a: Array, b: Array, sums: PairSums) -> Array:
    """Share of pixels in which both values lie on the same side of their means, minus a half: −0.5 to 0.5.

    Pixels with a value at its mean are not counted; NaN if there are no others.
    """
    above, below = sums.centred[:, 3:].T
    flat = (sums.centred[:, :2] == 0).any(axis=1)
    return _ratio(above, np.where(flat, 0, above + below)) - 0.5


def _none_below_0(sums: PairSums) -> NDArray[np.bool_]:
    from bioloom.measure._pair_sums import BELOW

    none: NDArray[np.bool_] = sums.plain[:, BELOW] == 0
    return none


# ------------------------------------------------------------------------------------------------ thresholds
@quantity(per_channel=True, by_blocks=_frame_thresholds.otsu_of_blocks)
def otsu_threshold(objects: Objects, image: Array) -> float:
    """Otsu's threshold of the whole frame."""
    from bioloom.operations.labelling import otsu_value

    return otsu_value(image)


@quantity("pair_sums", per_pair=True, by_blocks=_frame_thresholds.costes_of_blocks)
def costes_thresholds(objects: Objects, a: Array, b: Array, sums: PairSums) -> tuple[float, float]:
    """Thresholds of both channels below which pixels are not correlated, over the pixels of all objects of a frame."""
    from bioloom.measure import _pair_sums as k
    from bioloom.measure._threads import added_up

    line = _frame_thresholds.rising_line(sums.plain, sums.centred)
    if line is None:
        return np.nan, np.nan
    low, width = line.bins([_frame_thresholds.ends(a), _frame_thresholds.ends(b)])

    def add(first: int, last: int, bins: Floats) -> None:
        table = (objects.labels, a, b, objects.table, objects.ids)
        k.add_by_limit(*table, first, last, line.slope, line.intercept, low, width, line.means, bins)

    bins = added_up(objects.slabs(), (_frame_thresholds.N_BINS, k.N_SUMS), add, objects.tick)
    return line.thresholds(bins, low, width)


def manders_shares(objects: Objects, a: Array, b: Array, sums: PairSums, above_a: float, above_b: float) -> Floats:
    """Manders' M1 and M2 (n, 2) for thresholds of both channels."""
    from bioloom.measure._pair_sums import A, B, add_shared_sums
    from bioloom.measure._threads import added_up

    def add(first: int, last: int, part: Floats) -> None:
        add_shared_sums(objects.labels, a, b, objects.table, objects.ids, first, last, above_a, above_b, part)

    shared = added_up(objects.slabs(), (objects.ids.size, 2), add, objects.tick)
    parts = np.stack([_ratio(shared[:, i], sums.plain[:, j]) for i, j in ((0, A), (1, B))], axis=1)
    usable = _none_below_0(sums) & np.isfinite(above_a + above_b)
    return np.where(usable[:, None], parts, np.nan)


@quantity("pair_sums", "otsu_threshold", per_pair=True)
def manders_otsu(objects: Objects, a: Array, b: Array, sums: PairSums, thresholds: tuple[float, float]) -> Floats:
    """Manders' M1 and M2 (n, 2) with Otsu's thresholds."""
    return manders_shares(objects, a, b, sums, *thresholds)


@quantity("pair_sums", "costes_thresholds", per_pair=True)
def manders_costes(objects: Objects, a: Array, b: Array, sums: PairSums, thresholds: tuple[float, float]) -> Floats:
    """Manders' M1 and M2 (n, 2) with the thresholds of Costes."""
    return manders_shares(objects, a, b, sums, *thresholds)


@measured(GROUP, "", "manders_otsu", per_pair=True, source=MANDERS)
def manders_coloc_coeff_m1(objects: Objects, a: Array, b: Array, shares: Floats) -> Array:
    """Share of the first channel that lies where the second is above its Otsu threshold of the whole frame.

    NaN with values below 0, or where the first channel is 0.
    """
    return shares[:, 0]


@measured(GROUP, "", "manders_otsu", per_pair=True, source=MANDERS)
def manders_coloc_coeff_m2(objects: Objects, a: Array, b: Array, shares: Floats) -> Array:
    """Share of the second channel that lies where the first is above its Otsu threshold of the whole frame.

    NaN with values below 0, or where the second channel is 0.
    """
    return shares[:, 1]


@measured(GROUP, "", "manders_costes", per_pair=True, source=COSTES)
def manders_coloc_coeff_costes_m1(objects: Objects, a: Array, b: Array, shares: Floats) -> Array:
    """Share of the first channel that lies where the second is above its Costes threshold (of all objects of a frame).

    NaN with values below 0, where the first channel is 0, or where the channels do not rise together.
    """
    return shares[:, 0]


@measured(GROUP, "", "manders_costes", per_pair=True, source=COSTES)
def manders_coloc_coeff_costes_m2(objects: Objects, a: Array, b: Array, shares: Floats) -> Array:
    """Share of the second channel that lies where the first is above its Costes threshold (of all objects of a frame).

    NaN with values below 0, where the second channel is 0, or where the channels do not rise together.
    """
    return shares[:, 1]
