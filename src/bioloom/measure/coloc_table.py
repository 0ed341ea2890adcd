"""The table of how two images go together, in objects or in the whole image, with thresholds as the user wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bioloom.errors import InputError
from bioloom.measure import colocalisation as c
from bioloom.measure import inputs

if TYPE_CHECKING:
    import pandas as pd


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
    for the coefficients without ``costes`` in their names.
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
    parts: list[dict[str, Any]] = []
    for t in range(n_frames):

        def tick(done: int = t) -> None:
            if progress is not None:
                progress(done, n_frames)

        tick()
        a, b = (inputs.as_stack(inputs.checked_image(i if axis is None else inputs.take(i, axis, t), name))
                for i, name in ((first, "first"), (second, "second")))  # fmt: skip
        if labels is None:
            numbered = np.ones(a.shape, np.uint32)
        else:
            numbered = inputs.as_stack(inputs.checked_labels(labels if axis is None else inputs.take(labels, axis, t)))
        objects = inputs.index_objects(numbered, ndim, np.ones(3), tick)
        with np.errstate(all="ignore"):
            sums = c.pair_sums(objects, a, b)
            if given is not None:
                limits = given
            elif thresholds == "otsu":
                limits = c.otsu_threshold(objects, a), c.otsu_threshold(objects, b)
            else:
                limits = c.costes_thresholds(objects, a, b, sums)
            shares = c.manders_shares(objects, a, b, sums, *limits)
            columns = {} if axis is None else {"frame": np.full(objects.ids.size, t, np.int64)}
            columns["label"] = objects.ids.astype(np.int64)
            for compute in (c.pearson_corr_coeff, c.spearman_corr_coeff, c.manders_overlap_coeff,
                            c.intensity_correlation_quotient):  # fmt: skip
                columns[compute.__name__] = compute(objects, a, b, sums)
        columns["manders_coloc_coeff_m1"], columns["manders_coloc_coeff_m2"] = shares.T
        for name, limit in zip(("threshold_first", "threshold_second"), limits, strict=True):
            columns[name] = np.full(objects.ids.size, limit)
        parts.append(columns)
    if progress is not None:
        progress(n_frames, n_frames)
    if not parts:
        raise InputError(f"The images have no frame: their shape is {shape}.")
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
