"""Feature sets as cells of a grid, and presets as sets."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache

from bioloom.classify.feature_set import CUSTOM, KINDS, PRESETS, Feature, FeatureSet
from bioloom.errors import InputError
from bioloom.widgets._feature_cells import Cell

_LONGEST = 24


def cells_of(features: FeatureSet) -> list[Cell]:
    """Return the cells of a feature set, in its order."""
    return [(f.kind, f.sigma) for f in features.features]


def word_of(cell: Cell) -> str:
    """Return the feature of a cell as text."""
    return str(Feature(*cell))


def refusal(word: str, n_dim: int) -> str:
    """Return why there is no such feature in so many dimensions; nothing if there is."""
    try:
        FeatureSet.parse(word).check_dimensions(n_dim)
    except InputError as error:
        return str(error)
    return ""


def guesses(text: str) -> str:
    """Return what is wrong with the first unknown name in a text, with the names it may stand for; nothing if none is.

    Parameters
    ----------
    text
        Features as the user types them.
    """
    known = [*KINDS, CUSTOM]
    for word in text.split():
        name = word.partition("=")[0]
        if name in known or word in PRESETS:
            continue
        name = name.lower()
        near = [k for k in known if name and name in k] + get_close_matches(name, known, 3, 0.6)
        near = list(dict.fromkeys(near))[:3]
        shown = word if len(word) <= _LONGEST else f"{word[:_LONGEST]}…"
        what = f"Did you mean {' or '.join(near)}?" if near else "The grid above lists all: see ‘more filters’."
        return f"There is no pixel feature ‘{shown}’. {what}"
    return ""


def preset_of(features: FeatureSet) -> str:
    """Return the name of the preset with these features, best in this order; nothing if there is none."""
    same = [name for name, known in presets().items() if set(known.features) == set(features.features)]
    return next((name for name in same if presets()[name] == features), same[0] if same else "")


@cache
def without_sigma() -> frozenset[str]:
    """Return the kinds whose name alone is a feature."""
    return frozenset(kind for kind in KINDS if not refusal(kind, 3))


@cache
def presets() -> dict[str, FeatureSet]:
    """Return the presets by name."""
    return {name: FeatureSet.parse(name) for name in PRESETS}
