"""A form for an operation's settings, made from the operation's own signature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from bioloom.errors import InputError
from bioloom.operations import Operation, Parameter
from bioloom.widgets._settings_fields import LARGEST, make_field

_HIDDEN = ("spacing", "corrections")
_POWERS = {2: "²", 3: "³"}


class Field:
    """One setting of a form: its label and the widget that shows its value."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter
        self.name = parameter.name
        self.native = make_field(parameter)
        self.row = QLabel(_title(parameter))
        self.row.setBuddy(self.native)
        self.native.setAccessibleName(_title(parameter))
        self.tooltip = _tooltip(parameter, "")

    @property
    def value(self) -> Any:
        """What it shows."""
        return self.native.get()

    @value.setter
    def value(self, value: Any) -> None:
        self.native.put(value)

    @property
    def label(self) -> str:
        """The name before it."""
        return str(self.row.text())

    @label.setter
    def label(self, text: str) -> None:
        self.row.setText(text)

    @property
    def tooltip(self) -> str:
        """What it means, from where to where it may go, and in which unit."""
        return str(self.native.toolTip())

    @tooltip.setter
    def tooltip(self, text: str) -> None:
        self.native.setToolTip(text)
        self.row.setToolTip(text)


class SettingsForm(QWidget):
    """One labelled field per setting; iterates over its fields, and has them by name.

    `spacing` is not shown, it comes from the layer; corrections by hand are not, they are made in the image.

    Parameters
    ----------
    operation
        Whose settings.
    values
        What the fields show; defaults where it has none.
    """

    changed = Signal()

    def __init__(self, operation: Operation, values: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.operation = operation
        self._fields = {p.name: Field(p) for p in operation.settings if p.kind not in _HIDDEN}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for field in self:
            layout.addRow(field.row, field.native)
            field.native.edited.connect(self.changed)
        self.write(values or {})

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields.values())

    def __getitem__(self, name: str) -> Field:
        return self._fields[name]

    def __len__(self) -> int:
        return len(self._fields)

    def read(self) -> dict[str, Any]:
        """Return the settings, checked.

        Raises
        ------
        InputError
            If a value is of the wrong type or out of range.
        """
        values = {field.name: field.value for field in self}
        for field in self:
            if field.parameter.kind == "file" and not field.value and not field.parameter.optional:
                raise InputError(f"Choose a file for ‘{_title(field.parameter)}’.")
        return self.operation.check_parameters(**values)

    def write(self, values: Mapping[str, Any]) -> None:
        """Show other values; those that have no field are left out."""
        for field in self:
            if field.name in values:
                field.value = values[field.name]

    def scale_lengths(self, factor: float, n_axes: int) -> None:
        """Count lengths and sizes in another unit, of which the former unit has `factor`."""
        for field in self:
            power = {"length": 1, "size": n_axes}.get(field.parameter.limits.unit)
            try:
                value = field.value
            except InputError:
                continue
            if power is not None and value is not None:
                field.value = float(f"{value * factor**power:.4g}")

    def show_unit(self, unit: str, n_axes: int | None = None) -> None:
        """Name the unit of lengths and sizes behind their labels."""
        for field in self:
            shown = _unit(field.parameter, unit, n_axes)
            field.label = f"{_title(field.parameter)} [{shown}]" if shown else _title(field.parameter)
            field.tooltip = _tooltip(field.parameter, shown)


def _title(parameter: Parameter) -> str:
    return parameter.name.replace("_", " ")


def _unit(parameter: Parameter, unit: str, n_axes: int | None) -> str:
    kind = parameter.limits.unit
    if kind == "length":
        return unit
    if kind == "size":
        return unit if unit == "px" else f"{unit}{_POWERS.get(n_axes or 0, ' (area or volume)')}"
    return "" if kind == "seed" else kind


def _tooltip(parameter: Parameter, unit: str) -> str:
    lines = [parameter.description] if parameter.description else []
    low, high = parameter.limits.minimum, parameter.limits.maximum
    if parameter.kind in ("number", "integer"):
        bounded = high is not None and high < LARGEST
        if low is not None and bounded:
            span = f"{low:g} to {high:g}"
        else:
            span = f"at least {low:g}" if low is not None else f"at most {high:g}" if bounded else ""
        said = " ".join(part for part in (span, {"px": "pixels"}.get(unit, unit)) if part)
        if said:
            empty = "; empty for none" if parameter.optional else ""
            lines.append(f"{said[0].upper()}{said[1:]}{empty}")
        if not parameter.required and parameter.default is not None:
            lines.append(f"Usually {parameter.default:g}" + (" pixels" if parameter.limits.unit == "length" else ""))
    return "\n".join(lines)
