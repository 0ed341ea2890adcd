"""Which layers the inputs of a recipe are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from bioloom import layers
from bioloom.errors import InputError
from bioloom.files import micrometres_per
from bioloom.layers.chain_views import UNNAMED_UNIT
from bioloom.recipe.catalogue import get_operation
from bioloom.recipe.graph import Recipe
from bioloom.widgets._parts import LayerCombo, form

_KINDS: dict[str, layers.Kind] = {"image": "image", "labels": "labels", "mask": "labels", "surface": "surface"}


class InputDialog(QDialog):
    """Asks which layer each input of a recipe is."""

    def __init__(self, viewer: Any, recipe: Recipe, kinds: Mapping[str, layers.Kind], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Apply {recipe.name or 'the recipe'}")
        rows, layout = form()
        self._combos = {}
        for name, kind in kinds.items():
            self._combos[name] = LayerCombo(viewer, kind, f"The layer that the recipe calls {name}")
            layout.addRow(name.replace("_", " "), self._combos[name])
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(QLabel("Choose the layer for every input of the recipe."))
        column.addWidget(rows)
        column.addWidget(buttons)
        self.finished.connect(lambda result: [combo.stop() for combo in self._combos.values()])
        self._chosen: dict[str, Any] = {}
        self.accepted.connect(lambda: self._chosen.update({n: c.layer for n, c in self._combos.items()}))

    def chosen(self) -> dict[str, Any]:
        """Return the layers.

        Raises
        ------
        InputError
            If one is missing.
        """
        for name, layer in self._chosen.items():
            if layer is None:
                raise InputError(f"There is no layer for the input {name!r}.")
        return self._chosen


def kind_of_input(recipe: Recipe, name: str) -> layers.Kind:
    """Return the kind of layer that all steps can take which begin with an input."""
    uses = [(get_operation(s.operation), array) for s in recipe.steps for array, t in s.inputs.items() if t == name]
    kinds = {_KINDS[operation.parameters[array].kind] for operation, array in uses}
    if kinds == {"image"} and all(operation.keeps_kind for operation, _ in uses):
        return "pixels"
    return next((kind for kind in ("labels", "surface") if kind in kinds), "image")


def check_unit(recipe: Recipe, layer: Any) -> None:
    """Refuse a layer whose scale does not count in the unit of length of a recipe."""
    given, wanted = layers.length_unit(layer), recipe.unit
    if given == "pixel" and wanted == UNNAMED_UNIT:
        return
    if given == "pixel":
        raise InputError(
            f"The recipe counts lengths in {wanted}, but {layer.name} does not tell the size of its pixels. Set its "
            "units and scale first."
        )
    if (micrometres_per(given) or given) != (micrometres_per(wanted) or wanted):
        raise InputError(
            f"The recipe counts lengths in {wanted}, but the scale of {layer.name} counts in {given}. Give the layer "
            "another unit and scale first."
        )
