"""A form for an operation's settings, made by magicgui from the operation's own signature."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, LineEdit, SpinBox

from bioloom.errors import InputError
from bioloom.operations import Operation, Parameter


def settings_form(operation: Operation) -> Container:
    """Return a container with one labelled field per setting; `spacing` is not shown, it comes from the layer."""
    fields = [_field(p) for p in operation.settings if p.kind != "spacing"]
    container = Container(widgets=fields, labels=True)
    container.margins = (0, 0, 0, 0)
    return container


def read_settings(form: Container, operation: Operation) -> dict[str, Any]:
    """Return the settings in a form, checked.

    Raises
    ------
    InputError
        If a value is of the wrong type or out of range.
    """
    values: dict[str, Any] = {}
    for field in form:
        parameter = operation.parameters[field.name]
        values[field.name] = _number_or_none(field.value, parameter) if isinstance(field, LineEdit) else field.value
    return operation.check_parameters(**values)


def show_unit(form: Container, operation: Operation, unit: str) -> None:
    """Name the unit of lengths and sizes behind their labels."""
    for field in form:
        kind = operation.parameters[field.name].limits.unit
        power = f"{unit} (area or volume)" if kind == "size" else unit
        title = field.name.replace("_", " ")
        field.label = f"{title} [{power}]" if kind in ("length", "size") else title


def _field(parameter: Parameter) -> Any:
    common = {
        "name": parameter.name,
        "label": parameter.name.replace("_", " "),
        "tooltip": parameter.description,
    }
    limits = parameter.limits
    if parameter.kind == "boolean":
        return CheckBox(value=parameter.default, **common)
    if parameter.kind == "choice":
        return ComboBox(value=parameter.default, choices=parameter.choices, **common)
    if parameter.optional:
        # Empty means no limit, which no spin box can show.
        field = LineEdit(value="" if parameter.default is None else str(parameter.default), **common)
        field.native.setPlaceholderText("no limit")
        return field
    if parameter.kind == "integer":
        low, high = limits.minimum or 0, limits.maximum or 1_000_000
        return SpinBox(value=parameter.default, min=int(low), max=int(high), **common)
    step = limits.step or 0.5
    field = FloatSpinBox(
        value=parameter.default, min=limits.minimum or 0.0, max=limits.maximum or 1e9, step=step, **common
    )
    # Lengths may be in millimetres, or sigmas an eighth of a pixel.
    field.native.setDecimals(4)
    return field


def _number_or_none(text: str, parameter: Parameter) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{parameter.name.replace('_', ' ')} is {text!r}, but must be a number, or empty.") from None
