"""A recipe over files, in several processes; what was finished is kept when it is stopped."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from bioloom.errors import InputError
from bioloom.files import replacing
from bioloom.recipe._joined_tables import joined_files, remove_joined, short_names, write_joined
from bioloom.recipe._journal import Journal, remove_leftovers, run_key, state_of
from bioloom.recipe._one_file import FileOptions, process_file
from bioloom.recipe.batch import (
    BatchResult,
    FileResult,
    OnFile,
    Progress,
    apply_to_files,
    check_apart,
    check_folder,
    companion,
    name_outputs,
)
from bioloom.recipe.graph import Recipe
from bioloom.recipe.provenance import describe_result, write_run
from bioloom.tables import check_table_format

REPORT = "bioloom-report.csv"
RECIPE_FILE = "bioloom-recipe.yaml"
FORMATS = ("tif", "png", "zarr")
_PARTS = 100


def run_files(
    recipe: Recipe | str | Path,
    files: Sequence[str | Path],
    out: str | Path,
    *,
    inputs: Mapping[str, str | Path] | None = None,
    spacing: Sequence[float] | None = None,
    frame_axis: int | None = None,
    channel_axis: int | None = None,
    jobs: int | None = 1,
    resume: bool = False,
    blocks: bool = False,
    file_format: str = "tif",
    table_format: str = "csv",
    arguments: Sequence[str] = (),
    progress: Progress | None = None,
    on_file: OnFile | None = None,
) -> BatchResult:
    """Run a recipe on image files; one that fails does not stop the others.

    Parameters
    ----------
    recipe
        The recipe, or its file. Its corrections by hand are left out: they belong to the image that they were made on.
    files
        The images: TIFF, OME-TIFF, PNG, Zarr or OME-Zarr; see :func:`bioloom.recipe.find_files`. They are the first
        input of the recipe. A file with as many channels as the recipe has inputs gives one to each.
    out
        Folder for the results: ``<stem>_<step>.tif`` for pixels, ``<stem>_<step>.csv`` for tables and, once all files
        are done, ``<step>-all.csv`` for the rows of all of them, with a column ``file``; beside ``bioloom-report.csv``
        (what became of each file), ``bioloom-run.json`` (all parameters and versions), ``bioloom-recipe.yaml`` (the
        recipe with its classifiers) and ``bioloom-files.jsonl`` (by which a run goes on).
    inputs
        Where inputs of the recipe come from: a path with ``{stem}`` for the name of the image, or ``#0``, ``#1``, … for
        a channel of the image.
    spacing
        Physical size of a pixel per spatial axis, in the unit of the recipe; None takes that of each file. Where the
        recipe counts in pixels, it is the proportions of their sides, counted in the finest.
    frame_axis, channel_axis
        Axes of time and of channels; None takes those that the files tell of.
    jobs
        How many processes; 1 computes in this one, None uses as many as there are cores.
    resume
        Leave out the files that the same recipe finished before with the same options, if they have not changed.
    blocks
        Read, compute and write block by block: for images larger than the memory. Every step has to be local (have a
        halo, or work on Dask arrays). Pixels are written as OME-Zarr.
    file_format
        Of pixels: ``"tif"``, ``"png"`` or ``"zarr"``.
    table_format
        Of tables: ``"csv"``, ``"tsv"``, ``"parquet"`` or ``"h5ad"`` (AnnData).
    arguments
        The words of the command line, for ``bioloom-run.json``.
    progress
        Called as ``progress(done, total)`` several times a second, in hundredths of files; it may raise Cancelled.
    on_file
        Called with the result of each file, in the order in which they are finished.

    Returns
    -------
    BatchResult
        For each file, in the order given, what was written or kept, or why it failed; and the tables of all files.

    Raises
    ------
    InputError
        If the recipe is wrong, options do not fit, two files would get one output, or nothing can be written to `out`.
    Cancelled
        If `progress` or `on_file` raised it. Files that are finished stay; `resume` goes on with the others.
    """
    chosen = (Recipe.load(recipe) if isinstance(recipe, str | Path) else recipe).checked()
    chosen = chosen.without_corrections()
    paths = [Path(path) for path in files]
    if not paths:
        raise InputError("No input file was given. Name at least one.")
    if file_format not in FORMATS:
        raise InputError(f"The format is {file_format!r}, but must be one of {', '.join(FORMATS)}.")
    check_table_format(table_format)
    if jobs is not None and jobs < 1:
        raise InputError(f"The number of jobs is {jobs}, but must be at least 1.")
    sources = {name: str(source) for name, source in (inputs or {}).items()}
    for name in sources:
        if name not in chosen.inputs:
            raise InputError(f"The recipe has no input {name!r}. Its inputs are: {', '.join(chosen.inputs)}.")
    size = None if spacing is None else tuple(float(s) for s in spacing)
    options = FileOptions(sources, size, frame_axis, channel_axis, blocks)
    out = Path(out)
    outputs = _outputs(chosen, paths, out, "zarr" if blocks else file_format, table_format, sources)
    check_folder(out)
    check_apart(out, paths)
    joined, names = joined_files(chosen, out, table_format), short_names(paths)
    written = [path for named in (joined, *outputs.values()) for path in named.values()]
    journal = Journal(out, run_key(chosen, {**vars(options), "format": file_format}))
    states = {path: state_of([path, *_companions(path, sources)]) for path in paths}
    lines = journal.finished() if resume else {}
    if resume:
        remove_leftovers(written)
    kept = {
        path: tuple(outputs[path].values())
        for path in paths
        if journal.complete(path, states[path], list(outputs[path].values()), lines)
    }
    remove_joined(list(joined.values()))
    out.mkdir(parents=True, exist_ok=True)
    chosen.save(out / RECIPE_FILE)

    results: dict[Path, FileResult] = {}
    tables: tuple[Path, ...] = ()

    def tell(result: FileResult) -> None:
        if result.outputs:
            journal.add(result.path, states[result.path], result.outputs, result.note)
        results[result.path] = result
        if on_file is not None:
            on_file(result)

    todo = [path for path in paths if path not in kept]
    report = _in_parts(progress, len(paths), results)
    try:
        for path, there in kept.items():
            tell(FileResult(path, (), "", 0.0, there, journal.note(path, lines)))
        report(0.0)
        workers = min((os.cpu_count() or 1) if jobs is None else jobs, len(todo))
        with closing(_computed(chosen, todo, outputs, options, workers, report)) as computed:
            for result in computed:
                tell(result)
                report(0.0)
        tables = write_joined(joined, outputs, [results[path] for path in paths], names, lambda: report(0.0))
    finally:
        finished = BatchResult(tuple(results[path] for path in paths if path in results), tables)
        _write_report(out, finished, names)
        parameters = {
            "recipe": chosen.name, "inputs": sources, "spacing": size, "frame_axis": frame_axis,
            "channel_axis": channel_axis, "jobs": jobs, "resume": resume, "blocks": blocks, "format": file_format,
            "tables": table_format,
        }  # fmt: skip
        described = [describe_result(f) for f in finished.files]
        there_now = [*(path for file in finished.files for path in (*file.outputs, *file.kept)), *tables]
        seeds = {step.id: step.settings["seed"] for step in chosen.steps if "seed" in step.settings}
        write_run(out, "run", parameters, inputs=described, outputs=there_now, seeds=seeds, arguments=arguments)
    return finished


def _computed(
    recipe: Recipe,
    files: Sequence[Path],
    outputs: Mapping[Path, Mapping[str, Path]],
    options: FileOptions,
    workers: int,
    tick: Callable[[float], None],
) -> Generator[FileResult, None, None]:
    """Yield the result of each file as soon as it is there."""
    if workers > 1:
        from bioloom.recipe._pool import Pool

        # Closed, and with it its processes ended, also where whoever asks does not go on.
        with closing(Pool(recipe, options, workers).run(files, outputs, tick)) as answers:
            for path, done, problem, seconds, note in answers:
                yield FileResult(path, tuple(done), problem, seconds, note=note)
        return
    for path in files:
        work = partial(_one, recipe, outputs[path], options, tick)
        yield apply_to_files([path], work).files[0]


def _one(
    recipe: Recipe, outputs: Mapping[str, Path], options: FileOptions, tick: Callable[[float], None], path: Path
) -> list[Path]:
    return process_file(recipe, path, outputs, options, lambda done, total: tick(done / max(total, 1)))


def _in_parts(progress: Progress | None, total: int, results: Mapping[Path, Any]) -> Callable[[float], None]:
    """Return a callback that is told how much is done of the files being computed."""

    def tick(fractions: float) -> None:
        if progress is not None:
            progress(min(int(_PARTS * (len(results) + fractions)), _PARTS * total), _PARTS * total)

    return tick


def _outputs(
    recipe: Recipe, files: Sequence[Path], out: Path, pixels: str, tables: str, sources: Mapping[str, str]
) -> dict[Path, dict[str, Path]]:
    """Choose the files of all outputs."""
    suffixes = {"table": tables, "surface": "ply"}
    endings = [f"_{name}.{suffixes.get(recipe.kind(name), pixels)}" for name in recipe.outputs]
    patterns = [source for source in sources.values() if not source.startswith("#")]
    named = name_outputs(files, out, endings, patterns)
    return {path: dict(zip(recipe.outputs, named[path], strict=True)) for path in files}


def _companions(path: Path, sources: Mapping[str, str]) -> list[Path]:
    return [companion(source, path) for source in sources.values() if not source.startswith("#")]


def _write_report(out: Path, result: BatchResult, names: Mapping[Path, str]) -> None:
    """Write what became of each file as a table."""
    with replacing(out / REPORT) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "status", "seconds", "outputs", "error", "path", "note"])
        for one in result.files:
            status = "failed" if one.error else "kept" if one.kept else "done"
            outputs = "; ".join(path.name for path in (*one.outputs, *one.kept))
            writer.writerow([names[one.path], status, f"{one.seconds:.2f}", outputs, one.error, one.path, one.note])
