"""Recipes as text: YAML that people can read, and that cannot do anything when it is read.

See :mod:`bioloom.recipe._safe_yaml` for what is read; JSON is, too.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import yaml

from bioloom.errors import InputError
from bioloom.files import replacing
from bioloom.recipe._checking import operation_of
from bioloom.recipe._safe_yaml import MAX_BYTES, NUMBER, WHOLE, parse
from bioloom.recipe.graph import MAX_STEPS, Recipe, Step

FORMAT = 1
_KEYS = ("bioloom_recipe", "name", "description", "unit", "inputs", "steps", "outputs", "versions")
_STEP_KEYS = ("id", "operation", "inputs", "settings", "enabled")
_SUFFIXES = (".yaml", ".yml", ".json")


class _Dumper(yaml.SafeDumper):
    """Writes texts in quotes where they would be read as a number or a word of JSON, and lists indented."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 (the library's own name)

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)


for _tag, _pattern, _first in (
    ("null", "null|~|", "n~"),
    ("bool", "true|false", "tf"),
    ("int", WHOLE.pattern, "-+0123456789"),
    ("float", NUMBER.pattern, "-+0123456789."),
):
    for _letter in [*_first, ""] if _tag == "null" else _first:
        entry = (f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"))
        _Dumper.yaml_implicit_resolvers.setdefault(_letter, []).append(entry)
_Dumper.add_representer(tuple, lambda dumper, value: dumper.represent_list(value))


# ------------------------------------------------------------------------------------------------ reading
def from_yaml(text: str, folder: str | Path | None = None) -> Recipe:
    """Read a recipe from text; see :meth:`bioloom.recipe.Recipe.from_yaml`.

    Parameters
    ----------
    text
        YAML or JSON.
    folder
        Where the files of classifiers are, which are named in relation to it; the current folder if left out.

    Raises
    ------
    InputError
        If it is no recipe, a step does not fit, or a file lies outside of the folder.
    """
    content = parse(text)
    if not isinstance(content, dict) or "steps" not in content:
        raise InputError("This is no recipe: it has no list of steps.")
    _check_keys(content, _KEYS, "A recipe")
    if content.get("bioloom_recipe", FORMAT) != FORMAT:
        given = str(content["bioloom_recipe"])[:40]
        raise InputError(f"The recipe has the format {given!r}; this version of Bioloom reads {FORMAT}.")
    if len(_list(content, "steps")) > MAX_STEPS:
        raise InputError(f"The recipe has {len(content['steps'])} steps; at most {MAX_STEPS} are allowed.")
    steps = [_step(entry, number) for number, entry in enumerate(_list(content, "steps"), start=1)]
    versions = content.get("versions") or {}
    if not isinstance(versions, dict) or not all(isinstance(v, str | int | float) for v in versions.values()):
        raise InputError("versions must be names with numbers.")
    recipe = Recipe(
        tuple(_list(content, "inputs")),
        tuple(steps),
        tuple(_list(content, "outputs")),
        _text(content, "name"),
        _text(content, "description"),
        {k: str(v) for k, v in versions.items()},
        _text(content, "unit", "pixel"),
    ).checked()
    base = Path.cwd() if folder is None else Path(folder)
    return _with_files(recipe, lambda step, name, value: str(_inside(base, step, name, value)))


def load(path: str | Path) -> Recipe:
    """Read a recipe from a file; see :meth:`bioloom.recipe.Recipe.load`."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no recipe {path}. Check the path.")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is larger than {MAX_BYTES >> 20} MiB, as no recipe is.")
    try:
        return from_yaml(path.read_text(encoding="utf-8-sig"), path.parent)
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text, so it is no recipe.") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _step(entry: Any, number: int) -> Step:
    if not isinstance(entry, dict):
        raise InputError(f"Step {number} is no mapping with id, operation, inputs and settings.")
    where = f"Step {str(entry.get('id', number))[:80]!r}"
    _check_keys(entry, _STEP_KEYS, where)
    for key in ("id", "operation"):
        if not isinstance(entry.get(key), str):
            raise InputError(f"{where}: {key} is missing or no text.")
    inputs, settings = entry.get("inputs") or {}, entry.get("settings") or {}
    if not isinstance(inputs, dict) or not all(isinstance(source, str) for source in inputs.values()):
        raise InputError(f"{where}: inputs must name a step or an input for each array, such as {{image: smooth}}.")
    if not isinstance(settings, dict):
        raise InputError(f"{where}: settings must be names with values.")
    return Step(entry["id"], entry["operation"], inputs, settings, entry.get("enabled", True))


def _check_keys(content: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    strange = [str(key)[:40] for key in content if key not in known]
    if strange:
        raise InputError(f"{what} has no key {strange[0]!r}. The keys are: {', '.join(known)}.")


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    value = content.get(key)
    if not isinstance(value, list):
        raise InputError(f"The recipe needs a list of {key}.")
    return value


def _text(content: Mapping[str, Any], key: str, default: str = "") -> str:
    value = content.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise InputError(f"{key} must be a text; put it into quotes.")
    return value


# ------------------------------------------------------------------------------------------------ files of classifiers
def _with_files(recipe: Recipe, change: Any) -> Recipe:
    """Return the recipe with every path among its settings replaced by ``change(step, parameter, path)``."""
    import dataclasses

    steps = []
    for step in recipe.steps:
        paths = {
            p.name: change(step, p.name, step.settings[p.name])
            for p in operation_of(step).settings
            if p.kind == "file" and step.settings.get(p.name)
        }
        steps.append(dataclasses.replace(step, settings={**step.settings, **paths}) if paths else step)
    return dataclasses.replace(recipe, steps=tuple(steps))


def _inside(base: Path, step: Step, name: str, value: str) -> Path:
    """Return the file that a recipe names, which must lie in the folder of the recipe or below."""
    parts = (*PurePosixPath(value).parts, *PureWindowsPath(value).parts)
    outside = (
        PurePosixPath(value).is_absolute() or bool(PureWindowsPath(value).anchor) or ".." in parts or "\0" in value
    )
    folder = base.resolve()
    path = folder if outside else folder.joinpath(*PureWindowsPath(value).parts).resolve()
    if outside or folder not in path.parents:
        raise InputError(
            f"Step {step.id!r}: {name} is {value[:80]!r}, but a recipe may only name files in its own folder. Copy the "
            "file beside the recipe, and name it without a path."
        )
    return path


# ------------------------------------------------------------------------------------------------ writing
def to_yaml(recipe: Recipe) -> str:
    """Return a recipe as text; all settings are written, also those that have their defaults."""
    from bioloom.recipe.provenance import versions

    recipe = recipe.checked()
    content: dict[str, Any] = {"bioloom_recipe": FORMAT}
    content |= {key: text for key in ("name", "description") if (text := getattr(recipe, key))}
    content |= {"unit": recipe.unit, "inputs": list(recipe.inputs), "steps": [], "outputs": list(recipe.outputs)}
    for step in recipe.steps:
        entry: dict[str, Any] = {"id": step.id, "operation": step.operation, "inputs": dict(step.inputs)}
        if step.settings:
            entry["settings"] = _plain(step.settings)
        if not step.enabled:
            entry["enabled"] = False
        content["steps"].append(entry)
    content["versions"] = dict(recipe.versions) or versions()
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _plain(value: Any) -> Any:
    """Return a value made of nothing but what YAML has words for."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def save(recipe: Recipe, path: str | Path) -> None:
    """Write a recipe to a file; see :meth:`bioloom.recipe.Recipe.save`."""
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES[:2]:
        raise InputError(f"Recipes are saved as YAML, but {path.name} was asked for. Use a name ending in .yaml.")
    recipe = recipe.checked()

    def bring(step: Step, name: str, value: str) -> str:
        source, folder = Path(value).resolve(), path.parent.resolve()
        if folder in source.parents:
            return source.relative_to(folder).as_posix()
        if not source.is_file():
            raise InputError(f"Step {step.id!r}: there is no file {value}, so the recipe cannot be saved with it.")
        return _copied(source, folder).name

    portable = _with_files(recipe, bring)
    with replacing(path) as temporary:
        temporary.write_text(to_yaml(portable), encoding="utf-8")


def _copied(source: Path, folder: Path) -> Path:
    """Copy a file into a folder under its name, or with a number where another file has that name."""
    folder.mkdir(parents=True, exist_ok=True)
    content = source.read_bytes()
    for number in range(1, 1000):
        target = folder / (source.name if number == 1 else f"{source.stem}-{number}{source.suffix}")
        if not target.exists():
            with replacing(target) as temporary:
                shutil.copyfile(source, temporary)
            return target
        if target.is_file() and target.stat().st_size == len(content) and target.read_bytes() == content:
            return target
    raise InputError(f"{folder} holds too many files called {source.name}.")
