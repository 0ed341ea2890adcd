"""Thresholds that are found from the values of the image: masks of what is bright in it."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import Operation, operation
from bioloom.operations._cutting import (
    METHODS,
    above,
    above_on_device,
    histogram_of_blocks,
    multi_cuts,
    threshold_value,
    threshold_value_of_blocks,
)
from bioloom.operations._histogram import histogram
from bioloom.operations._types import Image, Labels, Mask, Number


def _automatic(method: str, what: str, source: str, keywords: str = "") -> Operation:
    """Put the threshold of a method into the catalogue."""

    def threshold(image: Image, mask: Mask | None = None) -> Mask:
        return above(image, threshold_value(image, method, mask), mask)

    threshold.__name__ = threshold.__qualname__ = f"threshold_{method}"
    threshold.__doc__ = f"""Separate bright from dark {what}.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN counts as background.
    mask
        Same shape; only pixels where it is not 0 are looked at, the others are background. All if left out.

    Returns
    -------
    numpy.ndarray
        bool, True where brighter than the threshold (uint8 on OpenCL).

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or the method finds no threshold.

    Notes
    -----
    {source} Whole numbers are counted one by one up to {METHODS[method][2]} of them, other values in
    {METHODS[method][1]} bins between the smallest and the largest. OpenCL images get the same threshold.
    """
    entry = operation("Segment/Threshold", allow_nan=True, keywords=f"binarize auto threshold {keywords}")(threshold)

    @entry.opencl()
    def _(image: Any, mask: Any = None) -> Any:
        # One number per image: the histogram is taken in main memory so that both engines cut at the same value.
        given = None if mask is None else device.pull(mask)
        return above_on_device(image, threshold_value(device.pull(image), method, given), mask)

    @entry.dask()
    def _(image: Any, mask: Any = None) -> Any:
        from bioloom.operations._blocks import with_value

        return with_value(above, threshold_value_of_blocks(image, method, mask), image, mask, dtype=bool)

    return entry


threshold_otsu = _automatic(
    "otsu",
    "at the threshold of Otsu",
    "N. Otsu, IEEE Trans. SMC 9 (1979) 62-66, as in ``skimage.filters.threshold_otsu``.",
)
threshold_li = _automatic(
    "li",
    "at the threshold of Li, which suits faint objects",
    "C. H. Li and P. K. S. Tam, Pattern Recognition Letters 19 (1998) 771-776, as in ``skimage.filters.threshold_li``.",
    "minimum cross entropy",
)
threshold_yen = _automatic(
    "yen",
    "at the threshold of Yen, which suits few bright objects",
    "J. C. Yen, F. J. Chang and S. Chang, IEEE Trans. Image Process. 4 (1995) 370-378, as in "
    "``skimage.filters.threshold_yen``.",
)
threshold_isodata = _automatic(
    "isodata",
    "midway between the means of both (Isodata)",
    "T. W. Ridler and S. Calvard, IEEE Trans. SMC 8 (1978) 630-632, as in ``skimage.filters.threshold_isodata``.",
    "ridler calvard intermeans default",
)
threshold_mean = _automatic(
    "mean",
    "at the mean of the image",
    "C. A. Glasbey, CVGIP 55 (1993) 532-537, as in ``skimage.filters.threshold_mean``.",
)
threshold_minimum = _automatic(
    "minimum",
    "in the valley between the two peaks of its values",
    "J. M. S. Prewitt and M. L. Mendelsohn, Ann. N. Y. Acad. Sci. 128 (1966) 1035-1053, as in "
    "``skimage.filters.threshold_minimum``.",
    "prewitt bimodal",
)
threshold_triangle = _automatic(
    "triangle",
    "where the tail of its values begins (triangle), which suits small objects on much background",
    "G. W. Zack, W. E. Rogers and S. A. Latt, J. Histochem. Cytochem. 25 (1977) 741-753, as in "
    "``skimage.filters.threshold_triangle``.",
)
threshold_huang = _automatic(
    "huang",
    "so that the division is least fuzzy (Huang)",
    "L.-K. Huang and M.-J. J. Wang, Pattern Recognition 28 (1995) 41-51, as in ITK's ``HuangThresholdImageFilter``.",
    "fuzzy",
)
threshold_intermodes = _automatic(
    "intermodes",
    "midway between the two peaks of its values",
    "J. M. S. Prewitt and M. L. Mendelsohn, Ann. N. Y. Acad. Sci. 128 (1966) 1035-1053, as in ITK's "
    "``IntermodesThresholdImageFilter``.",
    "prewitt bimodal",
)
threshold_kittler_illingworth = _automatic(
    "kittler_illingworth",
    "with the least error if both are normally distributed (Kittler–Illingworth)",
    "J. Kittler and J. Illingworth, Pattern Recognition 19 (1986) 41-47, iterated from the mean as in ITK's "
    "``KittlerIllingworthThresholdImageFilter``.",
    "minimum error",
)
threshold_moments = _automatic(
    "moments",
    "so that the mask keeps the moments of the image (Tsai)",
    "W.-H. Tsai, CVGIP 29 (1985) 377-393, as in ITK's ``MomentsThresholdImageFilter``.",
    "tsai",
)
threshold_renyi_entropy = _automatic(
    "renyi_entropy",
    "with the largest entropies of Renyi on both sides",
    "P. Sahoo, C. Wilkins and J. Yeager, Pattern Recognition 30 (1997) 71-84, as in ITK's "
    "``RenyiEntropyThresholdImageFilter``.",
)
threshold_maximum_entropy = _automatic(
    "maximum_entropy",
    "with the largest entropy on both sides (Kapur)",
    "J. N. Kapur, P. K. Sahoo and A. K. C. Wong, CVGIP 29 (1985) 273-285, as in ITK's "
    "``MaximumEntropyThresholdImageFilter``.",
    "kapur",
)
threshold_shanbhag = _automatic(
    "shanbhag",
    "with the same fuzzy information on both sides (Shanbhag)",
    "A. G. Shanbhag, CVGIP: Graph. Models Image Process. 56 (1994) 414-419, as in ITK's "
    "``ShanbhagThresholdImageFilter``.",
)


def _classes(image: NDArray[Any], cuts: NDArray[Any], mask: NDArray[Any] | None = None) -> NDArray[np.uint32]:
    # In the image's own type, as a comparison with each threshold would be.
    bins = cuts.astype(image.dtype) if image.dtype.kind == "f" else cuts
    found = np.zeros(image.shape, np.uint32)
    for cut in bins:
        found += image > cut
    return found if mask is None else np.where(np.asarray(mask) != 0, found, np.uint32(0))


@operation("Segment/Threshold", allow_nan=True, keywords="multiotsu classes binarize")
def threshold_multi_otsu(
    image: Image, classes: Annotated[int, Number(minimum=2, maximum=5)] = 3, mask: Mask | None = None
) -> Labels:
    """Divide an image into classes of brightness at the thresholds of multi-Otsu.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN counts as darkest.
    classes
        How many classes.
    mask
        Same shape; only pixels where it is not 0 are looked at, the others become 0. All if left out.

    Returns
    -------
    numpy.ndarray
        uint32: 0 for the darkest class, 1 for the next and so on; an image of fewer values has fewer classes.

    Raises
    ------
    InputError
        If the image is not 2D or 3D.

    Notes
    -----
    P.-S. Liao, T.-S. Chen and P.-C. Chung, J. Inf. Sci. Eng. 17 (2001) 713-727; ``skimage.filters.threshold_multiotsu``
    on 256 bins.
    """
    return _classes(image, multi_cuts(histogram(image, mask, 256, 256), classes), mask)


@threshold_multi_otsu.dask()
def _(image: Any, classes: int, mask: Any = None) -> Any:
    from dask import delayed

    from bioloom.operations._blocks import with_value

    cuts = delayed(multi_cuts)(histogram_of_blocks(image, mask, 256, 256), classes)
    return with_value(_classes, cuts, image, mask, dtype=np.uint32)
