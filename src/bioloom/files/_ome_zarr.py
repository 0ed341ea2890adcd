"""Zarr arrays and OME-Zarr images: https://ngff.openmicroscopy.org (0.4 and 0.5 are read, 0.4 is written)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bioloom.errors import BioloomError, InputError
from bioloom.files._image_file import SPATIAL, ImageFile, micrometres_per
from bioloom.files._reading import check_memory
from bioloom.files._replacing import replacing_folder

_SMALLEST_LEVEL = 1024
_KINDS = {"T": "time", "C": "channel"}


def read_zarr(path: Path, lazy: bool) -> ImageFile:
    """Read an array, or the first image of a group in its full resolution.

    Raises
    ------
    InputError
        If it is none, is broken, or is too large for the memory and not to be read lazily.
    """
    zarr = _zarr(path)
    try:
        stored = zarr.open(str(path), mode="r")
        meta: Mapping[str, Any] = {}
        if not isinstance(stored, zarr.Array):
            stored, meta = _full_resolution(path, stored)
        axes, sizes = _axes_of(stored, meta)
        if lazy:
            import dask.array as da

            return ImageFile(da.from_zarr(stored), axes, sizes)
        check_memory(path, stored.shape, stored.dtype.itemsize)
        return ImageFile(stored[...], axes, sizes)
    except BioloomError:
        raise
    except Exception as error:  # a broken store raises many types
        raise InputError(f"Cannot read {path}: {error}. Is it a complete Zarr image?") from error


def write_zarr(
    path: Path, image: Any, axes: str, spacing: Sequence[float] | None, unit: str, labels: bool = False
) -> None:
    """Write an OME-Zarr image, with smaller copies for viewing.

    Parameters
    ----------
    path
        The folder.
    image
        NumPy array, or Dask array, which is computed and written block by block.
    axes
        A letter per axis.
    spacing
        Size of a pixel along the spatial axes.
    unit
        Of `spacing`.
    labels
        Whether the pixels are labels, which is noted in the file.
    """
    zarr = _zarr(path)
    image = image.astype("uint8") if image.dtype == bool else image
    with replacing_folder(path) as temporary:
        group = zarr.open_group(str(temporary), mode="w", zarr_format=2)
        scales = _scales(axes, spacing)
        datasets: list[dict[str, Any]] = []
        level, step = image, 1
        while True:
            name = str(len(datasets))
            stored = _write_level(group, name, level)
            factors = [step if letter in "YX" else 1 for letter in axes]
            scale = [size * factor for size, factor in zip(scales, factors, strict=True)]
            datasets.append({"path": name, "coordinateTransformations": [{"type": "scale", "scale": scale}]})
            if max(stored.shape[-2:]) <= _SMALLEST_LEVEL:
                break
            level = _lazily(stored)[tuple(slice(None, None, 2 if letter in "YX" else None) for letter in axes)]
            step *= 2
        group.attrs["multiscales"] = [
            {
                "version": "0.4",
                "name": path.stem,
                "axes": [_axis(letter, "pixel" if spacing is None else unit) for letter in axes],
                "datasets": datasets,
            }
        ]
        if labels:
            group.attrs["image-label"] = {"version": "0.4"}


def _write_level(group: Any, name: str, image: Any) -> Any:
    chunks = tuple(min(n, 512 if axis >= image.ndim - 2 else 32) for axis, n in enumerate(image.shape))
    stored = group.create_array(
        name, shape=image.shape, dtype=image.dtype, chunks=chunks, chunk_key_encoding={"name": "v2", "separator": "/"}
    )
    if hasattr(image, "dask"):
        import dask.array as da

        da.store(image.rechunk(chunks), stored, lock=False, scheduler="threads")
    else:
        stored[...] = image
    return stored


def _lazily(stored: Any) -> Any:
    import dask.array as da

    return da.from_zarr(stored)


def _scales(axes: str, spacing: Sequence[float] | None) -> list[float]:
    sizes = iter(spacing or ())
    return [float(next(sizes, 1.0)) if letter in SPATIAL else 1.0 for letter in axes]


def _axis(letter: str, unit: str) -> dict[str, str]:
    described = {"name": letter.lower(), "type": _KINDS.get(letter, "space")}
    return described | ({"unit": unit} if letter in SPATIAL and unit != "pixel" else {})


def _full_resolution(path: Path, group: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return the array of full resolution of a group, and the metadata of its image."""
    attributes = dict(group.attrs)
    scales = attributes.get("ome", attributes).get("multiscales")
    if not scales and "0" in group:
        # As bioformats2raw writes it: images in numbered groups.
        group = group["0"]
        if not hasattr(group, "keys"):
            return group, {}
        attributes = dict(group.attrs)
        scales = attributes.get("ome", attributes).get("multiscales")
    if not scales:
        names = ", ".join(sorted(group.keys())[:10]) or "nothing"
        raise InputError(f"{path} is a Zarr group without an OME-Zarr image. It holds: {names}. Name one of these.")
    meta = scales[0]
    name = str(meta["datasets"][0]["path"])
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise InputError(f"{path} names pixels outside of its folder ({name[:80]!r}), so it is not read.")
    return group[name], meta


def _axes_of(stored: Any, meta: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """Return the letters of the axes, and the micrometres per pixel."""
    named = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in meta.get("axes", ())]
    if not named:
        names = getattr(stored.metadata, "dimension_names", None) or stored.attrs.get("_ARRAY_DIMENSIONS") or ()
        named = [{"name": name} for name in names]
    letters = [str(axis.get("name") or "?").upper() for axis in named]
    if len(letters) != stored.ndim or any(len(letter) != 1 for letter in letters):
        return "", {}
    scale = [1.0] * stored.ndim
    datasets = meta.get("datasets") or [{}]
    for source in (datasets[0], meta):
        for change in source.get("coordinateTransformations") or ():
            if change.get("type") == "scale":
                scale = [a * float(b) for a, b in zip(scale, change["scale"], strict=True)]
    sizes = {
        letter: size * factor
        for letter, axis, size in zip(letters, named, scale, strict=True)
        if letter in SPATIAL and (factor := micrometres_per(str(axis.get("unit", "")))) and size > 0
        and math.isfinite(size)
    }  # fmt: skip
    return "".join(letters), sizes


def _zarr(path: Path) -> Any:
    try:
        import dask.array  # noqa: F401 (images are handed on as Dask arrays)
        import zarr
    except ImportError as error:
        raise InputError(f"{path.name} needs the package {error.name}: pip install 'napari-bioloom[zarr]'.") from error
    return zarr
