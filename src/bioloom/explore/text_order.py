"""Texts as classes, in the order in which people count: "class 2" before "class 10"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

# A minus belongs to a number at the beginning of a word; two points in a row make no decimals: versions, dates.
_NUMBER = re.compile(r"((?:(?<=\s)|^)-(?=[0-9])|)((?<![0-9.])[0-9]+\.[0-9]+(?![0-9.])|[0-9]+)")
NaturalKey: TypeAlias = tuple[tuple[tuple[str, float, int, str], ...], str]


def natural_key(text: str) -> NaturalKey:
    """Return what to sort a text by: digits in it count as numbers, and capitals as small letters.

    "0.5 µM" comes before "10 µM" and "-5" before "-1"; texts that are alike but for capitals or leading zeros are in
    the order of their letters.
    """
    parts: list[tuple[str, float, int, str]] = []
    end = 0
    for found in _NUMBER.finditer(text):
        digits = found[2].lstrip("0")
        whole = len(digits.partition(".")[0])
        # Numbers too long for float are told apart by their digits.
        parts.append((text[end : found.start()].casefold(), float(found[1] + found[2]), whole, digits))
        end = found.end()
    return (*parts, (text[end:].casefold(), -np.inf, 0, "")), text


def has_order(values: Any) -> bool:
    """Tell whether values are ordered categories of pandas."""
    return bool(getattr(getattr(values, "dtype", None), "ordered", False))


def numbered_texts(values: NDArray[Any] | pd.Series[Any]) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Give numbers to texts, from 1 on, and 0 to what is missing.

    Parameters
    ----------
    values
        One per object; what is no text is taken as it is written. Ordered categories keep their order, all others are
        in natural order.

    Returns
    -------
    codes : numpy.ndarray
        int64 per object.
    names : dict of int to str
        The text of each number that occurs, without 0.
    """
    import pandas as pd

    missing = np.asarray(pd.isna(values), bool)
    codes = np.zeros(len(values), np.int64)
    if has_order(values):
        kept = pd.Categorical(values).remove_unused_categories()
        codes[:] = kept.codes + 1
        return codes, dict(enumerate(map(str, kept.categories), start=1))
    texts, numbers = np.unique(np.asarray(values)[~missing].astype(str), return_inverse=True)
    known: list[str] = texts.tolist()
    order = sorted(range(len(known)), key=lambda i: natural_key(known[i]))
    rank = np.empty(len(known), np.int64)
    rank[order] = np.arange(1, len(known) + 1)
    codes[~missing] = rank[numbers]
    return codes, {place: known[i] for place, i in enumerate(order, start=1)}
