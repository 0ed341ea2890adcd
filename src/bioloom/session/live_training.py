"""What a classifier is trained on: images with their annotations, and the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify import FeatureSet, PixelClassifier
from bioloom.classify.annotation import check_annotation
from bioloom.classify.base import Trees
from bioloom.classify.normalisation import Normalisation
from bioloom.errors import InputError
from bioloom.session.image_stack import ImageStack

_MOST_CLASSES = 30


@dataclass(frozen=True)
class Member:
    """One image of a training set, with its annotation.

    Attributes
    ----------
    stack : ImageStack
        The image.
    annotation : array
        Class ids of the image's shape, 0 where nothing is annotated; may be painted on while it is used.
    name : str
        What to call it in messages.
    version : object
        Changes whenever the annotation may have been edited; None if that is not known.
    """

    stack: ImageStack
    annotation: Any
    name: str = ""
    version: Any = None


@dataclass(frozen=True)
class AnnotatedFrame:
    """The annotation of one frame, as it was when it was read.

    Attributes
    ----------
    member : int
        Number of the image in the training set.
    index : int
        Number of the frame; 0 without time.
    pixels : numpy.ndarray
        Class ids of the frame's shape; not to be written to.
    counts : dict
        Number of pixels per class.
    fingerprint : int
        Equal for equal annotations.
    """

    member: int
    index: int
    pixels: NDArray[Any]
    counts: Mapping[int, int]
    fingerprint: int


@dataclass(frozen=True)
class TrainingSettings:
    """Features and forest; see :class:`~bioloom.classify.PixelClassifier`.

    Attributes
    ----------
    base : PixelClassifier or None
        A trained classifier of the same features to go on from: what it has learnt stays.
    """

    features: str
    n_trees: int = 100
    max_depth: int = 6
    balanced: bool = False
    seed: int = 0
    trees: Trees = "random forest"
    normalise: str | Normalisation = "none"
    base: PixelClassifier | None = None

    def classifier(self) -> PixelClassifier:
        """Return a classifier with these settings, untrained or as the base was trained.

        Raises
        ------
        InputError
            If one of them is not possible, or does not fit the base.
        """
        new = PixelClassifier(
            str(FeatureSet.parse(self.features)),
            self.n_trees,
            self.max_depth,
            balanced=self.balanced,
            seed=self.seed,
            trees=self.trees,
            normalise=self.normalise,
        )
        if self.base is not None:
            if (str(new.features), new.normalisation) != (str(self.base.features), self.base.normalisation):
                raise InputError(
                    "Training cannot go on from the loaded classifier with other features or intensities than its own. "
                    "Choose these again, or uncheck ‘Go on from what was loaded’."
                )
            new.__dict__.update({name: getattr(self.base, name) for name in _LEARNT})
        return new


_LEARNT = ("classes_", "class_names", "samples_", "_forest", "n_channels", "n_dim", "spacing", "channel_axis")


class AnnotationReader:
    """Reads annotations, and those that did not change since, not again."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[Member, list[AnnotatedFrame]]] = {}

    def read(self, members: Sequence[Member], check: Callable[[], object] | None = None) -> list[AnnotatedFrame]:
        """Return the frames that hold annotations.

        Parameters
        ----------
        members
            The images and their annotations.
        check
            Called after each image; may raise Cancelled.

        Raises
        ------
        InputError
            If an annotation has another shape than its image, holds fractions or negative values, or has so many
            values that it must be something else.
        """
        found: list[AnnotatedFrame] = []
        kept: dict[int, tuple[Member, list[AnnotatedFrame]]] = {}
        for number, member in enumerate(members):
            before, frames = self._read.get(number, (None, []))
            if before is None or not _unchanged(before, member):
                frames = _read(number, member)
            kept[number] = member, frames
            found += frames
            if check:
                check()
        self._read = kept
        return found


def read_members(members: Sequence[Member]) -> list[AnnotatedFrame]:
    """Return the frames of images that hold annotations; see :meth:`AnnotationReader.read`."""
    return AnnotationReader().read(members)


def _unchanged(before: Member, now: Member) -> bool:
    return (
        now.version is not None
        and before.version == now.version
        and before.annotation is now.annotation
        and before.stack.n_frames == now.stack.n_frames
        and before.stack.shape == now.stack.shape
    )


def _read(number: int, member: Member) -> list[AnnotatedFrame]:
    frames = []
    for index, seen in member.stack.annotated_frames(member.annotation):
        # A copy: the hand may go on while this is learnt from.
        pixels = check_annotation(np.array(seen), member.stack.shape)
        where = np.flatnonzero(pixels)
        values = pixels.reshape(-1)[where]
        ids, counts = np.unique(values, return_counts=True)
        if len(ids) > _MOST_CLASSES:
            raise InputError(
                f"The annotation holds {len(ids)} different values, as a layer of objects does. Choose the layer in "
                "which you painted classes, or click ‘New annotation’."
            )
        pixels.flags.writeable = False
        fingerprint = hash((where.tobytes(), values.tobytes()))
        count = dict(zip(ids.tolist(), counts.tolist(), strict=True))
        frames.append(AnnotatedFrame(number, index, pixels, count, fingerprint))
    return frames
