"""Operations called by name with arguments in JSON, such as a language model gives for its functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bioloom.errors import InputError
from bioloom.recipe._safe_yaml import parse


def list_schemas() -> list[dict[str, Any]]:
    """Return a description of every operation: name, category, what it gives, and a JSON schema of its parameters.

    Arrays are given as paths of files. The schemas are those of JSON Schema 2020-12, and of the kind that function
    calling takes; what is not said by its words (units, kinds of files) stands in keys of its own.
    """
    from bioloom.recipe.catalogue import CATALOGUE

    entries = sorted(CATALOGUE.values(), key=lambda entry: (entry.category, entry.name))
    return [entry.schema() for entry in entries]


def check_arguments(name: str, arguments: Mapping[str, Any] | str) -> dict[str, Any]:
    """Check the arguments of a call, before anything is read or computed.

    Parameters
    ----------
    name
        Name of the operation.
    arguments
        By the name of the parameter, or as JSON: paths for arrays, values for settings.

    Returns
    -------
    dict
        All arguments, in their right types and with defaults filled in; None for arrays left out.

    Raises
    ------
    InputError
        If there is no such operation, an argument is unknown, missing, of another type or out of range.
    """
    from bioloom.recipe.catalogue import get_operation

    operation = get_operation(name)
    given = parse(arguments) if isinstance(arguments, str) else arguments
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise InputError(f"{name}: the arguments must be an object (names with values), but are {json_type(given)}.")
    unknown = sorted(set(given) - set(operation.parameters))
    if unknown:
        known = ", ".join(operation.parameters)
        raise InputError(f"{name} has no parameter {unknown[0][:80]!r}. It has: {known}.")
    checked: dict[str, Any] = {}
    for parameter in operation.arrays:
        value = given.get(parameter.name)
        if value is None and parameter.optional:
            checked[parameter.name] = None
            continue
        if not isinstance(value, str) or not value or "\0" in value:
            got = "missing" if value is None else json_type(value)
            raise InputError(f"{name}: {parameter.name} is {got}, but must be the path of an image file.")
        checked[parameter.name] = value
    settings = {key: value for key, value in given.items() if not operation.parameters[key].is_array}
    checked |= operation.check_parameters(**settings)
    if checked.get("spacing") is not None:
        from bioloom.recipe._checking import checked_spacing

        checked["spacing"] = checked_spacing(checked["spacing"])
    return checked


def call_operation(
    name: str, arguments: Mapping[str, Any] | str, out: str | Path, *, frame_axis: int | None = None
) -> Path:
    """Call an operation with files and write its result.

    Parameters
    ----------
    name, arguments
        See :func:`check_arguments`.
    out
        The file to write: ``.tif``, ``.png`` or ``.zarr`` for pixels, ``.csv``, ``.parquet`` … for a table, ``.ply``
        for a surface.
    frame_axis
        The axis of time.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        If arguments do not fit, a file cannot be read, or the result cannot be written.
    """
    from bioloom.files import read_image
    from bioloom.recipe.catalogue import get_operation
    from bioloom.recipe.steps import run_operation, write_result
    from bioloom.tables import SUFFIXES

    operation = get_operation(name)
    checked = check_arguments(name, arguments)
    out = Path(out)
    known = {"table": SUFFIXES, "surface": (".ply", ".stl")}
    suffixes = known.get(operation.returns, (".tif", ".tiff", ".png", ".zarr"))
    if any(p.kind == "surface" for p in operation.arrays):
        raise InputError(f"{name} works on surfaces, which are made in a recipe. Use it there.")
    if out.suffix.lower() not in suffixes:
        raise InputError(f"{name} gives {operation.returns}: use a file ending in {' or '.join(suffixes)}.")
    paths = [checked.pop(p.name) for p in operation.arrays]
    if any(path is not None and Path(path).resolve() == out.resolve() for path in paths):
        raise InputError(f"The result would replace the input {out}. Choose another name.")
    arrays = [None if path is None else read_image(path) for path in paths]
    result = run_operation(operation, *arrays, frame_axis=frame_axis, **checked)
    write_result(out, result, **({"labels": operation.returns in ("labels", "mask")} if operation.gives_pixels else {}))
    return out


def json_type(value: Any) -> str:
    """Return what JSON calls the type of a value."""
    if value is None:
        return "null"
    names = ((bool, "a boolean"), ((int, float), "a number"), (str, "a string"), ((list, tuple), "an array"))
    return next((name for kinds, name in names if isinstance(value, kinds)), "an object")


def schemas_text() -> str:
    """Return :func:`list_schemas` as JSON."""
    return json.dumps(list_schemas(), indent=2, ensure_ascii=False)
