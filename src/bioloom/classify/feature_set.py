"""Feature sets for pixels: a short text that names filters and their sigmas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.operations.filters import gaussian

KINDS = {
    "original": "the intensity itself",
    "gaussian_blur": "smoothed with a Gaussian: the brightness around a pixel",
    "difference_of_gaussian": "Gaussian of 0.9 sigma minus Gaussian of 1.1 sigma: blobs",
    "laplace_box_of_gaussian_blur": "Laplace of the Gaussian: blobs, ridges and valleys",
    "sobel_of_gaussian_blur": "gradient of the Gaussian: edges",
}


def _preset(kinds: Sequence[str], sigmas: Sequence[float]) -> str:
    return " ".join(["original", *(f"{kind}={sigma:g}" for sigma in sigmas for kind in kinds)])


_ALL = tuple(kind for kind in KINDS if kind != "original")
_DOG_LOG = ("gaussian_blur", "difference_of_gaussian", "laplace_box_of_gaussian_blur")
_QUICK = ("gaussian_blur", "sobel_of_gaussian_blur")

DEFAULT_FEATURES = _preset(_ALL, (1, 2, 5))

PRESETS = {
    "small to medium objects": DEFAULT_FEATURES,
    "small, medium and large objects": _preset(_ALL, (1, 2, 5, 10)),
    "small objects": _preset(_ALL, (1, 2)),
    "large objects": _preset(_ALL, (5, 10, 25)),
    "quick": _preset(_QUICK, (1, 5, 25)),
    "blobs of every size": _preset(_DOG_LOG, (1, 5, 25)),
}
"""Feature sets by what they are for; the first is the default."""


@dataclass(frozen=True)
class Feature:
    """One filter of one sigma (0 for the original)."""

    kind: str
    sigma: float

    def __str__(self) -> str:
        return self.kind if self.kind == "original" else f"{self.kind}={self.sigma:g}"


@dataclass(frozen=True)
class FeatureSet:
    """An ordered set of pixel features.

    Attributes
    ----------
    features : tuple of Feature
        In the order of the text. For images of several channels, all features of channel 0 come first.
    """

    features: tuple[Feature, ...]

    @classmethod
    def parse(cls, text: str) -> FeatureSet:
        """Read a feature set.

        Parameters
        ----------
        text
            ``"original gaussian_blur=2 sobel_of_gaussian_blur=2 …"``, or the name of one of `PRESETS`.

        Raises
        ------
        InputError
            If a name is unknown, a sigma is missing or not positive, or nothing is named.
        """
        words = PRESETS.get(text, text).split()
        if not words:
            raise InputError("The feature set is empty. Name at least one feature, such as 'original gaussian_blur=2'.")
        return cls(tuple(dict.fromkeys(_feature(word) for word in words)))

    def __str__(self) -> str:
        return " ".join(map(str, self.features))

    def in_pixels(self, spacing: Sequence[float] | None) -> FeatureSet:
        """Return the set with its sigmas in pixels of the finest axis, as programs without pixel sizes read them."""
        finest = min(spacing) if spacing else 1.0
        return FeatureSet(tuple(Feature(f.kind, f.sigma / finest) for f in self.features))

    def names(self, n_channels: int = 1) -> list[str]:
        """Return the names of all features; with several channels each ends in ``" of channel c"``."""
        if n_channels == 1:
            return [str(f) for f in self.features]
        return [f"{f} of channel {c}" for c in range(n_channels) for f in self.features]

    def halo(self, spacing: Sequence[float]) -> tuple[int, ...]:
        """Return how many pixels around a block its features depend on, per axis."""
        widest = max(
            (f.sigma * (1.1 if f.kind == "difference_of_gaussian" else 1.0) for f in self.features), default=0.0
        )
        return tuple(ceil(4 * widest / s) + 2 for s in spacing)

    def compute(self, channels: NDArray[Any], spacing: Sequence[float]) -> Iterator[NDArray[np.float32]]:
        """Compute the features one after the other.

        Parameters
        ----------
        channels
            (c, y, x) or (c, z, y, x), finite, any real dtype.
        spacing
            Size of a pixel per spatial axis; sigmas are in its units.

        Yields
        ------
        numpy.ndarray
            float32 (y, x) or (z, y, x), in the order of :meth:`names`. Filters of the same sigma share one Gaussian.

        Notes
        -----
        The definitions are those of clEsperanto: the Laplace weights the centre by the number of its neighbours
        (8 in 2D, 26 in 3D) and subtracts them; the Sobel magnitude is not normalised, its derivatives are per unit of
        the finest axis.
        """
        for channel in channels:
            pixels = np.ascontiguousarray(channel, np.float32)
            blurred: dict[float, NDArray[np.float32]] = {}
            for feature in self.features:
                yield _compute(feature, pixels, spacing, blurred)


def _feature(word: str) -> Feature:
    match = re.fullmatch(r"([a-z_]+)(?:=([0-9.eE+-]+))?", word)
    kind = match[1] if match else word
    if not match or kind not in KINDS:
        raise InputError(f"There is no pixel feature {word!r}. There are: {', '.join(KINDS)}.")
    if kind == "original":
        return Feature(kind, 0.0)
    try:
        sigma = float(match[2])
    except (TypeError, ValueError):
        raise InputError(f"The feature {word!r} needs a sigma, such as {kind}=2.") from None
    if not 0 < sigma <= 1000:
        raise InputError(f"The sigma of {word!r} must be above 0 and at most 1000.")
    return Feature(kind, sigma)


def _compute(
    feature: Feature, pixels: NDArray[np.float32], spacing: Sequence[float], blurred: dict[float, NDArray[np.float32]]
) -> NDArray[np.float32]:
    from scipy import ndimage

    if feature.kind == "original":
        return pixels
    sigma = feature.sigma
    if feature.kind == "difference_of_gaussian":
        return gaussian(pixels, 0.9 * sigma, spacing) - gaussian(pixels, 1.1 * sigma, spacing)
    if sigma not in blurred:
        blurred[sigma] = gaussian(pixels, sigma, spacing)
    smooth = blurred[sigma]
    if feature.kind == "gaussian_blur":
        return smooth
    if feature.kind == "laplace_box_of_gaussian_blur":
        # Summed by weights, not by a running mean, so that a block gives the same bits as the whole image.
        total = smooth
        for axis in range(smooth.ndim):
            total = ndimage.correlate1d(total, (1.0, 1.0, 1.0), axis=axis, mode="nearest")
        return np.float32(3**smooth.ndim) * smooth - total
    magnitude = np.zeros_like(smooth)
    finest = min(spacing)
    for axis in range(smooth.ndim):
        derivative = ndimage.sobel(smooth, axis=axis, mode="nearest") * np.float32(finest / spacing[axis])
        magnitude += derivative * derivative
    return np.sqrt(magnitude, out=magnitude)
