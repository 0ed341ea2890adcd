"""Kinds of gates: selections of rows by their values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.axis_scales import Scale
from bioloom.explore.polygon import points_in_polygon
from bioloom.explore.scaling import gather, listed

if TYPE_CHECKING:
    import pandas as pd

_MAX_VERTICES = 1_000_000


@dataclass(frozen=True)
class RangeGate:
    """Rows whose value lies in a range.

    Attributes
    ----------
    column
        Name of a numeric column.
    low, high
        Both ends belong to it; -inf or inf leaves an end open.
    unit
        What lengths were counted in where it was drawn, such as "µm"; empty if that is not known.
    """

    column: str
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InputError(f"A range goes from its lower to its upper end, but {self.low} to {self.high} was given.")


@dataclass(frozen=True)
class PolygonGate:
    """Rows inside a polygon in the plane of two columns.

    Attributes
    ----------
    x, y
        Names of numeric columns.
    vertices
        (x, y) of each corner, in the units of the table; three or more.
    x_scale, y_scale
        The axes on which it was drawn: its edges are straight there.
    unit
        What lengths were counted in where it was drawn, such as "µm"; empty if that is not known.
    """

    x: str
    y: str
    vertices: tuple[tuple[float, float], ...]
    x_scale: Scale = field(default_factory=Scale)
    y_scale: Scale = field(default_factory=Scale)
    unit: str = ""

    def __post_init__(self) -> None:
        corners = np.array(self.vertices, np.float64)
        if corners.ndim != 2 or corners.shape[1:] != (2,) or not 3 <= len(corners) <= _MAX_VERTICES:
            raise InputError(f"A polygon needs at least 3 corners (x, y), but {corners.shape} numbers were given.")
        places = np.stack([self.x_scale.forward(corners[:, 0]), self.y_scale.forward(corners[:, 1])], axis=1)
        if not np.isfinite(places).all():
            raise InputError("A corner of the polygon has no place on its axes: on a log axis it must be above 0.")
        object.__setattr__(self, "vertices", tuple((float(a), float(b)) for a, b in corners))


@dataclass(frozen=True)
class ValueGate:
    """Rows whose value is one of some, such as classes or the names of layers.

    Attributes
    ----------
    column
        Name of a column of numbers or text.
    values
        The values that belong to it.
    """

    column: str
    values: tuple[int | float | str | bool, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if not all(isinstance(v, (int, float, str)) for v in self.values):
            raise InputError("The values of a gate must be numbers or text.")


@dataclass(frozen=True)
class CombinedGate:
    """Rows by what other gates say about them.

    Attributes
    ----------
    operator
        "and": in all of the gates. "or": in any of them. "not": in none of them.
    gates
        Names of other gates; one or more.
    """

    operator: Literal["and", "or", "not"]
    gates: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "gates", tuple(self.gates))
        if self.operator not in ("and", "or", "not"):
            raise InputError(f'Gates are combined by "and", "or" or "not", but {self.operator!r} was given.')
        if not self.gates:
            raise InputError("Choose at least one gate to combine.")


Gate: TypeAlias = RangeGate | PolygonGate | ValueGate | CombinedGate


def ellipse_vertices(center: Sequence[float], radii: Sequence[float], n: int = 64) -> tuple[tuple[float, float], ...]:
    """Return the corners of a polygon that looks like an ellipse with upright axes.

    Parameters
    ----------
    center, radii
        (x, y) of its middle and its half-axes, as positions on the axes.
    n
        Number of corners.
    """
    angles = np.arange(n) * (2 * np.pi / n)
    xs, ys = center[0] + radii[0] * np.cos(angles), center[1] + radii[1] * np.sin(angles)
    return tuple((float(x), float(y)) for x, y in zip(xs, ys, strict=True))


def inside(gate: RangeGate | PolygonGate | ValueGate, table: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which rows of a table are in a gate, bool (rows,)."""
    if isinstance(gate, ValueGate):
        if list(table.columns).count(gate.column) != 1:
            raise InputError(f"The table has no single column {gate.column!r}. It has: {listed(list(table.columns))}.")
        return np.asarray(table[gate.column].isin(list(gate.values)), np.bool_)
    if isinstance(gate, RangeGate):
        values = gather(table, [gate.column])[0][:, 0]
        return np.asarray((values >= gate.low) & (values <= gate.high), np.bool_)
    x, y = (gather(table, [name])[0][:, 0] for name in (gate.x, gate.y))
    corners = np.array(gate.vertices, np.float64)
    polygon = np.stack([gate.x_scale.forward(corners[:, 0]), gate.y_scale.forward(corners[:, 1])], axis=1)
    return points_in_polygon(gate.x_scale.forward(x), gate.y_scale.forward(y), polygon)


def gate_as_json(gate: Gate) -> dict[str, Any]:
    """Return a gate as what JSON can hold."""
    unit = {"unit": gate.unit} if isinstance(gate, (RangeGate, PolygonGate)) and gate.unit else {}
    if isinstance(gate, RangeGate):
        ends = (None if math.isinf(v) else v for v in (gate.low, gate.high))
        return {"type": "range", "column": gate.column, **dict(zip(("low", "high"), ends, strict=True)), **unit}
    if isinstance(gate, PolygonGate):
        scales = [{"kind": s.kind, "knee": s.knee} for s in (gate.x_scale, gate.y_scale)]
        return {"type": "polygon", "columns": [gate.x, gate.y], "scales": scales, "vertices": gate.vertices, **unit}
    if isinstance(gate, ValueGate):
        return {"type": "values", "column": gate.column, "values": gate.values}
    return {"type": gate.operator, "gates": gate.gates}


def gate_from_json(state: Mapping[str, Any]) -> Gate:
    """Make a gate again from what `gate_as_json` gave; ValueError, TypeError or KeyError if it is none."""
    kind = state["type"]
    unit = _text(state.get("unit", ""))
    if kind == "range":
        low, high = state["low"], state["high"]
        ends = -math.inf if low is None else float(low), math.inf if high is None else float(high)
        return RangeGate(_text(state["column"]), *ends, unit)
    if kind == "polygon":
        x, y = map(_text, state["columns"])
        x_scale, y_scale = (Scale(s["kind"], float(s["knee"])) for s in state["scales"])
        return PolygonGate(x, y, tuple((float(a), float(b)) for a, b in state["vertices"]), x_scale, y_scale, unit)
    if kind == "values":
        return ValueGate(_text(state["column"]), tuple(state["values"]))
    if kind in ("and", "or", "not"):
        return CombinedGate(kind, tuple(map(_text, state["gates"])))
    raise ValueError(f"a gate is of the type {kind!r}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no name")
    return value
