"""Reading and writing images and tables, without ever leaving a half-written file."""

from __future__ import annotations

from bioloom.files._image_file import IMAGE_SUFFIXES, TIFF_SUFFIXES, ImageFile, is_zarr, micrometres_per
from bioloom.files._reading import open_image, read_axes, read_image
from bioloom.files._replacing import replacing, replacing_folder
from bioloom.files._writing import write_image

__all__ = [
    "IMAGE_SUFFIXES",
    "TIFF_SUFFIXES",
    "ImageFile",
    "is_zarr",
    "micrometres_per",
    "open_image",
    "read_axes",
    "read_image",
    "replacing",
    "replacing_folder",
    "write_image",
]
