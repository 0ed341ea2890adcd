"""Tables of objects as AnnData, the table of the single-cell tools."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_MOST_VARIABLES = 5000
_POSITION = re.compile(r"centroid-(\d)")


def need_package(module: str, what: str, extra: str) -> Any:
    """Import an optional package, or raise InputError with the way to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f'{what} files need the package {module}, which is not installed: pip install "napari-bioloom[{extra}]"'
        ) from error


def to_anndata(table: pd.DataFrame) -> Any:
    """Turn a table into an AnnData object, for scanpy, squidpy and others.

    Parameters
    ----------
    table
        One row per object.

    Returns
    -------
    anndata.AnnData
        ``X`` (float64): columns of numbers; ``obs``: keys (frame, label), truths, texts and categories, named
        ``label`` or ``frame-label``, after ``file-`` where there is such a column; ``obsm["spatial"]``: the centroids
        as (x, y[, z]), if there are any.

    Raises
    ------
    InputError
        If the package anndata is missing.
    """
    anndata = need_package("anndata", "AnnData", "anndata")
    import numpy as np
    import pandas as pd

    table = table.drop(columns="index", errors="ignore").reset_index(drop=True).rename(columns=str)
    keys = [name for name in ("frame", "label") if name in table.columns]
    numeric = [
        name
        for name in table.columns
        if pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name])
    ]
    measured = [name for name in numeric if name not in keys]
    obs = table.drop(columns=measured)
    for name in obs.columns:
        if not pd.api.types.is_numeric_dtype(obs[name]):
            obs[name] = obs[name].map(str, na_action="ignore").astype("category")
    # In a table of several images, labels alone are not different.
    parts = ["file", *keys] if "label" in keys and "file" in table.columns else keys
    texts = [table[part].astype(str).fillna("") for part in parts]
    names = texts[0] if texts else pd.Series(np.arange(len(table)).astype(str))
    for text in texts[1:]:
        names = names + "-" + text
    # Without a name: that of a column may not be used for other values.
    obs.index = pd.Index(names.to_numpy(object), dtype=object)
    data = anndata.AnnData(
        X=table[measured].to_numpy(np.float64, na_value=np.nan),
        obs=obs,
        var=pd.DataFrame(index=pd.Index(measured, dtype=object)),
    )
    for frame in (data.obs, data.var):
        # With pandas 3, anndata makes its names a type of string that it does not write.
        frame.index = pd.Index(frame.index.to_numpy(object), dtype=object)
    data.uns["columns"] = np.array(table.columns, object)
    centroid = sorted((name for name in measured if _POSITION.fullmatch(name)), reverse=True)
    if centroid:
        data.obsm["spatial"] = table[centroid].to_numpy(np.float64)
    return data


def from_anndata(data: Any) -> pd.DataFrame:
    """Turn an AnnData object into a table: obs, X and two-dimensional maps (obsm["X_umap"] becomes umap-0, umap-1).

    Raises
    ------
    InputError
        If it has more than 5000 variables.
    """
    import numpy as np
    import pandas as pd

    if data.n_vars > _MOST_VARIABLES:
        raise InputError(
            f"The file has {data.n_vars} variables; {_MOST_VARIABLES} fit into a table of objects. "
            "Choose some of them in Python first, for example data[:, genes]."
        )
    dense = data.X if data.X is None or isinstance(data.X, np.ndarray) else np.asarray(data.X.todense())
    result = data.obs.reset_index(drop=True).copy()
    for name in result.columns:
        if isinstance(result[name].dtype, pd.CategoricalDtype):
            result[name] = result[name].astype(object)
    if dense is not None:
        numbers = pd.DataFrame(dense, columns=[str(name) for name in data.var_names])
        result = pd.concat([result, numbers[[n for n in numbers.columns if n not in result.columns]]], axis=1)
    for key, values in data.obsm.items():
        if key.startswith("X_") and np.ndim(values) == 2:
            for axis in range(min(np.shape(values)[1], 3)):
                result[f"{key[2:]}-{axis}"] = np.asarray(values)[:, axis]
    if "label" not in result.columns and data.obs_names.str.fullmatch(r"\d+").all():
        result.insert(0, "label", data.obs_names.astype(np.int64))
    ordered = [str(name) for name in data.uns.get("columns", ())]
    names = [*(n for n in ordered if n in result.columns), *(n for n in result.columns if n not in ordered)]
    return pd.DataFrame(result[names])
