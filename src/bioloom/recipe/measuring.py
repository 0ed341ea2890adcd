"""A table of measurements from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bioloom.errors import InputError
from bioloom.files import read_image
from bioloom.recipe.batch import Progress, check_folder
from bioloom.recipe.hints import OnHint, labels_hint, stack_hint
from bioloom.recipe.provenance import describe_file, write_run
from bioloom.recipe.steps import check_frames
from bioloom.tables import check_table_file, save_table

if TYPE_CHECKING:
    import pandas as pd


def measure_file(
    labels: str | Path,
    images: Sequence[str | Path],
    out: str | Path,
    *,
    spacing: Sequence[float] | None = None,
    frame_axis: int | None = None,
    properties: Sequence[str] | None = None,
    channel_axis: int | None = None,
    arguments: Sequence[str] = (),
    progress: Progress | None = None,
    on_hint: OnHint | None = None,
) -> pd.DataFrame:
    """Measure the objects of a label image file and write a table.

    Parameters
    ----------
    labels
        File of labels, (y, x) or (z, y, x), with time if `frame_axis` is given.
    images
        Files of images of the same shape; with several, columns of intensity end in ``_channel0``, ``_channel1``, …
    out
        The table, ending in .csv, .tsv, .parquet or .h5ad (AnnData); ``bioloom-run.json`` is written beside it.
    spacing, frame_axis, properties, channel_axis, progress
        As for :func:`bioloom.measure.measure`; `channel_axis` belongs to a single image file.
    arguments
        The words of the command line, for ``bioloom-run.json``.
    on_hint
        Called with each sentence about what may have been overlooked.

    Returns
    -------
    pandas.DataFrame
        The table that was written.

    Raises
    ------
    InputError
        If a file cannot be read or written, or the images do not fit the labels.
    """
    from bioloom.measure import measure

    out = Path(out)
    check_table_file(out)
    if channel_axis is not None and len(images) != 1:
        raise InputError(f"channel_axis is for one image file, but {len(images)} image files were given. Leave it out.")
    check_folder(out.parent)
    objects = read_image(labels)
    check_frames(objects, frame_axis, "label image")
    pixels = [read_image(path) for path in images]
    table = measure(
        objects,
        None if not pixels else pixels[0] if len(pixels) == 1 else pixels,
        spacing,
        properties,
        frame_axis=frame_axis,
        channel_axis=channel_axis,
        progress=progress,
    )
    save_table(out, table)
    parameters = {
        "spacing": spacing, "frame_axis": frame_axis, "channel_axis": channel_axis, "properties": properties,
        "images": [str(path) for path in images],
    }  # fmt: skip
    inputs = [describe_file(path) for path in (labels, *images)]
    write_run(out.parent, "measure", parameters, inputs=inputs, outputs=[out], arguments=arguments)
    if on_hint is not None:
        has_3d_spacing = spacing is not None and len(spacing) == 3
        for hint in (stack_hint(labels, objects, frame_axis, has_3d_spacing), labels_hint(labels, objects, frame_axis)):
            if hint:
                on_hint(hint)
    return table
