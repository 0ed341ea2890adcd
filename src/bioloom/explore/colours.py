"""Colours for classes and clusters that most colour-blind people can tell apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

# 1-7: Okabe & Ito, Color Universal Design (2008), without black. 8-10: indigo, wine and dark brown after Paul Tol.
# The grey is light because a darker one looks like 7 to people who see no green.
_HEX = "BBBBBB E69F00 56B4E9 009E73 F0E442 0072B2 D55E00 CC79A7 332288 882255 661100"

CLASS_COLOURS: NDArray[np.uint8] = np.array([[*bytes.fromhex(code), 255] for code in _HEX.split()], dtype=np.uint8)
"""RGBA of shape (11, 4): row 0, neutral grey, is for objects without a class; rows 1…10 are for classes 1…10."""
CLASS_COLOURS.flags.writeable = False


def class_colours(n: int) -> NDArray[np.uint8]:
    """Give each class a colour.

    Parameters
    ----------
    n
        Number of classes, 0 or more.

    Returns
    -------
    numpy.ndarray
        uint8 RGBA of shape (n + 1, 4): row 0 is neutral grey (no class), row i is class i. Above 10 classes the colours
        come again, mixed with white, then with black, then with more of each, so that no two rows are equal up to 70
        classes; beyond that they repeat.

    Raises
    ------
    InputError
        If `n` is negative.
    """
    if n < 0:
        raise InputError(f"The number of classes is {n}, but must be 0 or more.")
    base = CLASS_COLOURS[1:].astype(np.float64)
    rounds = []
    for target, share in ((0, 0.0), (255, 0.45), (0, 0.4), (255, 0.7), (0, 0.65), (255, 0.25), (0, 0.2)):
        mixed = base + (target - base) * share
        mixed[:, 3] = 255
        rounds.append(mixed)
    cycle = np.rint(np.concatenate(rounds)).astype(np.uint8)
    return np.concatenate([CLASS_COLOURS[:1], cycle[np.arange(n) % len(cycle)]])
