"""Sample images: simulated fluorescence nuclei with ground truth, and scikit-image's microscopy images.

The simulated ones come with the true label image, the true type of every cell and, over time, the lineage, so that a
segmentation, a classifier or a measurement can be checked against what is known to be right.
"""

from __future__ import annotations

from collections.abc import Callable

from bioloom.errors import InputError
from bioloom.samples.annotations import annotate_objects, strokes
from bioloom.samples.nuclei import nuclei_2d, nuclei_3d, nuclei_two_channels
from bioloom.samples.providers import (
    open_cell,
    open_cells3d,
    open_human_mitosis,
    open_immunohistochemistry,
    open_kidney,
    open_nuclei_2d,
    open_nuclei_3d,
    open_nuclei_timelapse,
    open_nuclei_two_channels,
    open_protein_transport,
)
from bioloom.samples.sample import Sample
from bioloom.samples.timelapse import nuclei_timelapse

__all__ = [
    "SAMPLES",
    "Sample",
    "annotate_objects",
    "make_sample",
    "nuclei_2d",
    "nuclei_3d",
    "nuclei_timelapse",
    "nuclei_two_channels",
    "open_cell",
    "open_cells3d",
    "open_human_mitosis",
    "open_immunohistochemistry",
    "open_kidney",
    "open_nuclei_2d",
    "open_nuclei_3d",
    "open_nuclei_timelapse",
    "open_nuclei_two_channels",
    "open_protein_transport",
    "strokes",
]

SAMPLES: dict[str, Callable[..., Sample]] = {
    "nuclei_2d": nuclei_2d,
    "nuclei_timelapse": nuclei_timelapse,
    "nuclei_3d": nuclei_3d,
    "nuclei_two_channels": nuclei_two_channels,
}


def make_sample(name: str, seed: int = 0) -> Sample:
    """Simulate a sample by its name, with its default shape and number of nuclei.

    Parameters
    ----------
    name
        One of the keys of `SAMPLES`.
    seed
        Random seed, 0 or larger; the same seed gives the same sample.

    Returns
    -------
    Sample
        Image, ground truth labels and cell types.

    Raises
    ------
    InputError
        If there is no sample of that name.
    """
    if name not in SAMPLES:
        raise InputError(f"There is no sample named {name!r}. Choose one of {', '.join(SAMPLES)}.")
    return SAMPLES[name](seed=seed)
