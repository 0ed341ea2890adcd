"""Saving the listed steps as a recipe, a script or a notebook, loading recipes, and running them over files."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDialog, QFileDialog, QMenu, QToolButton

from bioloom import layers
from bioloom.errors import BioloomError, InputError
from bioloom.files import replacing
from bioloom.recipe.catalogue import get_operation
from bioloom.recipe.graph import Recipe
from bioloom.session.chain_graph import free_name, numbered_afresh
from bioloom.widgets._batch_dialog import BatchDialog
from bioloom.widgets._chain_view import ChainView
from bioloom.widgets._process_steps import ProcessSteps
from bioloom.widgets._recipe_inputs import InputDialog, check_unit, kind_of_input


class RecipeMenu(QToolButton):
    """A button with everything that can be done with the listed steps as a whole.

    Parameters
    ----------
    viewer
        The napari viewer.
    steps
        The chain.
    view
        Says which steps are listed.
    """

    refused = Signal(object)
    """What could not be done: the error that says why."""
    done = Signal(str)
    """What was done."""

    def __init__(self, viewer: Any, steps: ProcessSteps, view: ChainView) -> None:
        super().__init__()
        self._viewer, self._steps, self._view = viewer, steps, view
        self.batch_dialog: BatchDialog | None = None
        self.setText("Recipe")
        self.setStyleSheet("QToolButton { padding-right: 16px; padding-left: 4px; }")
        self.setToolTip("Save these steps, load others, write a script or notebook, or run them over files")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self.actions_by_name = {}
        for name, text, tip, action in (
            ("save", "Save recipe…", "Write the steps to a YAML file, to load or run them later", self._ask_save),
            ("load", "Load recipe…", "Apply the steps of a recipe to a layer", self._ask_load),
            ("script", "Export Python script…", "A program that does the same without napari", self._ask_script),
            ("notebook", "Export notebook…", "A Jupyter notebook that does the same", self._ask_notebook),
            ("batch", "Run over files…", "Apply the steps to files, folders and patterns", self._batch),
        ):
            entry = menu.addAction(text)
            entry.setToolTip(tip)
            entry.triggered.connect(lambda on=False, a=action: self._try(a))
            self.actions_by_name[name] = entry
        menu.aboutToShow.connect(self._show_state)
        self.setMenu(menu)

    def _show_state(self) -> None:
        there = bool(self._view.listed_steps())
        for name, entry in self.actions_by_name.items():
            entry.setEnabled(there or name == "load")

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (BioloomError, OSError) as error:
            self.refused.emit(error)

    # -------------------------------------------------------------------------------------------- the recipe
    def recipe(self, name: str = "") -> Recipe:
        """Return the recipe of the listed steps: what follows nothing in the list are its results.

        Raises
        ------
        InputError
            If there are no steps.
        """
        listed = self._view.listed_steps()
        chain = self._steps.chain
        used = {source for step in listed for source in chain.step(step).inputs.values()}
        # Labels that were measured are wanted beside their table.
        tables = {s for s in listed if get_operation(chain.step(s).operation).returns == "table"}
        measured = {source for s in tables for source in chain.step(s).inputs.values() if source in listed}
        ends = [step for step in listed if step not in used or step in measured]
        made = numbered_afresh(chain.recipe(ends, name=name))
        spacing = self._spacing(made)
        if made.unit == "pixel" and spacing is not None:
            sizes = " × ".join(f"{s:g}" for s in spacing)
            given = ",".join(f"{s:g}" for s in spacing)
            said = f"Pixels have the proportions {sizes}. For files that do not tell theirs, give --spacing {given}."
            made = dataclasses.replace(made, description=said)
        return made

    def _spacing(self, recipe: Recipe) -> tuple[float, ...] | None:
        return self._steps.chain.input(recipe.inputs[0]).spacing if recipe.inputs else None

    def _frame_axis(self, recipe: Recipe) -> int | None:
        return 0 if any(self._steps.chain.input(name).has_time for name in recipe.inputs) else None

    def _files(self, recipe: Recipe) -> dict[str, str]:
        """Return the files that the inputs were opened from, as far as they are known."""
        found = {}
        for name in recipe.inputs:
            layer = self._steps.layers.layer_of(name)
            path = getattr(getattr(layer, "source", None), "path", None)
            if path and Path(str(path)).is_file():
                found[name] = str(path)
        return found if len(found) == len(recipe.inputs) else {}

    def _title(self) -> str:
        listed = self._view.listed_steps()
        return get_operation(self._steps.chain.step(listed[-1]).operation).title if listed else "recipe"

    # -------------------------------------------------------------------------------------------- files
    def save(self, path: str | Path) -> None:
        """Write the listed steps to a YAML file."""
        path = _with_suffix(path, ".yaml", (".yml", ".json"))
        self.recipe(path.stem).save(path)
        self.done.emit(f"Saved {len(self._view.listed_steps())} steps to {path}.")

    def load(self, path: str | Path, inputs: Mapping[str, Any] | None = None) -> None:
        """Apply the steps of a recipe.

        Parameters
        ----------
        path
            The file.
        inputs
            The layer of each input; found out or asked for if left out.
        """
        recipe = Recipe.load(path).checked()
        chosen = inputs or self._choose_inputs(recipe)
        if chosen is None:
            return
        chain_layers = self._steps.layers
        ids = {}
        for name, layer in chosen.items():
            physical = recipe.unit != "pixel"
            if physical:
                layers.take_size(self._viewer, layer)
                check_unit(recipe, layer)
            ids[name] = chain_layers.id_of(layer, has_time=layers.time_axis(layer) == 0, physical=physical)
        # What the layer would be called as an input tells whether it is the one that was corrected.
        others = recipe.corrected and any(
            free_name(one.name, ()) not in (name, re.sub(r"_\d+$", "", name)) for name, one in chosen.items()
        )
        made = self._steps.add_recipe(recipe.without_corrections() if others else recipe, ids)
        last = made[recipe.outputs[-1]]
        self._view.show_step(last)
        off = " Corrections by hand are switched off: they were made on another image." if others else ""
        self.done.emit(f"Loaded {len(made)} steps of {Path(path).name}.{off}")

    def _choose_inputs(self, recipe: Recipe) -> dict[str, Any] | None:
        kinds = {name: kind_of_input(recipe, name) for name in recipe.inputs}
        if len(kinds) == 1:
            (name, kind), active = next(iter(kinds.items())), layers.active_layer(self._viewer)
            listed = layers.of_kind(self._viewer, kind)
            if not listed:
                what = {"image": "an image", "surface": "a surface", "labels": "labels"}.get(kind, "an image or labels")
                raise InputError(f"The recipe needs {what}. Open or make a layer of that first.")
            if active in listed or len(listed) == 1:
                return {name: active if active in listed else listed[0]}
        dialog = InputDialog(self._viewer, recipe, kinds, self.window())
        try:
            return dialog.chosen() if dialog.exec() == QDialog.DialogCode.Accepted else None
        finally:
            dialog.deleteLater()

    def export_script(self, path: str | Path) -> None:
        """Write a Python script that does what the listed steps do."""
        path = _with_suffix(path, ".py")
        recipe = self.recipe(path.stem)
        options = self._export_options(recipe)
        _write(path, recipe.to_script(self._files(recipe), **options))
        self.done.emit(f"Wrote {path}.")

    def export_notebook(self, path: str | Path) -> None:
        """Write a Jupyter notebook that does what the listed steps do."""
        path = _with_suffix(path, ".ipynb")
        recipe = self.recipe(path.stem)
        options = self._export_options(recipe)
        _write(path, recipe.to_notebook(self._files(recipe), **options))
        self.done.emit(f"Wrote {path}.")

    def _export_options(self, recipe: Recipe) -> dict[str, Any]:
        return {"spacing": self._spacing(recipe), "frame_axis": self._frame_axis(recipe)}

    # -------------------------------------------------------------------------------------------- asking
    def _ask_save(self) -> None:
        path = self._ask("Save the recipe", ".yaml", "Recipes (*.yaml)")
        if path:
            self.save(path)

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a recipe", "", "Recipes (*.yaml *.yml *.json)")
        if path:
            self.load(path)

    def _ask_script(self) -> None:
        path = self._ask("Export a script", ".py", "Python (*.py)")
        if path:
            self.export_script(path)

    def _ask_notebook(self) -> None:
        path = self._ask("Export a notebook", ".ipynb", "Notebooks (*.ipynb)")
        if path:
            self.export_notebook(path)

    def _ask(self, title: str, suffix: str, kinds: str) -> str:
        proposed = self._title().lower().replace("–", "_").replace(" ", "_") + suffix
        return str(QFileDialog.getSaveFileName(self, title, proposed, kinds)[0])

    def _batch(self) -> None:
        recipe = self.recipe(self._title())
        spacing = self._spacing(recipe) if recipe.unit == "pixel" else None
        self.batch_dialog = BatchDialog(
            recipe, spacing=spacing, frame_axis=self._frame_axis(recipe), parent=self.window()
        )
        self.batch_dialog.show()


def _with_suffix(path: str | Path, suffix: str, others: tuple[str, ...] = ()) -> Path:
    path = Path(path)
    return path if path.suffix.lower() in (suffix, *others) else path.with_name(path.name + suffix)


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
