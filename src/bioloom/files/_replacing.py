"""Files and folders that are whole or not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bioloom.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write to a temporary file beside `path` and rename it at the end.

    Parameters
    ----------
    path
        The file to create or replace. Missing folders are created.

    Yields
    ------
    pathlib.Path
        The temporary file to write to; it has the same suffix. It is removed if the block raises.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}. Choose a folder that you may write to."
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(_permissions(path))
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _permissions(path: Path) -> int:
    """Return the permissions that a plain open() would leave; mkstemp makes private files."""
    if path.exists():
        return path.stat().st_mode & 0o777
    return 0o666 & ~_mask()


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Write to a temporary folder beside `path` and rename it at the end.

    Parameters
    ----------
    path
        The folder to create or replace. Missing folders above it are created.

    Yields
    ------
    pathlib.Path
        The empty temporary folder. It is removed if the block raises.

    Raises
    ------
    InputError
        If it cannot be written, or a file has its name.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"Cannot write {path}: it is a file, and a folder was to be written. Remove it first.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(suffix=path.suffix, prefix=f".{path.stem}-", dir=path.parent))
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}. Choose a folder that you may write to."
        ) from error
    try:
        yield temporary
        temporary.chmod(0o777 & ~_mask())
        old = Path(f"{temporary}.old")
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
