"""Named selections of rows by their values: drawn in one table, applied to another, combined, kept in files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.gate_kinds import (
    CombinedGate,
    Gate,
    PolygonGate,
    RangeGate,
    gate_as_json,
    gate_from_json,
    inside,
)
from bioloom.explore.scaling import listed, require_table
from bioloom.files import replacing

if TYPE_CHECKING:
    import pandas as pd

_KIND = "bioloom gates"
_VERSION = 1
_MAX_BYTES = 64 << 20
_MAX_GATES = 1000


class GateSet:
    """Gates by name, in the order in which they were made.

    Parameters
    ----------
    gates
        Gates by name; those that combine others may come before them.

    Raises
    ------
    InputError
        If a gate combines an unknown gate, or itself by way of others.
    """

    def __init__(self, gates: Mapping[str, Gate] | None = None) -> None:
        self._gates: dict[str, Gate] = dict(gates or {})
        _check(self._gates)

    def __len__(self) -> int:
        return len(self._gates)

    def __iter__(self) -> Iterator[str]:
        return iter(self._gates)

    def __contains__(self, name: object) -> bool:
        return name in self._gates

    def __getitem__(self, name: str) -> Gate:
        if name not in self._gates:
            raise InputError(f"There is no gate {name!r}. There are: {listed(list(self._gates)) or 'none yet'}.")
        return self._gates[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GateSet) and list(self._gates.items()) == list(other._gates.items())

    __hash__ = None  # type: ignore[assignment]

    def put(self, name: str, gate: Gate) -> None:
        """Add a gate or replace the one of this name.

        Raises
        ------
        InputError
            If the name is empty, or it combines an unknown gate, or itself by way of others.
        """
        if not name.strip():
            raise InputError("A gate needs a name.")
        changed = {**self._gates, name: gate}
        _check(changed)
        self._gates = changed

    def remove(self, name: str) -> None:
        """Remove a gate.

        Raises
        ------
        InputError
            If it is not there or other gates combine it.
        """
        _ = self[name]
        users = [k for k, g in self._gates.items() if isinstance(g, CombinedGate) and name in g.gates]
        if users:
            raise InputError(f"The gate {name!r} is part of {listed(users)}. Remove that first.")
        del self._gates[name]

    def rename(self, old: str, new: str) -> None:
        """Give a gate another name, also where it is part of others.

        Raises
        ------
        InputError
            If it is not there, or the new name is empty or taken.
        """
        _ = self[old]
        if not new.strip() or (new != old and new in self._gates):
            raise InputError(f"A gate cannot be called {new!r}: the name is {'taken' if new.strip() else 'empty'}.")
        renamed: dict[str, Gate] = {}
        for name, gate in self._gates.items():
            if isinstance(gate, CombinedGate):
                gate = CombinedGate(gate.operator, tuple(new if part == old else part for part in gate.gates))
            renamed[new if name == old else name] = gate
        self._gates = renamed

    def parts(self, name: str) -> list[str]:
        """Return the names of the gates that a combined one is made of in the end; of another gate its own."""
        found: dict[str, Gate] = {}
        waiting = [name]
        while waiting:
            part = waiting.pop()
            if part not in found:
                gate = found[part] = self[part]
                waiting += reversed(gate.gates if isinstance(gate, CombinedGate) else ())
        return [part for part, gate in found.items() if not isinstance(gate, CombinedGate)]

    def columns(self, name: str) -> list[str]:
        """Return the columns that a table needs for a gate."""
        every: list[str] = []
        for gate in map(self.__getitem__, self.parts(name)):
            if isinstance(gate, PolygonGate):
                every += [gate.x, gate.y]
            elif not isinstance(gate, CombinedGate):
                every.append(gate.column)
        return list(dict.fromkeys(every))

    def units(self, name: str) -> set[str]:
        """Return what lengths were counted in where a gate, or those it combines, were drawn; empty if not known."""
        gates = map(self.__getitem__, self.parts(name))
        return {gate.unit for gate in gates if isinstance(gate, (RangeGate, PolygonGate))} - {""}

    def mask(self, name: str, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Tell which rows of a table are in a gate.

        Parameters
        ----------
        name
            Name of the gate.
        table
            Any table with the columns of the gate, also one of another image.

        Returns
        -------
        numpy.ndarray
            bool of shape (rows,). A row whose value is missing is in no range, polygon or value gate.

        Raises
        ------
        InputError
            If the gate or a column is not there, or a column does not hold numbers.
        """
        require_table(table)
        return self._mask(name, table, {})

    def _mask(self, name: str, table: pd.DataFrame, known: dict[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
        if name not in known:
            gate = self[name]
            if isinstance(gate, CombinedGate):
                parts = np.stack([self._mask(part, table, known) for part in gate.gates])
                if gate.operator == "and":
                    known[name] = np.asarray(parts.all(axis=0), np.bool_)
                else:
                    known[name] = np.asarray(parts.any(axis=0) ^ (gate.operator == "not"), np.bool_)
            else:
                known[name] = inside(gate, table)
        return known[name]

    # -------------------------------------------------------------------------------------------- files
    def save(self, path: str | Path) -> None:
        """Write the gates to a JSON file.

        Raises
        ------
        InputError
            If the suffix is not .json or the file cannot be written.
        """
        path = Path(path)
        if path.suffix != ".json":
            raise InputError(f"Gates are saved as .json files, but {path.name} was asked for.")
        with replacing(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> GateSet:
        """Read gates from a JSON file.

        Raises
        ------
        InputError
            If the file cannot be read, or is damaged or of another kind.
        """
        path = Path(path)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise InputError(f"{path.name} is too large for a file of gates.")
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path.name} is no file of gates: it is no text.") from error
        try:
            return cls.from_json(text)
        except InputError as error:
            raise InputError(f"{path.name}: {error}") from error

    def to_json(self) -> str:
        """Return the gates as JSON."""
        gates = [{"name": name, **gate_as_json(gate)} for name, gate in self._gates.items()]
        return json.dumps({"kind": _KIND, "version": _VERSION, "gates": gates}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> GateSet:
        """Read gates from JSON.

        Raises
        ------
        InputError
            If it is damaged or of another kind.
        """
        try:
            state = json.loads(text)
            if state["kind"] != _KIND:
                raise ValueError("it is of another kind")
            if state["version"] != _VERSION:
                raise ValueError(f"its version is {state['version']!r}, this program knows {_VERSION}")
            if len(state["gates"]) > _MAX_GATES:
                raise ValueError(f"it has more than {_MAX_GATES} gates")
            gates: dict[str, Gate] = {}
            for one in state["gates"]:
                name = one["name"]
                if not isinstance(name, str) or not name.strip() or name in gates:
                    raise ValueError(f"a gate is named {name!r}")
                gates[name] = gate_from_json(one)
            return cls(gates)
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise InputError(f"These are no gates saved by Bioloom, or they are damaged ({error}).") from error


def _check(gates: Mapping[str, Gate]) -> None:
    """Raise InputError if a gate combines unknown gates or goes round in a circle."""
    above: dict[str, int] = {}
    for name, gate in gates.items():
        for part in gate.gates if isinstance(gate, CombinedGate) else ():
            if part not in gates:
                raise InputError(f"The gate {name!r} combines {part!r}, which is not there.")
    # Gates that combine nothing unknown so far are taken away until none is left, or only circles.
    waiting: dict[str, Iterable[str]] = {n: g.gates for n, g in gates.items() if isinstance(g, CombinedGate)}
    while waiting:
        ready = [n for n, parts in waiting.items() if not any(part in waiting for part in parts)]
        if not ready:
            raise InputError(f"The gates {listed(list(waiting))} combine each other in a circle.")
        for name in ready:
            above[name] = 1 + max((above.get(part, 0) for part in waiting[name]), default=0)
            if above[name] > 100:
                raise InputError("Gates are combined more than 100 times over.")
        waiting = {n: p for n, p in waiting.items() if n not in ready}
