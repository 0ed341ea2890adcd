"""A first answer from the first trees, where all trees take long enough to be waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from bioloom.classify import PixelClassifier
from bioloom.classify.feature_blocks import Block, Progress
from bioloom.session.live_features import KeptBlocks

FIRST_TREES = 20
"""How many trees give the first answer."""

WORTH_SECONDS = 0.05
"""A forest that takes less for what is in view answers at once."""

_MOST_PIXELS = 16_000_000


class EarlyVotes:
    """Asks a forest, first its first trees where that pays; learns on the way how long trees take.

    Attributes
    ----------
    seconds_per_vote : float or None
        Measured seconds per pixel and tree, None before anything was measured.
    """

    def __init__(self) -> None:
        self.seconds_per_vote: float | None = None
        self._measured_for: tuple[int, int] | None = None

    def pays(self, classifier: PixelClassifier, n_pixels: int) -> bool:
        """Tell whether a first answer is worth its cost for so many pixels whose features are at hand."""
        n_trees = classifier.forest.n_trees
        if n_trees < 2 * FIRST_TREES or n_pixels > _MOST_PIXELS:
            return False
        if self.seconds_per_vote is None or self._measured_for != _shape_of(classifier):
            # Not known for such a forest yet.
            return n_pixels * n_trees > 50_000_000
        return self.seconds_per_vote * n_pixels * n_trees > WORTH_SECONDS

    def votes(
        self,
        classifier: PixelClassifier,
        source: KeptBlocks,
        blocks: Sequence[Block],
        early: bool,
        progress: Progress | None,
    ) -> Iterator[tuple[Block, NDArray[np.float32], bool]]:
        """Yield blocks with the votes (classes, pixels), and whether all trees have voted.

        Parameters
        ----------
        classifier
            Trained.
        source
            The features of the image.
        blocks
            In the order in which they are wanted; those whose features are at hand come first.
        early
            Whether a first answer is wanted.
        progress
            Called as ``progress(done, total)`` with final blocks; may raise Cancelled.
        """
        edges = classifier.forest.edges
        at_hand = [source.has_bins(b, edges) for b in blocks]
        ready = [b for b, there in zip(blocks, at_hand, strict=True) if there]
        others = [b for b, there in zip(blocks, at_hand, strict=True) if not there]
        n_ready = sum(_size(b) for b in ready)
        first_votes: dict[tuple[int, ...], NDArray[np.float32]] = {}
        if early and ready and self.pays(classifier, n_ready):
            for block, votes in classifier.votes_by_block(source, ready, last=FIRST_TREES):
                first_votes[tuple(s.start for s in block)] = votes
                yield block, votes, False
        first = FIRST_TREES if first_votes else 0
        start, asked = time.perf_counter(), 0.0
        passes = chain(classifier.votes_by_block(source, ready, first=first), classifier.votes_by_block(source, others))
        for done, (block, votes) in enumerate(passes, start=1):
            asked += time.perf_counter() - start
            if done == len(ready):
                self._learn(classifier, asked, n_ready * (classifier.forest.n_trees - first))
            before = first_votes.pop(tuple(s.start for s in block), None)
            yield block, votes if before is None else votes + before, True
            if progress:
                progress(done, len(blocks))
            start = time.perf_counter()

    def _learn(self, classifier: PixelClassifier, seconds: float, n_votes: int) -> None:
        if n_votes < 1_000_000:
            return
        measured = seconds / n_votes
        known = self.seconds_per_vote if self._measured_for == _shape_of(classifier) else None
        self.seconds_per_vote = measured if known is None else 0.5 * (known + measured)
        self._measured_for = _shape_of(classifier)


def _shape_of(classifier: PixelClassifier) -> tuple[int, int]:
    """Return what the time of a forest depends on most."""
    return classifier.max_depth, len(classifier.classes_)


def _size(block: Block) -> int:
    return int(np.prod([s.stop - s.start for s in block]))
