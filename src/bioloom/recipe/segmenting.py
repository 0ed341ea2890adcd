"""An operation of the catalogue over image files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bioloom.errors import InputError
from bioloom.files import read_image
from bioloom.recipe.batch import BatchResult, OnFile, Progress, apply_to_files, check_folder, companion, name_outputs
from bioloom.recipe.hints import OnHint, stack_hint
from bioloom.recipe.provenance import record_batch
from bioloom.recipe.steps import check_frames, run_operation, write_result
from bioloom.tables import check_table_format


def segment_files(
    files: Sequence[Path],
    operation: str,
    out: str | Path,
    *,
    settings: Mapping[str, Any] | None = None,
    arrays: Mapping[str, str | Path] | None = None,
    frame_axis: int | None = None,
    table_format: str = "csv",
    arguments: Sequence[str] = (),
    progress: Progress | None = None,
    on_file: OnFile | None = None,
    on_hint: OnHint | None = None,
) -> BatchResult:
    """Run an operation of the catalogue on image files, on the device in use.

    Parameters
    ----------
    files
        The images: the first array of the operation. Shapes are (y, x) or (z, y, x), with one axis more if `frame_axis`
        is given.
    operation
        Its name.
    out
        Folder for ``<stem>_<operation>.tif`` (a table of operations that give one, ``.ply`` of those that give a
        surface) and ``bioloom-run.json``.
    settings
        Parameters of the operation.
    arrays
        Files of its other arrays by their name; ``{stem}`` in a path stands for the name of the image.
    frame_axis
        The axis of time or of channels; each of its images is processed on its own.
    table_format
        Of operations that give a table: ``"csv"``, ``"tsv"``, ``"parquet"`` or ``"h5ad"`` (AnnData).
    arguments
        The words of the command line, for ``bioloom-run.json``.
    progress, on_file
        Called after each file, see :func:`bioloom.recipe.apply_to_files`.
    on_hint
        Called, at most once, with a sentence about what may have been overlooked.

    Returns
    -------
    BatchResult
        What was written, and which files failed and why.

    Raises
    ------
    InputError
        If parameters do not fit the operation, two files would get one output, or nothing can be written to `out`.
    """
    from bioloom import device
    from bioloom.recipe.catalogue import get_operation

    chosen = get_operation(operation)
    others = dict(arrays or {})
    first, *more = chosen.arrays
    for name in others:
        if name not in [p.name for p in more]:
            raise InputError(f"{chosen.name} takes no further array called {name}.")
    missing = [p.name for p in more if not p.optional and p.name not in others]
    if missing:
        raise InputError(f"{chosen.name} needs a file of {' and of '.join(missing)} (--{missing[0]} FILE).")
    used = chosen.check_parameters(**dict(settings or {}))
    check_table_format(table_format)
    suffix = {"table": table_format, "surface": "ply"}.get(chosen.returns, "tif")
    if any(p.kind == "surface" for p in chosen.arrays):
        raise InputError(f"{chosen.name} works on surfaces, which are made in a recipe: see `bioloom run`.")
    outputs = name_outputs(files, out, [f"_{chosen.name}.{suffix}"], others.values())
    check_folder(out)

    hinted: list[str] = []

    def work(path: Path) -> Sequence[Path]:
        image = read_image(path)
        check_frames(image, frame_axis, first.name)
        extra = [read_image(companion(others[p.name], path)) if p.name in others else None for p in more]
        result = run_operation(chosen, image, *extra, frame_axis=frame_axis, **used)
        write_result(outputs[path][0], result)
        hint = "" if hinted else stack_hint(path, image, frame_axis, len(used.get("spacing") or ()) == 3)
        if hint and on_hint is not None:
            hinted.append(hint)
            on_hint(hint)
        return outputs[path]

    result = apply_to_files(files, work, progress=progress, on_file=on_file)
    parameters = {
        "operation": chosen.name, **used, **{k: str(v) for k, v in others.items()}, "frame_axis": frame_axis,
        "device": device.current().name,
    }  # fmt: skip
    record_batch(out, "segment", parameters, result, arguments=arguments)
    return result
