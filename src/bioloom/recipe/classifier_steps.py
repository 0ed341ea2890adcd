"""Classifiers as operations: pixels to classes, objects or probabilities, and objects to classes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._types import ClassifierFile, Image, Labels, Number, Spacing

_CATEGORY = "Classify/Apply a classifier"


def classifier_of(path: str, *kinds: str) -> Any:
    """Read a classifier, once for as long as its file stays the same.

    Parameters
    ----------
    path
        The ``.cl`` file.
    *kinds
        Names of the classes that it may be of.

    Raises
    ------
    InputError
        If there is no such file, or it holds a classifier of another kind.
    ModelFileError
        If it is broken.
    """
    file = Path(path)
    if not path or not file.is_file():
        raise InputError(f"There is no classifier file {path!r}. Choose a .cl file.")
    state = file.stat()
    classifier = _read(str(file.resolve()), state.st_mtime_ns, state.st_size)
    name = type(classifier).__name__
    if name not in kinds:
        step = _STEPS.get(name)
        advice = f" Use {step} for it." if step else ""
        raise InputError(f"{file.name} holds {_an(name)}, but {_an(' or '.join(kinds))} is needed here.{advice}")
    return classifier


_STEPS = {
    "PixelClassifier": "classify_pixels",
    "ObjectSegmenter": "segment_objects",
    "ProbabilityMapper": "map_probability",
    "ObjectClassifier": "classify_objects",
    "ObjectSelector": "select_objects",
    "ObjectMerger": "merge_objects",
}


@lru_cache(maxsize=8)
def _read(path: str, mtime: int, size: int) -> Any:
    from bioloom.classify import load_classifier

    return load_classifier(path)


def _an(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _channels(*images: Any) -> NDArray[Any]:
    """Put the channels that are given behind each other, as a last axis.

    Raises
    ------
    InputError
        If one is left out before another.
    """
    given = [image for image in images if image is not None]
    if any(image is None for image in images[: len(given)]):
        raise InputError("A channel is left out before another one. Give the channels in the order of the training.")
    return np.stack(given, axis=-1)


def _predict(path: str, kind: str, channels: tuple[Any, ...], spacing: Any) -> Any:
    return classifier_of(path, kind).predict(_channels(*channels), channel_axis=-1, spacing=spacing)


@operation(_CATEGORY, allow_nan=True, keywords="pixel classifier random forest APOC Weka ilastik semantic")
def classify_pixels(
    image: Image,
    second_channel: Image | None = None,
    third_channel: Image | None = None,
    fourth_channel: Image | None = None,
    *,
    classifier: ClassifierFile,
    spacing: Spacing = None,
) -> Labels:
    """Give every pixel its class, by a trained classifier of pixels.

    Parameters
    ----------
    image
        Real numbers, (y, x) or (z, y, x), as in the training.
    second_channel
        Further channels of the same shape, in the order of the training.
    third_channel
        As the second.
    fourth_channel
        As the second.
    classifier
        The .cl file of a PixelClassifier.
    spacing
        Pixel size per axis; that of the training where none is given.

    Returns
    -------
    numpy.ndarray
        Class ids from 1, uint8 (or the smallest unsigned type that holds them).

    Raises
    ------
    InputError
        If the file holds another kind of classifier, or the image has other channels or dimensions than the training.

    Notes
    -----
    See :class:`bioloom.classify.PixelClassifier`.
    """
    channels = (image, second_channel, third_channel, fourth_channel)
    return _predict(classifier, "PixelClassifier", channels, spacing)


@operation(_CATEGORY, allow_nan=True, keywords="object segmenter random forest APOC instance")
def segment_objects(
    image: Image,
    second_channel: Image | None = None,
    third_channel: Image | None = None,
    fourth_channel: Image | None = None,
    *,
    classifier: ClassifierFile,
    spacing: Spacing = None,
) -> Labels:
    """Segment objects by a trained classifier of pixels that tells them from the background.

    Parameters
    ----------
    image
        Real numbers, (y, x) or (z, y, x), as in the training.
    second_channel
        Further channels of the same shape, in the order of the training.
    third_channel
        As the second.
    fourth_channel
        As the second.
    classifier
        The .cl file of an ObjectSegmenter.
    spacing
        Pixel size per axis; that of the training where none is given.

    Returns
    -------
    numpy.ndarray
        uint32 labels.

    Raises
    ------
    InputError
        If the file holds another kind of classifier, or the image has other channels or dimensions than the training.

    Notes
    -----
    See :class:`bioloom.classify.ObjectSegmenter`.
    """
    channels = (image, second_channel, third_channel, fourth_channel)
    return _predict(classifier, "ObjectSegmenter", channels, spacing)


@operation(_CATEGORY, allow_nan=True, keywords="probability mapper random forest APOC")
def map_probability(
    image: Image,
    second_channel: Image | None = None,
    third_channel: Image | None = None,
    fourth_channel: Image | None = None,
    *,
    classifier: ClassifierFile,
    spacing: Spacing = None,
) -> Image:
    """Give every pixel its probability to be of one class, by a trained classifier of pixels.

    Parameters
    ----------
    image
        Real numbers, (y, x) or (z, y, x), as in the training.
    second_channel
        Further channels of the same shape, in the order of the training.
    third_channel
        As the second.
    fourth_channel
        As the second.
    classifier
        The .cl file of a ProbabilityMapper.
    spacing
        Pixel size per axis; that of the training where none is given.

    Returns
    -------
    numpy.ndarray
        float32, 0 to 1.

    Raises
    ------
    InputError
        If the file holds another kind of classifier, or the image has other channels or dimensions than the training.

    Notes
    -----
    See :class:`bioloom.classify.ProbabilityMapper`.
    """
    channels = (image, second_channel, third_channel, fourth_channel)
    return _predict(classifier, "ProbabilityMapper", channels, spacing)


@operation(_CATEGORY, title="Objects of a class", keywords="connected components classes to objects instance")
def objects_of_class(classes: Labels, class_id: Annotated[int, Number(minimum=1, maximum=255)] = 2) -> Labels:
    """Make an object of every connected region of a class.

    Parameters
    ----------
    classes
        Class ids, such as :func:`classify_pixels` gives.
    class_id
        The class to make objects of.

    Returns
    -------
    numpy.ndarray
        uint32 labels; regions that touch, also by a corner, are one.

    Raises
    ------
    InputError
        If `classes` is no label image.

    Notes
    -----
    See :func:`bioloom.classify.objects_of_class`.
    """
    from bioloom.classify import objects_of_class as regions

    return np.asarray(regions(classes, class_id)).astype(np.uint32, copy=False)


@operation(_CATEGORY, allow_nan=True, keywords="object classifier random forest APOC types of cells")
def classify_objects(
    labels: Labels, image: Image | None = None, *, classifier: ClassifierFile, spacing: Spacing = None
) -> Labels:
    """Paint every object with its class, by a trained classifier of objects.

    Parameters
    ----------
    labels
        The objects, (y, x) or (z, y, x).
    image
        Intensities, if the classifier was trained with them.
    classifier
        The .cl file of an ObjectClassifier.
    spacing
        Pixel size per axis; that of the training where none is given.

    Returns
    -------
    numpy.ndarray
        Class ids, 0 is background; uint8 (or the smallest unsigned type that holds them).

    Raises
    ------
    InputError
        If the file holds another kind of classifier, or measures what these objects do not have.

    Notes
    -----
    See :class:`bioloom.classify.ObjectClassifier`.
    """
    found = classifier_of(classifier, "ObjectClassifier")
    return found.predict(labels, _for(found, image, labels), spacing=spacing)


@operation(_CATEGORY, allow_nan=True, keywords="object selector random forest APOC keep filter cells")
def select_objects(
    labels: Labels, image: Image | None = None, *, classifier: ClassifierFile, spacing: Spacing = None
) -> Labels:
    """Keep the objects of one class, by a trained classifier of objects.

    Parameters
    ----------
    labels
        The objects, (y, x) or (z, y, x).
    image
        Intensities, if the classifier was trained with them.
    classifier
        The .cl file of an ObjectSelector.
    spacing
        Pixel size per axis; that of the training where none is given.

    Returns
    -------
    numpy.ndarray
        The labels of the objects that are kept, of the type of `labels`.

    Raises
    ------
    InputError
        If the file holds another kind of classifier, or measures what these objects do not have.

    Notes
    -----
    See the class ``ObjectSelector`` of :mod:`bioloom.classify`.
    """
    found = classifier_of(classifier, "ObjectSelector")
    return found.predict(labels, _for(found, image, labels), spacing=spacing)


@operation(_CATEGORY, allow_nan=True, keywords="object merger random forest APOC join pieces over-segmentation")
def merge_objects(
    labels: Labels, image: Image | None = None, *, classifier: ClassifierFile, spacing: Spacing = None
) -> Labels:
    """Merge objects that touch and belong together, by a trained classifier of pairs of objects.

    Parameters
    ----------
    labels
        The objects, (y, x) or (z, y, x).
    image
        Intensities, if the classifier was trained with them.
    classifier
        The .cl file of an ObjectMerger.
    spacing
        Pixel size per axis; that of the training where none is given.

    Returns
    -------
    numpy.ndarray
        Labels; those that were merged have the smallest of their labels.

    Raises
    ------
    InputError
        If the file holds another kind of classifier, or measures what these objects do not have.

    Notes
    -----
    See the class ``ObjectMerger`` of :mod:`bioloom.classify`.
    """
    found = classifier_of(classifier, "ObjectMerger")
    return found.predict(labels, _for(found, image, labels, of_pairs=True), spacing=spacing)


def _for(classifier: Any, image: Any, labels: Any, *, of_pairs: bool = False) -> Any:
    """Return the image under the name of the channel that the classifier was trained with."""
    from bioloom.recipe.channels import named_channels

    if image is None:
        return None
    return named_channels(image, labels.shape, classifier.feature_names_, None, of_pairs=of_pairs)
