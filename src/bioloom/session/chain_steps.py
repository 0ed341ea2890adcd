"""The steps that made the layers of a viewer, and every way to change them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from bioloom.errors import InputError
from bioloom.recipe.catalogue import get_operation
from bioloom.recipe.graph import Step
from bioloom.session import chain_graph as graph
from bioloom.session.chain_history import Edit, History
from bioloom.session.chain_inputs import ChainInputs


class ChainSteps(ChainInputs):
    """Images and steps that begin with them, changed by edits that can be undone; computes nothing itself.

    Steps form a graph: each takes inputs or results of earlier steps. An edit that does not fit raises InputError and
    changes nothing. Inputs are not part of the history.
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps: graph.Steps = ()
        self._history = History()

    # ------------------------------------------------------------------------------------------ looking
    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, each after those that it uses."""
        return self._steps

    def step(self, step_id: str) -> Step:
        """Return a step by its id.

        Raises
        ------
        InputError
            If there is none.
        """
        return graph.find(self._steps, step_id)

    def __contains__(self, step_id: object) -> bool:
        return any(step.id == step_id for step in self._steps)

    def steps_of(self, step_id: str) -> tuple[Step, ...]:
        """Return the steps that a result is made of, in order, the step itself last; none for an input."""
        return graph.ancestors(self._steps, step_id)

    def followers(self, step_id: str) -> tuple[Step, ...]:
        """Return all steps that are made of a result or an input."""
        return graph.descendants(self._steps, step_id)

    def run_of(self, step_id: str) -> tuple[str, ...]:
        """Return the ids of the linear run of steps within which a step can be moved."""
        return tuple(step.id for step in graph.run_of(self._steps, step_id))

    # ------------------------------------------------------------------------------------------ editing
    def add(self, operation: str, inputs: Mapping[str, str], settings: Mapping[str, Any] | None = None) -> str:
        """Add a step.

        Parameters
        ----------
        operation
            Name of an operation of the catalogue.
        inputs
            For each of its arrays the id of an input or a step; those left out are optional.
        settings
            Its other parameters; those left out have their defaults, and `spacing` that of the first array.

        Returns
        -------
        str
            The id of the step.

        Raises
        ------
        InputError
            If the operation is unknown, or something does not fit it.
        """
        wanted = {name: source for name, source in inputs.items() if source is not None}
        step = Step(self._free_name(get_operation(operation).name), operation, wanted, dict(settings or {}))
        self._commit(f"Add {graph.title(step)}", (*self._steps, step), [step.id])
        return step.id

    def insert(
        self,
        after: str,
        operation: str,
        settings: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> str:
        """Add a step between a step (or an input) and all that follow it; return its id.

        `inputs` are its further arrays. Raises InputError if something does not fit.
        """
        first = next(iter(get_operation(operation).arrays)).name
        step = Step(self._free_name(operation), operation, {first: after, **(inputs or {})}, dict(settings or {}))
        following = [s.id for s, _ in graph.uses(self._steps, after)]
        steps = graph.in_order([*graph.rewired(self._steps, after, step.id), step])
        self._commit(f"Insert {graph.title(step)}", steps, [step.id, *following])
        return step.id

    def change(self, step_id: str, /, **settings: Any) -> None:
        """Change settings of a step.

        Raises
        ------
        InputError
            If there is no such step or setting, or a value is out of range.
        """
        step = self.step(step_id)
        new = dataclasses.replace(step, settings={**step.settings, **settings})
        names = ", ".join(name.replace("_", " ") for name in settings)
        self._commit(f"Change {names} of {graph.title(step)}", self._with(new), [step_id])

    def rewire(self, step_id: str, inputs: Mapping[str, str | None]) -> None:
        """Let a step take other arrays; None leaves one out.

        Raises
        ------
        InputError
            If they do not fit, or are made of the step itself.
        """
        step = self.step(step_id)
        taken = {name: source for name, source in {**step.inputs, **inputs}.items() if source is not None}
        new = dataclasses.replace(step, inputs=taken)
        graph.check_sources(self._steps, self._inputs, new)
        self._commit(f"Change the input of {graph.title(step)}", graph.in_order(self._with(new)), [step_id])

    def enable(self, step_id: str, on: bool = True) -> None:
        """Let a step do its work, or pass its first array on as it is.

        Raises
        ------
        InputError
            If what follows cannot work on what is passed on.
        """
        step = self.step(step_id)
        verb = "Enable" if on else "Disable"
        new = dataclasses.replace(step, enabled=on)
        try:
            self._commit(f"{verb} {graph.title(step)}", self._with(new), [step_id])
        except InputError as error:
            done = "switched on" if on else "switched off"
            raise InputError(f"{graph.title(step)} cannot be {done}, because of what follows it: {error}") from None

    def remove(self, step_id: str, *, with_followers: bool = False) -> None:
        """Remove a step; those that follow take its first input, or are removed too.

        Raises
        ------
        InputError
            If what follows cannot work on its first input; nothing is removed then.
        """
        step = self.step(step_id)
        if with_followers:
            gone = {step_id, *(s.id for s in graph.descendants(self._steps, step_id))}
            steps, changed = tuple(s for s in self._steps if s.id not in gone), []
        else:
            steps = graph.without(self._steps, step_id)
            changed = [s.id for s, _ in graph.uses(self._steps, step_id)]
        try:
            self._commit(f"Remove {graph.title(step)}", steps, changed)
        except InputError as error:
            raise InputError(f"{graph.title(step)} cannot be removed, because of what follows it: {error}") from None

    def move(self, step_id: str, to: int) -> None:
        """Move a step to another position of its linear run, see :meth:`run_of`.

        Raises
        ------
        InputError
            If the run has no such position, or the steps do not fit in that order.
        """
        step = self.step(step_id)
        steps = graph.moved(self._steps, step_id, to)
        changed = [s.id for s, old in zip(steps, self._steps, strict=True) if s is not old]
        try:
            self._commit(f"Move {graph.title(step)}", steps, changed)
        except InputError as error:
            raise InputError(f"{graph.title(step)} cannot be moved there: {error}") from None

    # ------------------------------------------------------------------------------------------ history
    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return self._history.last is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return self._history.next is not None

    @property
    def undo_text(self) -> str:
        """What :meth:`undo` would take back, such as ``Add Gaussian blur``; empty if there is nothing."""
        return self._history.last.text if self._history.last else ""

    @property
    def redo_text(self) -> str:
        """What :meth:`redo` would do again; empty if there is nothing."""
        return self._history.next.text if self._history.next else ""

    def undo(self) -> bool:
        """Take the last edit back; return whether there was one."""
        if not self.can_undo:
            return False
        self._show(self._history.back().before)
        return True

    def redo(self) -> bool:
        """Make the edit again that was taken back last; return whether there was one."""
        if not self.can_redo:
            return False
        self._show(self._history.forth().after)
        return True

    def remembers(self, step_id: str) -> bool:
        """Tell whether a step is there, or can come back by an undo or a redo."""
        return step_id in self or self._history.has(step_id)

    def forget_inputs(self, input_ids: Iterable[str]) -> None:
        """Let go of inputs, their pixels, and all that was made of them, for good.

        Their steps are taken out of the history as well: what is left can be undone and done again as before.
        """
        gone = set(input_ids).intersection(self._inputs)
        if not gone:
            return
        self._inputs = {name: one for name, one in self._inputs.items() if name not in gone}
        self._history.change(lambda steps: graph.not_made_of(steps, gone))
        self._show(graph.not_made_of(self._steps, gone))

    # ------------------------------------------------------------------------------------------ inside
    def _with(self, new: Step) -> graph.Steps:
        return tuple(new if step.id == new.id else step for step in self._steps)

    def _commit(self, text: str, steps: graph.Steps, changed: Iterable[str]) -> None:
        steps = graph.check(steps, {name: one.kind for name, one in self._inputs.items()}, changed)
        graph.check_time(steps, {name: one.has_time for name, one in self._inputs.items()})
        if steps == self._steps:
            return
        self._names.update(step.id for step in steps)
        self._history.add(Edit(text, self._steps, steps))
        self._show(steps)

    def _show(self, steps: graph.Steps) -> None:
        self._steps = steps
        self._changed()
