"""Feature sets for pixels: a short text that names filters and their sigmas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.neighbourhood import Neighbourhood, box_radii, gaussian_radii, line_offsets
from bioloom.errors import InputError

KINDS = {
    "original": "the intensity itself",
    "gaussian_blur": "smoothed with a Gaussian: the brightness around a pixel",
    "difference_of_gaussian": "Gaussian of 0.9 sigma minus Gaussian of 1.1 sigma: blobs",
    "laplace_box_of_gaussian_blur": "Laplace of the Gaussian: blobs, ridges and valleys",
    "sobel_of_gaussian_blur": "gradient magnitude of the Gaussian: edges",
    "small_hessian_eigenvalue_of_gaussian_blur": "smallest curvature of the Gaussian: bright ridges and blobs",
    "middle_hessian_eigenvalue_of_gaussian_blur": "middle curvature of the Gaussian, in 3D: bright fibres",
    "large_hessian_eigenvalue_of_gaussian_blur": "largest curvature of the Gaussian: dark ridges and holes",
    "small_structure_tensor_eigenvalue": "gradients across the main direction: corners, junctions, texture",
    "middle_structure_tensor_eigenvalue": "gradients of the second direction, in 3D",
    "large_structure_tensor_eigenvalue": "gradients in the main direction: edges and texture",
    "bright_ridge": "the brightest of the lines through a pixel above their mean: bright membranes and fibres",
    "dark_ridge": "the darkest of the lines through a pixel below their mean: dark membranes and fibres",
    "mean_box": "mean in a box of this radius",
    "standard_deviation_box": "standard deviation in a box of this radius: texture",
    "minimum_box": "minimum in a box of this radius",
    "maximum_box": "maximum in a box of this radius",
    "median_box": "median in a box of this radius (slow for large ones)",
}
"""All kinds of features but images of one's own, with what they show."""

CUSTOM = "custom"
_ONLY_3D = tuple(kind for kind in KINDS if kind.startswith("middle_"))


def _preset(kinds: Sequence[str], sigmas: Sequence[float], original: bool = True) -> str:
    words = [f"{kind}={sigma:g}" for sigma in sigmas for kind in kinds]
    return " ".join(["original", *words] if original else words)


def _by_kind(kinds: Sequence[str], sigmas: Sequence[float], original: bool) -> str:
    words = [f"{kind}={sigma:g}" for kind in kinds for sigma in sigmas]
    return " ".join(["original", *words] if original else words)


_ALL = ("gaussian_blur", "difference_of_gaussian", "laplace_box_of_gaussian_blur", "sobel_of_gaussian_blur")
_DOG_LOG = _ALL[:3]
_QUICK = ("gaussian_blur", "sobel_of_gaussian_blur")
_HESSIAN = ("small_hessian_eigenvalue_of_gaussian_blur", "large_hessian_eigenvalue_of_gaussian_blur")
_TENSOR = ("small_structure_tensor_eigenvalue", "large_structure_tensor_eigenvalue")

DEFAULT_FEATURES = _preset(_ALL, (1, 2, 5))

PRESETS = {
    "small to medium objects": DEFAULT_FEATURES,
    "small, medium and large objects": _preset(_ALL, (1, 2, 5, 10)),
    "small objects": _preset(_ALL, (1, 2)),
    "large objects": _preset(_ALL, (5, 10, 25)),
    "quick": _preset(_QUICK, (1, 5, 25)),
    "blobs of every size": _preset(_DOG_LOG, (1, 5, 25)),
    "membranes and fibres": _preset((*_ALL, *_HESSIAN, "bright_ridge", "dark_ridge"), (1, 2, 4)),
    "texture": _preset((*_ALL, *_TENSOR, "standard_deviation_box"), (1, 3, 6)),
    "like ilastik": " ".join(
        [
            _preset(("gaussian_blur",), (0.3,), original=False),
            _preset((*_ALL, *_TENSOR, *_HESSIAN), (0.7, 1, 1.6, 3.5, 5, 10), original=False),
        ]
    ),
    "like Labkit": _preset((*_ALL, *_HESSIAN), (1, 2, 4, 8)),
    "small_quick": _by_kind(_QUICK, (1,), True),
    "medium_quick": _by_kind(_QUICK, (5,), False),
    "large_quick": _by_kind(_QUICK, (25,), False),
    "small_dog_log": _by_kind(_DOG_LOG, (1,), True),
    "medium_dog_log": _by_kind(_DOG_LOG, (5,), False),
    "large_dog_log": _by_kind(_DOG_LOG, (25,), False),
    "object_size_1_to_2_px": _by_kind(_DOG_LOG, range(1, 3), False),
    "object_size_1_to_5_px": _by_kind(_DOG_LOG, range(1, 6), True),
    "object_size_3_to_8_px": _by_kind(_DOG_LOG, range(3, 9), False),
    "object_size_5_to_10_px": _by_kind(_DOG_LOG, range(5, 11), False),
    "object_size_10_to_15_px": _by_kind(_DOG_LOG, range(10, 16), False),
    "object_size_15_to_20_px": _by_kind(_DOG_LOG, range(15, 21), False),
    "object_size_20_to_25_px": _by_kind(_DOG_LOG, range(20, 26), False),
    "object_size_25_to_50_px": _by_kind(_DOG_LOG, range(25, 50, 5), False),
    "object_size_50_to_100_px": _by_kind(_DOG_LOG, range(50, 100, 10), False),
    "v070": _by_kind(_ALL, (1,), False),
}
"""Feature sets by what they are for, the first is the default; then those of APOC under their own names."""


@dataclass(frozen=True)
class Feature:
    """One filter of one sigma or radius (0 for the original), or the image of one's own of that number."""

    kind: str
    sigma: float

    def __str__(self) -> str:
        return self.kind if self.kind == "original" else f"{self.kind}={self.sigma:g}"

    def reach(self, spacing: Sequence[float]) -> tuple[int, ...]:
        """Return how many pixels around a pixel it depends on, per axis."""
        if self.kind in ("original", CUSTOM):
            return (0,) * len(spacing)
        if self.kind.endswith("_box"):
            return box_radii(self.sigma, spacing)
        if self.kind == "difference_of_gaussian":
            return gaussian_radii(1.1 * self.sigma, spacing)
        blur = gaussian_radii(self.sigma, spacing)
        if self.kind.endswith("structure_tensor_eigenvalue"):
            return tuple(2 * r + 1 for r in blur)
        if self.kind.endswith("_ridge"):
            flat = len(spacing) == 2
            offsets = np.abs(line_offsets(self.sigma, (1.0, *spacing) if flat else spacing, flat)).max((0, 1))
            return tuple(r + int(o) for r, o in zip(blur, offsets[-len(spacing) :], strict=True))
        return tuple(r + 1 for r in blur)


@dataclass(frozen=True)
class FeatureSet:
    """An ordered set of pixel features.

    Attributes
    ----------
    features : tuple of Feature
        In the order of the text. For images of several channels, all features of channel 0 come first; images of
        one's own (``custom=0``, ``custom=1``, …) come last.
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

    @property
    def filters(self) -> tuple[Feature, ...]:
        """The features that are computed from each channel."""
        return tuple(f for f in self.features if f.kind != CUSTOM)

    @property
    def customs(self) -> tuple[Feature, ...]:
        """The features that are images of one's own."""
        return tuple(f for f in self.features if f.kind == CUSTOM)

    def in_pixels(self, spacing: Sequence[float] | None) -> FeatureSet:
        """Return the set with its sigmas in pixels of the finest axis, as programs without pixel sizes read them."""
        finest = min(spacing) if spacing else 1.0
        return FeatureSet(tuple(f if f.kind == CUSTOM else Feature(f.kind, f.sigma / finest) for f in self.features))

    def names(self, n_channels: int = 1) -> list[str]:
        """Return the names of all features; with several channels each ends in ``" of channel c"``."""
        own = [str(f) for f in self.customs]
        if n_channels == 1:
            return [*map(str, self.filters), *own]
        return [*(f"{f} of channel {c}" for c in range(n_channels) for f in self.filters), *own]

    def halo(self, spacing: Sequence[float]) -> tuple[int, ...]:
        """Return how many pixels around a block its features depend on, per axis."""
        reaches = [f.reach(spacing) for f in self.features]
        return tuple(max(r[axis] for r in reaches) for axis in range(len(spacing)))

    def check_dimensions(self, n_dim: int) -> None:
        """Make sure that the features exist in so many dimensions.

        Raises
        ------
        InputError
            If one exists in 3D only.
        """
        wrong = [str(f) for f in self.features if f.kind in _ONLY_3D]
        if n_dim == 2 and wrong:
            raise InputError(
                f"{', '.join(wrong)}: only stacks (z, y, x) have this feature. Leave it out for 2D images."
            )

    def compute(
        self, pixels: NDArray[np.float32], halo: Sequence[int], block: Sequence[slice], shape: Sequence[int],
        spacing: Sequence[float],
    ) -> list[NDArray[np.float32]]:  # fmt: skip
        """Compute the features of one channel in one block.

        Parameters
        ----------
        pixels
            float32, finite: the block with `halo` pixels on every side; outside the image, its edge goes on.
        halo
            At least :meth:`halo`.
        block
            Where the block lies.
        shape
            Of the image, (y, x) or (z, y, x).
        spacing
            Size of a pixel per axis; sigmas and radii are in its units.

        Returns
        -------
        list of numpy.ndarray
            float32 in the shape of the block, in the order of `filters`. Filters of the same sigma share one Gaussian.

        Notes
        -----
        In 2D the definitions are those of clEsperanto. In 3D the Laplace weights the centre by the number of its
        neighbours (26) and subtracts them. Derivatives are per pixel of the finest axis. The structure tensor averages
        products of gradients at sigma over sigma; ridges compare means along lines of six sigmas.
        """
        flat = len(shape) == 2
        near = Neighbourhood(
            pixels[np.newaxis] if flat else pixels,
            _triple(halo, 0),
            _triple(block, slice(0, 1)),
            _triple(shape, 1),
            _triple(spacing, 1.0),
            flat,
        )
        features = [near.feature(f.kind, f.sigma) for f in self.filters]
        return [f[0] if flat else f for f in features]


def _triple(values: Sequence[Any], first: Any) -> Any:
    """Return a value per axis z, y, x; that of z is `first` for planes."""
    return (first, *values) if len(values) == 2 else tuple(values)


def _feature(word: str) -> Feature:
    match = re.fullmatch(r"([a-z_]+)(?:=([0-9.eE+-]+))?", word)
    kind = match[1] if match else word
    if not match or kind not in (*KINDS, CUSTOM):
        raise InputError(f"There is no pixel feature {word!r}. There are: {', '.join((*KINDS, 'custom=0'))}.")
    if kind == "original":
        return Feature(kind, 0.0)
    try:
        sigma = float(match[2])
    except (TypeError, ValueError):
        what = "number" if kind == CUSTOM else "radius" if kind.endswith("_box") else "sigma"
        raise InputError(f"The feature {word!r} needs a {what}, such as {kind}=2.") from None
    if kind == CUSTOM:
        if sigma != int(sigma) or not 0 <= sigma < 10_000:
            raise InputError(f"{word!r} must be the number of an image: custom=0, custom=1, …")
    elif not 0 < sigma <= 1000:
        raise InputError(f"The sigma of {word!r} must be above 0 and at most 1000.")
    return Feature(kind, sigma)
