"""Classifiers of objects as operations: labels to classes, or to other labels."""

from __future__ import annotations

from typing import Any

from bioloom.operations._catalogue import operation
from bioloom.operations._types import ClassifierFile, Image, Labels, Spacing
from bioloom.recipe._classifier_file import CATEGORY, classifier_of


@operation(CATEGORY, allow_nan=True, keywords="object classifier random forest APOC types of cells")
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


@operation(CATEGORY, allow_nan=True, keywords="object selector random forest APOC keep filter cells")
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


@operation(CATEGORY, allow_nan=True, keywords="object merger random forest APOC join pieces over-segmentation")
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
