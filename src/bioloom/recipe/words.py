"""Parameters as the words of a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bioloom.errors import InputError

if TYPE_CHECKING:
    from bioloom.operations import Operation, Parameter

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_UNITS = {"length": "in units of --spacing, else pixels", "size": "area or volume in units of --spacing, else pixels"}


def parse_setting(operation: Operation, parameter: Parameter, text: str) -> Any:
    """Read the value of a parameter from the word of a command line.

    Parameters
    ----------
    operation
        The operation, for the message.
    parameter
        One of its settings.
    text
        A number; ``true`` or ``false``; a choice; a text or a path; numbers with commas for a spacing; JSON for
        corrections; ``none`` where None is allowed.

    Raises
    ------
    InputError
        If it is of another kind or out of range.
    """
    if text.lower() == "none" and parameter.optional:
        return None
    value: Any = text
    if parameter.kind == "spacing":
        return parse_spacing(text)
    if parameter.kind == "boolean":
        value = _WORDS.get(text.lower(), text)
    elif parameter.kind == "choice":
        value = next((choice for choice in parameter.choices if choice.lower() == text.lower()), text)
    elif parameter.kind == "corrections":
        from bioloom.recipe._safe_yaml import parse

        value = parse(text)
    elif parameter.kind in ("number", "integer"):
        try:
            value = float(text)
        except ValueError:
            value = text
    return parameter.check(value, operation.name)


def parse_spacing(text: str) -> tuple[float, ...]:
    """Read pixel sizes such as ``0.9,0.3,0.3``.

    Raises
    ------
    InputError
        If it is not two or three positive numbers separated by commas.
    """
    from bioloom.operations.checks import check_spacing

    parts = text.split(",")
    try:
        values: tuple[float, ...] = tuple(float(part) for part in parts)
    except ValueError:
        values = ()
    if len(values) not in (2, 3):
        raise InputError(
            f"The spacing is {text!r}. Give two or three numbers with commas: the size of a pixel along y,x or z,y,x."
        )
    return check_spacing(values, len(values), "The spacing") or ()


def parse_names(text: str) -> dict[int, str]:
    """Read names of classes such as ``1=background,2=nuclei``.

    Raises
    ------
    InputError
        If it is something else.
    """
    names: dict[int, str] = {}
    for part in text.split(","):
        number, separator, name = (word.strip() for word in part.partition("="))
        if not separator or not name or not number.isdecimal() or int(number) < 1:
            raise InputError(f"The names of classes are {text!r}. Give number=name with commas: 1=background,2=nuclei.")
        names[int(number)] = name
    return names


def placeholder(parameter: Parameter) -> str:
    """Return what stands for the value of a parameter in the help of a command line."""
    if parameter.is_array:
        return "FILE"
    kinds = {"spacing": "Z,Y,X", "boolean": "true|false", "choice": "|".join(parameter.choices), "corrections": "JSON"}
    return kinds.get(parameter.kind, parameter.kind.upper())


def describe(parameter: Parameter) -> str:
    """Return what a parameter means, its unit, range and default, for the help of a command line."""
    limits = parameter.limits
    facts = [_UNITS.get(limits.unit, limits.unit)]
    if limits.minimum is not None and limits.maximum is not None:
        facts.append(f"{limits.minimum:g} to {limits.maximum:g}")
    elif limits.minimum is not None:
        facts.append(f"at least {limits.minimum:g}")
    if parameter.is_array:
        facts.append("{stem} stands for the name of IMAGE")
    default = "none" if parameter.default in (None, (), "") else str(parameter.default).lower()
    facts.append("required" if parameter.required else f"default {default}")
    return f"{parameter.description} [{'; '.join(fact for fact in facts if fact)}]"
