"""Summary statistics: of the columns of a table, and of whole images and the objects in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure import inputs
from bioloom.measure._blocks import blocks_for
from bioloom.measure._image_statistics import describe_blocks
from bioloom.measure.points import image_shape

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
_SPACE = 0.5539602784  # Γ(4/3) (3 / 4π)^(1/3): mean distance to the nearest of random points of density 1


def summarise(
    table: pd.DataFrame, by: str | Sequence[str] | None = None, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Summarise the columns of a table, of all rows or by group.

    Parameters
    ----------
    table
        Any table, such as that of `measure`.
    by
        Names of the columns whose values divide the rows into groups, such as ``"frame"``; None for all rows together.
    columns
        What to summarise; None for all columns with numbers but `label` and those of `by`.

    Returns
    -------
    pandas.DataFrame
        One row per group and column: the columns of `by`, ``column``, ``count`` (of values that are not NaN), ``mean``,
        ``std`` (divided by n − 1), ``sem`` (std / √n), ``cv`` (std / mean), ``min``, ``q05``, ``q25``, ``median``,
        ``q75``, ``q95``, ``max`` and ``sum``. What is not defined is NaN.

    Raises
    ------
    InputError
        If a column does not exist or holds no numbers.
    """
    import pandas as pd

    groups = [by] if isinstance(by, str) else list(by or ())
    missing = [c for c in (*groups, *(columns or ())) if c not in table.columns]
    if missing:
        raise InputError(f"The table has no column {missing[0]!r}. It has: {', '.join(map(str, table.columns))}.")
    numbers = [str(c) for c in table.columns if table[c].dtype.kind in "iufb"]
    chosen = [c for c in numbers if c not in (*groups, "label")] if columns is None else list(columns)
    wrong = [c for c in chosen if c not in numbers]
    if wrong:
        raise InputError(f"The column {wrong[0]!r} does not hold numbers; choose others.")
    values = table[chosen].astype(np.float64)
    if groups:
        grouped = values.groupby([table[g] for g in groups], sort=True)
        parts = {name: getattr(grouped, name)() for name in ("count", "mean", "std", "min", "max", "sum")}
        parts |= {name: grouped.quantile(share) for name, share in _QUANTILES.items()}
    else:
        parts = {n: getattr(values, n)().to_frame().T for n in ("count", "mean", "std", "min", "max", "sum")}
        parts |= {name: values.quantile(share).to_frame().T for name, share in _QUANTILES.items()}
    n_groups = len(parts["count"])
    of_groups = parts["count"].index
    result: dict[str, Any] = {g: np.repeat(of_groups.get_level_values(i).to_numpy(), len(chosen))
                              for i, g in enumerate(groups)}  # fmt: skip
    result["column"] = np.tile(np.array(chosen, dtype=object), n_groups)
    flat = {name: part.to_numpy(dtype=np.float64).ravel() for name, part in parts.items()}
    flat["sum"] = np.where(flat["count"] > 0, flat["sum"], np.nan)
    with np.errstate(all="ignore"):
        flat["sem"] = flat["std"] / np.sqrt(flat["count"])
        flat["cv"] = flat["std"] / np.where(flat["mean"] != 0, flat["mean"], np.nan)
    order = ("count", "mean", "std", "sem", "cv", "min", "q05", "q25", "median", "q75", "q95", "max", "sum")
    result |= {name: flat[name].astype(np.int64) if name == "count" else flat[name] for name in order}
    return pd.DataFrame(result)


def measure_images(
    labels: Any = None,
    image: Any = None,
    spacing: Sequence[float] | None = None,
    *,
    frame_axis: int | None = None,
    channel_axis: int | None = None,
    channel_names: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Measure whole images: one row per frame.

    Parameters
    ----------
    labels
        Label image (y, x) or (z, y, x), with `frame_axis` one axis more; or None.
    image
        Of the same shape, or several, as in `measure`; or None.
    spacing
        Size of a pixel per spatial axis; None measures in pixels.
    frame_axis
        The axis that is time; the table then has a column `frame`.
    channel_axis, channel_names
        As in `measure`.
    progress
        Called as ``progress(done, total)``. It may raise `bioloom.errors.Cancelled`.

    Returns
    -------
    pandas.DataFrame
        Of the labels: ``object_count``; ``object_share``, the share of the pixels that are in objects;
        ``object_density``, objects per area (volume); ``nearest_neighbor_distance_mean`` between centroids; and
        ``clark_evans_index``, that mean divided by what it would be were the objects scattered at random: below 1 for
        clusters, above for order (Clark and Evans 1954, Ecology 35:445, without correction for the edge of the image).
        Of each image, with ``_<channel>`` at the end where there are several: ``image_mean``, ``image_std`` (divided by
        n), ``image_min``, ``image_q05``, ``image_q25``, ``image_median``, ``image_q75``, ``image_q95``, ``image_max``,
        ``image_sum``, of all pixels that are not NaN; with labels, also ``objects_mean`` and ``background_mean`` of the
        pixels in and outside of objects. What is not defined is NaN.

    Raises
    ------
    InputError
        If there is neither labels nor an image, or shapes do not fit.

    Notes
    -----
    Large arrays of Dask and Zarr are read in blocks, several times for the quantiles; these are exact.
    """
    import pandas as pd

    if labels is None and image is None:
        raise InputError("There is nothing to measure: give labels, an image, or both.")
    shape = inputs.shape_of(labels) if labels is not None else image_shape(image, channel_axis)
    axis = None if frame_axis is None else inputs.checked_axis(frame_axis, len(shape), "frame_axis")
    ndim = len(shape) - (axis is not None)
    if ndim not in (2, 3):
        raise InputError(f"The image has {ndim} spatial axes (shape {shape}); (y, x) or (z, y, x) is needed.")
    sizes = inputs.checked_spacing(spacing, ndim)
    channels = inputs.checked_channels(image, channel_axis, channel_names, shape)
    rows = []
    n_frames = 1 if axis is None else shape[axis]
    for t in range(n_frames):
        if progress is not None:
            progress(t, n_frames)
        row: dict[str, Any] = {} if axis is None else {"frame": t}
        numbers, of_frame = labels if axis is None or labels is None else inputs.take(labels, axis, t), {}
        for c, of_channel in channels.items():
            of_frame[c] = of_channel if axis is None else inputs.take(of_channel, axis, t)
        arrays = [some for some in (numbers, *of_frame.values()) if some is not None]
        block = blocks_for(arrays)
        mask = None
        if numbers is not None:
            if block is None:
                numbers = inputs.checked_labels(numbers)
                mask = numbers != 0
            row |= _of_labels(numbers, ndim, sizes)
        for c, one in of_frame.items():
            if block is None:
                found = _of_image(inputs.checked_image(one, c[1:]), mask)
            else:
                found = _of_blocks(numbers, one, block, partial(progress or _nothing, t, n_frames))
            row |= {f"{name}{c}": value for name, value in found.items()}
        rows.append(row)
    if progress is not None:
        progress(n_frames, n_frames)
    return pd.DataFrame(rows)


def _nothing(done: int, total: int) -> None:
    """Do nothing."""


def _of_labels(labels: Any, ndim: int, sizes: Floats) -> dict[str, float]:
    """Statistics of the objects of one frame."""
    from bioloom.measure.neighbours_stats import nearest_points
    from bioloom.measure.table import measure

    table = measure(labels, None, sizes[3 - ndim :].tolist(), ["num_pixels", "centroid"])
    centroids, n_pixels = table.iloc[:, 2:].to_numpy(), float(np.prod(inputs.shape_of(labels)))
    n, size = len(centroids), n_pixels * float(np.prod(sizes))
    distances = nearest_points(centroids, 1)[0]
    mean = float(distances.mean()) if distances.size else np.nan
    random = (0.5 if ndim == 2 else _SPACE) * (size / n) ** (1 / ndim) if n else np.nan
    return {
        "object_count": n,
        "object_share": table["num_pixels"].sum() / n_pixels if n_pixels else np.nan,
        "object_density": n / size if size else np.nan,
        "nearest_neighbor_distance_mean": mean,
        "clark_evans_index": mean / random,
    }


def _of_blocks(labels: Any, image: Any, block: Sequence[int], tick: Callable[[], Any]) -> dict[str, float]:
    """Statistics of the pixels of one frame that is read block by block."""
    found = describe_blocks(labels, image, block, list(_QUANTILES.values()), tick)
    every = found["all"]
    values = {"mean": every.mean, "std": np.sqrt(every.squares / max(every.n, 1)), "min": every.low}
    values |= dict(zip(_QUANTILES, found["quantiles"], strict=True))
    values |= {"max": every.high, "sum": every.mean * every.n}
    result = {f"image_{name}": float(value) if every.n else np.nan for name, value in values.items()}
    if labels is not None:
        for name in ("objects", "background"):
            result[f"{name}_mean"] = found[name].mean if found[name].n else np.nan
    return result


def _of_image(image: NDArray[Any], mask: NDArray[np.bool_] | None) -> dict[str, float]:
    """Statistics of the pixels of one frame."""
    there = None
    if image.dtype.kind == "f":
        there = ~np.isnan(image)
        there = None if there.all() else there
    values = image.ravel() if there is None else image[there]
    found: dict[str, float] = {}
    names = ("mean", "std", "min", *_QUANTILES, "max", "sum")
    if values.size:
        ranks = np.quantile(values, list(_QUANTILES.values())).tolist()
        found = {"mean": values.mean(dtype=np.float64), "std": values.std(dtype=np.float64), "min": values.min(),
                 "max": values.max(), "sum": values.sum(dtype=np.float64)}  # fmt: skip
        found |= dict(zip(_QUANTILES, ranks, strict=True))
    result = {f"image_{name}": float(found.get(name, np.nan)) for name in names}
    if mask is not None:
        for name, part in (("objects_mean", mask), ("background_mean", ~mask)):
            chosen = image[part if there is None else part & there]
            result[name] = float(chosen.mean(dtype=np.float64)) if chosen.size else np.nan
    return result
