"""Training on folders of files: images, their annotations and, for objects, their labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.pairs import Pairs, pair_folders
from bioloom.errors import BioloomError, InputError
from bioloom.files import read_image

if TYPE_CHECKING:
    from bioloom.classify.objects import ObjectClassifier
    from bioloom.classify.pixels import PixelClassifier

Progress = Callable[[int, int], None]
_Files = tuple[Path, ...]
_Form = tuple[int, int]  # number of channels, number of spatial axes
_Example = TypeVar("_Example")

_NOTHING = "Nothing is annotated: the annotation is 0 everywhere."


@dataclass(frozen=True)
class FolderFit:
    """What a classifier was trained on.

    Attributes
    ----------
    pairs
        What was found in the folders.
    used
        The pairs that it was trained on.
    failures
        The image of each other pair, and why it was left out.
    """

    pairs: Pairs
    used: tuple[_Files, ...]
    failures: tuple[tuple[Path, str], ...] = ()

    def describe(self) -> str:
        """Return what was found, used and left out, in a few lines."""
        lines = [self.pairs.describe(), f"trained on {len(self.used)} of {len(self.pairs.pairs)}"]
        lines += [f"left out: {_complaint(path, why)}" for path, why in self.failures]
        return "\n".join(lines)


def fit_folder(
    classifier: PixelClassifier | ObjectClassifier,
    images: str | Path,
    annotations: str | Path,
    *,
    labels: str | Path | None = None,
    channel_axis: int | None = None,
    frame_axis: int | None = None,
    spacing: Sequence[float] | None = None,
    keep: bool = False,
    progress: Progress | None = None,
) -> FolderFit:
    """Train a classifier on the files of folders.

    Parameters
    ----------
    classifier
        Any classifier of pixels or objects; it is trained in place.
    images
        Folder of images; see :func:`bioloom.files.read_image` for their types.
    annotations
        Folder of annotations of the same names: 0 where nothing is annotated, class ids elsewhere.
    labels
        Folder of label images of the same names, for classifiers of objects.
    channel_axis
        The axis of channels in the image files.
    frame_axis
        The axis of time in all files, counted in the image; each frame is an image of its own.
    spacing
        Physical size of a pixel per spatial axis, one for all images.
    keep
        Keep what the classifier learned before.
    progress
        Called as ``progress(done, total)``.

    Returns
    -------
    FolderFit
        What was found, what was used, and which files were left out and why. A file that cannot be read or does not fit
        does not stop the training on the others.

    Raises
    ------
    InputError
        If there are no pairs, none of them can be used, or fewer than two classes are annotated in all of them.
    Cancelled
        If `progress` raised it; the classifier is then as it was.
    """
    from bioloom.classify.objects import ObjectClassifier

    of_objects = isinstance(classifier, ObjectClassifier)
    kind = type(classifier).__name__
    if of_objects and labels is None:
        raise InputError(f"{kind} is trained on objects: give the folder of their label images, too (labels).")
    if not of_objects and labels is not None:
        raise InputError(f"{kind} is trained on pixels and takes no label images. Leave out labels.")
    if frame_axis is not None and frame_axis == channel_axis:
        raise InputError(f"Axis {frame_axis} cannot hold both time (frame_axis) and channels (channel_axis).")
    pairs = pair_folders(images, annotations, labels)
    if not pairs.pairs:
        raise InputError(
            f"There is nothing to train on: no file has the same name in {' and in '.join(map(str, pairs.folders))}. "
            f"{_one_line(pairs)}"
        )
    if isinstance(classifier, ObjectClassifier):
        return _fit_objects(classifier, pairs, channel_axis, frame_axis, spacing, keep, progress)
    return _fit_pixels(classifier, pairs, channel_axis, frame_axis, spacing, keep, progress)


def _fit_pixels(
    classifier: PixelClassifier,
    pairs: Pairs,
    channel_axis: int | None,
    frame_axis: int | None,
    spacing: Sequence[float] | None,
    keep: bool,
    progress: Progress | None,
) -> FolderFit:
    from bioloom.classify.feature_blocks import as_channels
    from bioloom.classify.pixels import check_annotation

    # Frames come with their channels last, so that one axis is right for all of them.
    axis = -1 if channel_axis is not None and frame_axis is not None else channel_axis

    def read(files: _Files) -> list[tuple[Any, NDArray[Any]]]:
        image, annotation = read_image(files[0]), read_image(files[1])
        examples = []
        for pixels, painted in _frames(image, annotation, frame_axis, channel_axis):
            channels = as_channels(pixels, axis, "The image")
            _hint_at_channels(channels.shape[1:], painted.shape, axis)
            checked = check_annotation(painted, channels.shape[1:])
            if checked.any():
                examples.append((pixels, checked))
        if not examples:
            raise InputError(_NOTHING)
        return examples

    def form(examples: list[tuple[Any, NDArray[Any]]]) -> _Form:
        pixels, painted = examples[0]
        return (1 if axis is None else pixels.shape[axis], painted.ndim)

    found, failures = _read_all(pairs, read, progress)
    known = (classifier.n_channels, classifier.n_dim)
    found = _of_one_form(found, form, failures, known if keep and classifier.n_channels else None)
    _need_some(found, failures)
    examples = [example for _, several in found for example in several]
    classifier.fit(
        [pixels for pixels, _ in examples],
        [painted for _, painted in examples],
        channel_axis=axis,
        spacing=spacing,
        keep=keep,
        progress=_second_half(progress, len(pairs.pairs)),
    )
    return FolderFit(pairs, tuple(files for files, _ in found), tuple(failures))


def _fit_objects(
    classifier: ObjectClassifier,
    pairs: Pairs,
    channel_axis: int | None,
    frame_axis: int | None,
    spacing: Sequence[float] | None,
    keep: bool,
    progress: Progress | None,
) -> FolderFit:
    import pandas as pd

    from bioloom.classify.objects import annotated_classes

    def read(files: _Files) -> tuple[pd.DataFrame, NDArray[np.int64], _Form]:
        image, annotation, labels = (read_image(path) for path in files)
        channels, axis = _split_channels(image, channel_axis, frame_axis)
        _hint_at_channels(channels[0].shape, labels.shape, channel_axis)
        table = classifier.measure(
            labels, channels if len(channels) > 1 else channels[0], spacing=spacing, frame_axis=axis
        )
        classes = annotated_classes(labels, annotation, table, frame_axis=axis)
        if not classes.any():
            raise InputError(_NOTHING if not annotation.any() else "The annotation touches no object of the labels.")
        return table, classes, (len(channels), labels.ndim - (axis is not None))

    found, failures = _read_all(pairs, read, progress)
    found = _of_one_form(found, lambda example: example[2], failures, None)
    _need_some(found, failures)
    table = pd.concat([table for _, (table, _, _) in found], ignore_index=True)
    classifier.fit_table(table, np.concatenate([classes for _, (_, classes, _) in found]), keep=keep)
    classifier.spacing = None if spacing is None else tuple(float(s) for s in spacing)
    if progress:
        progress(2 * len(pairs.pairs), 2 * len(pairs.pairs))
    return FolderFit(pairs, tuple(files for files, _ in found), tuple(failures))


def _frames(
    image: NDArray[Any], annotation: NDArray[Any], frame_axis: int | None, channel_axis: int | None
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return the frames of an image, channels last, each with its annotation."""
    if frame_axis is None:
        return [(image, annotation)]
    axis = frame_axis
    _check_axis(image, frame_axis, "frame_axis")
    if channel_axis is not None:
        _check_axis(image, channel_axis, "channel_axis")
        axis -= channel_axis % image.ndim < frame_axis
        image = np.moveaxis(image, channel_axis, -1)
    _check_axis(annotation, axis, "frame_axis")
    if image.shape[axis] != annotation.shape[axis]:
        raise InputError(f"The image has {image.shape[axis]} frames, but its annotation {annotation.shape[axis]}.")
    return list(zip(np.moveaxis(image, axis, 0), np.moveaxis(annotation, axis, 0), strict=True))


def _split_channels(
    image: NDArray[Any], channel_axis: int | None, frame_axis: int | None
) -> tuple[list[NDArray[Any]], int | None]:
    """Return the channels of an image, and the axis of time in each of them."""
    if channel_axis is None:
        return [image], frame_axis
    _check_axis(image, channel_axis, "channel_axis")
    channels = list(np.moveaxis(image, channel_axis, 0))
    return channels, None if frame_axis is None else frame_axis - (channel_axis % image.ndim < frame_axis)


def _check_axis(array: NDArray[Any], axis: int, name: str) -> None:
    if not -array.ndim <= axis < array.ndim:
        raise InputError(f"The shape is {array.shape}: there is no axis {axis} ({name}).")


def _hint_at_channels(shape: tuple[int, ...], painted: tuple[int, ...], channel_axis: int | None) -> None:
    """Say what to do about an image with an axis more than what was painted on it."""
    if channel_axis is None and len(shape) == len(painted) + 1:
        axes = [axis for axis in range(len(shape)) if shape[:axis] + shape[axis + 1 :] == painted]
        if axes:
            raise InputError(
                f"The image has the shape {shape}, but what was painted on it {painted}. If axis {axes[0]} holds "
                f"channels, say so (channel_axis {axes[0]})."
            )


def _read_all(
    pairs: Pairs, read: Callable[[_Files], _Example], progress: Progress | None
) -> tuple[list[tuple[_Files, _Example]], list[tuple[Path, str]]]:
    """Read every pair; return those that could be read, and the problems of the others."""
    found, failures = [], []
    for done, files in enumerate(pairs.pairs, start=1):
        try:
            found.append((files, read(files)))
        except BioloomError as error:
            failures.append((files[0], str(error)))
        if progress:
            progress(done, 2 * len(pairs.pairs))
    return found, failures


def _of_one_form(
    found: list[tuple[_Files, _Example]],
    form: Callable[[_Example], _Form],
    failures: list[tuple[Path, str]],
    known: _Form | None,
) -> list[tuple[_Files, _Example]]:
    """Leave out images of another form than most have, or than what the classifier knows; add them to the failures."""
    forms = [form(example) for _, example in found]
    usual = known or max(forms, key=forms.count, default=(0, 0))
    others = "those of the earlier training have" if known else "most of the others have"
    kept = []
    for one, (files, example) in zip(forms, found, strict=True):
        if one == usual:
            kept.append((files, example))
        else:
            failures.append((files[0], f"The image has {_name(one)}, but {others} {_name(usual)}."))
    return kept


def _name(form: _Form) -> str:
    return f"{form[0]} channel{'' if form[0] == 1 else 's'} in {form[1]}D"


def _second_half(progress: Progress | None, n: int) -> Progress | None:
    """Return a callback for the training, which reports image by image after all n were read."""
    if progress is None:
        return None
    finished = 0

    def forward(done: int, total: int) -> None:
        nonlocal finished
        finished = min(finished + (done == total), n)
        progress(n + finished, 2 * n)

    return forward


def _need_some(found: Sequence[Any], failures: Sequence[tuple[Path, str]]) -> None:
    if not found:
        path, why = failures[0]
        more = f" The same goes for {len(failures) - 1} more." if len(failures) > 1 else ""
        raise InputError(f"None of the files can be used to train. {_complaint(path, why)}{more}")


def _complaint(path: Path, why: str) -> str:
    return why if str(path) in why else f"{path}: {why}"


def _one_line(pairs: Pairs) -> str:
    return "; ".join(pairs.describe().splitlines()[1:])
