"""Dividing an image into parts of similar pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._numbering import in_reading_order
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
    ``sklearn.cluster.KMeans`` on 20 000 pixels drawn at random, with which all are then classified.
    """
    from sklearn.cluster import KMeans

    channels = [as_float(c).ravel() for c in (image, second_channel, third_channel) if c is not None]
    scaled = np.stack([(c - c.mean()) / (c.std() or 1) for c in channels], axis=1).astype(np.float32)
    rng = np.random.default_rng(seed)
    drawn = scaled if len(scaled) <= _SAMPLES else scaled[rng.choice(len(scaled), _SAMPLES, replace=False)]
    different = np.unique(drawn, axis=0)
    if len(different) == 1:
        return np.zeros(image.shape, np.uint32)
    n = min(classes, len(different))
    model = KMeans(n, n_init=4, random_state=seed).fit(drawn)
    centres = model.cluster_centers_[np.argsort(model.cluster_centers_[:, 0], kind="stable")]
    return _nearest(scaled, centres.astype(np.float32)).reshape(image.shape)


def _nearest(points: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return the number of the nearest centre of each point, a part of them at a time."""
    nearest = np.empty(len(points), np.uint32)
    squares = (centres**2).sum(axis=1)
    for start in range(0, len(points), 1 << 18):
        part = slice(start, start + (1 << 18))
        nearest[part] = np.argmin(squares - 2 * points[part] @ centres.T, axis=1)
    return nearest


def _suggest_size(image: NDArray[Any], mask: Any = None, spacing: Sequence[float] | None = None) -> dict[str, Any]:
    from bioloom.operations._object_size import usual_radius

    radius = usual_radius(image, mask, spacing)
    return {} if radius is None else {"size": float(f"{max(radius, 3 * min(spacing or (1.0,))):.2g}")}


slic.suggest(_suggest_size)
