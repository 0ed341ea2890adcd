"""Reading and writing images and tables, without ever leaving a half-written file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

TIFF_SUFFIXES = (".tif", ".tiff")
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, ".png", ".jpg", ".jpeg", ".npy")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write to a temporary file beside `path` and rename it at the end.

    Parameters
    ----------
    path
        The file to create or replace. Missing folders are created.

    Yields
    ------
    pathlib.Path
        The temporary file to write to; it has the same suffix. It is removed if the block raises.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}. Choose a folder that you may write to."
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(_permissions(path))
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _permissions(path: Path) -> int:
    """Return the permissions that a plain open() would leave; mkstemp makes private files."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def read_image(path: str | Path) -> NDArray[Any]:
    """Read an image or label image.

    Parameters
    ----------
    path
        TIFF (also OME-TIFF and ImageJ hyperstacks), PNG, JPEG or NPY.

    Returns
    -------
    numpy.ndarray
        The pixels as stored: (y, x), (z, y, x), … with the file's dtype.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, or has an unknown suffix.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}. Check the path.")
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise InputError(
            f"Cannot read {path}: {suffix or 'no suffix'} is not an image type known here. "
            f"Use one of {', '.join(IMAGE_SUFFIXES)}."
        )
    try:
        if suffix in TIFF_SUFFIXES:
            import tifffile

            return np.asarray(tifffile.imread(path))
        if suffix == ".npy":
            # Not np.load: it takes zip archives of arrays for arrays.
            with path.open("rb") as file:
                return np.lib.format.read_array(file, allow_pickle=False)
        # Not skimage.io: on a file that is no image, it tries every format there is and leaves the file open.
        from imageio.v3 import imread

        return np.asarray(imread(path, plugin="pillow"))
    except Exception as error:  # readers raise many types for broken files
        raise InputError(
            f"Cannot read {path}: {error}. The file may be damaged or of another type than its name says."
        ) from error


def write_image(path: str | Path, image: NDArray[Any]) -> None:
    """Write an image as TIFF, compressed without loss.

    Parameters
    ----------
    path
        File to write, ending in .tif or .tiff.
    image
        Pixels; bool is stored as uint8, 64-bit integers as uint32 if they fit.

    Raises
    ------
    InputError
        If the suffix is another one, values are no numbers or labels exceed 2**32 - 1, or the file cannot be written.
    """
    import tifffile

    path = Path(path)
    if path.suffix.lower() not in TIFF_SUFFIXES:
        raise InputError(f"Images are written as TIFF, but {path.name} was asked for. Use a name ending in .tif.")
    if image.dtype.kind not in "buifc":
        raise InputError(f"Values of type {image.dtype} cannot be stored in a TIFF. Give an image of numbers.")
    if image.dtype == bool:
        image = image.astype(np.uint8)
    elif image.dtype.kind in "iu" and image.dtype.itemsize == 8:
        if image.size and (image.min() < 0 or image.max() > np.iinfo(np.uint32).max):
            raise InputError(
                f"Values {image.min()}…{image.max()} do not fit into a 32-bit label TIFF. Relabel the image first."
            )
        image = image.astype(np.uint32)
    with replacing(path) as temporary:
        # Plain TIFF cannot hold 4 GiB; whether compressed pixels stay below is not known before.
        big = image.nbytes > 2**32 - 2**25
        tifffile.imwrite(temporary, image, bigtiff=big, compression="zlib", photometric="minisblack")


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as CSV (UTF-8, comma, no index column).

    Parameters
    ----------
    path
        File to write, ending in .csv.
    table
        One row per object.

    Raises
    ------
    InputError
        If the suffix is another one or the file cannot be written.
    """
    if Path(path).suffix.lower() != ".csv":
        raise InputError(f"Tables are written as CSV, but {Path(path).name} was asked for. Use a name ending in .csv.")
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV table with a header line.

    Raises
    ------
    InputError
        If the file is missing or not a table.
    """
    import pandas as pd

    if not Path(path).is_file():
        raise InputError(f"There is no file {path}. Check the path.")
    try:
        return pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise InputError(f"Cannot read {path} as a CSV table: {error}") from error
