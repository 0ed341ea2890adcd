"""Dividing an image into parts of similar pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._numbering import in_reading_order
from bioloom.operations._slabs import by_slabs
from bioloom.operations._types import Image, Labels, Length, Mask, Number, Seed, Spacing
from bioloom.operations.filters import as_float

_SAMPLES = 20_000


@operation("Segment/Label", keywords="superpixels simple linear iterative clustering")
def slic(
    image: Image,
    size: Length = 20.0,
    compactness: Annotated[float, Number(minimum=0.0001, maximum=100, step=0.05)] = 0.1,
    iterations: Annotated[int, Number(minimum=1, maximum=100)] = 10,
    mask: Mask | None = None,
    spacing: Spacing = None,
) -> Labels:
    """Divide an image into superpixels: small parts of about one size and brightness.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    size
        About the side of a part.
    compactness
        Larger values give parts of more even shape, smaller ones follow the image more closely; brightness is scaled to
        0…1 before.
    iterations
        How often parts are adjusted.
    mask
        Same shape; the others become background. Everywhere if left out.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order, each connected; 0 only outside of the mask.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    ``skimage.segmentation.slic`` (R. Achanta et al., IEEE TPAMI 34 (2012) 2274-2282).
    Needs the whole image: a Dask array is computed as one block.
    """
    from skimage import segmentation

    sizes = np.array(spacing or (1.0,) * image.ndim)
    pixels = as_float(image)
    sides = np.array(image.shape) * sizes
    count = int(np.prod([max(round(side / max(size, s)), 1) for side, s in zip(sides, sizes, strict=True)]))
    if count == 1 or pixels.min() == pixels.max():
        labels = _grid(image.shape, max(size, float(sizes.min())), sizes)
    else:
        labels = segmentation.slic(
            pixels, count, compactness, max_num_iter=iterations, spacing=sizes / sizes.min(), channel_axis=None
        )
    if mask is not None:
        labels = np.where(np.asarray(mask) != 0, labels, 0)
    return in_reading_order(labels.astype(np.uint32))


def _grid(shape: tuple[int, ...], size: float, sizes: NDArray[Any]) -> NDArray[Any]:
    """Return even boxes: what an even image is divided into."""
    labels = np.zeros(shape, np.int64)
    for axis, n in enumerate(shape):
        parts = max(round(n * sizes[axis] / max(size, sizes[axis])), 1)
        along = (np.arange(n) * parts // n).reshape([-1 if a == axis else 1 for a in range(len(shape))])
        labels = labels * parts + along
    return labels + 1


@operation("Segment/Label", title="k-means", keywords="clustering intensity classes kmeans")
def kmeans(
    image: Image,
    classes: Annotated[int, Number(minimum=2, maximum=20)] = 3,
    second_channel: Image | None = None,
    third_channel: Image | None = None,
    seed: Seed = 0,
) -> Labels:
    """Divide pixels into classes of similar brightness in one to three channels (k-means).

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    classes
        How many classes.
    second_channel
        Another image of the same shape. Each channel counts as much as another: they are scaled to one variance.
    third_channel
        One more image of the same shape.
    seed
        Of the random start.

    Returns
    -------
    numpy.ndarray
        uint32: 0 for the class that is darkest in `image`, 1 for the next and so on; an image of fewer values has fewer
        classes.

    Raises
    ------
    InputError
        If shapes differ or are not 2D or 3D, or values are NaN.

    Notes
    -----
    ``sklearn.cluster.KMeans`` on 20 000 pixels drawn at random, by which the channels are scaled, too, and with which
    all are then classified. Dask arrays of any size are computed block by block.
    """
    channels = [c for c in (image, second_channel, third_channel) if c is not None]
    places = _drawn(image.size, seed)
    centres = _centres([as_float(c).reshape(-1)[places] for c in channels], classes, seed)
    return _nearest(channels[0], centres, *channels[1:])


@kmeans.dask()
def _(image: Any, classes: int, seed: int, second_channel: Any = None, third_channel: Any = None) -> Any:
    import dask.array as da
    from dask import delayed

    from bioloom.operations._blocks import checked
    from bioloom.operations._scratch import after

    given = {"image": image, "second_channel": second_channel, "third_channel": third_channel}
    channels = [checked(kmeans, n, c).rechunk(image.chunks) for n, c in given.items() if c is not None]
    places = delayed(_drawn)(image.size, seed)
    samples = [delayed(_sample)(_taken(channel, places)) for channel in channels]
    centres = delayed(_centres)(samples, classes, seed)

    def of_block(*blocks: NDArray[Any], centres: Any) -> NDArray[np.uint32]:
        return _nearest(blocks[0], centres, *blocks[1:])

    for k, channel in enumerate(channels):
        channels[k], centres = after(channel, centres)
    meta = np.empty((0,) * image.ndim, np.uint32)
    return da.map_blocks(of_block, *channels, centres=centres, dtype=np.uint32, meta=meta)


def _drawn(size: int, seed: int) -> NDArray[np.int64]:
    """Return the flat positions of the pixels that are looked at, ascending."""
    if size <= _SAMPLES:
        return np.arange(size)
    return np.sort(np.random.default_rng(seed).choice(size, _SAMPLES, replace=False))


def _taken(channel: Any, places: Any) -> list[Any]:
    """Return, delayed, the pixels drawn that lie in each block, and which of those drawn they are."""
    from dask import delayed

    from bioloom.operations._scratch import places as places_of_blocks

    return [
        delayed(_taken_from)(block, where, channel.shape, places)
        for block, where in zip(channel.to_delayed().ravel(), places_of_blocks(channel), strict=True)
    ]


def _taken_from(block: NDArray[Any], where: Any, shape: tuple[int, ...], places: Any) -> tuple[Any, Any]:
    position = np.unravel_index(places, shape)
    inside = np.all([(p >= w.start) & (p < w.stop) for p, w in zip(position, where, strict=True)], axis=0)
    local = tuple(p[inside] - w.start for p, w in zip(position, where, strict=True))
    return np.flatnonzero(inside), as_float(block[local])


def _sample(parts: Sequence[tuple[Any, Any]]) -> NDArray[Any]:
    order = np.concatenate([which for which, _ in parts])
    pixels: NDArray[Any] = np.concatenate([pixels for _, pixels in parts])[np.argsort(order)]
    return pixels


def _centres(
    samples: Sequence[NDArray[Any]], classes: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Return the mean and the standard deviation of each channel, and the centres of the classes, dark ones first."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    drawn = np.stack(samples, axis=1).astype(np.float64)
    means, deviations = drawn.mean(axis=0), drawn.std(axis=0)
    deviations[deviations == 0] = 1
    scaled = ((drawn - means) / deviations).astype(np.float32)
    different = np.unique(scaled, axis=0)
    if len(different) == 1:
        return means, deviations, different
    # More threads than one only wait for each other with so few pixels.
    with threadpool_limits(1):
        model = KMeans(min(classes, len(different)), n_init=4, random_state=seed).fit(scaled)
    centres = model.cluster_centers_[np.argsort(model.cluster_centers_[:, 0], kind="stable")]
    return means, deviations, centres.astype(np.float32)


def _nearest(
    image: NDArray[Any], fitted: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], *others: NDArray[Any]
) -> NDArray[np.uint32]:
    """Return the number of the nearest centre of each pixel."""
    means, deviations, centres = fitted
    channels = (image, *others)

    def nearest(*parts: NDArray[Any]) -> NDArray[np.uint32]:
        points = [((as_float(p) - m) / s).astype(np.float32) for p, m, s in zip(parts, means, deviations, strict=True)]
        best, found = np.full(points[0].shape, np.inf, np.float32), np.zeros(points[0].shape, np.uint32)
        for number, centre in enumerate(centres):
            distance = np.asarray(sum((p - c) ** 2 for p, c in zip(points, centre, strict=True)))
            nearer = distance < best
            best[nearer], found[nearer] = distance[nearer], number
        return found

    return np.asarray(by_slabs(nearest, *channels, margin=0))


def _suggest_size(image: NDArray[Any], mask: Any = None, spacing: Sequence[float] | None = None) -> dict[str, Any]:
    from bioloom.operations._object_size import usual_radius

    radius = usual_radius(image, mask, spacing, dark=None)
    return {} if radius is None else {"size": float(f"{max(radius, 3 * min(spacing or (1.0,))):.2g}")}


slic.suggest(_suggest_size)
