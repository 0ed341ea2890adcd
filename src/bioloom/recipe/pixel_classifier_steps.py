"""Classifiers of pixels as operations: to classes, objects or probabilities."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._types import ClassifierFile, Image, Labels, Number, Spacing
from bioloom.recipe._classifier_file import CATEGORY, classifier_of


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


@operation(CATEGORY, allow_nan=True, keywords="pixel classifier random forest APOC Weka ilastik semantic")
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


@operation(CATEGORY, allow_nan=True, keywords="object segmenter random forest APOC instance")
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


@operation(CATEGORY, allow_nan=True, keywords="probability mapper random forest APOC")
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


@operation(CATEGORY, title="Objects of a class", keywords="connected components classes to objects instance")
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
    See :func:`bioloom.classify.objects_of_class`. Needs the whole image: a Dask array is computed as one block.
    """
    from bioloom.classify import objects_of_class as regions

    return np.asarray(regions(classes, class_id)).astype(np.uint32, copy=False)
