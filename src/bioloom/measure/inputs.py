"""Checks of what is given to `measure`, and its conversion to what the kernels read."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure import (
    clesperanto,
    colocalisation,
    features,
    granularity,
    intensity,
    moments,
    neighbours_gaps,
    neighbours_stats,
    radial,
    shape2d,
    shape3d,
    texture,
)
from bioloom.measure._lazy import LazyPart, is_lazy
from bioloom.measure.registry import (
    EXTRA_GROUPS,
    GROUPS,
    MEASURED,
    NUMBERED,
    PROPERTIES,
    Objects,
    Property,
    find_property,
    slabs,
)

assert features  # importing them fills PROPERTIES
assert clesperanto
assert neighbours_stats
assert neighbours_gaps
assert radial
assert colocalisation
assert intensity
assert moments
assert shape2d
assert shape3d
assert texture
assert granularity

SMALL_TABLE = 1 << 16  # a lookup table of as many labels is cheap whatever the size of the image


def shape_of(array: Any) -> tuple[int, ...]:
    """Shape of an array or of what NumPy can turn into one, without loading it if it says its shape."""
    return tuple(array.shape) if hasattr(array, "shape") else np.shape(array)


def checked_axis(axis: int, ndim: int, name: str) -> int:
    """Count an axis from the front."""
    if not -ndim <= axis < ndim:
        raise InputError(f"{name}={axis} does not exist: the array has {ndim} axes; give 0 to {ndim - 1}.")
    return axis % ndim


def take(array: Any, axis: int, index: int) -> Any:
    """Part of an array at an index of an axis; if the array is lazy, so is the part."""
    if is_lazy(array):
        return LazyPart(array, axis, index)
    return (array if hasattr(array, "ndim") else np.asarray(array))[(slice(None),) * axis + (index,)]


def checked_spacing(spacing: Sequence[float] | None, ndim: int) -> NDArray[np.float64]:
    """Pixel size along z, y and x; 1 where not given."""
    full = np.ones(3)
    if spacing is None:
        return full
    values = np.asarray(spacing, dtype=np.float64) if np.ndim(spacing) == 1 else np.empty(0)
    if values.size != ndim or not np.all(np.isfinite(values) & (values > 0)):
        order = "(y, x)" if ndim == 2 else "(z, y, x)"
        raise InputError(f"spacing={spacing!r} does not fit: give {ndim} numbers above 0, one for each of {order}.")
    full[3 - ndim :] = values
    return full


def checked_labels(labels: Any, where: str = "labels") -> NDArray[Any]:
    """Labels as a C-contiguous uint32 array, or uint64 if there are larger ones; not a copy if they are that already.

    Raises
    ------
    InputError
        For a mask, for numbers that are not whole, and for negative ones.
    """
    array = np.asarray(labels)
    if array.dtype == bool:
        raise InputError(
            f"{where} is a mask of True and False. Number its objects first, for example with "
            "skimage.measure.label, or convert it with .astype(int) if it is one object."
        )
    if array.dtype.kind not in "iuf":
        raise InputError(f"{where} has the type {array.dtype}; give whole numbers, 0 being background.")
    if array.size == 0:
        return np.ascontiguousarray(array, dtype=np.uint32)
    smallest, largest = array.min(), array.max()
    if array.dtype.kind == "f" and not (
        np.isfinite(smallest) and np.isfinite(largest) and np.array_equal(array, np.floor(array))
    ):
        raise InputError(f"{where} has values that are not whole numbers; is it an image rather than a label image?")
    if smallest < 0:
        raise InputError(f"{where} has negative values (down to {smallest}); labels start at 1, background is 0.")
    if int(largest) >= 2**64:
        raise InputError(f"{where} goes up to {largest}; labels must be below 2**64. Relabel the image first.")
    dtype = np.uint32 if int(largest) < 2**32 else np.uint64
    if array.dtype.kind == "i" and array.dtype.itemsize == np.dtype(dtype).itemsize and array.dtype.isnative:
        array = array.view(dtype)
    return np.ascontiguousarray(array, dtype=dtype)


def as_stack(array: NDArray[Any]) -> NDArray[Any]:
    """(z, y, x) view of a plane or stack."""
    return array[None] if array.ndim == 2 else array


def checked_image(image: Any, name: str) -> NDArray[Any]:
    """Image as a C-contiguous array of a type that the kernels are compiled for."""
    array = np.asarray(image)
    if array.dtype.kind not in "biuf":
        raise InputError(f"The image {name or ''} has the type {array.dtype}; give real numbers.".replace("  ", " "))
    dtype: np.dtype[Any]
    if array.dtype == bool:
        dtype = np.dtype(np.uint8)
    elif array.dtype in (np.uint8, np.uint16, np.float32):
        dtype = array.dtype.newbyteorder("=")
    elif array.dtype.itemsize <= 2:
        dtype = np.dtype(np.float32)
    else:
        dtype = np.dtype(np.float64)
    return np.ascontiguousarray(array, dtype=dtype)


def index_objects(labels: NDArray[Any], ndim: int, spacing: NDArray[np.float64], tick: Callable[[], None]) -> Objects:
    """Find which labels a (z, y, x) label image has."""
    from bioloom.measure._regions import list_runs, mark_labels

    largest = int(labels.max(initial=0))
    if largest <= max(labels.size, SMALL_TABLE):
        present = np.zeros(largest + 1, np.bool_)
        if labels.size:
            for rows in slabs(labels, tick):
                mark_labels(labels, *rows, present)
        present[0] = False
        ids = np.flatnonzero(present).astype(labels.dtype)
    else:
        parts = []
        for rows in slabs(labels, tick):
            found = np.empty(list_runs(labels, *rows, np.empty(0, labels.dtype)), labels.dtype)
            # The labels may have been painted in between, and the runs be fewer.
            n = min(list_runs(labels, *rows, found), found.size)
            parts.append(np.unique(found[:n]))
        ids = np.unique(np.concatenate(parts))
        ids = ids[ids > 0]
    return with_table(labels, ids, ndim, spacing, tick)


def with_table(
    labels: NDArray[Any], ids: NDArray[Any], ndim: int, spacing: NDArray[np.float64], tick: Callable[[], None]
) -> Objects:
    """Make objects of labels that are known, with a table to look them up if that is cheap."""
    largest = int(ids[-1]) if ids.size else 0
    table = np.empty(0, np.int32)
    if largest <= max(labels.size, SMALL_TABLE):
        table = np.full(largest + 1, -1, np.int32)
        table[ids] = np.arange(ids.size, dtype=np.int32)
    return Objects(labels, ids, table, ndim, spacing, tick)


def checked_channels(
    image: Any,
    channel_axis: int | None,
    channel_names: Sequence[str] | None,
    labels_shape: tuple[int, ...],
) -> dict[str, Any]:
    """Images by column suffix: "" for a single one, else "_" and the channel's name."""
    if image is None:
        if channel_axis is not None or channel_names is not None:
            raise InputError("channel_axis and channel_names need an image; none was given.")
        return {}
    names: list[str] | None = None
    if isinstance(image, Mapping):
        if channel_axis is not None or channel_names is not None:
            raise InputError("A mapping of images names its channels itself; leave out channel_axis and channel_names.")
        names, images = [str(name) for name in image], list(image.values())
    elif channel_axis is not None:
        shape = shape_of(image)
        axis = checked_axis(channel_axis, len(shape), "channel_axis")
        images = [take(image, axis, i) for i in range(shape[axis])]
    elif isinstance(image, (list, tuple)) and shape_of(image) != labels_shape:
        images = list(image)
    else:
        images = [image]
    if not images:
        raise InputError("The image has no channel; give at least one, or image=None.")
    if channel_names is not None:
        names = [str(name) for name in channel_names]
    if names is None:
        names = [f"channel{i}" for i in range(len(images))]
    if len(names) != len(images) or len(set(names)) != len(names):
        raise InputError(f"channel_names={names} does not fit: give {len(images)} different names.")
    for name, channel in zip(names, images, strict=True):
        if shape_of(channel) != labels_shape:
            raise InputError(
                f"The image{f' {name!r}' if len(images) > 1 else ''} has the shape {shape_of(channel)}, but labels has "
                f"{labels_shape}. Give an image of the same shape, or say which axis holds the channels (channel_axis)."
            )
    return {"": images[0]} if len(images) == 1 else {f"_{n}": i for n, i in zip(names, images, strict=True)}


def checked_properties(names: Sequence[str] | str | None, ndim: int, n_images: int) -> list[Property]:
    """Properties asked for by name or by group, in that order and each once; by default all of `GROUPS` that fit."""
    if names is None:
        return [p for p in PROPERTIES.values() if p.group in GROUPS and ndim in p.ndims and p.n_images <= n_images]
    chosen: dict[str, Property] = {}
    for name in [names] if isinstance(names, str) else names:
        if name == "label":
            continue
        found = find_property(str(name))
        group = [found] if found else [p for p in PROPERTIES.values() if name == p.group]
        if not group:
            raise InputError(_unknown(str(name)))
        least = min(p.n_images for p in group)
        if least > n_images:
            needed = "an image: give one" if least == 1 else "pairs of channels: give two images or more"
            raise InputError(f"{name!r} is measured in {needed} (image=… in Python, --image on the command line).")
        if found and ndim not in found.ndims:
            raise InputError(
                f"{name!r} is defined in {found.ndims[0]}D only, and the labels are {ndim}D. "
                f"list_properties({ndim}) names those for {ndim}D."
            )
        chosen.update({p.name: p for p in group if ndim in p.ndims and p.n_images <= n_images})
    return list(chosen.values())


def _unknown(name: str) -> str:
    """Say that there is no such property, and which has a similar name."""
    groups = (*GROUPS, *EXTRA_GROUPS)
    if name.partition("=")[0] in NUMBERED:
        most = 100 if "percentile" in name else 1000
        return f"Unknown property {name!r}. Give a whole number from 1 to {most} after the '='."
    if name.partition("=")[0] in MEASURED:
        return f"Unknown property {name!r}. Give a length above 0 after the '=', such as 2.5."
    close = difflib.get_close_matches(name, [*PROPERTIES, *groups], n=3)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return f"Unknown property {name!r}.{hint} list_properties() names all, in groups {groups}."
