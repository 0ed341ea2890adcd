"""The edges of bins that suit several images and what is annotated in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.feature_blocks import FeatureBlocks, Progress
from bioloom.classify.forest import MAX_EDGES, find_edges
from bioloom.classify.samples import TrainingSamples
from bioloom.session.live_training import AnnotatedFrame

_SAMPLED_FRAMES = 4
_EDGE_PIXELS = 20_000

Edges = list[NDArray[np.float32]]


def total_counts(annotated: Sequence[AnnotatedFrame]) -> dict[int, int]:
    """Return the number of annotated pixels per class."""
    counts: dict[int, int] = {}
    for frame in annotated:
        for k, n in frame.counts.items():
            counts[k] = counts.get(k, 0) + n
    return counts


def outgrown(counts: Mapping[int, int], before: Mapping[int, int]) -> bool:
    """Tell whether a class has more than twice the annotated pixels that it had before."""
    return any(n > 2 * before.get(k, 0) for k, n in counts.items())


def choose_edges(
    sources: Sequence[FeatureBlocks],
    annotated: Sequence[AnnotatedFrame],
    learnt: TrainingSamples | None = None,
    progress: Progress | None = None,
) -> Edges:
    """Choose bins of which one half resolves what is annotated, however rare, and the other half the images.

    Parameters
    ----------
    sources, annotated
        The images' features and annotations.
    learnt
        What was annotated in other images, and is to be resolved, too.
    progress
        Called as ``progress(done, total)``; may raise Cancelled.
    """
    share = max(1, _EDGE_PIXELS // len(annotated))
    values = np.concatenate([s.at(_thinned(f, share), progress) for s, f in zip(sources, annotated, strict=True)])
    if learnt is not None:
        values = np.concatenate([values, learnt.values()])
    chosen = []
    for number, column in enumerate(values.T):
        image = np.unique(np.concatenate([s.edges[number] for s in sources[:_SAMPLED_FRAMES]]))
        thinned = image[np.linspace(0, len(image) - 1, min(len(image), MAX_EDGES // 2)).astype(int)]
        chosen.append(np.unique(np.concatenate([thinned, find_edges(column, MAX_EDGES - len(thinned))])))
    return chosen


def _thinned(frame: AnnotatedFrame, most: int) -> NDArray[np.bool_]:
    """Return where a frame is annotated; of very much of a class, pixels spread evenly over it."""
    mask: NDArray[np.bool_] = frame.pixels > 0
    if sum(frame.counts.values()) > most:
        mask = np.zeros(frame.pixels.shape, bool)
        for k in frame.counts:
            where = np.flatnonzero(frame.pixels == k)
            mask.reshape(-1)[where[:: max(1, len(where) * len(frame.counts) // most)]] = True
    return mask
