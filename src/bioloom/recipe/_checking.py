"""What makes a step of a recipe right."""

from __future__ import annotations

import dataclasses
import keyword
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bioloom.errors import InputError

if TYPE_CHECKING:
    from bioloom.operations import Operation
    from bioloom.recipe.graph import Step

MAX_NAMES = 100
_SOFT = "image of a mask"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def operation_of(step: Step) -> Operation:
    """Return the operation of a step.

    Raises
    ------
    InputError
        If the catalogue has none of this name.
    """
    from bioloom.recipe.catalogue import get_operation

    return get_operation(step.operation)


def fits(given: str, wanted: str, strict: bool = False) -> bool:
    """Tell whether what a step gives may be put into a parameter of the kind `wanted`.

    Pixels fit pixels: whether those of an image are whole numbers, as labels must be, shows only when it is run. If it
    is `strict`, an image is neither labels nor a mask, but one made of a mask may be a mask, as one that was smoothed.
    """
    if strict and ((given == "image" and wanted in ("labels", "mask")) or (given == _SOFT and wanted == "labels")):
        return False
    pixels = ("any", "image", "labels", "mask", _SOFT)
    return given in pixels if wanted in pixels else given in (wanted, "any")


def passed_on(step: Step, operation: Operation) -> str:
    """Return the input that a step hands on where it is not enabled."""
    return next(step.inputs[p.name] for p in operation.arrays if p.name in step.inputs)


def checked_step(step: Step, kinds: Mapping[str, str], strict: bool = False) -> tuple[Step, str]:
    """Return a step with complete settings, and the kind of its result.

    Parameters
    ----------
    step
        The step.
    kinds
        What each input and each earlier step gives.
    strict
        Whether images do not pass for labels.

    Raises
    ------
    InputError
        If something does not fit.
    """
    if not isinstance(step.operation, str):
        raise InputError("its operation must be a name of the catalogue.")
    operation = operation_of(step)
    arrays = {p.name: p for p in operation.arrays}
    if not isinstance(step.enabled, bool):
        raise InputError(f"enabled is {step.enabled!r}, but must be true or false.")
    for name, source in step.inputs.items():
        if name not in arrays:
            raise InputError(f"{operation.name} takes no array {name!r}. It takes: {', '.join(arrays)}.")
        if source not in kinds:
            raise InputError(f"{name} is taken from {source!r}, which is neither an input nor an earlier step.")
        if not fits(kinds[source], arrays[name].kind, strict):
            advice = " Segment it first." if kinds[source] in ("image", _SOFT) else ""
            raise InputError(
                f"{name} must be {_a(arrays[name].kind)}, but {source!r} gives {_a(kinds[source])}.{advice}"
            )
    missing = [name for name, p in arrays.items() if not p.optional and name not in step.inputs]
    if missing:
        raise InputError(f"{operation.name} needs {missing[0]}: say which step or input it is taken from.")
    settings = operation.check_parameters(**{str(k): v for k, v in step.settings.items()})
    settings = {k: v for k, v in settings.items() if not (k == "spacing" and v is None)}
    if "spacing" in settings:
        settings["spacing"] = checked_spacing(settings["spacing"])
    checked = dataclasses.replace(step, inputs=dict(step.inputs), settings=settings)
    first = kinds[passed_on(step, operation)]
    kind = operation.kind_of_result(first, settings) if step.enabled else first
    return checked, _SOFT if strict and kind == "image" and first in ("mask", "labels", _SOFT) else kind


def checked_spacing(value: Any) -> tuple[float, ...]:
    """Return two or three positive numbers, or raise InputError."""
    from bioloom.operations.checks import check_spacing

    if not isinstance(value, Sequence) or len(value) not in (2, 3):
        raise InputError(f"spacing is {value!r}, but must be two or three numbers.")
    return check_spacing(value, len(value), "it") or ()


def _a(kind: str) -> str:
    return {"image": "an image", "labels": "labels", _SOFT: "an image"}.get(kind, f"a {kind}")


def check_names(names: Sequence[str], what: str) -> None:
    """Raise InputError if a list of names is wrong."""
    if isinstance(names, str) or len(names) > MAX_NAMES:
        raise InputError(f"A recipe has a list of at most {MAX_NAMES} {what}s.")
    for name in names:
        check_name(name, f"The {what}")
    if len(set(names)) < len(names):
        raise InputError(f"An {what} is named twice: {', '.join(names)}.")


def check_name(name: Any, what: str) -> None:
    """Raise InputError if a name cannot name a variable and a file."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise InputError(
            f"{what} is {str(name)[:80]!r}, but must begin with a letter, have letters, digits and underscores only, "
            "at most 64 of them, and be no word of Python."
        )
