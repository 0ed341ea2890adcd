"""What a classifier of each kind makes of one image file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.files import read_image, write_image
from bioloom.recipe.batch import Progress, companion
from bioloom.recipe.channels import channels_last, named_channels
from bioloom.tables import load_table, save_table

if TYPE_CHECKING:
    from bioloom.classify import ObjectClassifier, PixelClassifier
    from bioloom.classify.object_merger import ObjectMerger

Wanted = Mapping[Path, Mapping[str, Path]]
"""For each input the files to write, by what they hold."""

_ROUNDED = {"probability": 6, "uncertainty": 6}  # what float32 resolves

Work = Callable[[Path], Sequence[Path]]


def pixel_work(
    classifier: PixelClassifier,
    wanted: Wanted,
    objects: int | None,
    spacing: Sequence[float] | None,
    frame_axis: int | None,
    channel_axis: int | None,
    progress: Progress,
) -> Work:
    """Return the function that runs a classifier of pixels on one file.

    Parameters
    ----------
    classifier
        Of any kind that classifies pixels.
    wanted
        What to write: ``classes``, ``probabilities``, ``uncertainty``, ``objects``, ``probability``.
    objects
        The class to make objects of, for classifiers whose prediction is classes.
    spacing, frame_axis, channel_axis
        See :func:`bioloom.recipe.classify_files`.
    progress
        Called now and then; it may raise Cancelled.
    """

    def work(path: Path) -> Sequence[Path]:
        outputs = wanted[path]
        image, time_axis = channels_last(classifier, read_image(path), frame_axis, channel_axis)
        if time_axis is None:
            results = _results(classifier, image, set(outputs), objects, spacing, progress)
        else:
            frames = [
                _results(classifier, frame, set(outputs), objects, spacing, progress)
                for frame in np.moveaxis(image, time_axis, 0)
            ]
            results = {
                kind: np.stack([frame[kind] for frame in frames], axis=time_axis + (kind == "probabilities"))
                for kind in outputs
            }
        for kind, output in outputs.items():
            write_image(output, results[kind])
        return list(outputs.values())

    return work


def _results(
    classifier: PixelClassifier,
    image: NDArray[Any],
    kinds: set[str],
    objects: int | None,
    spacing: Sequence[float] | None,
    progress: Progress,
) -> dict[str, NDArray[Any]]:
    """Return the results of one image, channels last."""
    from bioloom.classify import objects_of_class

    results: dict[str, NDArray[Any]] = {}
    if "probability" in kinds or ("objects" in kinds and objects is None):
        kind = "probability" if "probability" in kinds else "objects"
        results[kind] = classifier.predict(image, channel_axis=-1, spacing=spacing, progress=progress)
    votes = kinds & {"classes", "probabilities", "uncertainty"}
    if "objects" in kinds and objects is not None:
        votes.add("classes")
    if votes:
        results.update(_from_votes(classifier, image, votes, spacing, progress))
    if "objects" in kinds and objects is not None:
        results["objects"] = objects_of_class(results["classes"], objects)
    return results


def _from_votes(
    classifier: PixelClassifier,
    image: NDArray[Any],
    kinds: set[str],
    spacing: Sequence[float] | None,
    progress: Progress,
) -> dict[str, NDArray[Any]]:
    """Return classes, probabilities and uncertainty, all from one evaluation of the forest."""
    from bioloom.classify.forest import decide

    source = classifier.fitting_blocks(image, -1, spacing)
    ids = classifier.classes_.astype(np.min_scalar_type(int(classifier.classes_.max())))
    leads: dict[str, tuple[int, ...]] = {"probabilities": (len(ids),)}
    results = {
        kind: np.empty((*leads.get(kind, ()), *source.shape), ids.dtype if kind == "classes" else np.float32)
        for kind in kinds
    }
    for block, votes in classifier.votes_by_block(source, progress=progress):
        number, _, margin = decide(votes)
        for kind, result in results.items():
            part = result[(slice(None), *block)] if kind == "probabilities" else result[block]
            if kind == "classes":
                part[...] = ids[number].reshape(part.shape)
            elif kind == "probabilities":
                part[...] = (votes / votes.sum(0)).reshape(part.shape)
            else:
                part[...] = (1 - margin).reshape(part.shape)
    return results


def object_work(
    classifier: ObjectClassifier | ObjectMerger,
    wanted: Wanted,
    labels: str | Path,
    spacing: Sequence[float] | None,
    frame_axis: int | None,
    channel_axis: int | None,
    progress: Progress,
) -> Work:
    """Return the function that runs a classifier of objects on one image file and its file of labels.

    Parameters
    ----------
    classifier
        Of any kind that looks at objects.
    wanted
        What to write: ``object_classes.tif``, ``object_classes.csv`` (or another kind of table), ``selected.tif`` or
        ``merged.tif``.
    labels
        The file of labels; ``{stem}`` stands for the name of the image.
    spacing, frame_axis, channel_axis, progress
        As for :func:`pixel_work`.
    """
    from bioloom.classify.object_merger import ObjectMerger
    from bioloom.classify.objects import paint_objects

    of_pairs = isinstance(classifier, ObjectMerger)

    def work(path: Path) -> Sequence[Path]:
        outputs = wanted[path]
        found = read_image(companion(labels, path))
        image = named_channels(
            read_image(path), found.shape, classifier.feature_names_, channel_axis, of_pairs=of_pairs
        )
        if isinstance(classifier, ObjectMerger) or "selected.tif" in outputs:
            (output,) = outputs.values()
            result = classifier.predict(found, image, spacing=spacing, frame_axis=frame_axis, progress=progress)
            write_image(output, result)
            return [output]
        table = classifier.predict_objects(found, image, spacing=spacing, frame_axis=frame_axis, progress=progress)
        if "object_classes.tif" in outputs:
            painted = paint_objects(found, table, "class", frame_axis=frame_axis)
            write_image(outputs["object_classes.tif"], painted)
        for name in outputs.keys() - {"object_classes.tif"}:
            save_table(outputs[name], table.round(_ROUNDED))
        return list(outputs.values())

    return work


def table_work(classifier: Any, wanted: Wanted) -> Work:
    """Return the function that runs a classifier on one table; it adds the columns ``class`` and ``probability``."""

    def work(path: Path) -> Sequence[Path]:
        (output,) = wanted[path].values()
        table = load_table(path)
        found = classifier.predict_table(table).round(_ROUNDED)
        save_table(output, table.drop(columns=list(found.columns), errors="ignore").join(found))
        return [output]

    return work
