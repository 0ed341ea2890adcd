"""Painting and predicting: the state of a pixel classifier while it is trained on images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.classify import PixelClassifier, objects_of_class
from bioloom.classify.feature_blocks import FeatureBlocks, Progress
from bioloom.classify.forest import MAX_EDGES, find_edges
from bioloom.errors import InputError
from bioloom.recipe.steps import run_frames
from bioloom.session.image_stack import ImageStack

_SAMPLED_FRAMES = 4
_UNDO_STEPS = 50


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
        The class that `probability` and `objects` are of.
    objects : numpy.ndarray or None
        uint32: the connected regions of `class_id`, numbered per frame; None if they were not asked for.
    """

    classes: NDArray[Any]
    probability: NDArray[np.float32]
    class_id: int
    objects: NDArray[Any] | None = None


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
        self._counts: dict[int, int] = {}
        self._edges_before: OrderedDict[int, list[NDArray[np.float32]]] = OrderedDict()
        self._prints: dict[int, int] = {}

    def train(
        self,
        stack: ImageStack,
        annotation: Any,
        *,
        features: str,
        n_trees: int = 100,
        max_depth: int = 6,
        seed: int = 0,
        live: bool = False,
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
        live
            Answer quickly: keep the bins of the features, and so what was computed with them, until a class has more
            than twice the annotated pixels that it had when they were chosen. Otherwise they are chosen anew, so that
            the classifier depends on nothing but its input.
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
        painted = [frame for _, frame in annotated]
        counts = _count_classes(painted)
        state = hash(tuple(frame.tobytes() for frame in painted))
        edges = self._edges
        if live and state in self._edges_before:
            # An undo: what was painted then is answered as it was then.
            edges = self._edges_before[state]
        elif edges is None or not live or _outgrown(counts, self._counts):
            chosen = _choose_edges(sources, painted)
            # The same list again, so that what was computed with it is found.
            edges = edges if edges is not None and all(map(np.array_equal, edges, chosen)) else chosen
        classifier.fit_blocks(sources, painted, edges, progress)
        if progress:
            # Growing the trees reports nothing: a cancel meanwhile is noticed here.
            progress(1, 1)
        classifier.channel_axis = 0 if len(stack.channels) > 1 else None
        self.classifier = classifier
        if edges is not self._edges:
            self._edges, self._counts = edges, counts
        self._edges_before[state] = edges
        while len(self._edges_before) > _UNDO_STEPS:
            self._edges_before.popitem(last=False)
        return classifier

    def predict(
        self,
        stack: ImageStack,
        frames: Sequence[int],
        *,
        class_id: int | None = None,
        with_objects: bool = False,
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
        with_objects
            Whether the connected regions of that class are wanted, too.
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
        objects = None
        if with_objects:
            objects = run_frames(lambda frame: objects_of_class(frame, wanted), classes, stack.frame_axis)
        return Prediction(classes, probability, wanted, objects)

    def forget(self) -> None:
        """Drop the features that were kept, for example after an image was edited."""
        self._sources.clear()
        self._edges = None
        self._counts = {}
        self._edges_before.clear()
        self._prints = {}

    def _source(self, classifier: PixelClassifier, stack: ImageStack, index: int) -> FeatureBlocks:
        """Return the features of a frame; kept as long as image, feature set and pixel size stay the same.

        Of long time series only as many frames are kept as fit into memory, those used last.
        """
        features = str(classifier.features)
        if self._kept is None or self._kept[1] != features or not self._kept[0].same_pixels(stack):
            self.forget()
            self._kept = (stack, features)
        # Arrays may also be changed in place, which nothing announces.
        seen = stack.fingerprint(index)
        if self._prints.get(index) != seen:
            self._sources.pop(index, None)
            self._prints[index] = seen
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


def _count_classes(painted: Sequence[NDArray[Any]]) -> dict[int, int]:
    """Return the number of annotated pixels per class."""
    counts: dict[int, int] = {}
    for frame in painted:
        for k, n in zip(*np.unique(frame[frame > 0], return_counts=True), strict=True):
            counts[int(k)] = counts.get(int(k), 0) + int(n)
    return counts


def _outgrown(counts: dict[int, int], before: dict[int, int]) -> bool:
    return any(n > 2 * before.get(k, 0) for k, n in counts.items())


def _choose_edges(sources: Sequence[FeatureBlocks], painted: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
    """Choose bins of which one half resolves what is annotated, however rare, and the other half the images."""
    values = np.concatenate([s.at(frame > 0) for s, frame in zip(sources, painted, strict=True)])
    chosen = []
    for number, column in enumerate(values.T):
        image = np.unique(np.concatenate([s.edges[number] for s in sources[:_SAMPLED_FRAMES]]))
        thinned = image[np.linspace(0, len(image) - 1, min(len(image), MAX_EDGES // 2)).astype(int)]
        chosen.append(np.unique(np.concatenate([thinned, find_edges(column, MAX_EDGES - len(thinned))])))
    return chosen
