"""A classifier over image files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.files import read_image, write_image, write_table
from bioloom.recipe.batch import BatchResult, OnFile, Progress, apply_to_files, check_folder, companion, name_outputs
from bioloom.recipe.channels import channels_last, named_channels
from bioloom.recipe.provenance import describe_file, record_batch
from bioloom.recipe.steps import run_frames

if TYPE_CHECKING:
    from bioloom.classify import ObjectClassifier, PixelClassifier


def classify_files(
    model: str | Path,
    files: Sequence[Path],
    out: str | Path,
    *,
    labels: str | Path | None = None,
    probabilities: bool = False,
    objects: int | None = None,
    spacing: Sequence[float] | None = None,
    frame_axis: int | None = None,
    channel_axis: int | None = None,
    arguments: Sequence[str] = (),
    progress: Progress | None = None,
    on_file: OnFile | None = None,
) -> BatchResult:
    """Run a classifier on image files.

    Parameters
    ----------
    model
        A classifier file (.cl).
    files
        The images.
    out
        Folder for the results and ``bioloom-run.json``. Pixel classifiers give ``<stem>_classes.tif``; object
        classifiers ``<stem>_object_classes.tif`` and ``<stem>_object_classes.csv``.
    labels
        Object classifiers only: the file of objects; ``{stem}`` stands for the name of the image.
    probabilities
        Pixel classifiers only: also write ``<stem>_probabilities.tif``, the axis of classes first.
    objects
        Pixel classifiers only: also write ``<stem>_objects.tif``, the connected regions of this class.
    spacing
        Physical size of a pixel per spatial axis; that of the training if left out and known.
    frame_axis
        The axis of time.
    channel_axis
        The axis of channels in the files, 0 or larger. Left out, it is found: for pixel classifiers it is the axis of
        the training if its length is the number of channels of the training, else the only axis of that length; for
        object classifiers the axis that the labels do not have.
    arguments
        The words of the command line, for ``bioloom-run.json``.
    progress, on_file
        Called after each file, see :func:`bioloom.recipe.apply_to_files`.

    Returns
    -------
    BatchResult
        What was written, and which files failed and why.

    Raises
    ------
    InputError
        If options do not fit the kind of classifier, two files would get one output, or nothing can be written to
        `out`.
    ModelFileError
        If the classifier file is broken.
    """
    from bioloom.classify import ObjectClassifier, load_classifier
    from bioloom.classify.model_file import describe

    if channel_axis is not None and channel_axis == frame_axis:
        raise InputError(f"Axis {frame_axis} cannot hold both time (--frame-axis) and channels (--channel-axis).")
    classifier = load_classifier(model)
    work: Callable[[Path], Sequence[Path]]
    if isinstance(classifier, ObjectClassifier):
        if labels is None:
            raise InputError(f"{model} classifies objects: give their label image, too (--labels FILE).")
        if probabilities or objects is not None:
            raise InputError(f"{model} classifies objects; probabilities and objects are for pixel classifiers.")
        outputs = name_outputs(files, out, ["_object_classes.tif", "_object_classes.csv"], [labels])
        work = _object_work(classifier, labels, outputs, spacing, frame_axis, channel_axis)
    else:
        if labels is not None:
            raise InputError(f"{model} classifies pixels and takes no labels. Leave out --labels.")
        if objects is not None and objects not in classifier.classes_:
            known = ", ".join(map(str, classifier.classes_))
            raise InputError(f"{model} has no class {objects} to make objects of. It has the classes {known}.")
        wanted = {"classes": True, "probabilities": probabilities, "objects": objects is not None}
        outputs = name_outputs(files, out, [f"_{kind}.tif" for kind, asked in wanted.items() if asked])
        work = _pixel_work(classifier, outputs, probabilities, objects, spacing, frame_axis, channel_axis)
    check_folder(out)
    result = apply_to_files(files, work, progress=progress, on_file=on_file)
    parameters = {
        "model": describe_file(model), **describe(classifier), "labels": None if labels is None else str(labels),
        "probabilities": probabilities, "objects": objects, "spacing": spacing, "frame_axis": frame_axis,
        "channel_axis": channel_axis,
    }  # fmt: skip
    record_batch(out, "classify", parameters, result, {"training": classifier.seed}, arguments)
    return result


def _pixel_work(
    classifier: PixelClassifier,
    outputs: Mapping[Path, Sequence[Path]],
    probabilities: bool,
    objects: int | None,
    spacing: Sequence[float] | None,
    frame_axis: int | None,
    channel_axis: int | None,
) -> Callable[[Path], Sequence[Path]]:
    from bioloom.classify import objects_of_class

    def classify(frame: NDArray[Any]) -> NDArray[Any]:
        return classifier.predict(frame, channel_axis=-1, spacing=spacing)

    def probable(frame: NDArray[Any]) -> NDArray[Any]:
        return np.moveaxis(classifier.predict_proba(frame, channel_axis=-1, spacing=spacing), 0, -1)

    def work(path: Path) -> Sequence[Path]:
        image, time_axis = channels_last(classifier, read_image(path), frame_axis, channel_axis)
        classes = run_frames(classify, image, time_axis)
        results = [classes]
        if probabilities:
            results.append(np.moveaxis(run_frames(probable, image, time_axis), -1, 0))
        if objects is not None:
            results.append(run_frames(lambda frame: objects_of_class(frame, objects), classes, time_axis))
        for output, pixels in zip(outputs[path], results, strict=True):
            write_image(output, pixels)
        return outputs[path]

    return work


def _object_work(
    classifier: ObjectClassifier,
    labels: str | Path,
    outputs: Mapping[Path, Sequence[Path]],
    spacing: Sequence[float] | None,
    frame_axis: int | None,
    channel_axis: int | None,
) -> Callable[[Path], Sequence[Path]]:
    from bioloom.classify.objects import paint_objects

    def work(path: Path) -> Sequence[Path]:
        found = read_image(companion(labels, path))
        image = named_channels(read_image(path), found.shape, classifier.feature_names_, channel_axis)
        table = classifier.predict_objects(found, image, spacing=spacing, frame_axis=frame_axis)
        picture, listing = outputs[path]
        write_image(picture, paint_objects(found, table, "class", frame_axis=frame_axis))
        write_table(listing, table)
        return outputs[path]

    return work
