"""The steps that made the layers of a viewer: seen, changed, undone, and computed anew as far as they changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from psygnal import Signal

from bioloom.errors import InputError
from bioloom.operations.corrections import LostCorrection, with_sizes
from bioloom.recipe.graph import Recipe, Step
from bioloom.recipe.provenance import versions
from bioloom.session import chain_graph as graph
from bioloom.session.chain_jobs import ChainJobs, Status
from bioloom.session.chain_results import ResultStore, StepResult
from bioloom.session.chain_steps import ChainSteps
from bioloom.session.jobs import JobRunner


class Chain(ChainSteps):
    """Images and the steps that results were made of; a changed step is computed anew, and all that follow it.

    Steps form a graph: each takes inputs or results of earlier steps. Every edit can be undone. An edit that does not
    fit raises InputError and changes nothing. Computing happens in jobs only; of several edits the last counts, and
    what is known from before is not computed again. Inputs are not part of the history.

    Parameters
    ----------
    jobs
        Runs the computing; the chain's own.
    deliver
        Runs a callable on the owner's thread, where all methods are called and all signals are emitted. Left out, the
        signals about results are emitted on the job's own thread.
    budget
        Returns the bytes of results that may be kept; a quarter of main memory if left out.

    Attributes
    ----------
    structure_changed : Signal()
        Steps or inputs were added, changed, moved or removed.
    result_changed : Signal(str)
        There is another result of the step with this id; see :meth:`result`.
    computing : Signal(str)
        The step with this id is computed now.
    failed : Signal(str, Exception)
        A step that could not be computed, and why. What follows it is not computed.
    corrections_lost : Signal(str, list)
        A step of which some corrections by hand did not fit, and these, see
        :class:`bioloom.operations.corrections.LostCorrection`. Emitted after its ``result_changed``.
    """

    result_changed = Signal(str)
    computing = Signal(str)
    failed = Signal(str, Exception)
    corrections_lost = Signal(str, list)

    def __init__(
        self,
        jobs: JobRunner,
        deliver: Callable[[Callable[[], object]], None] | None = None,
        budget: Callable[[], int] | None = None,
    ) -> None:
        super().__init__()
        self._work = ChainJobs(self, jobs, deliver, ResultStore(budget))

    # ------------------------------------------------------------------------------------------ results
    def result(self, step_id: str) -> Any:
        """Return what a step gives, or None if it is not known (any more); then ``result_changed`` will tell.

        Arrays cannot be written to; copy one to edit it. The result of an input is its data.
        """
        found = self.result_of(step_id)
        return None if found is None else found.value

    def result_of(self, step_id: str) -> StepResult | None:
        """Return the result of a step with its pixel size and its place, or None; see :meth:`result`."""
        return self._work.result(step_id)

    def status(self, step_id: str) -> Status:
        """Tell how a step stands.

        Returns
        -------
        str
            ``ready``; ``computing``; ``waiting``: will be computed; ``failed``; ``blocked``: a step before it failed;
            ``not wanted``: nobody asked for it.
        """
        return self._work.status(step_id)

    def error(self, step_id: str) -> Exception | None:
        """Return why a step, or one before it, failed."""
        return self._work.error(step_id)

    def lost_corrections(self, step_id: str) -> list[LostCorrection]:
        """Return the corrections of a step that did not fit when it was computed last."""
        found = self.result_of(step_id)
        return list(found.lost) if found is not None and self.step(step_id).enabled else []

    # ------------------------------------------------------------------------------------------ corrections
    def correct(self, labels: str, correction: Mapping[str, Any]) -> str:
        """Correct labels by hand.

        Parameters
        ----------
        labels
            The id of a step or an input. Corrections of a ``correct_labels`` step become part of it; else such a step
            is inserted, and all that follow work on the corrected labels.
        correction
            What to do, see :mod:`bioloom.operations.corrections`; in a time series with its ``frame``. The sizes of
            the objects are added, so that it is not made to others that may lie there later.

        Returns
        -------
        str
            The id of the ``correct_labels`` step.

        Raises
        ------
        InputError
            If it is no correction.
        """
        shown = self.result_of(labels)
        if shown is not None and isinstance(shown.value, np.ndarray) and "sizes" not in correction:
            frame = correction.get("frame")
            if not shown.has_time:
                correction = with_sizes(shown.value, correction)
            elif isinstance(frame, (int, np.integer)) and 0 <= frame < len(shown.value):
                correction = with_sizes(shown.value[frame], correction)
        step = None if labels in self._inputs else self.step(labels)
        if step is None or step.operation != "correct_labels" or not step.enabled:
            return self.insert(labels, "correct_labels", {"corrections": [correction]})
        done = [*step.settings.get("corrections", ()), correction]
        new = dataclasses.replace(step, settings={**step.settings, "corrections": done})
        self._commit(f"Correct by hand: {correction.get('kind')}", self._with(new), [labels])
        return labels

    def forget_lost(self, step_id: str) -> None:
        """Take those corrections out of a step that did not fit when it was computed last."""
        lost = [dict(one.correction) for one in self.lost_corrections(step_id)]
        kept = [one for one in self.step(step_id).settings.get("corrections", ()) if dict(one) not in lost]
        self.change(step_id, corrections=kept)

    # ------------------------------------------------------------------------------------------ recipes
    def recipe(self, outputs: str | Iterable[str] | None = None, *, name: str = "", description: str = "") -> Recipe:
        """Return the recipe of some steps.

        Parameters
        ----------
        outputs
            An id or several; all steps that nothing follows if left out.
        name, description
            Of the recipe, for people.

        Raises
        ------
        InputError
            If there are no such steps, or they begin with images of different pixel sizes: a recipe has one for all.
        """
        if outputs is None:
            ids = [step.id for step in self._steps if not graph.uses(self._steps, step.id)]
        else:
            ids = [outputs] if isinstance(outputs, str) else list(outputs)
        if not ids:
            raise InputError("Nothing was done to an image yet. Apply an operation first.")
        whole = Recipe(self.inputs, self._steps, tuple(ids), name, description, versions())
        recipe = whole.ancestors(*ids)
        return dataclasses.replace(recipe, unit=self._unit_of(recipe.inputs))

    def _unit_of(self, inputs: Iterable[str]) -> str:
        """Return what the lengths of inputs are counted in; refuse those whose pixels differ in size."""
        unit, sizes = "pixel", dict[Any, str]()
        for one in (self._inputs[name] for name in inputs):
            if one.placement is None:
                continue
            size = one.spacing or (1.0,) * len(one.placement.shape)
            sizes.setdefault((tuple(float(f"{s:.6g}") for s in size), one.unit), one.id)
            unit = one.unit
        if len(sizes) > 1:
            told = [f"{name} {' × '.join(f'{s:g}' for s in size)} {unit}" for (size, unit), name in sizes.items()]
            raise InputError(
                f"The pixels of the images differ in size: {', '.join(told)}. A recipe has one size for all: give the "
                "layers the same scale and units, and apply the steps again."
            )
        return unit

    def add_recipe(self, recipe: Recipe, inputs: Mapping[str, str] | None = None) -> dict[str, str]:
        """Add the steps of a recipe to those there are.

        Parameters
        ----------
        recipe
            What to do.
        inputs
            For each of its inputs the id of an input or a step. Left out, inputs of the same names are taken, or the
            only one there is.

        Returns
        -------
        dict
            The ids that its steps have here, by those they have in the recipe.

        Raises
        ------
        InputError
            If an input is missing or something does not fit.
        """
        new, ids = self._steps_from(recipe, inputs)
        self._commit(f"Add {recipe.name or 'a recipe'}", (*self._steps, *new), list(ids.values()))
        return ids

    def replace_by(self, recipe: Recipe, inputs: Mapping[str, str] | None = None) -> dict[str, str]:
        """Replace all steps by those of a recipe; parameters, result and errors are those of :meth:`add_recipe`."""
        new, ids = self._steps_from(recipe, inputs)
        self._commit(f"Load {recipe.name or 'a recipe'}", tuple(new), list(ids.values()))
        return ids

    def _steps_from(self, recipe: Recipe, inputs: Mapping[str, str] | None) -> tuple[list[Step], dict[str, str]]:
        recipe = recipe.checked()
        given = {name: name for name in recipe.inputs if name in self._inputs} | dict(inputs or {})
        missing = [name for name in recipe.inputs if name not in given]
        if len(missing) == len(recipe.inputs) == len(self._inputs) == 1:
            given[missing[0]] = self.inputs[0]
        elif missing:
            raise InputError(f"Choose the image that the recipe calls {missing[0]!r}.")
        taken: set[str] = set()

        def name(wanted: str) -> str:
            taken.add(new := graph.free_name(wanted, {*self._names, *taken}))
            return new

        return graph.renamed(recipe, given, name)

    # ------------------------------------------------------------------------------------------ computing
    @property
    def busy(self) -> bool:
        """Whether something is being computed."""
        return self._work.busy

    def want(self, step_id: str, on: bool = True) -> None:
        """Compute a step (as all are at first), or only if a later one needs it; as when its layer was deleted."""
        self._work.want(step_id, on)

    def compute(self) -> None:
        """Go on after :meth:`cancel`, and try again what failed."""
        self._work.again()

    def cancel(self) -> None:
        """Stop computing until the next edit; what is there stays."""
        self._work.cancel()

    def forget_results(self) -> None:
        """Compute everything anew."""
        self._work.forget()

    def use_device(self) -> None:
        """Compute anew what the device that is in use now computes otherwise."""
        self._work.update()

    def forget_inputs(self, input_ids: Iterable[str]) -> None:
        """Let go of inputs, their pixels, and all that was made of them, for good; see :class:`ChainSteps`."""
        gone = set(input_ids)
        made = [step.id for step in graph.descendants(self._steps, *gone)]
        self._work.let_go(gone, made)
        super().forget_inputs(gone)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is computed any more, in scripts; return whether it is so."""
        return self._work.wait(timeout)

    def close(self) -> None:
        """Stop for good; no signal is emitted any more."""
        self._work.close()

    def _update(self) -> None:
        self._work.update()
