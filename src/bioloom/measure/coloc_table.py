"""The table of how two images go together, in objects or in the whole image, with thresholds as the user wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bioloom.errors import InputError
from bioloom.measure import colocalisation as c
from bioloom.measure import inputs
from bioloom.measure._blocks import measure_frame
from bioloom.measure.registry import QUANTITIES, Objects, Quantity, node

if TYPE_CHECKING:
    import pandas as pd

_COEFFICIENTS = (
    "pearson_corr_coeff", "spearman_corr_coeff", "manders_overlap_coeff", "intensity_correlation_quotient",
)  # fmt: skip


def measure_colocalisation(
    first: Any,
    second: Any,
    labels: Any = None,
    *,
    thresholds: Sequence[float] | Literal["otsu", "costes"] = "costes",
    frame_axis: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Measure how the values of two images go together.

    Parameters
    ----------
    first, second
        Images (y, x) or (z, y, x) of the same shape, with `frame_axis` one axis more. Pixels that are NaN in either are
        left out.
    labels
        Label image of the same shape; None takes all pixels as one object with the label 1.
    thresholds
        Values above which pixels count as signal, for Manders' coefficients: two numbers; ``"otsu"`` for Otsu's
        threshold of each image, by frame; or ``"costes"`` for those below which the pixels of all objects of a frame
        are not correlated.
    frame_axis
        The axis that is time.
    progress
        Called as ``progress(done, total)``. It may raise `bioloom.errors.Cancelled`.

    Returns
    -------
    pandas.DataFrame
        ``[frame,] label``, ``pearson_corr_coeff``, ``spearman_corr_coeff``, ``manders_overlap_coeff``,
        ``intensity_correlation_quotient``, ``manders_coloc_coeff_m1`` (the share of the first image where the second is
        above its threshold), ``manders_coloc_coeff_m2`` (the reverse), ``threshold_first``, ``threshold_second``.
        What is not defined is NaN.

    Raises
    ------
    InputError
        If shapes differ, or the thresholds do not fit.

    Notes
    -----
    The same values as ``measure(labels, [first, second], properties="colocalisation")``, which uses Otsu's thresholds
    for the coefficients without ``costes`` in their names. Large arrays of Dask and Zarr are read in blocks, as there;
    an object, and the image if there are no labels, is held in memory as a whole.
    """
    import pandas as pd

    shape = inputs.shape_of(first)
    for name, other in (("second", second), ("labels", labels)):
        if other is not None and inputs.shape_of(other) != shape:
            raise InputError(f"first has the shape {shape} and {name} {inputs.shape_of(other)}; they must be the same.")
    axis = None if frame_axis is None else inputs.checked_axis(frame_axis, len(shape), "frame_axis")
    ndim = len(shape) - (axis is not None)
    if ndim not in (2, 3):
        raise InputError(f"The image has {ndim} spatial axes (shape {shape}); (y, x) or (z, y, x) is needed.")
    given: tuple[float, float] | None = None
    if not isinstance(thresholds, str):
        given = (float(thresholds[0]), float(thresholds[1])) if len(thresholds) == 2 else None
    if given is None and thresholds not in ("otsu", "costes"):
        raise InputError(f"thresholds={thresholds!r} does not fit: give two numbers, 'otsu' or 'costes'.")

    n_frames = 1 if axis is None else shape[axis]
    if n_frames == 0:
        raise InputError(f"The images have no frame: their shape is {shape}.")
    if labels is None:
        labels = np.broadcast_to(np.uint32(1), shape)
    shares, limit = _nodes(thresholds if isinstance(thresholds, str) else "given", given)
    steps = [*(node(name) for name in _COEFFICIENTS), shares, *([] if limit is None else [limit])]
    parts = []
    for t in range(n_frames):
        report = _Frames(progress, t, n_frames)
        report.tick()
        here, a, b = (i if axis is None else inputs.take(i, axis, t) for i in (labels, first, second))
        ids, values = measure_frame(here, {"_first": a, "_second": b}, steps, np.ones(3), report)
        columns: dict[str, Any] = {} if axis is None else {"frame": np.full(ids.size, t, np.int64)}
        columns["label"] = ids.astype(np.int64)
        columns |= {name: values[name, "_first_second"] for name in _COEFFICIENTS}
        columns["manders_coloc_coeff_m1"], columns["manders_coloc_coeff_m2"] = values[shares.name, "_first_second"].T
        if limit is None:
            limits = given or (np.nan, np.nan)
        elif limit.per_pair:
            limits = values[limit.name, "_first_second"]
        else:
            limits = values[limit.name, "_first"], values[limit.name, "_second"]
        for name, value in zip(("threshold_first", "threshold_second"), limits, strict=True):
            columns[name] = np.full(ids.size, value)
        parts.append(columns)
    if progress is not None:
        progress(n_frames, n_frames)
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _nodes(thresholds: str, given: tuple[float, float] | None) -> tuple[Quantity, Quantity | None]:
    """Return what gives Manders' coefficients, and the thresholds they need."""
    if given is None:
        return node(f"manders_{thresholds}"), node("otsu_threshold" if thresholds == "otsu" else "costes_thresholds")
    name = f"manders={given[0]},{given[1]}"

    def compute(objects: Objects, a: Any, b: Any, sums: c.PairSums) -> Any:
        return c.manders_shares(objects, a, b, sums, *given)

    return QUANTITIES.setdefault(name, Quantity(name, ("pair_sums",), compute, per_pair=True)), None


class _Frames:
    """Tells how many frames are done."""

    def __init__(self, callback: Callable[[int, int], None] | None, done: int, total: int) -> None:
        self._callback, self._done, self._total = callback, done, total

    def tick(self) -> None:
        """Tell the number of frames, so that the caller can stop."""
        if self._callback is not None:
            self._callback(self._done, self._total)

    def finished(self, steps: int = 1) -> None:
        """Tell the same: steps of a frame are not counted."""
        self.tick()
