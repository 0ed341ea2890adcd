"""What was finished in a folder of results, so that a run that was stopped can go on."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bioloom
from bioloom.files import is_zarr

if TYPE_CHECKING:
    from bioloom.recipe.graph import Recipe

JOURNAL = "bioloom-files.jsonl"
_ZARR_FILES = ("zarr.json", ".z*", "*/zarr.json", "*/.z*")


class Journal:
    """One line per finished input: what it was, and what was written for it.

    Lines are only ever added, one at a time, by one process. A line that was not written to its end counts as not
    there: its input is computed again.

    Parameters
    ----------
    out
        The folder of results.
    key
        Tells this way of processing from others, see :func:`run_key`.
    """

    def __init__(self, out: Path, key: str) -> None:
        self.path = out / JOURNAL
        self.key = key

    def finished(self) -> dict[str, dict[str, Any]]:
        """Return the last line of each input, by its path."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return {}
        found: dict[str, dict[str, Any]] = {}
        for line in lines:
            try:
                entry = json.loads(line)
                found[entry["input"]] = entry
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def add(self, path: Path, state: list[Any], outputs: Sequence[Path], note: str = "") -> None:
        """Write down that an input is finished, and that its outputs are complete."""
        entry = {"input": str(path.resolve()), "key": self.key, "state": state, "outputs": _sizes(outputs)}
        if note:
            entry["note"] = note
        text = json.dumps(entry) + "\n"
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(0, 2)
                if file.tell():
                    file.seek(-1, 2)
                    # A line that was cut off must not swallow this one.
                    text = text if file.read(1) == b"\n" else "\n" + text
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def complete(self, path: Path, state: list[Any], outputs: Sequence[Path], lines: Mapping[str, Any]) -> bool:
        """Tell whether all outputs of an input are there, made in the same way from the same file."""
        entry = lines.get(str(path.resolve()))
        return (
            entry is not None
            and entry.get("key") == self.key
            and entry.get("state") == state
            and all(output.exists() for output in outputs)
            and entry.get("outputs") == _sizes(outputs)
        )

    def note(self, path: Path, lines: Mapping[str, Any]) -> str:
        """Return what was noted about the results of an input."""
        return str(lines.get(str(path.resolve()), {}).get("note", ""))


def run_key(recipe: Recipe, options: Mapping[str, Any]) -> str:
    """Return a text that is the same only if the same files would give the same results.

    Names, descriptions and versions of libraries are left out; the content of classifiers is in it.
    """
    from bioloom.recipe._checking import operation_of

    parts: list[Any] = [bioloom.__version__, recipe.unit, list(recipe.inputs), list(recipe.outputs), dict(options)]
    for step in recipe.ancestors(*recipe.outputs).steps:
        settings = dict(step.settings)
        for parameter in operation_of(step).settings:
            if parameter.kind == "file" and settings.get(parameter.name):
                settings[parameter.name] = _digest(Path(settings[parameter.name]))
        parts.append([step.id, step.operation, dict(step.inputs), settings, step.enabled])
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "missing"


def state_of(paths: Sequence[Path]) -> list[Any]:
    """Return size and time of last change of files; of Zarr folders, those of the files that describe them."""
    states: list[Any] = []
    for path in paths:
        described = [f for pattern in _ZARR_FILES for f in sorted(path.glob(pattern))] if is_zarr(path) else [path]
        for file in described:
            try:
                info = file.stat()
                states.append([info.st_size, info.st_mtime_ns])
            except OSError:
                states.append(None)
    return states


def _sizes(outputs: Sequence[Path]) -> dict[str, int]:
    return {path.name: -1 if path.is_dir() else path.stat().st_size for path in outputs}


def remove_leftovers(outputs: Sequence[Path]) -> None:
    """Remove what a process that was killed left of files that it was writing."""
    wanted = {(path.parent, path.stem, path.suffix) for path in outputs}
    for parent in {path.parent for path in outputs}:
        for path in parent.glob(".*") if parent.is_dir() else ():
            match = re.fullmatch(r"\.(.+)-[a-z0-9_]{8}(\.[^.]*?)(\.old)?", path.name)
            if match and (parent, match[1], match[2]) in wanted:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
