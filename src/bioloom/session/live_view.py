"""What is looked at, and which blocks of an image are worth computing first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bioloom.classify.feature_blocks import Block
from bioloom.session.image_stack import ImageStack


@dataclass(frozen=True)
class Scene:
    """The part of an image that is in view.

    Attributes
    ----------
    stack : ImageStack
        The image.
    frame : int
        The frame shown; 0 without time.
    region : tuple of slice
        What is shown of the frame, one range per spatial axis; a single plane where an axis has a slider. It may lie
        outside of the image, when nothing of it is in view.
    owner : object
        Whatever the owner of the picture wants to recognise it by, such as a layer.
    """

    stack: ImageStack
    frame: int
    region: tuple[slice, ...]
    owner: Any = None


def in_view(blocks: Sequence[Block], region: Sequence[slice]) -> list[Block]:
    """Return the blocks that a region touches, those nearest to its centre first."""
    return _from_centre([b for b in blocks if _touch(b, region)], region)


def out_of_view(blocks: Sequence[Block], region: Sequence[slice]) -> list[Block]:
    """Return the other blocks, those nearest to the centre of the region first."""
    return _from_centre([b for b in blocks if not _touch(b, region)], region)


def key_of(block: Block) -> tuple[int, ...]:
    """Return what tells a block of an image from its others."""
    return tuple(s.start for s in block)


def _touch(block: Block, region: Sequence[slice]) -> bool:
    return all(b.start < r.stop and r.start < b.stop for b, r in zip(block, region, strict=True))


def _from_centre(blocks: list[Block], region: Sequence[slice]) -> list[Block]:
    def distance(block: Block) -> float:
        gaps = ((b.start + b.stop - r.start - r.stop) / 2 for b, r in zip(block, region, strict=True))
        return float(sum(gap * gap for gap in gaps))

    return sorted(blocks, key=distance)
