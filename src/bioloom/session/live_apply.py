"""A classifier over whole images, apart from the session that trains it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify import ObjectSegmenter, PixelClassifier, ProbabilityMapper
from bioloom.classify.feature_blocks import Progress
from bioloom.classify.segmentation import objects_from_probability
from bioloom.errors import InputError
from bioloom.session.image_stack import ImageStack
from bioloom.session.live_answers import BlockAnswer, answer_of
from bioloom.session.live_features import KeptBlocks
from bioloom.session.live_memory import Kept

_KEPT_BYTES = 256 << 20

KINDS: Mapping[str, type[PixelClassifier]] = {
    "classes": PixelClassifier,
    "objects": ObjectSegmenter,
    "probability": ProbabilityMapper,
}
"""Kinds of classifiers by what they give."""


def of_kind(
    classifier: PixelClassifier, gives: str, class_id: int | None = None, objects: Mapping[str, Any] | None = None
) -> PixelClassifier:
    """Return the same trained classifier as one that gives classes, objects or a probability.

    Parameters
    ----------
    classifier
        Trained; stays as it is.
    gives
        ``"classes"``, ``"objects"`` or ``"probability"``.
    class_id
        The class of the objects or the probability; the last one if left out or unknown.
    objects
        How objects are made, see :class:`~bioloom.classify.ObjectSegmenter`; what is left out is as usual.
    """
    kind = KINDS[gives]
    own = {"positive_class", *ObjectSegmenter().object_settings()}
    other = kind()
    other.__dict__.update({k: v for k, v in classifier.__dict__.items() if k not in own})
    if isinstance(other, (ObjectSegmenter, ProbabilityMapper)):
        ids = classifier.classes_.tolist()
        other.positive_class = int(class_id if class_id is not None and class_id in ids else ids[-1])
    if isinstance(other, ObjectSegmenter):
        other.__dict__.update(objects or {})
    return other


def objects_of(
    lead: NDArray[np.float32], spacing: Sequence[float], objects: Mapping[str, Any] | None = None
) -> NDArray[np.uint32]:
    """Make objects of the lead of a class, as an :class:`~bioloom.classify.ObjectSegmenter` does.

    Parameters
    ----------
    lead
        See :class:`BlockAnswer`; (y, x) or (z, y, x).
    spacing
        Size of a pixel per axis.
    objects
        As for :func:`of_kind`.
    """
    settings = {**ObjectSegmenter().object_settings(), **(objects or {})}
    return objects_from_probability(lead, spacing=spacing, **settings)


def what_it_gives(classifier: PixelClassifier) -> str:
    """Return what a classifier gives: ``"classes"``, ``"objects"`` or ``"probability"``."""
    return next((gives for gives, kind in KINDS.items() if type(classifier) is kind), "classes")


def apply_to_stack(
    classifier: PixelClassifier,
    stack: ImageStack,
    frames: Sequence[int],
    *,
    class_id: int | None = None,
    with_lead: bool = False,
    progress: Progress | None = None,
) -> Iterator[BlockAnswer]:
    """Apply a classifier to frames of an image, block by block; features are not kept.

    Parameters
    ----------
    classifier
        Trained; not changed meanwhile.
    stack
        The image.
    frames
        Numbers of the frames; ``[0]`` for an image without time.
    class_id
        The class whose probability is wanted; the last one if left out or unknown.
    with_lead
        Whether the lead of the class is wanted, to make objects of.
    progress
        Called as ``progress(done, total)`` with blocks; may raise Cancelled.

    Raises
    ------
    InputError
        If the image does not fit the classifier.
    """
    given = len(stack.channels), len(stack.shape)
    if given != (classifier.n_channels, classifier.n_dim):
        raise InputError(
            f"The classifier was trained on {classifier.n_channels} channel(s) in {classifier.n_dim}D, but "
            f"{', '.join(stack.names)} has {given[0]} channel(s) in {given[1]}D."
        )
    ids = classifier.classes_.tolist()
    column = ids.index(class_id) if class_id in ids else len(ids) - 1
    for done, frame in enumerate(frames):
        # The chunks that neighbouring blocks share are kept, bins never are.
        chunks = Kept(lambda: _KEPT_BYTES)
        source = KeptBlocks(stack.channels_of(frame, chunks, 0), classifier, stack, None, 0)

        def report(part: int, parts: int, done: int = done) -> None:
            if progress:
                progress(done * parts + part, len(frames) * parts)

        for block, votes in classifier.votes_by_block(source, progress=report):
            yield answer_of(classifier, frame, block, votes, column, with_lead=with_lead)
