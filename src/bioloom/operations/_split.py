"""Dividing a mask at its necks by flooding a landscape from its tops."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True)
def _root(parent: Any, label: int) -> int:
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


@njit(nogil=True, cache=True)
def _flood(height: Any, order: Any, neck: float, labels: Any) -> None:
    depth, rows, columns = height.shape
    flat = labels.reshape(-1)
    parent = np.zeros(1024, np.uint32)
    top = np.zeros(1024, np.float32)
    count = 0
    for index in order:
        z, rest = divmod(index, rows * columns)
        y, x = divmod(rest, columns)
        here = height[z, y, x]
        steepest = np.float32(-1.0)
        mine = 0
        for zz in range(max(z - 1, 0), min(z + 2, depth)):
            for yy in range(max(y - 1, 0), min(y + 2, rows)):
                for xx in range(max(x - 1, 0), min(x + 2, columns)):
                    if labels[zz, yy, xx] and height[zz, yy, xx] > steepest:
                        steepest = height[zz, yy, xx]
                        mine = labels[zz, yy, xx]
        if mine == 0:
            count += 1
            if count == parent.size:
                parent = np.concatenate((parent, np.zeros_like(parent)))
                top = np.concatenate((top, np.zeros_like(top)))
            parent[count] = count
            top[count] = here
            flat[index] = count
            continue
        flat[index] = mine
        # From here two parts meet for the first time at the widest passage between them.
        for zz in range(max(z - 1, 0), min(z + 2, depth)):
            for yy in range(max(y - 1, 0), min(y + 2, rows)):
                for xx in range(max(x - 1, 0), min(x + 2, columns)):
                    if labels[zz, yy, xx] == 0:
                        continue
                    one, other = _root(parent, labels[zz, yy, xx]), _root(parent, mine)
                    if one == other:
                        continue
                    if top[one] > top[other]:
                        one, other = other, one
                    if here >= neck * top[one]:
                        parent[one] = other
    number = np.zeros(count + 1, np.uint32)
    n_objects = 0
    for index in range(flat.size):
        if flat[index]:
            root = _root(parent, flat[index])
            if number[root] == 0:
                n_objects += 1
                number[root] = n_objects
            flat[index] = number[root]


def divide(height: NDArray[np.float32], mask: NDArray[np.bool_], neck: float) -> NDArray[np.uint32]:
    """Divide a mask into the hills of a landscape.

    Parameters
    ----------
    height
        float32 (y, x) or (z, y, x), 0 or more: the landscape.
    mask
        bool, same shape: what to divide.
    neck
        Two hills are one if the pass between them is at least this share of the lower top, 0…1.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; every pixel of the mask goes uphill to its top. Pixels that touch at a
        corner are neighbours.

    Notes
    -----
    Watershed by immersion (L. Vincent and P. Soille, IEEE TPAMI 13 (1991) 583-598) from the tops down, with basins
    merged by their relative persistence.
    """
    stack = (1,) * (3 - mask.ndim) + mask.shape
    inside = np.flatnonzero(mask)
    order = inside[np.argsort(-height.ravel()[inside], kind="stable")]
    labels = np.zeros(stack, np.uint32)
    _flood(np.ascontiguousarray(height, np.float32).reshape(stack), order, neck, labels)
    return labels.reshape(mask.shape)
