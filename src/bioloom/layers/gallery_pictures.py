"""What a gallery shows of a labels layer: the images over which it lies, as the viewer shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bioloom.layers.own_image import beside, own_image
from bioloom.layers.reading import is_rgb, of_kind, pixels, role
from bioloom.session.gallery import GallerySource

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels


def images_of(viewer: ViewerModel, layer: Labels) -> list[Any]:
    """Return the image layers with the shape and the place of a labels layer: the visible ones, or else the hidden.

    Where it is known which image the labels were made from, other pictures at the same place are left out.
    """
    fitting = [
        one
        for one in of_kind(viewer, "image")
        if _shape(one) == tuple(pixels(layer).shape) and role(one) != "preview" and _same_place(one, layer)
    ]
    own = own_image(viewer, layer)
    if own is not None:
        fitting = [one for one in fitting if beside(viewer, one, own)]
    visible = [one for one in fitting if one.visible]
    return visible or fitting


def gallery_source(layer: Labels, images: Sequence[Image], has_frames: bool) -> GallerySource:
    """Return what a gallery needs of a labels layer.

    Parameters
    ----------
    layer
        The labels layer.
    images
        Image layers of the same shape; their contrast limits and colours are used.
    has_frames
        Whether axis 0 is time.
    """
    channels: list[Any] = []
    limits: list[tuple[float, float]] = []
    colours: list[Sequence[float]] = []
    for image in images:
        data = pixels(image)
        if is_rgb(image):
            full = 255.0 if np.dtype(data.dtype) == np.uint8 else 1.0
            channels += [data[..., k] for k in range(3)]
            limits += [(0.0, full)] * 3
            colours += np.eye(3).tolist()
        else:
            channels.append(data)
            low, high = image.contrast_limits
            limits.append((float(low), float(high)))
            colours.append(np.asarray(image.colormap.map(np.array([1.0])))[0, :3].tolist())
    return GallerySource(pixels(layer), tuple(channels), tuple(limits), tuple(colours), has_frames)


def _shape(image: Image) -> tuple[int, ...]:
    shape = tuple(pixels(image).shape)
    return shape[:-1] if is_rgb(image) else shape


def _same_place(image: Image, layer: Labels) -> bool:
    first, last = np.zeros(layer.ndim), np.array(pixels(layer).shape, float)
    return all(np.allclose(image.data_to_world(p), layer.data_to_world(p), atol=1e-3) for p in (first, last))
