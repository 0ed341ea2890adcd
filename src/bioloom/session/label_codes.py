"""Which colour, class or row each label has, looked up for all pixels of an image at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioloom.errors import InputError

_DENSE = 2**24
"""Labels below this are looked up in a table, larger ones are searched for."""

BACKGROUND, UNKNOWN = 0, 1
"""Codes of the background and of labels that are not listed."""


class LabelCodes:
    """A small whole number for each label.

    Parameters
    ----------
    labels
        Ids of objects, shape (n,), each once, in any order, with any gaps, up to 2**63 − 1.
    codes
        uint8 or uint16 per label, (n,).
    other
        Code of labels that are not listed. Background has 0.

    Raises
    ------
    InputError
        If the shapes do not fit.
    """

    def __init__(self, labels: ArrayLike, codes: NDArray[Any], other: int = UNKNOWN) -> None:
        ids = np.asarray(labels)
        ids = ids.astype(np.int64, copy=False)
        if ids.ndim != 1 or ids.shape != codes.shape:
            raise InputError(f"One code per label is needed, but there are {ids.size} labels and {codes.size} codes.")
        self.dtype = codes.dtype
        self.other = codes.dtype.type(other)
        if len(ids) > 1 and not (ids[1:] > ids[:-1]).all():
            order = np.argsort(ids, kind="stable")
            ids, codes = ids[order], codes[order]
        self.ids: NDArray[np.int64] = ids
        self.codes: NDArray[Any] = np.ascontiguousarray(codes)
        self._table: NDArray[Any] | None = None
        if not len(ids) or ids[-1] < _DENSE:
            size = int(ids[-1]) + 1 if len(ids) else 1
            self._table = np.full(max(size, 1), self.other, self.dtype)
            self._table[ids[ids > 0]] = self.codes[ids > 0]
            self._table[0] = BACKGROUND

    def of(self, values: ArrayLike) -> NDArray[Any]:
        """Return the codes of labels, of the same shape.

        Parameters
        ----------
        values
            Whole numbers of any shape and type.
        """
        from bioloom.session._label_kernels import codes_by_search, codes_by_table

        given = np.asarray(values)
        flat = np.ascontiguousarray(given).reshape(-1)
        if not flat.dtype.isnative or flat.dtype.kind not in "iu":
            flat = flat.astype(np.int64)
        out = np.empty(flat.shape, self.dtype)
        if self._table is not None:
            codes_by_table(flat, self._table, self.other, out)
        else:
            codes_by_search(flat, self.ids, self.codes, self.other, out)
        return out.reshape(given.shape)


def colour_codes(colours: ArrayLike) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Give each different colour of objects a number.

    Parameters
    ----------
    colours
        uint8 RGBA per object, (n, 4).

    Returns
    -------
    codes : numpy.ndarray
        uint8 or uint16 per object, 2 and more: rows of the palette.
    palette : numpy.ndarray
        uint8 RGBA, (k, 4), k ≤ 65535. Rows 0 and 1 are transparent and grey: background and unknown labels, which are
        as faint as the faintest object that is seen. More colours than fit are rounded to 32 shades of red and green
        and 16 of blue.
    """
    given = np.ascontiguousarray(colours, np.uint8).reshape(-1, 4)
    packed = given.view(np.uint32).reshape(-1)
    different, codes = np.unique(packed, return_inverse=True)
    if len(different) > 65_000:
        coarse = given & np.array([0xF8, 0xF8, 0xF0, 0x80], np.uint8)
        coarse |= coarse >> np.array([5, 5, 4, 0], np.uint8)
        coarse[:, 3] = np.where(given[:, 3] >= 128, 255, 0)
        different, codes = np.unique(np.ascontiguousarray(coarse).view(np.uint32).reshape(-1), return_inverse=True)
    palette = np.zeros((len(different) + 2, 4), np.uint8)
    palette[2:] = different.view(np.uint8).reshape(-1, 4)
    seen = palette[2:, 3][palette[2:, 3] > 0]
    palette[UNKNOWN] = (153, 153, 153, seen.min(initial=255))
    return (codes.reshape(-1) + 2).astype(np.uint8 if len(palette) <= 255 else np.uint16), palette
