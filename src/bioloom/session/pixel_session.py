"""Painting and predicting: the state of a pixel classifier while it is trained on images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np

from bioloom.classify import PixelClassifier
from bioloom.classify.feature_blocks import Block, Progress
from bioloom.classify.samples import TrainingSamples, bins_of
from bioloom.errors import Cancelled, InputError
from bioloom.session.image_stack import ImageStack
from bioloom.session.live_answers import BlockAnswer, Prediction, answer_of
from bioloom.session.live_edges import Edges, choose_edges, outgrown, total_counts
from bioloom.session.live_features import FeatureStore, KeptBlocks
from bioloom.session.live_forest import EarlyVotes
from bioloom.session.live_training import AnnotatedFrame, Member, TrainingSettings, read_members

_UNDO_STEPS = 50
_MOST_FRAMES = 1 << 20


@dataclass(frozen=True)
class _Bins:
    """Edges of bins, for what they were chosen, and in them what was learnt before."""

    edges: Edges
    counts: Mapping[int, int]
    sources: frozenset[int]
    base: PixelClassifier | None
    learnt: TrainingSamples | None


class PixelSession:
    """Trains and applies a pixel classifier, keeping the features of the images it has seen.

    Training and predicting are for one thread at a time. From others, the classifier may be replaced, undone and
    forgotten at any time: what is being trained meanwhile is then dropped.

    Attributes
    ----------
    classifier : PixelClassifier or None
        The one trained or loaded last.
    generation : int
        Changes whenever the classifier does.
    features : FeatureStore
        The features of all images.
    early : EarlyVotes
        Decides whether the first trees are asked first.
    """

    def __init__(self) -> None:
        self.features = FeatureStore()
        self.generation = 0
        self._lock = Lock()
        self._classifier: PixelClassifier | None = None
        self._former: list[PixelClassifier | None] = []
        self.early = EarlyVotes()
        self._bins: _Bins | None = None
        self._bins_of: OrderedDict[Any, _Bins] = OrderedDict()
        self._trained: OrderedDict[Any, PixelClassifier] = OrderedDict()

    @property
    def classifier(self) -> PixelClassifier | None:
        """The classifier trained or loaded last."""
        return self._classifier

    @classifier.setter
    def classifier(self, classifier: PixelClassifier | None) -> None:
        with self._lock:
            self._replace(classifier)

    def _replace(self, classifier: PixelClassifier | None) -> None:
        if classifier is not self._classifier:
            self._former = [*self._former, self._classifier][-_UNDO_STEPS:]
            self._classifier = classifier
        self.generation += 1

    @property
    def can_undo_training(self) -> bool:
        """Whether there was another classifier before."""
        return bool(self._former) and self._former[-1] is not None

    def undo_training(self) -> PixelClassifier:
        """Take the classifier back that there was before the last training or loading.

        Raises
        ------
        InputError
            If there was none.
        """
        with self._lock:
            former = self._former[-1] if self._former else None
            if former is None:
                raise InputError("There is no earlier classifier to go back to.")
            self._former.pop()
            self._classifier = former
            self.generation += 1
            return former

    # -------------------------------------------------------------------------------------------- training
    def train(
        self,
        members: Sequence[Member],
        settings: TrainingSettings,
        *,
        live: bool = False,
        progress: Progress | None = None,
    ) -> PixelClassifier:
        """Train on everything that is annotated in several images.

        Parameters
        ----------
        members
            The images and their annotations.
        settings
            Features and forest.
        live
            Answer quickly: keep the bins of the features, and so what was computed with them, until a class has more
            than twice the annotated pixels that it had when they were chosen, or an image is new. An annotation that
            was learnt from before, such as after an undo, gives back the classifier it gave. Otherwise the bins are
            chosen anew, so that the classifier depends on nothing but its input.
        progress
            Called as ``progress(done, total)``; may raise Cancelled, which leaves the last classifier in place.

        Returns
        -------
        PixelClassifier
            The trained classifier; also kept in `classifier`.

        Raises
        ------
        InputError
            If shapes or numbers of channels differ, pixels are NaN, or fewer than two classes are annotated.
        """
        return self.train_on(members, read_members(members), settings, live=live, progress=progress)

    def train_on(
        self,
        members: Sequence[Member],
        annotated: Sequence[AnnotatedFrame],
        settings: TrainingSettings,
        *,
        live: bool = False,
        progress: Progress | None = None,
    ) -> PixelClassifier:
        """Train on annotations that were read before; see :meth:`train`."""
        if not annotated:
            raise InputError("Nothing is annotated yet. Paint some pixels of at least two classes, such as 1 and 2.")
        generation = self.generation
        classifier = settings.classifier()
        stacks = {frame.member: members[frame.member].stack for frame in annotated}
        _check_alike([members[k] for k in stacks])
        sources = [self.features.source(stacks[f.member], f.index, classifier) for f in annotated]
        counts = total_counts(annotated)
        # Not of the settings, only of what edges depend on.
        state = settings.base, *((s.number, f.fingerprint) for s, f in zip(sources, annotated, strict=True))
        stack_numbers = frozenset(s.stack_number for s in sources)
        bins = self._bins
        learnt = None if settings.base is None else settings.base.samples_
        if live and state in self._bins_of:
            # An undo: what was painted then is answered as it was then.
            bins = self._bins_of[state]
        elif (
            bins is None
            or not live
            or not stack_numbers <= bins.sources
            or len(bins.edges) != len(sources[0].names)
            or bins.base is not settings.base
            or outgrown(counts, bins.counts)
        ):
            chosen = choose_edges(sources, annotated, learnt, progress)
            if bins is not None and len(bins.edges) == len(chosen) and all(map(np.array_equal, bins.edges, chosen)):
                # The same list again, so that what was computed with it is found.
                chosen = bins.edges
            samples = None if learnt is None else _in_edges(learnt, chosen)
            bins = _Bins(chosen, counts, stack_numbers, settings.base, samples)
        known = self._trained.get((settings, state)) if live else None
        if known is not None and known.forest.edges is bins.edges:
            trained = known
        else:
            if learnt is not None:
                classifier.samples_ = bins.learnt
            keys = [f.member * _MOST_FRAMES + f.index for f in annotated]
            trained = classifier.fit_blocks(
                sources, [f.pixels for f in annotated], bins.edges, progress, settings.base is not None, keys
            )
            if progress:
                # Growing the trees reports nothing: a cancel meanwhile is noticed here.
                progress(1, 1)
            trained.channel_axis = 0 if len(members[annotated[0].member].stack.channels) > 1 else None
        with self._lock:
            if self.generation != generation:
                # It was replaced meanwhile, by loading or undoing.
                raise Cancelled
            self._bins = bins
            _remember(self._bins_of, state, bins)
            _remember(self._trained, (settings, state), trained)
            self._replace(trained)
        return trained

    # -------------------------------------------------------------------------------------------- predicting
    def source(self, stack: ImageStack, frame: int) -> KeptBlocks:
        """Return the features of a frame, for the classifier there is.

        Raises
        ------
        InputError
            If there is no classifier, or the image does not fit it.
        """
        classifier = self._needed()
        given = len(stack.channels), len(stack.shape)
        if given != (classifier.n_channels, classifier.n_dim):
            raise InputError(
                f"The classifier was trained on {classifier.n_channels} channel(s) in {classifier.n_dim}D, but the "
                f"chosen image has {given[0]} channel(s) in {given[1]}D."
            )
        return self.features.source(stack, frame, classifier)

    def answers(
        self,
        stack: ImageStack,
        frame: int,
        blocks: Sequence[Block],
        *,
        class_id: int | None = None,
        early: bool = False,
        with_lead: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[BlockAnswer]:
        """Apply the classifier to blocks of one frame; yield what it says as it comes.

        Parameters
        ----------
        stack, frame
            The image and the number of its frame.
        blocks
            Some of ``source(stack, frame).blocks``, the most urgent ones first.
        class_id
            The class whose probability is wanted; the last one if left out.
        early
            Whether to give first what the first trees say, where all of them take long.
        with_lead
            Whether the lead of the class is wanted, to make objects of.
        progress
            Called as ``progress(done, total)``; may raise Cancelled.

        Raises
        ------
        InputError
            If there is no classifier, or the image or the class does not fit it.
        """
        classifier = self._needed()
        source = self.source(stack, frame)
        column = int(np.flatnonzero(classifier.classes_ == _wanted(classifier, class_id))[0])
        for block, votes, final in self.early.votes(classifier, source, blocks, early, progress):
            yield answer_of(classifier, frame, block, votes, column, final, with_lead)

    def _needed(self) -> PixelClassifier:
        if self._classifier is None:
            raise InputError("There is no classifier yet. Train one, or load one from a file.")
        return self._classifier

    def predict(
        self,
        stack: ImageStack,
        frames: Sequence[int],
        *,
        class_id: int | None = None,
        progress: Progress | None = None,
    ) -> Prediction:
        """Apply the classifier to whole frames.

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
        classifier = self._needed()
        wanted = _wanted(classifier, class_id)
        full = stack.channels[0].shape
        classes = np.zeros(full, np.min_scalar_type(int(classifier.classes_.max())))
        probability = np.zeros(full, np.float32)
        for done, index in enumerate(frames):
            at = () if stack.n_frames is None else (index,)

            def report(part: int, parts: int, done: int = done) -> None:
                if progress:
                    progress(done * parts + part, len(frames) * parts)

            blocks = self.source(stack, index).blocks
            for answer in self.answers(stack, index, blocks, class_id=wanted, progress=report):
                classes[at + answer.block] = answer.classes
                probability[at + answer.block] = answer.probability
        return Prediction(classes, probability, wanted)

    def forget(self) -> None:
        """Drop the features that were kept, for example after an image was edited."""
        with self._lock:
            self.features.forget()
            self._bins = None
            self._bins_of.clear()
            self._trained.clear()


def _wanted(classifier: PixelClassifier, class_id: int | None) -> int:
    """Return the class that probabilities and objects are of: the one asked for, or the last one."""
    ids = classifier.classes_
    wanted = int(ids[-1]) if class_id is None else int(class_id)
    if wanted not in ids:
        raise InputError(f"The classifier knows the classes {', '.join(map(str, ids))}, but not {wanted}.")
    return wanted


def _in_edges(samples: TrainingSamples, edges: Edges) -> TrainingSamples:
    """Return the same samples in other bins."""
    return replace(samples, bins=bins_of(samples.values(), edges), edges=edges)


def _remember(store: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    store[key] = value
    store.move_to_end(key)
    while len(store) > _UNDO_STEPS:
        store.popitem(last=False)


def _check_alike(members: Sequence[Member]) -> None:
    kinds = {(len(m.stack.channels), len(m.stack.shape)) for m in members}
    if len(kinds) > 1:
        listed = "; ".join(
            f"{m.name or ', '.join(m.stack.names)}: {len(m.stack.channels)} channel(s) in {len(m.stack.shape)}D"
            for m in members
        )
        raise InputError(f"All images of a training set need the same number of channels and of axes. Given: {listed}.")
