"""What the Explore panel says of maps and clusters: how they were made, and what is wrong with a setting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bioloom.explore.cluster import CLUSTER_METHODS, Clustering
from bioloom.explore.embed import NAMES
from bioloom.explore.preprocess import Prepared

_MOST_SIZES = 12

# What the panel calls the settings that messages speak of.
_WORDS = {
    "n_clusters": "Clusters",
    "min_cluster_size": "Smallest cluster",
    "min_samples": "Dense from",
    "n_neighbors": "Neighbours",
    "n_components": "Dimensions",
    "max_fitted": "Objects fitted",
    "bandwidth": "Radius",
}


def as_in_the_panel(text: str) -> str:
    """Call settings in a message as the panel calls them."""
    return re.sub(r"\b\w+\b", lambda word: f"‘{_WORDS[word[0]]}’" if word[0] in _WORDS else word[0], text)


def clusters_note(result: Clustering) -> str:
    """Say how objects were clustered, with which seed, and how many there are in each cluster."""
    sizes = ", ".join(map(str, result.sizes[:_MOST_SIZES])) + ", …" * (len(result.sizes) > _MOST_SIZES)
    n, seed = len(result.sizes), result.parameters["seed"]
    note = (
        f"{CLUSTER_METHODS[result.parameters['method']]} of {columns_text(len(result.prepared.columns))}, seed {seed}: "
    )
    many = f"{n} clusters" if n > _MOST_SIZES else "clusters"
    note += f"{many if n > 1 else 'one cluster'} of {sizes} objects." if n else "no cluster."
    if result.n_noise:
        note += f" {result.n_noise} object{'s are' if result.n_noise > 1 else ' is'} noise."
    return note + (f" {as_in_the_panel(result.note)}" if result.note else "") + left_out(result.prepared)


def how_made(made: Mapping[str, Any]) -> str:
    """Say how a column was made, in a line or two; nothing if that is not known."""
    if not made:
        return ""
    hidden = ("method", "columns", "versions", "data_hash", "seed", "random_state")
    method = str(made.get("method", ""))
    settings = [f"{k} {text}" for k, v in made.items() if k not in hidden and (text := _setting(v))]
    known: dict[str, str] = {str(key): name for names in (NAMES, CLUSTER_METHODS) for key, name in names.items()}
    text = known.get(method, method)
    if "columns" in made:
        text += f" of {columns_text(len(made['columns']))}"
    if made.get("seed") is not None:
        text += f", seed {made['seed']}"
    return text + (f"\n{', '.join(settings)}" if settings else "")


def with_unit(column: str, length: str, n_axes: int) -> str:
    """Name a measurement with its unit, as on the axis of a figure: ``area (µm²)``.

    Parameters
    ----------
    column
        Name of a column.
    length
        What lengths are counted in, such as ``µm`` or ``pixel``; nothing if that is not known.
    n_axes
        Number of axes of space.

    Returns
    -------
    str
        The name alone where the measurement has no unit, or its unit is not known.
    """
    from bioloom.measure import column_measurement

    known = column_measurement(column)
    unit = known[0].unit if known is not None else ""
    if "length" in unit:
        # "units of 0.2 a pixel" is no unit to be raised to a power; times have none here.
        short = {"pixel": "px"}.get(length, length)
        powers = unit.replace("ⁿ", {2: "²", 3: "³"}.get(n_axes, "ⁿ"))
        whole = " " not in short and not any(part in powers for part in ("time", "ⁿ", "ᵏ"))
        unit = powers.replace("length", short) if short and whole else ""
    return f"{column} ({unit})" if unit and unit != "intensity" else column


def _setting(value: Any) -> str:
    """Write the value of a setting; nothing for what is too long to be told."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return " and ".join(map(str, value))
    return str(value) if isinstance(value, str | int) else ""


def columns_text(n: int) -> str:
    """Say how many columns."""
    return f"{n} column{'s' * (n != 1)}"


def left_out(prepared: Prepared) -> str:
    """Say what a result does not rest on."""
    parts = []
    if n := prepared.incomplete_rows:
        parts.append(f"{n} object{'s' * (n > 1)} with missing values left out.")
    if prepared.dropped_incomplete:
        parts.append(f"Columns with missing values left out: {', '.join(prepared.dropped_incomplete)}.")
    if n := prepared.filled:
        parts.append(f"{n} missing value{'s' * (n > 1)} replaced by the median.")
    if prepared.dropped_constant:
        parts.append(f"Columns without differences left out: {', '.join(prepared.dropped_constant)}.")
    return "".join(f" {part}" for part in parts)
