"""A classifier over image files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bioloom.errors import InputError
from bioloom.recipe.batch import (
    BatchResult,
    FileResult,
    OnFile,
    Progress,
    apply_to_files,
    check_apart,
    check_folder,
    name_outputs,
)
from bioloom.recipe.predicting import object_work, pixel_work, table_work
from bioloom.recipe.provenance import describe_file, record_batch
from bioloom.tables import check_table_format

if TYPE_CHECKING:
    from bioloom.classify.base import ForestClassifier

Existing = Literal["replace", "keep"]

_RESULTS = {
    "ObjectSegmenter": ["objects.tif"],
    "ProbabilityMapper": ["probability.tif"],
    "ObjectClassifier": ["object_classes.tif", "object_classes.csv"],
    "ObjectSelector": ["selected.tif"],
    "ObjectMerger": ["merged.tif"],
    "TableClassifier": ["classes.csv"],
}
"""What the files are called that hold the prediction itself; those of other pixel classifiers hold classes."""


def classify_files(
    model: str | Path | ForestClassifier,
    files: Sequence[Path],
    out: str | Path,
    *,
    labels: str | Path | None = None,
    probabilities: bool = False,
    uncertainty: bool = False,
    objects: int | None = None,
    spacing: Sequence[float] | None = None,
    frame_axis: int | None = None,
    channel_axis: int | None = None,
    existing: Existing = "replace",
    table_format: str = "csv",
    arguments: Sequence[str] = (),
    progress: Progress | None = None,
    on_file: OnFile | None = None,
) -> BatchResult:
    """Run a classifier on image files.

    Parameters
    ----------
    model
        A classifier file (.cl), or a trained classifier.
    files
        The images; :func:`bioloom.recipe.find_files` lists those of a folder.
    out
        Folder for the results and ``bioloom-run.json``. They are named after the image: ``<stem>_classes.tif`` by a
        PixelClassifier, ``<stem>_objects.tif`` (labels) by an ObjectSegmenter, ``<stem>_probability.tif`` (float32,
        0…1) by a ProbabilityMapper, ``<stem>_object_classes.tif`` and ``<stem>_object_classes.csv`` by an
        ObjectClassifier, ``<stem>_selected.tif`` (labels) by an ObjectSelector, ``<stem>_merged.tif`` (labels) by an
        ObjectMerger.
    labels
        Classifiers of objects only: the file of objects; ``{stem}`` stands for the name of the image.
    probabilities
        Pixel classifiers only: also write ``<stem>_probabilities.tif``, the axis of classes first.
    uncertainty
        Pixel classifiers only: also write ``<stem>_uncertainty.tif``, float32 0…1: 1 minus the lead of the most
        probable class over the next.
    objects
        PixelClassifier only: also write ``<stem>_objects.tif``, the connected regions of this class.
    spacing
        Physical size of a pixel per spatial axis; that of the training if left out and known.
    frame_axis
        The axis of time.
    channel_axis
        The axis of channels in the files, 0 or larger. Left out, it is found: for pixel classifiers it is the axis of
        the training if its length is the number of channels of the training, else the only axis of that length; for
        object classifiers the axis that the labels do not have.
    existing
        What to do about results that are there already: ``"replace"`` them, or ``"keep"`` them and make only those
        that are missing.
    table_format
        Of tables: ``"csv"``, ``"tsv"``, ``"parquet"`` or ``"h5ad"`` (AnnData).
    arguments
        The words of the command line, for ``bioloom-run.json``.
    progress
        Called as ``progress(done, total)`` with numbers of files, several times per file, so that it can stop the run.
    on_file
        Called with the result of each file.

    Returns
    -------
    BatchResult
        What was written, and which files failed and why.

    Raises
    ------
    InputError
        If options do not fit the kind of classifier, two files would get one output, nothing can be written to `out`,
        or images lie in it.
    ModelFileError
        If the classifier file is broken.
    Cancelled
        If `progress` or `on_file` raised it. Results that are complete stay, and ``bioloom-run.json`` tells of them.
    """
    from bioloom.classify.model_file import describe

    if channel_axis is not None and channel_axis == frame_axis:
        raise InputError(f"Axis {frame_axis} cannot hold both time (--frame-axis) and channels (--channel-axis).")
    check_table_format(table_format)
    classifier, name = _loaded(model)
    results = [
        result.replace(".csv", f".{table_format}")
        for result in _results(classifier, name, labels, probabilities, uncertainty, objects)
    ]
    outputs = name_outputs(files, out, [f"_{result}" for result in results], [] if labels is None else [labels])
    check_folder(out)
    if type(classifier).__name__ != "TableClassifier":
        check_apart(out, files)
    there = {path: tuple(o for o in outputs[path] if existing == "keep" and o.exists()) for path in files}
    wanted = {
        path: {
            result.removesuffix(".tif") if labels is None else result: output
            for result, output in zip(results, outputs[path], strict=True)
            if output not in there[path]
        }
        for path in files
    }
    tick = _Tick(progress, len(files))
    if type(classifier).__name__ == "TableClassifier":
        work = table_work(classifier, wanted)
    elif labels is not None:
        work = object_work(classifier, wanted, labels, spacing, frame_axis, channel_axis, tick)
    else:
        work = pixel_work(classifier, wanted, objects, spacing, frame_axis, channel_axis, tick)
    parameters = {
        "model": describe_file(model) if isinstance(model, str | Path) else name, **describe(classifier),
        "labels": None if labels is None else str(labels), "probabilities": probabilities, "uncertainty": uncertainty,
        "objects": objects, "spacing": spacing, "frame_axis": frame_axis, "channel_axis": channel_axis,
        "existing": existing,
    }  # fmt: skip
    finished: list[FileResult] = []

    def tell(file: FileResult) -> None:
        finished.append(file)
        tick.done = len(finished)
        if on_file is not None:
            on_file(file)

    complete = {path: found for path, found in there.items() if not wanted[path]}
    try:
        apply_to_files(files, work, existing=complete, progress=progress, on_file=tell)
    finally:
        result = BatchResult(tuple(finished))
        record_batch(out, "classify", parameters, result, {"training": classifier.seed}, arguments)
    return result


class _Tick:
    """Asks the caller, while a file is worked on, whether to go on."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self.done = progress, total, 0

    def __call__(self, done: int = 0, total: int = 0) -> None:
        if self._progress is not None:
            self._progress(self.done, self._total)


def _loaded(model: str | Path | ForestClassifier) -> tuple[Any, str]:
    """Return a trained classifier and what to call it in messages."""
    from bioloom.classify import load_classifier

    if isinstance(model, str | Path):
        return load_classifier(model), str(model)
    _ = model.forest
    return model, type(model).__name__


def _results(
    classifier: Any,
    name: str,
    labels: str | Path | None,
    probabilities: bool,
    uncertainty: bool,
    objects: int | None,
) -> list[str]:
    """Return how the names of the results end; refuse options that are for other kinds of classifiers."""
    from bioloom.classify import PixelClassifier

    results = _RESULTS.get(type(classifier).__name__, ["classes.tif"])
    if not isinstance(classifier, PixelClassifier):
        of_tables = type(classifier).__name__ == "TableClassifier"
        what = "tables" if of_tables else "objects"
        if probabilities or uncertainty or objects is not None:
            raise InputError(
                f"{name} classifies {what}; probabilities, uncertainty and objects are for pixel classifiers."
            )
        if of_tables and labels is not None:
            raise InputError(f"{name} classifies tables and takes no labels. Leave out --labels.")
        if not of_tables and labels is None:
            raise InputError(f"{name} classifies objects: give their label image, too (--labels FILE).")
        return results
    if labels is not None:
        raise InputError(f"{name} classifies pixels and takes no labels. Leave out --labels.")
    if objects is not None:
        if results != ["classes.tif"]:
            given = results[0].removesuffix(".tif")
            raise InputError(f"{name} gives {given}. Leave out --objects, which is for classifiers that give classes.")
        if objects not in classifier.classes_:
            known = ", ".join(map(str, classifier.classes_))
            raise InputError(f"{name} has no class {objects} to make objects of. It has the classes {known}.")
    further = {"probabilities": probabilities, "uncertainty": uncertainty, "objects": objects is not None}
    return [*results, *(f"{kind}.tif" for kind, asked in further.items() if asked)]
