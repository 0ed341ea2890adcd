"""What a classifier says: about a block, and about whole frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify import PixelClassifier
from bioloom.classify.feature_blocks import Block
from bioloom.classify.forest import decide


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


@dataclass(frozen=True)
class BlockAnswer:
    """What a classifier says about one block of an image; arrays have the block's shape.

    Attributes
    ----------
    frame : int
        Number of the frame; 0 without time.
    block : tuple of slice
        Where in the frame.
    classes : numpy.ndarray
        Class ids, uint8 or the smallest unsigned type that holds them.
    probability : numpy.ndarray
        float32, 0…1: the probability of the class that was asked for.
    uncertainty : numpy.ndarray
        float32, 0…1: 1 minus the difference of the two largest probabilities.
    lead : numpy.ndarray or None
        float32, 0…1: how far the class that was asked for is ahead of the most probable other one, 0.5 where they are
        equal; None if it was not asked for.
    final : bool
        False where only the first trees were asked so far.
    """

    frame: int
    block: Block
    classes: NDArray[Any]
    probability: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    final: bool
    lead: NDArray[np.float32] | None = None


def answer_of(
    classifier: PixelClassifier, frame: int, block: Block, votes: NDArray[np.float32], column: int,
    final: bool = True, with_lead: bool = False,
) -> BlockAnswer:  # fmt: skip
    """Turn votes (classes, pixels) into an answer, with the probability of the class in a column of the votes."""
    shape = tuple(s.stop - s.start for s in block)
    number, best, margin = decide(votes)
    ids = classifier.classes_.astype(np.min_scalar_type(int(classifier.classes_.max())))
    total = votes.sum(0)
    probability = votes[column] / np.where(total > 0, total, 1)
    lead = None
    if with_lead:
        behind = np.where(number == column, margin, probability - best)
        lead = ((1 + behind) / np.float32(2)).reshape(shape)
    return BlockAnswer(
        frame, block, ids[number].reshape(shape), probability.reshape(shape), (1 - margin).reshape(shape), final, lead
    )
