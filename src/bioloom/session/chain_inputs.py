"""The images that the steps of a chain begin with."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from psygnal import Signal

from bioloom.errors import InputError
from bioloom.session import chain_graph as graph
from bioloom.session.chain_compute import ChainInput


class ChainInputs:
    """Images, each with a name that no other input or step ever has.

    Attributes
    ----------
    structure_changed : Signal()
        Steps or inputs were added, changed, moved or removed.
    """

    structure_changed = Signal()

    def __init__(self) -> None:
        self._inputs: dict[str, ChainInput] = {}
        # Ids are never given twice, so that a layer of a step that was removed cannot be taken for that of another.
        self._names: set[str] = set()
        self._version = 0

    @property
    def inputs(self) -> tuple[str, ...]:
        """The ids of all inputs."""
        return tuple(self._inputs)

    def add_input(
        self,
        name: str,
        data: Any,
        *,
        spacing: Sequence[float] | None = None,
        has_time: bool = False,
        unit: str = "pixel",
        kind: str = "any",
    ) -> str:
        """Add an image that steps can begin with.

        Parameters
        ----------
        name
            What to call it.
        data
            NumPy, Dask or Zarr, (y, x) or (z, y, x), with time first if `has_time`; or the data of a surface.
        spacing
            Physical size of a pixel per spatial axis; None counts in pixels.
        has_time
            Whether every frame along the first axis is processed on its own.
        unit
            Of `spacing`.
        kind
            ``image``, ``labels`` or ``surface``: a step that needs another kind is refused. ``any`` where it is not
            known.

        Returns
        -------
        str
            Its id: the name as a word of letters, digits and underscores, numbered if it is taken. That of an earlier
            input if it has the very same data, spacing, time and kind.
        """
        size = None if spacing is None else tuple(float(s) for s in spacing)
        for known in self._inputs.values():
            if known.data is data and (known.spacing, known.has_time, known.unit, known.kind) == (
                size, has_time, unit, kind,
            ):  # fmt: skip
                return known.id
        new = self._free_name(name)
        self._names.add(new)
        self._inputs[new] = ChainInput(new, data, size, has_time, unit, self._next_version(), kind)
        self._changed()
        return new

    def set_input(self, input_id: str, data: Any = None) -> None:
        """Compute anew what is made of an input, after its pixels were edited, or with other data if given.

        Raises
        ------
        InputError
            If there is no such input.
        """
        if input_id not in self._inputs:
            raise InputError(f"There is no input {input_id!r}. There are: {', '.join(self._inputs) or 'none'}.")
        old = self._inputs[input_id]
        self._inputs[input_id] = dataclasses.replace(
            old, data=old.data if data is None else data, version=self._next_version()
        )
        self._update()

    def input(self, input_id: str) -> ChainInput:
        """Return an input by its id."""
        return self._inputs[input_id]

    # ------------------------------------------------------------------------------------------ inside
    def _changed(self) -> None:
        """Tell, and compute what is not known of the steps as they are now."""
        self.structure_changed.emit()
        self._update()

    def _update(self) -> None:
        """Compute what is not known of the steps as they are now."""
        raise NotImplementedError

    def _next_version(self) -> int:
        self._version += 1
        return self._version

    def _free_name(self, wanted: str) -> str:
        return graph.free_name(wanted, self._names)
