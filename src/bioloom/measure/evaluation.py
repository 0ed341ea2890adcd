"""Compute quantities and properties of objects, each once, and let go of them when they are no longer needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.registry import Objects, Quantity, node
from bioloom.measure.sums import Sums, sum_up


def evaluate(
    steps: Iterable[Quantity],
    objects: Objects,
    images: dict[str, NDArray[Any]],
    finished: Callable[[], None],
    sums: Sums | None = None,
    known: dict[tuple[str, str], Any] | None = None,
    keep: Collection[str] | None = None,
) -> dict[tuple[str, str], Any]:
    """Compute quantities and properties in the order of `closure`.

    Parameters
    ----------
    steps
        What to compute.
    objects
        The objects of a frame.
    images
        Per channel an image of the shape of `objects.labels`.
    finished
        Called after each step and channel.
    sums
        The sums of these objects, if they are known already.
    known
        Results that the steps may need and that are not to be computed.
    keep
        Names of what is wanted: everything else is let go of as soon as no step needs it. None for everything.

    Returns
    -------
    dict
        Results by (name, channel); the channel is "" for what does not depend on the image, and for pairs of channels
        both suffixes, one after the other.
    """
    values: dict[tuple[str, str], Any] = dict(known or {})
    steps = list(steps)
    parts = {step.sums for step in steps if step.sums}
    if parts and sums is None:
        sums = sum_up(objects.labels, images, sorted(parts), tick=objects.tick).of(objects.ids)
    for step, unneeded in zip(steps, unneeded_after(steps, keep), strict=True):
        for pair in step.suffixes(list(images)):
            if step.sums:
                values[step.name, "".join(pair)] = step.compute(objects, sums, "".join(pair))
                finished()
                continue
            needs = [_need(values, need, pair) for need in step.needs]
            with np.errstate(all="ignore"):
                values[step.name, "".join(pair)] = step.compute(objects, *(images[c] for c in pair), *needs)
            finished()
        needs = []
        forget(values, unneeded)
    return values


def unneeded_after(steps: Sequence[Quantity], keep: Collection[str] | None) -> list[set[str]]:
    """Return after each step which results no later step needs and are not to be kept."""
    last = {need: i for i, step in enumerate(steps) for need in (step.name, *step.needs)}
    return [{n for n, at in last.items() if at == i and keep is not None and n not in keep} for i in range(len(steps))]


def forget(values: dict[tuple[str, str], Any], names: Collection[str]) -> None:
    """Remove the results of these names."""
    for key in [key for key in values if key[0] in names]:
        del values[key]


def _need(values: dict[tuple[str, str], Any], name: str, channels: tuple[str, ...]) -> Any:
    """Return what a step for some channels needs: of all of them, of each of them, or of none."""
    n = node(name).n_images
    if n == 0:
        return values[name, ""]
    return values[name, "".join(channels)] if n == len(channels) else tuple(values[name, c] for c in channels)
