"""The groups that box and violin show side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.appearance import Appearance, class_name

_MOST_GROUPS = 60
_GREY = (130, 130, 130, 255)


@dataclass(frozen=True)
class Grouping:
    """Groups of objects.

    Attributes
    ----------
    groups : numpy.ndarray
        Group of each object, 0…k - 1, -1 for none.
    names : list of str
        One per group.
    colours : list of tuple of int
        RGBA of each group.
    """

    groups: NDArray[np.intp]
    names: list[str]
    colours: list[tuple[int, ...]]


def grouping(
    n_objects: int, look: Appearance | None, groups: NDArray[np.intp] | None, names: Sequence[str]
) -> Grouping:
    """Divide objects into groups: those given, else the classes that they are coloured by, else all in one.

    Of more classes than can be drawn side by side the smallest ones become a group together, the last.

    Raises
    ------
    InputError
        If more groups are given than can be drawn side by side.
    """
    if groups is not None:
        n = int(groups.max(initial=-1)) + 1
        if n > _MOST_GROUPS:
            raise InputError(f"There are {n} groups, too many to be drawn side by side; at most {_MOST_GROUPS}.")
        return Grouping(groups, [*names, *(f"{i}" for i in range(len(names), n))], [_GREY] * n)
    rows = look.legend_rows() if look is not None else []
    if look is None or not rows:
        return Grouping(np.zeros(n_objects, np.intp), ["all"], [_GREY])
    colouring = look.colouring
    place = np.full(len(colouring.palette), -1, np.intp)
    others: list[int] = []
    if len(rows) > _MOST_GROUPS:
        largest = sorted(rows, key=lambda row: -int(colouring.counts[row]))[: _MOST_GROUPS - 1]
        others = sorted(set(rows) - set(largest))
        rows = sorted(largest)
        place[others] = len(rows)
    place[rows] = np.arange(len(rows))
    return Grouping(
        place[colouring.index],
        [class_name(int(colouring.classes[row]), colouring.names) for row in rows] + _named(others),
        [tuple(map(int, colouring.palette[row])) for row in rows] + [_GREY] * bool(others),
    )


def _named(others: list[int]) -> list[str]:
    return [f"{len(others)} other classes"] if others else []
