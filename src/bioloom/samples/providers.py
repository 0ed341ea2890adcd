"""What napari's File > Open Sample offers: functions that take nothing and return layer data tuples.

Every layer states its scale, units and axis labels: one layer without units would take them from all the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.samples.nuclei import nuclei_2d, nuclei_3d, nuclei_two_channels
from bioloom.samples.sample import Sample
from bioloom.samples.timelapse import nuclei_timelapse

LayerData = tuple[NDArray[Any], dict[str, Any], str]
MICROMETER = "micrometer"


def _simulated(sample: Sample, title: str, channels: Sequence[tuple[str, str]] = ()) -> list[LayerData]:
    """Layers of a sample: the image, one layer per channel (name, colormap), then the hidden ground truth."""
    keep = [i for i, axis in enumerate(sample.axes) if axis != "c"]
    place = {
        "scale": tuple(sample.spacing[i] for i in keep),
        "units": tuple(sample.units[i] for i in keep),
        "axis_labels": tuple(sample.axes[i] for i in keep),
    }
    about = {"sample": sample.name, "seed": sample.seed, "cell_types": sample.cell_types, "parents": sample.parents}
    layers: list[LayerData] = []
    if channels:
        for data, (name, colormap) in zip(sample.image, channels, strict=True):
            looks = {"colormap": colormap, "blending": "additive"}
            layers.append((data, {"name": f"{title}: {name}", **looks, **place, "metadata": dict(about)}, "image"))
    else:
        layers.append((sample.image, {"name": title, **place, "metadata": dict(about)}, "image"))
    truth = {"name": f"{title}: ground truth", "visible": False, **place, "metadata": dict(about)}
    layers.append((sample.labels, truth, "labels"))
    return layers


def open_nuclei_2d() -> list[LayerData]:
    """Open simulated nuclei of two types, (y, x), with ground truth."""
    return _simulated(nuclei_2d(), "Nuclei")


def open_nuclei_timelapse() -> list[LayerData]:
    """Open simulated drifting and dividing nuclei, (t, y, x), with ground truth."""
    return _simulated(nuclei_timelapse(), "Dividing nuclei")


def open_nuclei_3d() -> list[LayerData]:
    """Open a simulated stack of nuclei, (z, y, x), with ground truth."""
    return _simulated(nuclei_3d(), "Nuclei 3D")


def open_nuclei_two_channels() -> list[LayerData]:
    """Open simulated nuclei and a marker that one cell type expresses, two layers (y, x), with ground truth."""
    return _simulated(nuclei_two_channels(), "Two channels", [("nuclei", "blue"), ("marker", "green")])


def _scikit_image(name: str) -> NDArray[Any]:
    """Load a data set of scikit-image, which downloads most of them when they are first used.

    Raises
    ------
    InputError
        If it has to be downloaded and cannot be.
    """
    from skimage import data

    try:
        return np.asarray(getattr(data, name)())
    except ModuleNotFoundError as error:
        raise InputError(
            f"The sample {name} has to be downloaded, and pooch, which does it, is missing. "
            "Install it with `pip install pooch` and try again."
        ) from error
    except (OSError, ValueError) as error:  # no connection, no room on the disk, or a broken download
        raise InputError(
            f"The sample {name} could not be downloaded: {error}. An internet connection is needed the first "
            "time it is opened; the simulated samples need none."
        ) from error


def _layer(
    data: NDArray[Any], name: str, axes: str, scale: Sequence[float] | None, source: str, **looks: Any
) -> LayerData:
    """Image layer of a data set of scikit-image; `scale` None if the pixel size is not known."""
    units = ("pixel",) * len(axes) if scale is None else (MICROMETER,) * len(axes)
    place = {"scale": tuple(scale or (1.0,) * len(axes)), "units": units, "axis_labels": tuple(axes)}
    return data, {"name": name, **place, **looks, "metadata": {"source": f"skimage.data.{source}"}}, "image"


def open_human_mitosis() -> list[LayerData]:
    """Open fluorescent nuclei of human cells, some in mitosis, (y, x); the pixel size is not known. Downloaded once."""
    return [_layer(_scikit_image("human_mitosis"), "Human mitosis", "yx", None, "human_mitosis")]


def open_cells3d() -> list[LayerData]:
    """Open membranes and nuclei of a cell layer, two channels (z, y, x), 0.29 × 0.26 × 0.26 µm. Downloaded once."""
    data = _scikit_image("cells3d")
    channels = (("membranes", "green"), ("nuclei", "magenta"))
    return [
        _layer(
            data[:, i], f"Cells 3D: {name}", "zyx", (0.29, 0.26, 0.26), "cells3d", colormap=colour, blending="additive"
        )
        for i, (name, colour) in enumerate(channels)
    ]


def open_kidney() -> list[LayerData]:
    """Open mouse kidney tissue, confocal, three channels (z, y, x), 1.25 × 1.24 × 1.24 µm. Downloaded once."""
    data = _scikit_image("kidney")
    channels = (("450 nm", "blue"), ("515 nm", "green"), ("605 nm", "red"))
    return [
        _layer(
            data[..., i], f"Kidney: {name}", "zyx", (1.25, 1.24, 1.24), "kidney", colormap=colour, blending="additive"
        )
        for i, (name, colour) in enumerate(channels)
    ]


def open_protein_transport() -> list[LayerData]:
    """Open a protein's move to the nuclear envelope, two channels (t, y, x); step sizes unknown. Downloaded once."""
    data = _scikit_image("protein_transport")
    return [
        _layer(
            data[:, i],
            f"Protein transport: channel {i}",
            "tyx",
            None,
            "protein_transport",
            colormap=c,
            blending="additive",
        )
        for i, c in enumerate(("green", "magenta"))
    ]


def open_cell() -> list[LayerData]:
    """Open a quantitative phase image of one cell in saline, (y, x), 0.107 micrometer per pixel."""
    return [_layer(_scikit_image("cell"), "Cell", "yx", (0.107, 0.107), "cell")]


def open_immunohistochemistry() -> list[LayerData]:
    """Open stained colon tissue in bright field, RGB (y, x); the pixel size is not known."""
    data = _scikit_image("immunohistochemistry")
    return [_layer(data, "Immunohistochemistry", "yx", None, "immunohistochemistry", rgb=True)]
