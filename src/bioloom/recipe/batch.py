"""One function over many files: which files, where the results go, and what to do about a file that fails."""

from __future__ import annotations

import glob
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bioloom.errors import BioloomError, Cancelled, InputError, doubts_heard
from bioloom.files import is_zarr

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class FileResult:
    """What became of one input file.

    Attributes
    ----------
    path
        The input.
    outputs
        The files written for it; none if it failed.
    error
        Why it failed; empty if it did not.
    seconds
        How long it took.
    kept
        Results of earlier runs that were asked to be kept.
    note
        Why the results may not be what was meant although nothing failed; empty if nothing says so.
    """

    path: Path
    outputs: tuple[Path, ...]
    error: str
    seconds: float
    kept: tuple[Path, ...] = ()
    note: str = ""


OnFile = Callable[[FileResult], None]


@dataclass(frozen=True)
class BatchResult:
    """What became of all input files, in their order.

    Attributes
    ----------
    files
        What became of each.
    tables
        Tables of all files together.
    """

    files: tuple[FileResult, ...]
    tables: tuple[Path, ...] = ()

    @property
    def outputs(self) -> list[Path]:
        """All files written."""
        return [path for file in self.files for path in file.outputs]

    @property
    def failures(self) -> list[FileResult]:
        """The inputs that failed."""
        return [file for file in self.files if file.error]

    @property
    def doubtful(self) -> list[FileResult]:
        """The inputs whose results may not be what was meant."""
        return [file for file in self.files if file.note and not file.error]

    def describe(self) -> str:
        """Return how many files were processed, kept, failed and doubtful, and why each of these failed or is so."""
        kept = sum(bool(file.kept and not file.outputs and not file.error) for file in self.files)
        done = len(self.files) - kept - len(self.failures)
        counts = [f"{done} of {len(self.files)} files processed"]
        counts += [f"{kept} had results already"] if kept else []
        counts += [f"{len(self.failures)} failed"] if self.failures else []
        counts += [f"{len(self.doubtful)} doubtful"] if self.doubtful else []
        lines = [f"{f.error if str(f.path) in f.error else f'{f.path}: {f.error}'}" for f in self.failures]
        lines += [f"{f.path}: {f.note}" for f in self.doubtful]
        return "\n".join([", ".join(counts), *lines])


def find_files(patterns: Iterable[str | Path]) -> list[Path]:
    """Expand patterns such as ``data/*.tif``, and folders, to files.

    Parameters
    ----------
    patterns
        Paths, or patterns with ``*``, ``?``, ``[…]`` and ``**``. A folder stands for the images in it.

    Returns
    -------
    list of pathlib.Path
        Each file once, in the order given and sorted within a pattern. Paths of files that do not exist, and patterns
        that match none, stay as they are: reading them says what is missing.

    Raises
    ------
    InputError
        If a folder cannot be read or holds no image.
    """
    found: dict[str, Path] = {}
    for pattern in map(str, patterns):
        if os.path.isdir(pattern) and not is_zarr(pattern):
            for path in _images_in(Path(pattern)):
                found.setdefault(_same(path), path)
            continue
        matches = []
        if any(sign in pattern for sign in "*?[") and not os.path.lexists(pattern):
            matches = [
                match for match in sorted(glob.glob(pattern, recursive=True)) if os.path.isfile(match) or is_zarr(match)
            ]
        for match in matches or [pattern]:
            found.setdefault(_same(Path(match)), Path(match))
    return list(found.values())


def _images_in(folder: Path) -> list[Path]:
    """List the images of a folder; those that are folders themselves, too."""
    from bioloom.classify.pairs import list_images

    try:
        folders = [path for path in folder.iterdir() if not path.name.startswith(".") and is_zarr(path)]
    except OSError:
        folders = []
    try:
        files = list_images(folder)
    except InputError:
        if not folders:
            raise
        files = []
    return sorted([*files, *folders])


def name_outputs(
    files: Sequence[Path], out: str | Path, endings: Sequence[str], companions: Iterable[str | Path] = ()
) -> dict[Path, tuple[Path, ...]]:
    """Choose the output files of every input: its stem and each of the endings, in one folder.

    Parameters
    ----------
    files
        The inputs.
    out
        The folder of the outputs.
    endings
        Such as ``_classes.tif``.
    companions
        Further inputs of every file, see :func:`companion`.

    Raises
    ------
    InputError
        If two inputs would get the same output, or an output would replace an input.
    """
    read = [*files, *(companion(pattern, path) for pattern in companions for path in files)]
    inputs = {_same(path): path for path in read}
    owners: dict[str, Path] = {}
    names: dict[Path, tuple[Path, ...]] = {}
    for path in files:
        names[path] = tuple(Path(out) / f"{path.stem}{ending}" for ending in endings)
        for output in names[path]:
            key = _same(output)
            if key in inputs:
                raise InputError(
                    f"The result of {path} would replace the input {inputs[key]}. Choose another output folder."
                )
            if key in owners:
                raise InputError(
                    f"{owners[key]} and {path} would both give {output}. Rename one, or process them into two folders."
                )
            owners[key] = path
    return names


def _same(path: Path) -> str:
    """Return a text that is equal for two paths of one file, also where upper and lower case are the same."""
    full = os.path.realpath(path)
    return full.casefold() if sys.platform in ("darwin", "win32") else full


def check_folder(folder: str | Path) -> None:
    """Make sure, before any work, that files can be written into a folder that may have to be created.

    Raises
    ------
    InputError
        If it or the nearest folder above it is no folder or cannot be written to.
    """
    folder = Path(folder)
    try:
        existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
        reason = "" if existing.is_dir() else f"{existing} is a file"
        if not reason and not os.access(existing, os.W_OK | os.X_OK):
            reason = f"{existing} may not be written to"
    except OSError as error:
        reason = str(error.strerror or error)
    if reason:
        raise InputError(f"Cannot write into the folder {folder}: {reason}. Choose another folder.")


def companion(pattern: str | Path, path: Path) -> Path:
    """Return the file that belongs to an input: `pattern` with ``{stem}`` replaced by the input's name."""
    return Path(str(pattern).replace("{stem}", path.stem))


def check_apart(out: str | Path, files: Sequence[Path]) -> None:
    """Refuse to write images among the images: they would be taken for images the next time.

    Raises
    ------
    InputError
        If an input lies in the folder of the results.
    """
    folder = Path(out).resolve()
    beside = next((path for path in files if path.resolve().parent == folder), None)
    if beside is not None:
        raise InputError(
            f"The results would lie among the images, such as {beside}, and be mistaken for images the next time. "
            "Choose another folder for them."
        )


def problem_of(error: Exception) -> str:
    """Return what to tell about a file that failed."""
    if isinstance(error, BioloomError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"There is not enough memory ({error}). Use fewer jobs, or process smaller images."
    return f"{type(error).__name__}: {error}"


def apply_to_files(
    files: Sequence[Path],
    work: Callable[[Path], Sequence[Path]],
    *,
    existing: Mapping[Path, Sequence[Path]] | None = None,
    progress: Progress | None = None,
    on_file: OnFile | None = None,
) -> BatchResult:
    """Apply a function to each file; one that fails does not stop the others.

    Parameters
    ----------
    files
        The inputs.
    work
        Takes one input, writes its outputs and returns their paths.
    existing
        Results of earlier runs that are to be kept, by input. They are told of, and `work` is not called for an input
        that has an entry here.
    progress
        Called as ``progress(done, total)`` after each file.
    on_file
        Called with the result of each file.

    Returns
    -------
    BatchResult
        What was written and what failed, and why.

    Raises
    ------
    Cancelled
        If `work`, `progress` or `on_file` raised it.
    InputError
        If there are no files.
    """
    if not files:
        raise InputError("No input file was given. Name at least one.")
    results = []
    for number, path in enumerate(files, start=1):
        start = time.perf_counter()
        outputs: tuple[Path, ...] = ()
        problem = ""
        kept = tuple((existing or {}).get(path, ()))
        with doubts_heard() as doubts:
            try:
                outputs = () if kept else tuple(work(path))
            except Cancelled:
                raise
            except Exception as error:  # a file that no library foresaw must not stop the other thousand
                problem = problem_of(error)
        result = FileResult(path, outputs, problem, time.perf_counter() - start, kept, " ".join(doubts))
        results.append(result)
        if on_file is not None:
            on_file(result)
        if progress is not None:
            progress(number, len(files))
    return BatchResult(tuple(results))
