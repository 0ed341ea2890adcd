"""From the counts of an image's values to one threshold: the published methods.

Each function takes a :class:`bioloom.operations._histogram.Histogram` of two bins or more and returns a position on it:
values above the threshold ``histogram.low + position`` are foreground.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.operations._histogram import Histogram

Array = NDArray[Any]


def otsu(histogram: Histogram) -> float:
    """N. Otsu, IEEE Trans. SMC 9 (1979) 62-66."""
    from skimage import filters

    return float(filters.threshold_otsu(hist=(histogram.counts, histogram.positions)))


def multi_otsu(histogram: Histogram, classes: int) -> Array:
    """P.-S. Liao, T.-S. Chen and P.-C. Chung, J. Inf. Sci. Eng. 17 (2001) 713-727; ascending positions."""
    from skimage import filters

    counts, positions = _at_most(histogram, 256)
    found: Array = filters.threshold_multiotsu(hist=(counts, positions), classes=classes)
    return found.astype(np.float64)


def _at_most(histogram: Histogram, n_bins: int) -> tuple[Array, Array]:
    """Join neighbouring bins where there are more than `n_bins`; the position of each is that of its last part."""
    join = -(-histogram.counts.size // n_bins)
    if join == 1:
        return histogram.counts, histogram.positions
    starts = np.arange(0, histogram.counts.size, join)
    ends = np.append(starts[1:], histogram.counts.size) - 1
    return np.add.reduceat(histogram.counts, starts), histogram.positions[ends]


def yen(histogram: Histogram) -> float:
    """J. C. Yen, F. J. Chang and S. Chang, IEEE Trans. Image Process. 4 (1995) 370-378."""
    share = histogram.counts / histogram.counts.sum()
    below, squares = np.cumsum(share)[:-1], np.cumsum(share**2)[:-1]
    above = np.cumsum(share[::-1] ** 2)[::-1][1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        criterion = np.log((below * (1 - below)) ** 2 / (squares * above))
    return float(histogram.positions[np.nanargmax(criterion)])


def isodata(histogram: Histogram) -> float:
    """T. W. Ridler and S. Calvard, IEEE Trans. SMC 8 (1978) 630-632: the lowest value midway between both means."""
    counts, positions = histogram.counts, histogram.positions
    n_below, total_below = np.cumsum(counts)[:-1], np.cumsum(counts * positions)[:-1]
    n, total = counts.sum(), (counts * positions).sum()
    midway = (total_below / n_below + (total - total_below) / (n - n_below)) / 2
    above = midway - positions[:-1]
    found = np.flatnonzero((above >= 0) & (above < positions[1] - positions[0]))
    return float(positions[found[0]])


def mean(histogram: Histogram) -> float:
    """C. A. Glasbey, CVGIP 55 (1993) 532-537: the mean of all values."""
    return float((histogram.counts * histogram.positions).sum() / histogram.counts.sum())


def li(histogram: Histogram) -> float:
    """C. H. Li and P. K. S. Tam, Pattern Recognition Letters 19 (1998) 771-776: least cross-entropy, iterated."""
    counts, positions = histogram.counts, histogram.positions
    step = positions[1] - positions[0]
    sums, n_upto = np.cumsum(counts * positions), np.cumsum(counts)
    now, before = sums[-1] / n_upto[-1], -np.inf
    while abs(now - before) > step / 2:
        before = now
        last = int(np.searchsorted(positions, now, side="right")) - 1
        back = sums[last] / n_upto[last]
        if back == 0 or n_upto[last] == n_upto[-1]:
            break
        fore = (sums[-1] - sums[last]) / (n_upto[-1] - n_upto[last])
        now = (back - fore) / (np.log(back) - np.log(fore))
    return float(now)


def triangle(histogram: Histogram) -> float:
    """G. W. Zack, W. E. Rogers and S. A. Latt, J. Histochem. Cytochem. 25 (1977) 741-753."""
    counts = histogram.counts
    peak = int(np.argmax(counts))
    # The line goes from the peak to the end of the longer tail.
    turned = peak < counts.size - 1 - peak
    if turned:
        counts, peak = counts[::-1], counts.size - 1 - peak
    along = np.arange(peak)
    height, width = float(counts[peak]), float(peak)
    farthest = int(np.argmax(height * along - width * counts[:peak])) if peak else 0
    return float(histogram.positions[counts.size - 1 - farthest if turned else farthest])


def _smooth_until_two_peaks(histogram: Histogram, find: Callable[[Array], Array], edge: bool) -> tuple[Array, Array]:
    """Smooth counts with a running mean of three bins until there are two peaks; `edge`: the end bins go on outside."""
    smooth = histogram.counts.astype(np.float64)
    for _ in range(10_000):
        smooth = np.convolve(np.pad(smooth, 1, mode="edge" if edge else "constant"), np.full(3, 1 / 3), "valid")
        peaks = find(smooth)
        if len(peaks) <= 2:
            break
    if len(peaks) != 2:
        raise InputError(
            "The values of the image do not form two peaks, one of dark and one of bright pixels. "
            "Choose another method, such as threshold_otsu or threshold_triangle."
        )
    return smooth, peaks


def _turns(heights: Array) -> Array:
    """Return where heights change from rising, or from the start, to falling; of a plateau its end."""
    steps = np.sign(np.diff(heights))
    moves = np.flatnonzero(steps)
    before = np.append(1, steps[moves][:-1])
    return moves[(before > 0) & (steps[moves] < 0)]


def _summits(heights: Array) -> Array:
    """Return the bins that are higher than both neighbours."""
    return 1 + np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:]))


def minimum(histogram: Histogram) -> float:
    """J. M. S. Prewitt and M. L. Mendelsohn, Ann. N. Y. Acad. Sci. 128 (1966) 1035-1053: the valley."""
    smooth, (left, right) = _smooth_until_two_peaks(histogram, _turns, edge=True)
    return float(histogram.positions[left + int(np.argmin(smooth[left : right + 1]))])


def intermodes(histogram: Histogram) -> float:
    """J. M. S. Prewitt and M. L. Mendelsohn, Ann. N. Y. Acad. Sci. 128 (1966) 1035-1053: midway between the peaks."""
    _, (left, right) = _smooth_until_two_peaks(histogram, _summits, edge=False)
    return float(histogram.positions[(left + right) // 2])


def huang(histogram: Histogram) -> float:
    """L.-K. Huang and M.-J. J. Wang, Pattern Recognition 28 (1995) 41-51: the least fuzzy division."""
    counts = histogram.counts
    n = counts.size
    membership = 1 / (1 + np.arange(1, n) / (n - 1))
    fuzziness = np.append(0.0, -membership * np.log(membership) - (1 - membership) * np.log(1 - membership))
    bins = np.arange(n)
    n_upto, sums = np.cumsum(counts), np.cumsum(counts * bins)
    cuts = np.arange(n - 1)
    dark = np.floor(sums[cuts] / n_upto[cuts] + 0.5).astype(int)
    bright = np.floor((sums[-1] - sums[cuts]) / (n_upto[-1] - n_upto[cuts]) + 0.5).astype(int)
    own_mean = np.where(bins[None] <= cuts[:, None], dark[:, None], bright[:, None])
    entropy = fuzziness[np.abs(bins[None] - own_mean)] @ counts
    return float(histogram.positions[int(np.argmin(entropy))])


def kittler_illingworth(histogram: Histogram) -> float:
    """J. Kittler and J. Illingworth, Pattern Recognition 19 (1986) 41-47: least error of two normal distributions.

    Iterated from the mean, as in ImageJ (``MinError``) and ITK.
    """
    counts, x = histogram.counts.astype(np.float64), np.arange(histogram.counts.size)
    n, first, second = np.cumsum(counts), np.cumsum(counts * x), np.cumsum(counts * x**2)
    cut, before = int(first[-1] / n[-1]), -1
    seen: set[int] = set()
    while cut != before and cut not in seen:
        seen.add(cut)
        if not 0 <= cut < x.size - 1:
            break
        dark, bright = first[cut] / n[cut], (first[-1] - first[cut]) / (n[-1] - n[cut])
        share = n[cut] / n[-1]
        spread_dark = second[cut] / n[cut] - dark**2
        spread_bright = (second[-1] - second[cut]) / (n[-1] - n[cut]) - bright**2
        if spread_dark <= 0 or spread_bright <= 0:
            break
        w0 = 1 / spread_dark - 1 / spread_bright
        w1 = dark / spread_dark - bright / spread_bright
        w2 = dark**2 / spread_dark - bright**2 / spread_bright
        w2 += np.log10(spread_dark * (1 - share) ** 2 / (spread_bright * share**2))
        root = w1**2 - w0 * w2
        if root < 0 or w0 == 0:
            break
        before, cut = cut, int(np.floor((w1 + np.sqrt(root)) / w0 + 0.5))
    return float(histogram.positions[min(max(cut, 0), x.size - 1)])


def moments(histogram: Histogram) -> float:
    """W.-H. Tsai, CVGIP 29 (1985) 377-393: the division into two values that keeps the first three moments."""
    share = histogram.counts / histogram.counts.sum()
    x = np.arange(share.size)
    m1, m2, m3 = (float((share * x**k).sum()) for k in (1, 2, 3))
    spread = m2 - m1**2
    c0, c1 = (m1 * m3 - m2**2) / spread, (m1 * m2 - m3) / spread
    root = np.sqrt(max(c1**2 - 4 * c0, 0.0))
    dark, bright = (-c1 - root) / 2, (-c1 + root) / 2
    part = (bright - m1) / (bright - dark) if bright > dark else 0.5
    return float(histogram.positions[int(np.argmax(np.cumsum(share) > part))])


def _shares(histogram: Histogram) -> tuple[Array, Array, Array, Array]:
    """Return the share of each bin, those up to and above each, and the cuts with pixels on both sides."""
    share = histogram.counts / histogram.counts.sum()
    upto = np.cumsum(share)
    above = 1 - upto
    eps = np.finfo(float).eps
    cuts = np.arange(np.argmax(upto >= eps), share.size - np.argmax(above[::-1] >= eps))
    return share, upto, above, cuts


def _entropy_cut(histogram: Histogram, order: float) -> int:
    """Return the cut at which the Renyi entropies of an order, of both sides, have the largest sum."""
    share, upto, above, cuts = _shares(histogram)
    n_bins = np.arange(share.size)
    dark = np.where(n_bins[None] <= cuts[:, None], share[None] / upto[cuts, None], 0)
    bright = np.where(n_bins[None] > cuts[:, None], share[None] / above[cuts, None], 0)
    if order == 1:
        entropy = -sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(axis=1) for p in (dark, bright))
    else:
        product = (dark**order).sum(axis=1) * (bright**order).sum(axis=1)
        entropy = np.where(product > 0, np.log(np.where(product > 0, product, 1)) / (1 - order), 0)
    return int(cuts[int(np.argmax(np.round(entropy, 12)))])


def maximum_entropy(histogram: Histogram) -> float:
    """J. N. Kapur, P. K. Sahoo and A. K. C. Wong, CVGIP 29 (1985) 273-285."""
    return float(histogram.positions[_entropy_cut(histogram, 1)])


def renyi_entropy(histogram: Histogram) -> float:
    """P. Sahoo, C. Wilkins and J. Yeager, Pattern Recognition 30 (1997) 71-84: three entropies, weighed."""
    low, middle, high = sorted(_entropy_cut(histogram, order) for order in (0.5, 1, 2))
    near = (middle - low <= 5, high - middle <= 5)
    weights = {(True, True): (1, 2, 1), (True, False): (0, 1, 3), (False, True): (3, 1, 0), (False, False): (1, 2, 1)}
    a, b, c = weights[near]
    _, upto, above, _ = _shares(histogram)
    between = upto[high] - upto[low]
    best = low * (upto[low] + between * a / 4) + middle * between * b / 4 + high * (above[high] + between * c / 4)
    return float(histogram.positions[int(best)])


def shanbhag(histogram: Histogram) -> float:
    """Shanbhag, A. G., CVGIP: Graph. Models Image Process. 56 (1994) 414-419: equal fuzzy information on both sides."""
    share, upto, above, cuts = _shares(histogram)
    difference = []
    for cut in cuts:
        dark, bright = 0.5 / upto[cut], 0.5 / above[cut]
        back = -dark * (share[1 : cut + 1] * np.log(1 - dark * upto[:cut])).sum()
        fore = -bright * (share[cut + 1 :] * np.log(1 - bright * above[cut + 1 :])).sum()
        difference.append(abs(back - fore))
    return float(histogram.positions[cuts[int(np.argmin(np.round(difference, 12)))]])
