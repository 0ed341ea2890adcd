"""What can be measured, and what each measurement needs.

A *quantity* is something that several measurements share, such as the sums of the coordinates of each object. A
*property* is a measurement that a user can ask for. Both declare by name what they need;
`bioloom.measure.evaluation.evaluate` computes the closure of those needs, each quantity once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

GROUPS = ("size", "position", "intensity", "shape")
EXTRA_GROUPS = ("image_moments", "neighbours", "radial", "texture", "colocalisation", "clesperanto")
"""Groups that are measured only where they, or their properties, are asked for by name."""

SKIMAGE = "scikit-image, skimage.measure.regionprops"
SLAB = 1 << 23  # pixels between two looks at whether the user wants to stop

Compute = Callable[..., Any]


@dataclass(frozen=True)
class Objects:
    """The objects of one frame, ready to be measured.

    Attributes
    ----------
    labels
        (z, y, x) label image, C-contiguous uint32 or uint64; a plane has one z.
    ids
        The labels present, sorted, without background; same dtype.
    table
        Row of each label in `ids`, -1 for numbers that are no label; or empty if labels are so large that they are
        searched for in `ids`.
    ndim
        2 or 3, the dimensions of the data as given.
    spacing
        Pixel size along z, y and x (1 for the z of a plane).
    tick
        To be called now and then during long computations; raises Cancelled if the user wants to stop.
    whole
        Shape of the image where `labels` cannot tell it; empty if it can.
    """

    labels: NDArray[Any]
    ids: NDArray[Any]
    table: NDArray[np.int32]
    ndim: int
    spacing: NDArray[np.float64]
    tick: Callable[[], None]
    whole: tuple[int, ...] = ()

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape (z, y, x) of the whole image."""
        return self.whole or self.labels.shape

    @property
    def pixel_size(self) -> float:
        """Area or volume of a pixel."""
        return float(np.prod(self.spacing))

    @property
    def axes(self) -> slice:
        """Selects the axes the data has from arrays with z, y and x."""
        return slice(3 - self.ndim, 3)

    def slabs(self) -> Iterator[tuple[int, int]]:
        """Ranges of rows (of all planes, one after the other) for the kernels."""
        return slabs(self.labels, self.tick)


@dataclass(frozen=True)
class Quantity:
    """A shared intermediate result.

    `compute(objects, *needs)`; per channel `compute(objects, image, *needs)`, and per pair of channels
    `compute(objects, first, second, *needs)`, where a need that is per channel comes as the tuple of both.
    With `sums`, it is taken from what adds up over the pixels of an image: ``compute(objects, sums, channel)`` is given
    `bioloom.measure.sums.Sums`, with the part of that name (one of its `PARTS`, or "places").

    Images that do not fit into memory are measured in parts: what looks at `objects.labels` or an image is then given
    the surroundings of some objects at a time, with `margin` pixels around them. What depends on pixels farther away
    has `by_blocks`, which is called instead for the whole frame: ``by_blocks(objects, frame, *channels, *needs)`` with
    objects that have no pixels, a `bioloom.measure._frame.Frame` and the names of channels; a need that looks at pixels
    comes as None.
    """

    name: str
    needs: tuple[str, ...]
    compute: Compute
    per_channel: bool = False
    per_pair: bool = False
    sums: str = ""
    by_blocks: Compute | None = None
    margin: int = 1

    @property
    def whole(self) -> bool:
        """Whether it depends on pixels far from the object, or on all pixels of a frame."""
        return self.by_blocks is not None

    @property
    def n_images(self) -> int:
        """How many images it is computed from at a time: 0, 1 or 2."""
        return 2 if self.per_pair else int(self.per_channel)

    def suffixes(self, channels: Sequence[str]) -> list[tuple[str, ...]]:
        """Return what it is computed for, given the suffixes of the channels: nothing, each of them, or each pair."""
        return list(combinations(channels, self.n_images))


@dataclass(frozen=True)
class Property(Quantity):
    """A measurement that a table can have.

    Attributes
    ----------
    name
        Its name, that of scikit-image where scikit-image has it.
    group
        One of `GROUPS` or `EXTRA_GROUPS`.
    description
        What it is, in one sentence.
    unit
        "px", "length", "length²", "length³", "lengthⁿ" (² for planes, ³ for stacks), "1/lengthⁿ", "intensity", "rad" or
        "" if it has none. A length is in the unit of the spacing.
    source
        Paper or reference implementation.
    ndims
        Numbers of spatial dimensions for which it is defined.
    parts
        "" for one column, "axes" for one per axis, "box" for two per axis, "tensor" for one per pair of axes, "moments"
        for one per moment to third order (-p-q or -p-q-r, the powers of the axes), or the number of columns.
    """

    group: str = ""
    description: str = ""
    unit: str = ""
    source: str = SKIMAGE
    ndims: tuple[int, ...] = (2, 3)
    parts: str = ""
    dtype: type = float

    def columns(self, ndim: int, suffix: str = "") -> list[str]:
        """Names of its columns in a table of `ndim`-dimensional objects, for the channel with this suffix."""
        if self.parts in ("moments", "tensor"):
            numbers = moment_powers(ndim) if self.parts == "moments" else list(product(range(ndim), repeat=2))
            return ["-".join(map(str, (self.name, *some))) + suffix for some in numbers]
        n = int(self.parts) if self.parts.isdigit() else {"": 0, "axes": ndim, "box": 2 * ndim}[self.parts]
        names = [f"{self.name}-{i}" for i in range(n)] or [self.name]
        return [name + suffix for name in names]


def moment_powers(ndim: int) -> list[tuple[int, ...]]:
    """List the powers of the axes of the moments to third order, in the order of their columns."""
    return [powers for powers in product(range(4), repeat=ndim) if sum(powers) <= 3]


QUANTITIES: dict[str, Quantity] = {}
PROPERTIES: dict[str, Property] = {}
NUMBERED: dict[str, Callable[[int], Property | None]] = {}
"""What makes the property ``<name>=<number>`` of a whole number, by name."""
MEASURED: dict[str, Callable[[float], Property]] = {}
"""What makes the property ``<name>=<number>`` of a length such as 2.5, by name."""

_MAX_NUMBER = 1000


def slabs(labels: NDArray[Any], tick: Callable[[], None]) -> Iterator[tuple[int, int]]:
    """Divide the rows of a (z, y, x) array into ranges of some million pixels; `tick` is called between them."""
    n_rows = labels.shape[0] * labels.shape[1]
    step = max(1, SLAB // max(1, labels.shape[2]))
    for first in range(0, n_rows, step):
        tick()
        yield first, min(first + step, n_rows)


def quantity(
    *needs: str, per_channel: bool = False, per_pair: bool = False, by_blocks: Compute | None = None
) -> Callable[[Compute], Compute]:
    """Register a function as the quantity of its name."""

    def register(compute: Compute) -> Compute:
        name = compute.__name__
        QUANTITIES[name] = Quantity(name, needs, compute, per_channel, per_pair, by_blocks=by_blocks)
        return compute

    return register


def summed(part: str, per_channel: bool = False) -> Callable[[Compute], Compute]:
    """Register a function as the quantity of its name that is a part of the sums over all pixels."""

    def register(compute: Compute) -> Compute:
        name = compute.__name__
        QUANTITIES[name] = Quantity(name, (), compute, per_channel, sums=part)
        return compute

    return register


def measured(group: str, unit: str, *needs: str, **details: Any) -> Callable[[Compute], Compute]:
    """Register a function as the property of its name, its docstring being the description."""

    def register(compute: Compute) -> Compute:
        text = " ".join((compute.__doc__ or "").split())
        PROPERTIES[compute.__name__] = Property(
            compute.__name__, needs, compute, group=group, unit=unit, description=text, **details
        )
        return compute

    return register


def find_property(name: str) -> Property | None:
    """Return the property of a name, also of one such as ``average_distance_of_n_nearest_neighbors=6``."""
    if name in PROPERTIES:
        return PROPERTIES[name]
    stem, _, number = name.partition("=")
    # int() would also take "٣" and "1_0", which other programs do not.
    if stem in NUMBERED and number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= _MAX_NUMBER:
        return NUMBERED[stem](int(number))
    if stem in MEASURED and re.fullmatch(r"\d{1,12}(\.\d{1,20})?", number, re.ASCII) and float(number) > 0:
        return MEASURED[stem](float(number))
    return None


def node(name: str) -> Quantity:
    """Return the property or quantity of a name."""
    return find_property(name) or QUANTITIES[name]


def closure(names: Iterable[str], known: Collection[str] = ()) -> list[Quantity]:
    """Everything needed for some properties but what is known, each once and after what it needs itself."""
    ordered: dict[str, Quantity] = {}

    def visit(name: str) -> None:
        if name not in ordered and name not in known:
            found = node(name)
            for need in found.needs:
                visit(need)
            ordered[name] = found

    for name in names:
        visit(name)
    return list(ordered.values())
