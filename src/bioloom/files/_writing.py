"""Images to files: TIFF, OME-TIFF, PNG, and OME-Zarr folders."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.files._image_file import SPATIAL, TIFF_SUFFIXES, micrometres_per
from bioloom.files._replacing import replacing


def write_image(
    path: str | Path,
    image: Any,
    *,
    axes: str = "",
    spacing: Sequence[float] | None = None,
    unit: str = "micrometer",
    labels: bool = False,
) -> None:
    """Write an image, compressed without loss.

    Parameters
    ----------
    path
        File to write, ending in .tif, .tiff, .png, or .zarr, which is a folder. The file takes its place only once it
        is complete.
    image
        Pixels; bool is stored as uint8, 64-bit integers as uint32 if they fit. A Dask array is written block by block
        to .zarr, and loaded for the other types.
    axes
        A letter per axis, such as ``"TZYX"``. With it, TIFF files tell their axes and pixel sizes as OME-TIFF does.
    spacing
        Size of a pixel along the spatial axes among `axes`.
    unit
        Unit of `spacing`: a unit of length, or ``"pixel"``.
    labels
        Whether these are labels; OME-Zarr says so.

    Raises
    ------
    InputError
        If the suffix is another one, the type does not fit the file (PNG: one plane of uint8 or uint16), values are no
        numbers or labels exceed 2**32 - 1, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (*TIFF_SUFFIXES, ".png", ".zarr"):
        raise InputError(
            f"Images are written as TIFF, PNG or Zarr, but {path.name} was asked for. Use a name ending in .tif, .png "
            "or .zarr."
        )
    if axes and len(axes) != image.ndim:
        raise InputError(f"The axes {axes!r} do not fit an image of the shape {image.shape}.")
    if image.dtype.kind not in "buifc":
        raise InputError(f"Values of type {image.dtype} cannot be stored as pixels. Give an image of numbers.")
    if suffix == ".zarr":
        from bioloom.files._ome_zarr import write_zarr

        letters = axes or (SPATIAL[-image.ndim :] if image.ndim <= 3 else "TCZYX"[-image.ndim :])
        if image.ndim > len(letters):
            raise InputError(f"{path.name}: OME-Zarr has at most 5 axes, but the image has the shape {image.shape}.")
        write_zarr(path, image, letters, spacing, unit, labels)
        return
    pixels = _storable(np.asarray(image))
    with replacing(path) as temporary:
        if suffix == ".png":
            _write_png(path, temporary, pixels)
        else:
            _write_tiff(temporary, pixels, axes, spacing, unit)


def _storable(image: NDArray[Any]) -> NDArray[Any]:
    if image.dtype == bool:
        return image.astype(np.uint8)
    if image.dtype.kind in "iu" and image.dtype.itemsize == 8:
        if image.size and (image.min() < 0 or image.max() > np.iinfo(np.uint32).max):
            raise InputError(
                f"Values {image.min()}…{image.max()} do not fit into a 32-bit label TIFF. Relabel the image first."
            )
        return image.astype(np.uint32)
    return image


def _write_tiff(path: Path, image: NDArray[Any], axes: str, spacing: Sequence[float] | None, unit: str) -> None:
    import tifffile

    # Plain TIFF cannot hold 4 GiB; whether compressed pixels stay below is not known before.
    big = image.nbytes > 2**32 - 2**25
    metadata: dict[str, Any] | None = None
    if axes and image.dtype not in (np.int64, np.uint64, np.float16):
        # The same pixels give the same file: a random number would make each a different one.
        metadata = {"axes": axes, "UUID": str(uuid.UUID(int=zlib.crc32(np.ascontiguousarray(image).data)))}
        factor = micrometres_per(unit)
        if spacing is not None and factor is not None:
            for letter, size in zip((a for a in axes if a in SPATIAL), spacing, strict=True):
                metadata |= {f"PhysicalSize{letter}": float(size) * factor, f"PhysicalSize{letter}Unit": "µm"}
    tifffile.imwrite(
        path, image, bigtiff=big, compression="zlib", photometric="minisblack", ome=metadata is not None,
        **({} if metadata is None else {"metadata": metadata}),
    )  # fmt: skip


def _write_png(path: Path, temporary: Path, image: NDArray[Any]) -> None:
    from imageio.v3 import imwrite

    if image.ndim == 2 and image.dtype.kind in "iu" and image.size and image.min() >= 0 and image.max() <= 65535:
        image = image.astype(np.uint8 if image.max() <= 255 and image.dtype.itemsize != 2 else np.uint16)
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"{path.name}: PNG holds one plane of whole numbers up to 65535, but the image has the shape {image.shape} "
            f"and the type {image.dtype}. Write a .tif."
        )
    imwrite(temporary, image, plugin="pillow", extension=".png")
