"""What was done to get a result: written beside it, so that it can be done again."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bioloom
from bioloom.files import replacing

if TYPE_CHECKING:
    from bioloom.recipe.batch import BatchResult, FileResult

RUN_FILE = "bioloom-run.json"
_LIBRARIES = ("numpy", "scipy", "scikit-image", "scikit-learn", "numba", "pandas", "umap-learn", "tifffile")


def versions() -> dict[str, str]:
    """Return the versions of Bioloom, Python and the libraries that compute; those not installed are left out."""
    found = {"bioloom": bioloom.__version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_file(path: str | Path) -> dict[str, Any]:
    """Return the path of an input file as it was given, and its size in bytes (None if it is not there)."""
    try:
        size: int | None = Path(path).stat().st_size
    except OSError:
        size = None
    return {"path": str(path), "bytes": size}


def describe_result(file: FileResult) -> dict[str, Any]:
    """Return what :func:`describe_file` says of an input, and why it failed, or why its results are doubtful."""
    said = {"error": file.error, "note": file.note}
    return describe_file(file.path) | {name: text for name, text in said.items() if text}


def write_run(
    folder: str | Path,
    command: str,
    parameters: Mapping[str, Any],
    *,
    inputs: Sequence[Mapping[str, Any]],
    outputs: Iterable[str | Path],
    seeds: Mapping[str, int] | None = None,
    arguments: Sequence[str] = (),
) -> Path:
    """Write ``bioloom-run.json`` into a folder of results.

    Parameters
    ----------
    folder
        Where the results are.
    command
        What was run, such as ``segment``.
    parameters
        Every parameter as it was used, defaults included.
    inputs
        One entry per input, see :func:`describe_file`.
    outputs
        The files written.
    seeds
        Seeds of random steps by their name.
    arguments
        The words of the command line, if there was one.

    Returns
    -------
    pathlib.Path
        The file. Runs it told of before stay in it as ``earlier_runs`` as long as one of their outputs was not
        written again.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    path = Path(folder) / RUN_FILE
    written = sorted(Path(output).name for output in outputs)
    record: dict[str, Any] = {
        "command": command,
        "arguments": list(arguments),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "versions": versions(),
        "parameters": dict(parameters),
        "seeds": dict(seeds or {}),
        "inputs": [dict(entry) for entry in inputs],
        "outputs": written,
        "earlier_runs": [run for run in _earlier(path) if not set(run.get("outputs", ())) <= set(written)],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2, default=_plain) + "\n", encoding="utf-8")
    return path


def record_batch(
    out: str | Path,
    command: str,
    parameters: Mapping[str, Any],
    result: BatchResult,
    seeds: Mapping[str, int] | None = None,
    arguments: Sequence[str] = (),
) -> None:
    """Write down a batch, if it wrote anything; see :func:`write_run`."""
    if result.outputs:
        inputs = [describe_result(f) for f in result.files]
        write_run(out, command, parameters, inputs=inputs, outputs=result.outputs, seeds=seeds, arguments=arguments)


def _earlier(path: Path) -> list[dict[str, Any]]:
    """Read the runs that a file tells of, newest first; none if it is missing or something else."""
    try:
        last = json.loads(path.read_text(encoding="utf-8"))
        before = last.pop("earlier_runs")
        runs = [last, *before]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return []
    return runs if all(isinstance(run, dict) for run in runs) else []


def _plain(value: Any) -> Any:
    """Turn NumPy numbers and arrays, and paths, into what JSON knows."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
