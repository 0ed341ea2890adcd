"""One parameter of an operation: what it may be, read from the operation's signature and docstring."""

from __future__ import annotations

import inspect
import math
import os
import re
import reprlib
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np

from bioloom.errors import BioloomError, InputError
from bioloom.operations._correction_list import check_corrections
from bioloom.operations._types import ArrayOf, CorrectionsOf, FileOf, Number, SpacingOf

_MAX_TEXT = 10_000


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation, as its signature and docstring tell it.

    Attributes
    ----------
    name : str
        Its name.
    kind : str
        ``image``, ``labels``, ``mask``, ``surface``, ``spacing``, ``number``, ``integer``, ``boolean``, ``choice``,
        ``text``, ``file`` or ``corrections``.
    default : object
        Its default, or `inspect.Parameter.empty`.
    optional : bool
        Whether None is allowed.
    limits : Number
        Range, step and unit of a number.
    choices : tuple of str
        What a choice may be.
    description : str
        First sentences of its entry in the docstring.
    """

    name: str
    kind: str
    default: Any
    optional: bool
    limits: Number
    choices: tuple[str, ...]
    description: str

    @property
    def is_array(self) -> bool:
        """Whether it takes pixels, or a surface: what a layer holds."""
        return self.kind in ("image", "labels", "mask", "surface")

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty

    def check(self, value: Any, operation: str) -> Any:
        """Return the value in its right type.

        Raises
        ------
        InputError
            If it is of another type or out of range.
        """
        where = f"{operation}: {self.name}"
        if value is None:
            if self.optional:
                return None
            raise InputError(f"{where} is missing. Give {self._wanted()}.")
        if self.kind == "choice":
            if value not in self.choices:
                raise InputError(f"{where} is {value!r}, but must be one of {', '.join(self.choices)}.")
            return value
        if self.kind == "boolean":
            if isinstance(value, (bool, np.bool_)):
                return bool(value)
            raise InputError(f"{where} is {value!r}, but must be true or false.")
        if self.kind in ("text", "file"):
            if isinstance(value, (str, os.PathLike)) and len(os.fspath(value)) <= _MAX_TEXT:
                return os.fspath(value)
            raise InputError(f"{where} is {reprlib.repr(value)}, but must be a text of up to {_MAX_TEXT} characters.")
        if self.kind == "corrections":
            return check_corrections(value, where)
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise InputError(f"{where} is {value!r}. Give {self._wanted()}.")
        low, high = self.limits.minimum, self.limits.maximum
        if not math.isfinite(value) or (low is not None and value < low) or (high is not None and value > high):
            raise InputError(f"{where} is {value}. Give {self._wanted()}.")
        if self.kind == "integer":
            if int(value) != value:
                raise InputError(f"{where} is {value}. Give {self._wanted()}.")
            return int(value)
        return float(value)

    def _wanted(self) -> str:
        nouns = {"integer": "a whole number", "image": "an image", "labels": "labels", "corrections": "corrections"}
        noun = nouns.get(self.kind, f"a {self.kind}")
        low, high = self.limits.minimum, self.limits.maximum
        if low is not None and high is not None:
            noun += f" from {low:g} to {high:g}"
        elif low is not None:
            noun += f" of at least {low:g}"
        return noun

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the parameter."""
        if self.is_array:
            described: dict[str, Any] = {"type": self._json("string"), "format": "path", "kind": self.kind}
        elif self.kind == "spacing":
            positive = {"type": "number", "exclusiveMinimum": 0}
            described = {"type": ["array", "null"], "items": positive, "minItems": 2, "maxItems": 3}
        elif self.kind == "choice":
            choices = [*self.choices, None] if self.optional else list(self.choices)
            described = {"type": self._json("string"), "enum": choices}
        elif self.kind == "file":
            described = {"type": self._json("string"), "format": "path"}
        elif self.kind == "text":
            described = {"type": self._json("string"), "maxLength": _MAX_TEXT}
        elif self.kind == "corrections":
            described = {"type": "array", "items": {"type": "object"}}
        else:
            described = {"type": self._json(self.kind)}
            if self.limits.minimum is not None:
                described["minimum"] = self.limits.minimum
            if self.limits.maximum is not None:
                described["maximum"] = self.limits.maximum
            if self.limits.unit:
                described["unit"] = self.limits.unit
        described["description"] = self.description
        if not self.required:
            described["default"] = list(self.default) if isinstance(self.default, tuple) else self.default
        return described

    def _json(self, kind: str) -> str | list[str]:
        return [kind, "null"] if self.optional else kind


def markers(hint: Any) -> list[Any]:
    """Collect the metadata of Annotated, also inside an optional."""
    if get_origin(hint) in (Union, types.UnionType):
        return [m for inner in get_args(hint) for m in markers(inner)]
    return list(getattr(hint, "__metadata__", ()))


def _plain_types(hint: Any) -> Iterator[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        for inner in get_args(hint):
            yield from _plain_types(inner)
    elif hasattr(hint, "__metadata__"):
        yield from _plain_types(hint.__origin__)
    else:
        yield hint


def read_parameter(name: str, default: Any, hint: Any, docstring: str) -> Parameter:
    found = markers(hint)
    plain = list(_plain_types(hint))
    limits = next((m for m in found if isinstance(m, Number)), Number())
    choices: tuple[str, ...] = ()
    array = next((m for m in found if isinstance(m, ArrayOf)), None)
    if array:
        kind = array.kind
    elif any(isinstance(m, SpacingOf) for m in found):
        kind = "spacing"
    elif any(isinstance(m, FileOf) for m in found):
        kind = "file"
    elif any(isinstance(m, CorrectionsOf) for m in found):
        kind = "corrections"
    elif get_origin(plain[0]) is Literal:
        kind, choices = "choice", typing.get_args(plain[0])
    elif bool in plain:
        kind = "boolean"
    elif int in plain:
        kind = "integer"
    elif float in plain:
        kind = "number"
    elif str in plain:
        kind = "text"
    else:
        raise BioloomError(f"The parameter {name} has the type {hint}, which no form can show.")
    optional = type(None) in plain or default is None
    return Parameter(name, kind, default, optional, limits, choices, _description(name, docstring))


def _description(name: str, docstring: str) -> str:
    """Return a parameter's text from a numpydoc docstring."""
    match = re.search(rf"^{name}(?: :.*)?\n((?:[ \t]+.*\n?)+)", docstring + "\n", re.MULTILINE)
    return " ".join(match.group(1).split()) if match else ""
