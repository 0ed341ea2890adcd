"""Recipes: what was done to images, as a graph of operations that can be checked, saved, exported and run again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bioloom.errors import InputError
from bioloom.recipe._checking import check_name, check_names, checked_step, operation_of, passed_on

MAX_STEPS = 1000
MAX_TEXT = 10_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Step:
    """One operation of a recipe.

    Attributes
    ----------
    id
        Its name within the recipe: letters, digits and underscores, so that it can name a file and a variable.
    operation
        Name of an operation of the catalogue.
    inputs
        For each of the operation's arrays the id of an earlier step, or the name of an input of the recipe.
    settings
        The operation's other parameters; those left out have their defaults. `spacing` is that of the run where it is
        left out.
    enabled
        False passes the first of the arrays on as it is.
    """

    id: str
    operation: str
    inputs: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True


@dataclass(frozen=True)
class Recipe:
    """Steps from images to results.

    Attributes
    ----------
    inputs
        Names of the images that it starts from.
    steps
        In an order in which each uses only inputs and steps before it.
    outputs
        The ids of the steps whose results are asked for.
    name, description
        For people.
    versions
        Versions of the libraries with which it was made.
    unit
        What the lengths among the settings are counted in: ``"pixel"``, or a unit of length such as ``"micrometer"``;
        then files have to tell their pixel size, or it has to be given.
    """

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    name: str = ""
    description: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    unit: str = "pixel"

    # -------------------------------------------------------------------------------------------- looking at it
    def step(self, step_id: str) -> Step:
        """Return a step by its id.

        Raises
        ------
        InputError
            If there is none.
        """
        for step in self.steps:
            if step.id == step_id:
                return step
        raise InputError(
            f"The recipe has no step {step_id!r}. It has: {', '.join(s.id for s in self.steps) or 'none'}."
        )

    def kind(self, name: str) -> str:
        """Return what a step gives: ``image``, ``labels``, ``mask``, ``surface`` or ``table``; ``any`` for an input."""
        kinds = dict.fromkeys(self.inputs, "any")
        for step in self.steps:
            operation = operation_of(step)
            first = kinds[passed_on(step, operation)]
            kinds[step.id] = operation.kind_of_result(first, step.settings) if step.enabled else first
        if name not in kinds:
            self.step(name)
        return kinds[name]

    @property
    def corrected(self) -> bool:
        """Whether labels are corrected by hand in it."""
        return any(step.enabled and step.operation == "correct_labels" for step in self.steps)

    def without_corrections(self) -> Recipe:
        """Return it with corrections by hand switched off: on another image they hit what happens to lie there."""
        steps = (dataclasses.replace(s, enabled=False) if s.operation == "correct_labels" else s for s in self.steps)
        return dataclasses.replace(self, steps=tuple(steps))

    def ancestors(self, *ids: str) -> Recipe:
        """Return the recipe of only what some steps are made of; they are its outputs.

        Inputs and steps that are not needed are left out.

        Raises
        ------
        InputError
            If there is no such step.
        """
        wanted = {self.step(step_id).id for step_id in ids}
        steps = []
        for step in reversed(self.steps):
            if step.id in wanted:
                steps.append(step)
                wanted |= set(step.inputs.values())
        used = tuple(name for name in self.inputs if name in wanted)
        return dataclasses.replace(self, inputs=used, steps=tuple(reversed(steps)), outputs=tuple(dict.fromkeys(ids)))

    def needed(self, *ids: str) -> Recipe:
        """Return the recipe of what some steps are computed from; those not enabled need only what they pass on.

        Raises
        ------
        InputError
            If there is no such step.
        """
        light = []
        for step in self.steps:
            passed = passed_on(step, operation_of(step))
            only = {name: source for name, source in step.inputs.items() if source == passed}
            light.append(step if step.enabled else dataclasses.replace(step, inputs=only))
        return dataclasses.replace(self, steps=tuple(light)).ancestors(*ids)

    def checked(self, kinds: Mapping[str, str] | None = None) -> Recipe:
        """Return the recipe with all settings in their right types and defaults filled in.

        Parameters
        ----------
        kinds
            What the inputs are: ``image``, ``labels``, ``surface`` or ``any``. With it, an image is not taken for
            labels; without it, that shows only when the recipe runs.

        Raises
        ------
        InputError
            If something does not fit; the message names the step.
        """
        for text, what in ((self.name, "name"), (self.description, "description"), (self.unit, "unit")):
            if not isinstance(text, str) or len(text) > MAX_TEXT:
                raise InputError(f"The {what} of a recipe must be a text of at most {MAX_TEXT} characters.")
        if len(self.steps) > MAX_STEPS:
            raise InputError(f"The recipe has {len(self.steps)} steps; at most {MAX_STEPS} are allowed.")
        if not self.inputs:
            raise InputError("The recipe has no input. Name at least one, such as inputs: [image].")
        check_names(self.inputs, "input")
        known = dict.fromkeys(self.inputs, "any") | dict(kinds or {})
        steps = []
        for number, step in enumerate(self.steps, start=1):
            check_name(step.id, f"The id of step {number}")
            if step.id in known:
                raise InputError(f"Step {number}: {step.id!r} is the name of an earlier step or input. Choose another.")
            try:
                checked, known[step.id] = checked_step(step, known, strict=kinds is not None)
            except InputError as error:
                raise InputError(f"Step {step.id!r}: {str(error)[:1000]}") from None
            steps.append(checked)
        if not self.outputs:
            raise InputError(
                "The recipe has no output. Name the steps whose results are wanted, such as outputs: [cells]."
            )
        check_names(self.outputs, "output")
        for name in self.outputs:
            self.step(name)
        return dataclasses.replace(
            self, inputs=tuple(self.inputs), steps=tuple(steps), outputs=tuple(self.outputs),
            versions={str(k): str(v) for k, v in self.versions.items()},
        )  # fmt: skip

    # -------------------------------------------------------------------------------------------- running it
    def run(
        self,
        images: Mapping[str, Any],
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
        keep: Iterable[str] = (),
    ) -> dict[str, Any]:
        """Run all steps that the outputs need, on the device in use.

        Parameters
        ----------
        images
            An array for each input: (y, x) or (z, y, x), with one axis more if `frame_axis` is given; NumPy or Dask.
        spacing
            Physical size of a pixel per spatial axis; None counts in pixels.
        frame_axis
            The axis of time: every frame is processed on its own.
        progress
            Called as ``progress(done, total)``; it may raise Cancelled.
        keep
            Ids of further steps whose results are wanted.

        Returns
        -------
        dict
            The result of every output and of `keep` by id: arrays, a pandas.DataFrame for tables (with a column `frame`
            for time series), a tuple of vertices, faces and values for surfaces.

        Raises
        ------
        InputError
            If the recipe is wrong, an image is missing, or images do not fit a step; the message names the step.
        """
        from bioloom.recipe.running import run_recipe

        return run_recipe(self.checked(), images, spacing, frame_axis, progress, tuple(keep))

    def run_step(
        self,
        step: Step | str,
        arrays: Mapping[str, Any],
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """Run one step; see :func:`bioloom.recipe.running.run_step`."""
        from bioloom.recipe.running import run_step

        chosen = self.step(step) if isinstance(step, str) else step
        return run_step(chosen, arrays, spacing=spacing, frame_axis=frame_axis, progress=progress)

    # -------------------------------------------------------------------------------------------- as files
    def to_yaml(self) -> str:
        """Return the recipe as text that people can read; see :mod:`bioloom.recipe.yaml_text`."""
        from bioloom.recipe.yaml_text import to_yaml

        return to_yaml(self)

    @classmethod
    def from_yaml(cls, text: str) -> Recipe:
        """Read a recipe from YAML or JSON; nothing in it is executed.

        Raises
        ------
        InputError
            If it is no recipe, or a step does not fit.
        """
        from bioloom.recipe.yaml_text import from_yaml

        return from_yaml(text)

    def save(self, path: str | Path) -> None:
        """Write the recipe to a ``.yaml`` file; classifiers that lie elsewhere are copied beside it."""
        from bioloom.recipe.yaml_text import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe from a file; files of classifiers have to lie in its folder or below.

        Raises
        ------
        InputError
            If there is no such file, it is no recipe, or a step does not fit.
        """
        from bioloom.recipe.yaml_text import load

        return load(path)

    def to_script(self, files: Mapping[str, str | Path] | None = None, **options: Any) -> str:
        """Return a Python script that does the same; see :func:`bioloom.recipe.scripts.to_script`."""
        from bioloom.recipe.scripts import to_script

        return to_script(self, files, **options)

    def to_notebook(self, files: Mapping[str, str | Path] | None = None, **options: Any) -> str:
        """Return a Jupyter notebook (JSON) that does the same; see :func:`bioloom.recipe.notebooks.to_notebook`."""
        from bioloom.recipe.notebooks import to_notebook

        return to_notebook(self, files, **options)
