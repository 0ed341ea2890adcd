"""Place new objects in a known map, and keep maps in files that hold nothing executable."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.embed import NAMES
from bioloom.explore.embedding_model import EmbeddingModel, Progress, data_hash
from bioloom.explore.scaling import Scaler
from bioloom.files import replacing

if TYPE_CHECKING:
    import pandas as pd

_KIND = "bioloom embedding"
_VERSION = 1
_MAX_BYTES = 4 << 30
_DAMAGE = (
    ValueError, TypeError, KeyError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error,
    # The last two: of Python's zip files, for what is encrypted or compressed in a way that they do not know.
    RecursionError, RuntimeError, NotImplementedError,
)  # fmt: skip


@dataclass(frozen=True)
class Placement:
    """New rows in a known map.

    Attributes
    ----------
    coordinates
        float64 of shape (rows of the table, dimensions); NaN where a value is missing.
    column_names
        Names for the columns of `coordinates`.
    novelty
        float64 of shape (rows of the table,): see `EmbeddingModel.novelty`; NaN where a value is missing.
    placed_by
        "transform" or "nearest neighbours".
    note
        What was done, for the user.
    """

    coordinates: NDArray[np.float64]
    column_names: tuple[str, ...]
    novelty: NDArray[np.float64]
    placed_by: str
    note: str


def place(model: EmbeddingModel, table: pd.DataFrame, *, progress: Progress | None = None) -> Placement:
    """Place the rows of a table in the map of another.

    UMAP, Isomap and PCA place by their own ``transform``. t-SNE and MDS have none: a new row comes between its five
    nearest fitted rows, weighted by the inverse of their distances. A row that was fitted comes where it was, with UMAP
    only if all fitted rows are given, as umap-learn does it.

    Parameters
    ----------
    model
        `Embedding.model`, or what `load_embedding` returned.
    table
        One row per object, with the columns of the fit. Values are scaled as they were then; with ``per``, each image
        by its own rows.
    progress
        Called as ``progress(done, total)``. May raise Cancelled.

    Returns
    -------
    Placement
        Coordinates, and how unlike the known objects each one is.

    Raises
    ------
    InputError
        If a column is missing or not numeric.
    """
    values, kept = model.scaler.apply(table)
    coordinates = np.full((len(kept), model.coordinates.shape[1]), np.nan)
    novelty = np.full(len(kept), np.nan)
    coordinates[kept] = model.place_values(values, progress)
    novelty[kept] = model.novelty(values)
    how = "its own transform" if model.places_by == "transform" else "the nearest known objects"
    note = f"{len(values)} objects placed by {how}"
    left_out = len(kept) - len(values)
    if left_out:
        note += f"; {left_out} with missing values left out"
    unlike = int((novelty[kept] > 1).sum())
    if unlike:
        note += f"; {unlike} lie outside of what the map knows"
    return Placement(coordinates, model.column_names, novelty, model.places_by, note + ".")


# ------------------------------------------------------------------------------------------------ files
def save_embedding(model: EmbeddingModel, path: str | Path) -> None:
    """Write a fitted embedding to a file: arrays, and parameters as JSON. Nothing in it can be executed.

    Parameters
    ----------
    model
        `Embedding.model`.
    path
        File ending in .npz; replaced if it exists.

    Raises
    ------
    InputError
        If the suffix is another one, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(f"Embeddings are saved as .npz files, but {path.name} was asked for.")
    header = {
        "kind": _KIND,
        "version": _VERSION,
        "parameters": model.parameters,
        "column_names": list(model.column_names),
        "scaler": model.scaler.to_json(),
    }
    arrays: dict[str, Any] = {"values": model.values, "coordinates": model.coordinates}
    if model.components is not None and model.center is not None:
        arrays |= {"components": model.components, "center": model.center}
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, header=text, **arrays)


def load_embedding(path: str | Path) -> EmbeddingModel:
    """Read a fitted embedding.

    Parameters
    ----------
    path
        What `save_embedding` wrote.

    Returns
    -------
    EmbeddingModel
        It places new rows as it did before.

    Raises
    ------
    InputError
        If the file cannot be read, or is damaged or of another kind.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            # A small file can unpack to more than the memory holds.
            if sum(part.file_size for part in archive.infolist()) > _MAX_BYTES:
                raise ValueError("it is too large")
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(bytes(stored["header"]))
            arrays = {name: stored[name] for name in stored.files if name != "header"}
        return _model_of(header, arrays)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except _DAMAGE as error:
        raise InputError(f"{path.name} is no embedding saved by Bioloom, or it is damaged ({error}).") from error


def _model_of(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> EmbeddingModel:
    if header.get("kind") != _KIND:
        raise ValueError("it is of another kind")
    if header.get("version") != _VERSION:
        raise ValueError(f"its version is {header.get('version')!r}, this program knows {_VERSION}")
    scaler = Scaler.from_json(header["scaler"])
    if any(a.dtype != np.float64 or not np.isfinite(a).all() for a in arrays.values()):
        raise ValueError("its arrays hold something else than numbers")
    values, coordinates = arrays["values"], arrays["coordinates"]
    names = tuple(map(str, header["column_names"]))
    parameters = dict(header["parameters"])
    components, center = arrays.get("components"), arrays.get("center")
    n_columns, n_dim = len(scaler.columns), len(names)
    fits = (
        values.ndim == 2 and len(values) > 0 and values.shape[1] == n_columns
        and coordinates.shape == (len(values), n_dim)
        and parameters["method"] in NAMES
        and names == tuple(f"{NAMES[parameters['method']]}-{axis}" for axis in range(n_dim))
        and (parameters["method"] != "pca" or components is not None)
        and (components is None or components.shape == (n_dim, n_columns))
        and (components is None or (center is not None and center.shape == (n_columns,)))
    )  # fmt: skip
    if not fits:
        raise ValueError("its parts do not fit together")
    if parameters["data_hash"] != data_hash(values, scaler.columns):
        raise ValueError("its data were changed")
    if parameters["method"] in ("umap", "isomap") and not (
        isinstance(parameters["n_neighbors"], int) and 2 <= parameters["n_neighbors"] < len(values)
    ):
        raise ValueError("its number of neighbours is impossible")
    if parameters["method"] == "umap" and not (
        isinstance(parameters["seed"], int) and 0 <= parameters["seed"] < 2**32 and 0 <= parameters["min_dist"] <= 1
    ):
        raise ValueError("its settings of UMAP are impossible")
    return EmbeddingModel(parameters, names, scaler, values, coordinates, components, center)
