"""Which gates are outlined on a plot, and what to say about those that are not; knows no window."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bioloom.explore.gate_kinds import CombinedGate, PolygonGate, RangeGate, ValueGate
from bioloom.explore.gate_outlines import Outline, axes_of, columns_of, outline
from bioloom.explore.gates import GateSet
from bioloom.session.plot_model import PlotModel


@dataclass(frozen=True)
class ShownGate:
    """A gate that is outlined where the axes allow it.

    Attributes
    ----------
    name, gate
        What it is called, and what it is.
    strong
        Whether it is chosen, or part of a chosen one.
    dashed
        Whether it is only part of a chosen one.
    """

    name: str
    gate: RangeGate | PolygonGate
    strong: bool = False
    dashed: bool = False


def gates_to_show(gates: GateSet, chosen: Collection[str] = ()) -> list[ShownGate]:
    """Return all ranges and polygons, those that are chosen or part of a chosen gate last, to be on top."""
    parts = {part for name in chosen for part in gates.parts(name)} - set(chosen)
    found = []
    for name in gates:
        gate = gates[name]
        if isinstance(gate, (RangeGate, PolygonGate)):
            found.append(ShownGate(name, gate, name in chosen or name in parts, name in parts))
    return sorted(found, key=lambda shown: shown.strong + (shown.strong and not shown.dashed))


def outlines(model: PlotModel, shown: Sequence[ShownGate]) -> list[tuple[ShownGate, Outline]]:
    """Return what is seen of gates on a plot as it is now; those whose columns it does not show are left out."""
    if not len(model.x):
        return []
    columns = columns_of(model.kind, model.names)
    found = [(one, outline(one.gate, columns, model.scales, model.view)) for one in shown]
    return [(one, seen) for one, seen in found if seen is not None]


def why_not_outlined(model: PlotModel, gates: GateSet, name: str) -> str:
    """Say what to plot so that a gate is outlined; empty if it is."""
    gate = gates[name]
    if isinstance(gate, CombinedGate):
        untold = [why_not_outlined(model, gates, part) for part in gates.parts(name)]
        return "\n".join(dict.fromkeys(filter(None, untold)))
    if isinstance(gate, ValueGate):
        return f"On values of {gate.column}, which have no outline"
    if axes_of(gate, columns_of(model.kind, model.names)) is not None:
        return ""
    columns = gates.columns(name)
    if axes_of(gate, model.names) is None:
        them = "these" if len(columns) > 1 else "it"
        return f"On {' and '.join(columns)}; plot {them} to see it"
    wanted = "scatter, density or 2D histogram" if len(columns) > 1 else "scatter plot"
    return f"On {' and '.join(columns)}; choose a {wanted} to see it"
