"""Painting and predicting: the state of a pixel classifier while it is trained on images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.classify import PixelClassifier
from bioloom.classify.feature_blocks import FeatureBlocks, Progress
from bioloom.errors import InputError
from bioloom.session.image_stack import ImageStack


@dataclass(frozen=True)
class Prediction:
    """What a classifier says about an image; arrays have the image's shape, with time first if it has frames.

    Attributes
    ----------
    classes : numpy.ndarray
        Class ids; 0 in frames that were not predicted.
    probability : numpy.ndarray
        float32, 0…1: the probability of `class_id`.
    class_id : int
        The class that `probability` is of.
    """

    classes: NDArray[Any]
    probability: NDArray[np.float32]
    class_id: int


class PixelSession:
    """Trains and applies a pixel classifier, keeping the features of the images it has seen.

    Attributes
    ----------
    classifier : PixelClassifier or None
        The one trained or loaded last.
    """

    def __init__(self) -> None:
        self.classifier: PixelClassifier | None = None
        self._sources: OrderedDict[int, FeatureBlocks] = OrderedDict()
        self._kept: tuple[ImageStack, str] | None = None
        self._edges: list[NDArray[np.float32]] | None = None

    def train(
        self,
        stack: ImageStack,
        annotation: Any,
        *,
        features: str,
        n_trees: int = 100,
        max_depth: int = 6,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> PixelClassifier:
        """Train on all annotated frames of an image.

        Parameters
        ----------
        stack
            The image.
        annotation
            Class ids of the image's shape, 0 where nothing is annotated.
        features, n_trees, max_depth, seed
            See :class:`~bioloom.classify.PixelClassifier`.
        progress
            Called as ``progress(done, total)``; may raise Cancelled, which leaves the last classifier in place.

        Returns
        -------
        PixelClassifier
            The trained classifier; also kept in `classifier`.

        Raises
        ------
        InputError
            If shapes differ, pixels are NaN, or fewer than two classes are annotated.
        """
        classifier = PixelClassifier(features, n_trees, max_depth, seed=seed)
        annotated = list(stack.annotated_frames(annotation))
        if not annotated:
            raise InputError("Nothing is annotated yet. Paint some pixels of at least two classes, such as 1 and 2.")
        sources = [self._source(classifier, stack, index) for index, _ in annotated]
        if self._edges is None:
            self._edges = sources[0].edges
        classifier.fit_blocks(sources, [painted for _, painted in annotated], self._edges, progress)
        if progress:
            # Growing the trees reports nothing: a cancel meanwhile is noticed here.
            progress(1, 1)
        classifier.channel_axis = 0 if len(stack.channels) > 1 else None
        self.classifier = classifier
        return classifier

    def predict(
        self,
        stack: ImageStack,
        frames: Sequence[int],
        *,
        class_id: int | None = None,
        progress: Progress | None = None,
    ) -> Prediction:
        """Apply the classifier.

        Parameters
        ----------
        stack
            The image.
        frames
            The frames to predict; ``[0]`` for an image without time.
        class_id
            The class whose probability is wanted; the last one if left out.
        progress
            Called as ``progress(done, total)``; may raise Cancelled.

        Raises
        ------
        InputError
            If there is no classifier, or the image does not fit it.
        """
        if self.classifier is None:
            raise InputError("There is no classifier yet. Train one, or load one from a file.")
        classifier = self.classifier
        ids = classifier.classes_
        wanted = int(ids[-1]) if class_id is None else int(class_id)
        if wanted not in ids:
            raise InputError(f"The classifier knows the classes {', '.join(map(str, ids))}, but not {wanted}.")
        column = int(np.flatnonzero(ids == wanted)[0])
        full = stack.channels[0].shape
        classes = np.zeros(full, np.min_scalar_type(int(ids.max())))
        probability = np.zeros(full, np.float32)
        for done, index in enumerate(frames):
            source = self._source(classifier, stack, index)
            if (len(source.channels), len(source.shape)) != (classifier.n_channels, classifier.n_dim):
                raise InputError(
                    f"The classifier was trained on {classifier.n_channels} channel(s) in {classifier.n_dim}D, but the "
                    f"chosen image has {len(source.channels)} channel(s) in {len(source.shape)}D."
                )
            at = () if stack.n_frames is None else (index,)

            def report(part: int, parts: int, done: int = done) -> None:
                if progress:
                    progress(done * parts + part, len(frames) * parts)

            for block, votes in classifier.votes_by_block(source, progress=report):
                shape = tuple(s.stop - s.start for s in block)
                classes[at + block] = ids[votes.argmax(0)].reshape(shape)
                probability[at + block] = (votes[column] / votes.sum(0)).reshape(shape)
        return Prediction(classes, probability, wanted)

    def forget(self) -> None:
        """Drop the features that were kept, for example after an image was edited."""
        self._sources.clear()
        self._edges = None

    def _source(self, classifier: PixelClassifier, stack: ImageStack, index: int) -> FeatureBlocks:
        """Return the features of a frame; kept as long as image, feature set and pixel size stay the same.

        Of long time series only as many frames are kept as fit into memory, those used last.
        """
        features = str(classifier.features)
        if self._kept is None or self._kept[1] != features or not self._kept[0].same_pixels(stack):
            self.forget()
            self._kept = (stack, features)
        if index in self._sources:
            self._sources.move_to_end(index)
            return self._sources[index]
        pixels = stack.frame(index)
        needed = pixels.nbytes + len(classifier.features.names(len(pixels))) * pixels[0].size
        n_kept = min(max(1, device.memory_budget() // needed), len(stack.frames()))
        while len(self._sources) >= n_kept:
            self._sources.popitem(last=False)
        source = classifier.feature_blocks(pixels, 0, stack.spacing, device.memory_budget() // n_kept)
        self._sources[index] = source
        return source
