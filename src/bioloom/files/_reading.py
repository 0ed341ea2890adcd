"""Images from files: TIFF, PNG, JPEG, NPY, and Zarr folders."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import BioloomError, InputError
from bioloom.files._image_file import IMAGE_SUFFIXES, SPATIAL, TIFF_SUFFIXES, ImageFile, is_zarr, micrometres_per


def read_image(path: str | Path) -> NDArray[Any]:
    """Read an image or label image.

    Parameters
    ----------
    path
        TIFF (also OME-TIFF and ImageJ hyperstacks), PNG, JPEG, NPY, or the folder of a Zarr array or OME-Zarr image.

    Returns
    -------
    numpy.ndarray
        The pixels as stored: (y, x), (z, y, x), … with the file's dtype.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, has an unknown suffix, or does not fit into the memory.
    """
    return np.asarray(open_image(path).pixels)


def open_image(path: str | Path, *, lazy: bool = False) -> ImageFile:
    """Read an image with what its file tells of axes and pixel sizes.

    Parameters
    ----------
    path
        As for :func:`read_image`.
    lazy
        Whether pixels of TIFF and Zarr are to be read only when they are needed, as a Dask array; this needs the
        packages dask and zarr. Other types are read at once.

    Returns
    -------
    ImageFile
        The pixels, the axes and the sizes of a pixel. Axes of TIFF files are known if these are OME-TIFF, LSM,
        ImageJ hyperstacks or colour images; axes of length 1 are left out. Of an OME-Zarr image the first is taken, in
        full resolution.

    Raises
    ------
    InputError
        As for :func:`read_image`.
    """
    path = Path(path)
    if is_zarr(path):
        from bioloom.files._ome_zarr import read_zarr

        return read_zarr(path, lazy)
    if not path.is_file():
        what = "It is a folder, but no Zarr image. " if path.is_dir() else ""
        raise InputError(f"There is no file {path}. {what}Check the path.")
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise InputError(
            f"Cannot read {path}: {suffix or 'no suffix'} is not an image type known here. "
            f"Use one of {', '.join(IMAGE_SUFFIXES)}, .zarr."
        )
    try:
        if suffix in TIFF_SUFFIXES:
            return _read_tiff(path, lazy)
        if suffix == ".npy":
            # Not np.load: it takes zip archives of arrays for arrays.
            with path.open("rb") as file:
                return ImageFile(np.lib.format.read_array(file, allow_pickle=False))
        # Not skimage.io: on a file that is no image, it tries every format there is and leaves the file open.
        from imageio.v3 import imread

        pixels = np.asarray(imread(path, plugin="pillow"))
        return ImageFile(pixels, {2: "YX", 3: "YXC"}.get(pixels.ndim, ""))
    except BioloomError:
        raise
    except Exception as error:  # readers raise many types for broken files
        raise InputError(
            f"Cannot read {path}: {error}. The file may be damaged or of another type than its name says."
        ) from error


def check_memory(path: Path, shape: tuple[int, ...], itemsize: int) -> None:
    """Refuse to load what is larger than the memory of the machine, before it is tried.

    Raises
    ------
    InputError
        If it is.
    """
    size, memory = math.prod(shape) * itemsize, _memory()
    if size > memory:
        raise InputError(
            f"{path} has the shape {shape}, {size / 2**30:.3g} GiB, but this machine has {memory / 2**30:.3g} GiB of "
            "memory. Run a recipe over it with blocks (--blocks), or give a part of it."
        )


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 64 << 30


def _read_tiff(path: Path, lazy: bool) -> ImageFile:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        axes, sizes = _told(file)
        if lazy:
            return ImageFile(_lazy_tiff(path, series), axes, sizes)
        check_memory(path, tuple(series.shape), series.dtype.itemsize)
        return ImageFile(np.asarray(series.asarray()), axes, sizes)


def _told(file: Any) -> tuple[str, dict[str, float]]:
    """Return the axes that a TIFF file tells of, and the sizes of a pixel in µm."""
    series = file.series[0]
    axes, sizes = "", {}
    if file.is_ome or file.is_imagej or file.is_lsm:
        axes = series.axes.replace("S", "C") if "C" not in series.axes else series.axes
        sizes = _sizes(file)
    elif series.axes == "YXS":
        axes = "YXC"
    return axes if len(axes) == len(series.shape) else "", sizes


def read_axes(path: str | Path) -> ImageFile:
    """Read what a TIFF file tells of its axes and pixel sizes; the pixels are None.

    There is nothing in it for other types of files, and for those that cannot be read.
    """
    import tifffile

    if Path(path).suffix.lower() not in TIFF_SUFFIXES:
        return ImageFile(None)
    try:
        with tifffile.TiffFile(path) as file:
            return ImageFile(None, *_told(file))
    except Exception:  # readers raise many types for broken files
        return ImageFile(None)


def _lazy_tiff(path: Path, series: Any) -> Any:
    try:
        import dask.array as da
        import zarr  # noqa: F401 (blocks are read through it)
    except ImportError as error:
        raise InputError(
            f"Reading {path.name} block by block needs {error.name}: pip install 'napari-bioloom[zarr]'."
        ) from error
    stored = _Planes(path, tuple(series.shape), series.dtype)
    # Strips of a few rows would make too many blocks, and planes of many pixels too large ones.
    chunks = tuple(min(n, 1024 if axis >= stored.ndim - 2 else 16) for axis, n in enumerate(stored.shape))
    return da.from_array(stored, chunks=chunks, name=False, asarray=False)


class _Planes:
    """The pixels of a TIFF file, of which each part is read when it is asked for; no file stays open."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.shape, self.dtype, self.ndim = path, shape, dtype, len(shape)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        import tifffile
        import zarr

        with tifffile.TiffFile(self.path) as file, file.series[0].aszarr(level=0) as store:
            stored = zarr.open_array(store, mode="r")
            return np.asarray(stored[index]).astype(self.dtype, copy=False)


def _sizes(file: Any) -> dict[str, float]:
    """Return the micrometres per pixel that a TIFF tells."""
    if file.is_ome:
        found = _ome_sizes(file.ome_metadata)
    elif file.is_lsm:
        meta = file.lsm_metadata or {}
        found = {letter: float(meta.get(f"VoxelSize{letter}", 0)) * 1e6 for letter in SPATIAL}
    else:
        found = _imagej_sizes(file)
    return {letter: size for letter, size in found.items() if math.isfinite(size) and size > 0}


def _ome_sizes(text: str) -> dict[str, float]:
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return {}
    pixels = next((element for element in root.iter() if element.tag.rpartition("}")[2] == "Pixels"), None)
    found: dict[str, float] = {}
    if pixels is None:
        return found
    for letter in SPATIAL:
        factor = micrometres_per(pixels.get(f"PhysicalSize{letter}Unit", "µm"))
        try:
            found[letter] = float(pixels.get(f"PhysicalSize{letter}", "nan")) * (factor or math.nan)
        except ValueError:
            continue
    return found


def _imagej_sizes(file: Any) -> dict[str, float]:
    meta = file.imagej_metadata or {}
    factor = micrometres_per(str(meta.get("unit", "")))
    if factor is None:
        return {}
    found = {}
    for letter in "YX":
        tag = file.pages[0].tags.get(f"{letter}Resolution")
        if tag is not None and tag.value[0]:
            found[letter] = tag.value[1] / tag.value[0] * factor
    if meta.get("spacing"):
        found["Z"] = abs(float(meta["spacing"])) * factor
    return found
