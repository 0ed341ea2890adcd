"""Training on folders of files: images, their annotations and, for objects, their labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bioloom.classify._file_images import (
    CachedImages,
    annotation_frames,
    frames_of,
    hint_at_channels,
    split_channels,
)
from bioloom.classify.pairs import FolderFit, Pairs, complaint, pair_folders
from bioloom.errors import BioloomError, InputError
from bioloom.files import read_image

if TYPE_CHECKING:
    from bioloom.classify.base import ForestClassifier
    from bioloom.classify.feature_blocks import FeatureBlocks
    from bioloom.classify.object_merger import ObjectMerger
    from bioloom.classify.objects import ObjectClassifier
    from bioloom.classify.pixels import PixelClassifier

Progress = Callable[[int, int], None]
_Files: TypeAlias = tuple[Path, ...]
_Form: TypeAlias = tuple[int, int]  # number of channels, number of spatial axes
_Content = TypeVar("_Content")
_Example: TypeAlias = tuple[_Files, tuple[_Content, _Form]]

_MOST_CLASSES = 30
_NOTHING = "Nothing is annotated: the annotation is 0 everywhere."


def fit_folder(
    classifier: PixelClassifier | ObjectClassifier | ObjectMerger,
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
        Any classifier of pixels, objects or pairs of objects; it is trained in place.
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
    from bioloom.classify.pixels import PixelClassifier

    kind = type(classifier).__name__
    of_pixels = isinstance(classifier, PixelClassifier)
    if not of_pixels and not hasattr(classifier, "measure"):
        raise InputError(f"{kind} is not trained on images. Call {classifier._fit_call}.")
    if not of_pixels and labels is None:
        raise InputError(f"{kind} is trained on objects: give the folder of their label images, too (labels).")
    if of_pixels and labels is not None:
        raise InputError(f"{kind} is trained on pixels and takes no label images. Leave out labels.")
    if frame_axis is not None and frame_axis == channel_axis:
        raise InputError(f"Axis {frame_axis} cannot hold both time (frame_axis) and channels (channel_axis).")
    pairs = pair_folders(images, annotations, labels)
    if not pairs.pairs:
        raise InputError(
            f"There is nothing to train on: no file has the same name in {' and in '.join(map(str, pairs.folders))}. "
            f"{_one_line(pairs)}"
        )
    if isinstance(classifier, PixelClassifier):
        return _fit_pixels(classifier, pairs, channel_axis, frame_axis, spacing, keep, progress)
    return _fit_objects(classifier, pairs, channel_axis, frame_axis, spacing, keep, progress)


def _fit_pixels(
    classifier: PixelClassifier,
    pairs: Pairs,
    channel_axis: int | None,
    frame_axis: int | None,
    spacing: Sequence[float] | None,
    keep: bool,
    progress: Progress | None,
) -> FolderFit:
    from bioloom.classify.annotation import check_annotation

    # Frames come with their channels last, so that one axis is right for all of them.
    axis = -1 if channel_axis is not None and frame_axis is not None else channel_axis
    files = CachedImages()

    def features(path: Path, frame: int) -> FeatureBlocks:
        image = files.read(path)
        pixels = frames_of(image, frame_axis, channel_axis)[frame]
        return classifier.feature_blocks(pixels, axis, spacing)

    def read(pair: _Files) -> tuple[list[tuple[int, NDArray[Any]]], _Form]:
        path, annotation = pair[0], read_image(pair[1])
        shape = files.read(path).shape
        paintings = annotation_frames(annotation, shape, frame_axis, channel_axis)
        if frame_axis is None:
            hint_at_channels(shape, annotation.shape, channel_axis)
        found, form = [], (0, 0)
        values: set[int] = set()
        for frame, painting in enumerate(paintings):
            source = features(path, frame)
            painted = check_annotation(painting, source.shape)
            form = (len(source.channels), len(source.shape))
            values |= set(np.unique(painted).tolist()) - {0}
            if len(values) > _MOST_CLASSES:
                raise InputError(
                    f"The annotation {pair[1]} holds {len(values)} different values, as an image of objects does. An "
                    f"annotation holds classes, at most {_MOST_CLASSES} of them: paint 1, 2, … where you know them."
                )
            if painted.any():
                found.append((frame, painted.astype(np.min_scalar_type(int(painted.max())))))
        if not found:
            raise InputError(_NOTHING)
        return found, form

    examples, failures = _read_all(pairs, read, progress)
    known = (classifier.n_channels, classifier.n_dim)
    examples = _of_one_form(examples, failures, known if keep and classifier.n_channels else None)
    sources = _Sources(features, [(pair[0], frame) for pair, (found, _) in examples for frame, _ in found])
    classifier.fit_blocks(
        sources,
        [painted for _, (found, _) in examples for _, painted in found],
        keep=keep,
        # By their names, so that the held-out part stays the same when files are added.
        keys=[crc32(f"{path.stem} {frame}".encode()) for path, frame in sources.items],
        progress=_second_half(progress, len(pairs.pairs), len(sources)),
    )
    classifier.channel_axis = axis
    return FolderFit(pairs, tuple(pair for pair, _ in examples), tuple(failures), _known(classifier, keep))


class _Sources(Sequence["FeatureBlocks"]):
    """The features of many images, of which each file is read when it is asked for."""

    def __init__(self, features: Callable[[Path, int], FeatureBlocks], items: list[tuple[Path, int]]) -> None:
        self._features, self.items = features, items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return self._features(*self.items[index])


def _fit_objects(
    classifier: ObjectClassifier | ObjectMerger,
    pairs: Pairs,
    channel_axis: int | None,
    frame_axis: int | None,
    spacing: Sequence[float] | None,
    keep: bool,
    progress: Progress | None,
) -> FolderFit:
    import pandas as pd

    from bioloom.classify.object_merger import ObjectMerger
    from bioloom.classify.object_pairs import annotated_pairs
    from bioloom.classify.objects import annotated_classes

    of_pairs = isinstance(classifier, ObjectMerger)
    measuring = copy(classifier)
    if not keep:
        # What was learnt before must not decide about what is measured.
        measuring._forest = None

    def read(files: _Files) -> tuple[tuple[pd.DataFrame, NDArray[np.int64]], _Form]:
        image, annotation, labels = (read_image(path) for path in files)
        channels, axis = split_channels(image, channel_axis, frame_axis)
        hint_at_channels(channels[0].shape, labels.shape, channel_axis)
        table = measuring.measure(
            labels, channels if len(channels) > 1 else channels[0], spacing=spacing, frame_axis=axis
        )
        classes = (annotated_pairs if of_pairs else annotated_classes)(labels, annotation, table, frame_axis=axis)
        if not classes.any():
            what = "lies across no border of two objects" if of_pairs else "touches no object"
            raise InputError(f"The annotation {what} of the labels." if annotation.any() else _NOTHING)
        return (table, classes), (len(channels), labels.ndim - (axis is not None))

    examples, failures = _read_all(pairs, read, progress)
    examples = _of_one_form(examples, failures, None)
    table = pd.concat([table for _, ((table, _), _) in examples], ignore_index=True)
    classifier.fit_table(table, np.concatenate([classes for _, ((_, classes), _) in examples]), keep=keep)
    classifier.spacing = None if spacing is None else tuple(float(s) for s in spacing)
    if progress:
        progress(2 * len(pairs.pairs), 2 * len(pairs.pairs))
    return FolderFit(pairs, tuple(files for files, _ in examples), tuple(failures), _known(classifier, keep))


def _known(classifier: ForestClassifier, keep: bool) -> int:
    samples = classifier.samples_
    return samples.n_known if keep and samples is not None else 0


def _read_all(
    pairs: Pairs, read: Callable[[_Files], tuple[_Content, _Form]], progress: Progress | None
) -> tuple[list[_Example[_Content]], list[tuple[Path, str]]]:
    """Read every pair; return those that could be read, and the problems of the others."""
    examples, failures = [], []
    for done, files in enumerate(pairs.pairs, start=1):
        try:
            examples.append((files, read(files)))
        except BioloomError as error:
            failures.append((files[0], str(error)))
        if progress:
            progress(done, 2 * len(pairs.pairs))
    return examples, failures


def _of_one_form(
    examples: list[_Example[_Content]], failures: list[tuple[Path, str]], known: _Form | None
) -> list[_Example[_Content]]:
    """Leave out images of another form than most have, or than what the classifier knows; add them to the failures.

    Raises
    ------
    InputError
        If none is left.
    """
    forms = [form for _, (_, form) in examples]
    usual = known or max(forms, key=forms.count, default=(0, 0))
    others = "those of the earlier training have" if known else "most of the others have"
    kept = [example for example, form in zip(examples, forms, strict=True) if form == usual]
    for (files, _), form in zip(examples, forms, strict=True):
        if form != usual:
            failures.append((files[0], f"The image has {_name(form)}, but {others} {_name(usual)}."))
    if not kept:
        path, why = failures[0]
        more = f" {len(failures) - 1} more were left out." if len(failures) > 1 else ""
        raise InputError(f"None of the files can be used to train. {complaint(path, why)}{more}")
    return kept


def _name(form: _Form) -> str:
    return f"{form[0]} channel{'' if form[0] == 1 else 's'} in {form[1]}D"


def _second_half(progress: Progress | None, n_files: int, n_images: int) -> Progress | None:
    """Return a callback for the training, which reports image by image after all files were read."""
    if progress is None:
        return None
    finished = 0

    def forward(done: int, total: int) -> None:
        nonlocal finished
        finished = min(finished + (done == total), n_images)
        progress(n_files + n_files * finished // n_images, 2 * n_files)

    return forward


def _one_line(pairs: Pairs) -> str:
    return "; ".join(pairs.describe().splitlines()[1:])
