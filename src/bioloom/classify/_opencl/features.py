"""Pixel features of one block on an OpenCL device, as :mod:`bioloom.classify.neighbourhood` defines them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.classify._opencl.runtime import Runtime
from bioloom.classify.neighbourhood import box_radii, gaussian_radii, gaussian_weights, line_offsets

Triple: TypeAlias = tuple[int, int, int]

_SLACK = 128
_ROW = 16
_HESSIAN = {f"{name}_hessian_eigenvalue_of_gaussian_blur": k for k, name in enumerate(("small", "middle", "large"))}
_TENSOR = {f"{name}_structure_tensor_eigenvalue": k for k, name in enumerate(("small", "middle", "large"))}
_RIDGES = {"bright_ridge": 1.0, "dark_ridge": -1.0}
_EXTREMA = {"minimum_box": 1.0, "maximum_box": -1.0}
_MOMENTS = {"mean_box": 0, "standard_deviation_box": 1}
_EVERYWHERE = {
    "original", "gaussian_blur", "difference_of_gaussian", "laplace_box_of_gaussian_blur", "sobel_of_gaussian_blur",
    "median_box", *_RIDGES, *_EXTREMA,
}  # fmt: skip


def can_compute(runtime: Runtime, kind: str, flat: bool) -> bool:
    """Tell whether a device has a kernel for a kind of feature; some need numbers of 64 bits."""
    if kind in _HESSIAN or kind in _TENSOR:
        return flat or runtime.has_doubles
    return kind in _EVERYWHERE or (kind in _MOMENTS and runtime.has_doubles)


@dataclass(frozen=True)
class Volume:
    """A part of an image on a device.

    Attributes
    ----------
    buffer : pyopencl.Buffer
        float32 rows of `pitch` values, of which the first size[2] count.
    start : tuple of int
        Where it begins in the image, (z, y, x).
    size : tuple of int
        Its shape, (z, y, x).
    pitch : int
        Values from row to row.
    """

    buffer: Any
    start: Triple
    size: Triple
    pitch: int

    @classmethod
    def allocate(cls, runtime: Runtime, start: Triple, size: Triple, item: int = 4) -> Volume:
        """Allocate values of `item` bytes; their content is undefined."""
        pitch = -(-size[2] // _ROW) * _ROW
        return cls(runtime.empty(item * (size[0] * size[1] * pitch + _SLACK)), start, size, pitch)

    @classmethod
    def push(cls, runtime: Runtime, pixels: NDArray[Any], start: Triple) -> Volume:
        """Copy pixels (z, y, x) to the device."""
        nz, ny, nx = pixels.shape
        pitch = -(-nx // _ROW) * _ROW
        padded = np.zeros(nz * ny * pitch + _SLACK, np.float32)
        padded[:-_SLACK].reshape(nz, ny, pitch)[:, :, :nx] = pixels
        return cls(runtime.push(padded), start, (nz, ny, nx), pitch)

    @property
    def vector(self) -> NDArray[np.int32]:
        """What kernels need to know about it: columns, rows, planes, pitch."""
        return np.array([*self.size[::-1], self.pitch], np.int32)

    def offset_of(self, start: Triple) -> NDArray[np.int32]:
        """Return where in it a part of the image begins, as an OpenCL vector."""
        return _vector(a - b for a, b in zip(start, self.start, strict=True))

    def pull(self, runtime: Runtime, start: Triple, size: Triple) -> NDArray[np.float32]:
        """Copy a part of the image to main memory."""
        whole = runtime.pull(self.buffer, (self.size[0] * self.size[1] * self.pitch,), np.float32)
        volume = whole.reshape(*self.size[:2], self.pitch)
        cut = tuple(slice(a - b, a - b + n) for a, b, n in zip(start, self.start, size, strict=True))
        return np.ascontiguousarray(volume[cut])


class DeviceNeighbourhood:
    """One channel of one block and its surroundings, on a device.

    Parameters
    ----------
    runtime
        The device.
    pixels
        float32 (z, y, x): the block and what lies around it within the image, as far as any feature looks.
    start
        Where `pixels` begin in the image.
    block
        Where the block lies in the image.
    shape
        Of the image, (z, y, x).
    spacing
        Size of a pixel per axis (z, y, x); sigmas and radii are in its units.
    flat
        Whether it is a plane: no filter then looks along z.
    wanted
        Kinds and sigmas that will be asked for, so that each Gaussian is computed once.
    """

    def __init__(
        self,
        runtime: Runtime,
        pixels: NDArray[np.float32],
        start: Triple,
        block: Sequence[slice],
        shape: Triple,
        spacing: tuple[float, float, float],
        flat: bool,
        wanted: Iterable[tuple[str, float]],
    ) -> None:
        self._run = runtime
        self._pixels = Volume.push(runtime, pixels, start)
        self._start: Triple = (block[0].start, block[1].start, block[2].start)
        self._stop: Triple = (block[0].stop, block[1].stop, block[2].stop)
        self._shape, self._spacing, self._flat = shape, spacing, flat
        self._axes = (1, 2) if flat else (0, 1, 2)
        finest = min(spacing[axis] for axis in self._axes)
        self._per_pixel = [np.float32(finest / s) for s in spacing]
        self._scale = np.array([*self._per_pixel[::-1], 0], np.float32)
        self._smooth: dict[float, Volume] = {}
        self._margins: dict[float, Triple] = {}
        for kind, sigma in wanted:
            margin, before = self._margin(kind, sigma), self._margins.get(sigma, (0, 0, 0))
            self._margins[sigma] = (
                max(margin[0], before[0]), max(margin[1], before[1]), max(margin[2], before[2])
            )  # fmt: skip

    def feature(self, kind: str, sigma: float) -> Volume:
        """Compute a feature; the volume holds the block, and may hold more around it."""
        if kind == "original":
            return self._pixels
        if kind == "gaussian_blur":
            return self._smoothed(sigma)
        if kind == "difference_of_gaussian":
            narrow, wide = (self._weighed(self._pixels, self._gaussian(f * sigma), (0, 0, 0)) for f in (0.9, 1.1))
            self._start_vectors("subtract", narrow, narrow.buffer, wide.buffer, narrow.vector)
            return narrow
        if kind == "laplace_box_of_gaussian_blur":
            return self._stencil("laplace_plane" if self._flat else "laplace_stack", self._smoothed(sigma))
        if kind == "sobel_of_gaussian_blur":
            name = "sobel_plane" if self._flat else "sobel_stack"
            return self._stencil(name, self._smoothed(sigma), self._scale)
        if kind in _HESSIAN:
            which = np.int32(min(_HESSIAN[kind], 1) if self._flat else _HESSIAN[kind])
            if self._flat:
                return self._stencil("hessian_plane", self._smoothed(sigma), self._scale, which)
            return self._stencil("hessian_stack", self._smoothed(sigma), self._scale, which, vectors=False)
        if kind in _TENSOR:
            return self._tensor(sigma, _TENSOR[kind])
        if kind in _RIDGES:
            return self._ridge(sigma, _RIDGES[kind])
        if kind in _EXTREMA:
            return self._extremum(sigma, _EXTREMA[kind])
        if kind == "median_box":
            return self._stencil("median", self._pixels, _vector(self._box(sigma)), vectors=False)
        return self._moment(sigma, bool(_MOMENTS[kind]))

    # ------------------------------------------------------------------------------------- what features need
    def _margin(self, kind: str, sigma: float) -> Triple:
        """Return how many pixels around the block a feature needs of the Gaussian."""
        if kind in _TENSOR:
            return _triple(len(w) // 2 + (axis in self._axes) for axis, w in enumerate(self._gaussian(sigma)))
        if kind in _RIDGES:
            return _triple(np.abs(line_offsets(sigma, self._spacing, self._flat)).max((0, 1)))
        if kind in ("laplace_box_of_gaussian_blur", "sobel_of_gaussian_blur") or kind in _HESSIAN:
            return _triple(axis in self._axes for axis in range(3))
        return 0, 0, 0

    def _region(self, margin: Sequence[int]) -> tuple[Triple, Triple]:
        """Return where the block with a margin begins in the image, and its size; it ends with the image."""
        start = [max(0, a - m) for a, m in zip(self._start, margin, strict=True)]
        stop = [min(n, b + m) for b, m, n in zip(self._stop, margin, self._shape, strict=True)]
        return _triple(start), _triple(b - a for a, b in zip(start, stop, strict=True))

    def _gaussian(self, sigma: float) -> list[NDArray[np.float32]]:
        """Return the weights along each axis."""
        weights = []
        for axis, radius in enumerate(gaussian_radii(sigma, self._spacing)):
            weights.append(gaussian_weights(sigma / self._spacing[axis], radius if axis in self._axes else 0))
        return weights

    def _box(self, radius: float) -> Triple:
        radii = box_radii(radius, self._spacing)
        return _triple(r if axis in self._axes else 0 for axis, r in enumerate(radii))

    def _smoothed(self, sigma: float) -> Volume:
        """Return the Gaussian with as much around the block as any feature needs."""
        if sigma not in self._smooth:
            self._smooth[sigma] = self._weighed(self._pixels, self._gaussian(sigma), self._margins[sigma])
        return self._smooth[sigma]

    def _weighed(self, volume: Volume, weights: Sequence[NDArray[np.float32]], margin: Triple) -> Volume:
        """Average a volume along one axis after the other."""
        still = [len(w) // 2 for w in weights]
        for axis in (2, 1, 0):
            radius, still[axis] = still[axis], 0
            if radius == 0 and axis < 2:
                continue
            result = self._allocate([m + r for m, r in zip(margin, still, strict=True)])
            total = np.float32(0)
            for weight in weights[axis]:
                total += weight
            self._run.run_volume(
                "weigh", result.size, self._run.columns * self._run.vectors, *self._of(volume),
                *self._to(volume, result), self._run.push(weights[axis]), np.int32(radius), _unit(axis), total,
                np.float32(1) / total,
            )  # fmt: skip
            volume = result
        return volume

    # ------------------------------------------------------------------------------------- features of several steps
    def _tensor(self, sigma: float, which: int) -> Volume:
        weights, smooth = self._gaussian(sigma), self._smoothed(sigma)
        pairs = [(1, 1), (2, 2), (1, 2)] if self._flat else [(1, 1), (2, 2), (1, 2), (0, 0), (0, 1), (0, 2)]
        means = []
        for a, b in pairs:
            product = self._allocate([len(w) // 2 for w in weights])
            self._start_vectors(
                "gradient_product", product, *self._of(smooth), *self._to(smooth, product), _unit(a),
                self._per_pixel[a], _unit(b), self._per_pixel[b],
            )  # fmt: skip
            means.append(self._weighed(product, weights, (0, 0, 0)).buffer)
        result = self._allocate((0, 0, 0))
        if self._flat:
            self._start_vectors("tensor_plane", result, *means, result.buffer, result.vector, np.int32(min(which, 1)))
        else:
            self._start_each("tensor_stack", result, *means, result.buffer, result.vector, np.int32(which))
        return result

    def _ridge(self, sigma: float, sign: float) -> Volume:
        offsets = line_offsets(sigma, self._spacing, self._flat)
        points = np.zeros((*offsets.shape[:2], 4), np.int32)
        points[..., :3] = offsets[..., ::-1]
        counts = (np.int32(n) for n in offsets.shape[:2])
        return self._stencil("line_contrast", self._smoothed(sigma), self._run.push(points), *counts, np.float32(sign))

    def _extremum(self, radius: float, sign: float) -> Volume:
        volume, still = self._pixels, list(self._box(radius))
        for axis in (2, 1, 0):
            reach, still[axis] = still[axis], 0
            if reach or axis == 2:
                result = self._allocate(still)
                self._start_vectors(
                    "extremum", result, *self._of(volume), *self._to(volume, result), np.int32(reach), _unit(axis),
                    np.float32(sign),
                )  # fmt: skip
                volume = result
        return volume

    def _moment(self, radius: float, deviation: bool) -> Volume:
        radii = self._box(radius)
        moments = []
        for squared in (0, 1) if deviation else (0,):
            start, size = self._pixels.start, self._pixels.size
            volume = Volume.allocate(self._run, start, size, item=8)
            self._start_each("widen", volume, self._pixels.buffer, volume.buffer, volume.vector, np.int32(squared))
            still = list(radii)
            for axis in range(3):
                reach, still[axis] = still[axis], 0
                if reach or axis == 2:
                    result = Volume.allocate(self._run, *self._region(still), item=8)
                    self._start_each(
                        "mean_along", result, *self._of(volume), *self._to(volume, result),
                        np.int32(reach), _unit(axis), np.float64(1 / (2 * reach + 1)),
                    )  # fmt: skip
                    volume = result
            moments.append(volume.buffer)
        result = self._allocate((0, 0, 0))
        self._start_each(
            "from_moments", result, moments[0], moments[-1], result.buffer, result.vector, np.int32(deviation)
        )
        return result

    # ------------------------------------------------------------------------------------- starting kernels
    def _allocate(self, margin: Sequence[int]) -> Volume:
        return Volume.allocate(self._run, *self._region(margin))

    def _of(self, volume: Volume) -> tuple[Any, ...]:
        return volume.buffer, volume.vector

    def _to(self, volume: Volume, result: Volume) -> tuple[Any, ...]:
        return volume.offset_of(result.start), result.buffer, result.vector

    def _start_vectors(self, name: str, result: Volume, *args: Any) -> None:
        """Run a kernel that does several pixels per work item."""
        self._run.run_volume(name, result.size, self._run.columns, *args)

    def _start_each(self, name: str, result: Volume, *args: Any) -> None:
        """Run a kernel that does one pixel per work item."""
        self._run.run_volume(name, result.size, 1, *args)

    def _stencil(self, name: str, volume: Volume, *args: Any, vectors: bool = True) -> Volume:
        """Run a kernel that makes the block of a volume around it."""
        result = self._allocate((0, 0, 0))
        given = (*self._of(volume), *self._to(volume, result), *args)
        if vectors:
            self._start_vectors(name, result, *given)
        else:
            self._start_each(name, result, *given)
        return result


def _triple(values: Iterable[Any]) -> Triple:
    z, y, x = (int(v) for v in values)
    return z, y, x


def _vector(zyx: Iterable[Any]) -> NDArray[np.int32]:
    """Return an OpenCL vector (x, y, z, 0)."""
    return np.array([*_triple(zyx)[::-1], 0], np.int32)


def _unit(axis: int) -> NDArray[np.int32]:
    return _vector(int(k == axis) for k in range(3))
