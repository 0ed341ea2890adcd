"""The pixel features of one block, computed from the block and what surrounds it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.classify import _filters as filters

Triple: TypeAlias = tuple[int, int, int]
Volume: TypeAlias = NDArray[np.float32]


def gaussian_radii(sigma: float, spacing: Sequence[float]) -> tuple[int, ...]:
    """Return how many pixels a Gaussian reaches per axis: as far as those of clEsperanto, about four sigmas."""
    return tuple(int(8 * sigma / s) // 2 for s in spacing)


@lru_cache(maxsize=256)
def gaussian_weights(sigma: float, radius: int) -> Volume:
    """Return the weights of a Gaussian, float32 (2 radius + 1,), not normalised; `sigma` in pixels. Not to be changed.

    The exponent is rounded to float32 as clEsperanto does, so that values at a threshold fall on the same side.
    """
    width = np.float32(sigma)
    squares = np.arange(-radius, radius + 1, dtype=np.float32) ** 2
    exponents = squares / (np.float32(-2) * width * width)
    return np.exp(exponents.astype(np.float64)).astype(np.float32)


def box_radii(radius: float, spacing: Sequence[float]) -> tuple[int, ...]:
    """Return the half-widths in pixels of a box of the given radius."""
    return tuple(int(radius / s + 1e-6) for s in spacing)


def line_offsets(sigma: float, spacing: Sequence[float], flat: bool) -> NDArray[np.int64]:
    """Return the points, (lines, points, 3), of lines through a pixel: 8 directions in a plane, 13 in a stack."""
    if flat:
        angles = np.arange(8) * np.pi / 8
        directions = np.stack([np.zeros(8), np.sin(angles), np.cos(angles)], axis=1)
    else:
        grid = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], [-1, 0, 1], indexing="ij"), -1).reshape(-1, 3)
        # One of each pair of opposite directions: the 13 after the centre.
        directions = grid[14:] / np.linalg.norm(grid[14:], axis=1, keepdims=True)
    steps = np.arange(-3, 4) * sigma
    points = directions[:, np.newaxis] * steps[:, np.newaxis] / np.asarray(spacing)
    offsets: NDArray[np.int64] = np.rint(points).astype(np.int64)
    return offsets


class Neighbourhood:
    """One channel of one block and its surroundings; smoothed copies are shared by the features.

    Parameters
    ----------
    pixels
        float32 (z, y, x): the block and `halo` pixels on every side; outside the image, its edge goes on.
    halo
        Pixels around the block per axis.
    block
        Where the block lies in the image.
    shape
        Of the image, (z, y, x).
    spacing
        Size of a pixel per axis (z, y, x); sigmas and radii are in its units.
    flat
        Whether it is a plane: z is then an axis of length 1 that no filter looks along.
    """

    def __init__(
        self,
        pixels: Volume,
        halo: Triple,
        block: Sequence[slice],
        shape: Triple,
        spacing: tuple[float, float, float],
        flat: bool,
    ) -> None:
        self._pixels = pixels
        self._halo = halo
        self._starts = tuple(s.start for s in block)
        self._stops = tuple(s.stop for s in block)
        self._shape = shape
        self._size: Triple = tuple(s.stop - s.start for s in block)
        self._spacing = spacing
        self._flat = flat
        self._one: Triple = (0 if flat else 1, 1, 1)
        finest = min(spacing[1:] if flat else spacing)
        self._per_pixel = tuple(np.float32(finest / s) for s in spacing)
        self._smooth: dict[float, tuple[Triple, Volume]] = {}

    def feature(self, kind: str, sigma: float) -> Volume:
        """Compute a feature of the block, float32 (z, y, x)."""
        result: Volume = getattr(self, f"_{kind}")(sigma)
        return result

    # ------------------------------------------------------------------------------------- building blocks
    def _inner(self, array: NDArray[Any], margin: Triple) -> NDArray[Any]:
        """Cut the block out of an array with a margin."""
        return array[tuple(slice(m, m + n) for m, n in zip(margin, self._size, strict=True))]

    def _weighed(self, src: Volume, halo: Triple, weights: Sequence[Volume], margin: Triple) -> Volume:
        """Smooth an array that has `halo` pixels around the block; the result has `margin`, its edge going on."""
        radii = tuple(len(w) // 2 for w in weights)
        low = [max(-m, -a) for m, a in zip(margin, self._starts, strict=True)]
        high = [min(m, n - b) for m, n, b in zip(margin, self._shape, self._stops, strict=True)]
        size = [n + b - a for n, a, b in zip(self._size, low, high, strict=True)]
        # Where the result begins in `src`, less what the passes that are still to come reach out to.
        origin = [h + a for h, a in zip(halo, low, strict=True)]
        outer = [n + 2 * r for n, r in zip(size, radii, strict=True)]
        current, at = src, [o - r for o, r in zip(origin, radii, strict=True)]
        for axis in (2, 1, 0):
            outer[axis] = size[axis]
            if radii[axis] == 0 and axis < 2:
                continue
            out = np.empty(outer, np.float32)
            filters.weigh(current, at[0], at[1], at[2], axis, weights[axis], out)
            current, at = out, [0, 0, 0]
        missing = [(m + a, m - b) for m, a, b in zip(margin, low, high, strict=True)]
        return np.pad(current, missing, "edge") if any(map(any, missing)) else current

    def _gaussian(self, sigma: float, margin: Triple) -> Volume:
        return self._weighed(self._pixels, self._halo, self._kernels(sigma), margin)

    def _kernels(self, sigma: float) -> list[Volume]:
        kernels = []
        for axis, radius in enumerate(gaussian_radii(sigma, self._spacing)):
            flat = self._flat and axis == 0
            kernels.append(gaussian_weights(sigma / self._spacing[axis], 0 if flat else radius))
        return kernels

    def _smoothed(self, sigma: float, margin: Triple) -> Volume:
        """Return the Gaussian with a margin; the widest one asked for so far is kept."""
        kept = self._smooth.get(sigma)
        if kept is None or any(m > k for m, k in zip(margin, kept[0], strict=True)):
            # One pixel at least: nearly all features need it.
            wide: Triple = tuple(map(max, margin, self._one))  # type: ignore[assignment]
            kept = self._smooth[sigma] = (wide, self._gaussian(sigma, wide))
        have, array = kept
        cut = tuple(slice(h - m, h - m + n + 2 * m) for h, m, n in zip(have, margin, self._size, strict=True))
        return np.ascontiguousarray(array[cut])

    def _empty(self) -> Volume:
        return np.empty(self._size, np.float32)

    # ------------------------------------------------------------------------------------- features
    def _original(self, _: float) -> Volume:
        return self._inner(self._pixels, self._halo)

    def _gaussian_blur(self, sigma: float) -> Volume:
        return self._smoothed(sigma, (0, 0, 0))

    def _difference_of_gaussian(self, sigma: float) -> Volume:
        none = (0, 0, 0)
        return self._gaussian(0.9 * sigma, none) - self._gaussian(1.1 * sigma, none)

    def _laplace_box_of_gaussian_blur(self, sigma: float) -> Volume:
        out = self._empty()
        kernel = filters.laplace_plane if self._flat else filters.laplace_stack
        kernel(self._smoothed(sigma, self._one), out)
        return out

    def _sobel_of_gaussian_blur(self, sigma: float) -> Volume:
        out, (fz, fy, fx) = self._empty(), self._per_pixel
        smooth = self._smoothed(sigma, self._one)
        if self._flat:
            filters.sobel_plane(smooth, fy, fx, out)
        else:
            filters.sobel_stack(smooth, fz, fy, fx, out)
        return out

    def _hessian(self, sigma: float, which: int) -> Volume:
        out, (fz, fy, fx) = self._empty(), self._per_pixel
        smooth = self._smoothed(sigma, self._one)
        if self._flat:
            filters.hessian_plane(smooth, fy, fx, min(which, 1), out)
        else:
            filters.hessian_stack(smooth, fz, fy, fx, which, out)
        return out

    def _small_hessian_eigenvalue_of_gaussian_blur(self, sigma: float) -> Volume:
        return self._hessian(sigma, 0)

    def _middle_hessian_eigenvalue_of_gaussian_blur(self, sigma: float) -> Volume:
        return self._hessian(sigma, 1)

    def _large_hessian_eigenvalue_of_gaussian_blur(self, sigma: float) -> Volume:
        return self._hessian(sigma, 2)

    def _tensor(self, sigma: float, which: int) -> Volume:
        """Compute an eigenvalue of the structure tensor: gradients at sigma, averaged over sigma."""
        weights = self._kernels(sigma)
        reach: Triple = tuple(len(w) // 2 for w in weights)  # type: ignore[assignment]
        around: Triple = tuple(r + o for r, o in zip(reach, self._one, strict=True))  # type: ignore[assignment]
        smooth = self._smoothed(sigma, around)
        products = np.empty(
            (3 if self._flat else 6, *(n + 2 * r for n, r in zip(self._size, reach, strict=True))), "f4"
        )
        fz, fy, fx = self._per_pixel
        filters.gradient_products(smooth, self._one[0], fz, fy, fx, products)
        tensor = np.stack([self._weighed(self._edge_on(p, reach), reach, weights, (0, 0, 0)) for p in products])
        out = self._empty()
        filters.tensor_eigenvalues(tensor, min(which, 1) if self._flat else which, out)
        return out

    def _edge_on(self, array: Volume, margin: Triple) -> Volume:
        """Replace what lies outside the image by its edge."""
        low = [max(0, m - a) for m, a in zip(margin, self._starts, strict=True)]
        high = [max(0, b + m - n) for m, b, n in zip(margin, self._stops, self._shape, strict=True)]
        if not any(low) and not any(high):
            return array
        inside = array[tuple(slice(a, n - b) for a, b, n in zip(low, high, array.shape, strict=True))]
        return np.pad(inside, list(zip(low, high, strict=True)), "edge")

    def _small_structure_tensor_eigenvalue(self, sigma: float) -> Volume:
        return self._tensor(sigma, 0)

    def _middle_structure_tensor_eigenvalue(self, sigma: float) -> Volume:
        return self._tensor(sigma, 1)

    def _large_structure_tensor_eigenvalue(self, sigma: float) -> Volume:
        return self._tensor(sigma, 2)

    def _lines(self, sigma: float, sign: int) -> Volume:
        offsets = line_offsets(sigma, self._spacing, self._flat)
        margin: Triple = tuple(int(m) for m in np.abs(offsets).max((0, 1)))  # type: ignore[assignment]
        out = self._empty()
        filters.line_contrast(self._smoothed(sigma, margin), np.array(margin), offsets, np.float32(sign), out)
        return out

    def _bright_ridge(self, sigma: float) -> Volume:
        return self._lines(sigma, 1)

    def _dark_ridge(self, sigma: float) -> Volume:
        return self._lines(sigma, -1)

    # ------------------------------------------------------------------------------------- boxes
    def _box(self, radius: float) -> tuple[Triple, Volume]:
        """Return the half-widths of a box, and the block with as much around it."""
        radii = box_radii(radius, self._spacing)
        reach: Triple = (0 if self._flat else radii[0], radii[1], radii[2])
        cut = tuple(slice(h - r, h + r + n) for h, r, n in zip(self._halo, reach, self._size, strict=True))
        return reach, self._pixels[cut]

    def _minimum_box(self, radius: float) -> Volume:
        from scipy import ndimage

        reach, around = self._box(radius)
        result: Volume = self._inner(ndimage.minimum_filter(around, [2 * r + 1 for r in reach]), reach)
        return result

    def _maximum_box(self, radius: float) -> Volume:
        from scipy import ndimage

        reach, around = self._box(radius)
        result: Volume = self._inner(ndimage.maximum_filter(around, [2 * r + 1 for r in reach]), reach)
        return result

    def _median_box(self, radius: float) -> Volume:
        from scipy import ndimage

        reach, around = self._box(radius)
        result: Volume = self._inner(ndimage.median_filter(around, [2 * r + 1 for r in reach]), reach)
        return result

    def _mean_box(self, radius: float) -> Volume:
        return self._moments(radius)[0].astype(np.float32)

    def _standard_deviation_box(self, radius: float) -> Volume:
        mean, square = self._moments(radius)
        deviation: Volume = np.sqrt(np.maximum(square - mean * mean, 0)).astype(np.float32)
        return deviation

    def _moments(self, radius: float) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the mean and the mean square in a box."""
        from scipy import ndimage

        reach, around = self._box(radius)
        moments = []
        # In float64: the variance is the small difference of large numbers.
        for values in (around.astype(np.float64), around.astype(np.float64) ** 2):
            for axis, r in enumerate(reach):
                if r:
                    # Summed by weights, not by a running sum, which would depend on where the block begins.
                    values = ndimage.correlate1d(values, np.full(2 * r + 1, 1 / (2 * r + 1)), axis)
            moments.append(self._inner(values, reach))
        return moments[0], moments[1]
