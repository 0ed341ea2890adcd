"""The features of all images of a session, kept as bins under one budget of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify import PixelClassifier
from bioloom.classify.channels import finite
from bioloom.classify.feature_blocks import Block, FeatureBlocks
from bioloom.errors import InputError
from bioloom.operations.checks import check_spacing
from bioloom.session.image_stack import ImageStack
from bioloom.session.live_memory import Kept

_MOST_SOURCES = 512


class KeptBlocks(FeatureBlocks):
    """Features of one frame whose bins are kept with those of all other frames.

    Parameters
    ----------
    channels
        See :class:`FeatureBlocks`.
    classifier
        Says which features, and how intensities are normalised.
    stack
        The image, for its pixel sizes.
    kept
        Where bins are kept; None to keep none.
    number
        See below.

    Attributes
    ----------
    number : int
        Differs between all sources there ever were: what was learnt from one is not taken for another.
    stack_number : int
        The same for all frames of one image.
    """

    def __init__(
        self, channels: Any, classifier: PixelClassifier, stack: ImageStack, kept: Kept | None, number: int
    ) -> None:
        spacing = check_spacing(stack.spacing, len(stack.shape), "The image")
        super().__init__(
            channels, classifier.features, spacing, normalisation=getattr(classifier, "normalisation", None)
        )
        self.number = number
        self.stack_number = 0
        self._kept = kept

    @property
    def keeps_bins(self) -> bool:
        """Whether bins are kept for the next time they are asked for."""
        return self._kept is not None

    def bins(self, block: Block, edges: Sequence[NDArray[np.float32]]) -> NDArray[Any]:
        """Return the bins of a block, (features, pixels of the block); see :class:`FeatureBlocks`."""
        if self._kept is None or self._device() is not None:
            # An OpenCL device keeps them itself.
            return super().bins(block, edges)
        key = ("bins", tuple(s.start for s in block), id(edges))
        bins = self._kept.get(self.number, key)
        if bins is None:
            bins = super().bins(block, edges)
            # The edges are kept alive with them, so that no other list can get their id.
            self._kept.keep(self.number, key, bins, edges)
        return bins

    def has_bins(self, block: Block, edges: Sequence[NDArray[np.float32]]) -> bool:
        """Tell whether the bins of a block are at hand."""
        if self._device() is not None:
            return super().has_bins(block, edges)
        return self._kept is not None and self._kept.has(
            self.number, ("bins", tuple(s.start for s in block), id(edges))
        )


@dataclass
class _Seen:
    """A frame, and what its pixels looked like when its features were computed."""

    source: KeptBlocks
    fingerprint: int


class FeatureStore:
    """Gives the features of frames; of an image that changed, anew."""

    def __init__(self) -> None:
        self.kept = Kept()
        self._stacks: OrderedDict[int, ImageStack] = OrderedDict()
        self._seen: OrderedDict[tuple[int, int, str], _Seen] = OrderedDict()
        self._numbers = count(1)
        self._lock = Lock()

    def source(self, stack: ImageStack, index: int, classifier: PixelClassifier) -> KeptBlocks:
        """Return the features of a frame, the same object as long as pixels, pixel size and features are the same.

        Raises
        ------
        InputError
            If the pixels are not finite real numbers.
        """
        with self._lock:
            stack_number = self._stack_number(stack)
            key = (stack_number, index, _recipe(classifier))
            # Arrays may be changed in place, which nothing announces.
            fingerprint = stack.fingerprint(index)
            seen = self._seen.get(key)
            if seen is not None and seen.fingerprint == fingerprint:
                self._seen.move_to_end(key)
                return seen.source
            if seen is not None:
                self.kept.drop(seen.source.number)
            number = next(self._numbers)
            channels = stack.channels_of(index, self.kept, number)
            _check_pixels(channels, stack.names)
            source = KeptBlocks(channels, classifier, stack, self.kept, number)
            source.stack_number = stack_number
            self._seen[key] = _Seen(source, fingerprint)
            self._limit()
            return source

    def forget(self) -> None:
        """Drop everything."""
        with self._lock:
            self._stacks.clear()
            self._seen.clear()
            self.kept.clear()

    def _stack_number(self, stack: ImageStack) -> int:
        for number, known in self._stacks.items():
            if known.same_pixels(stack):
                self._stacks.move_to_end(number)
                return number
        number = next(self._numbers)
        self._stacks[number] = stack
        return number

    def _limit(self) -> None:
        """Forget frames seen longest ago."""
        while len(self._seen) > _MOST_SOURCES:
            _, old = self._seen.popitem(last=False)
            self.kept.drop(old.source.number)
        in_use = {key[0] for key in self._seen}
        for number in [n for n in self._stacks if n not in in_use]:
            del self._stacks[number]


def _recipe(classifier: PixelClassifier) -> str:
    """Return all of a classifier that its features depend on."""
    return f"{classifier.features} {classifier.normalisation}"


def _check_pixels(channels: Sequence[Any], names: Sequence[str]) -> None:
    for name, channel in zip(names, channels, strict=True):
        if 0 in channel.shape:
            raise InputError(f"{name} has no pixels (shape {tuple(channel.shape)}).")
        if channel.dtype.kind not in "buif":
            raise InputError(f"{name} holds values of type {channel.dtype}, but must hold real numbers.")
        if isinstance(channel, np.ndarray):
            finite(channel, name)
