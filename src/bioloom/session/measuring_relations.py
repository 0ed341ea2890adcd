"""Measurements that need more than one layer or frame: objects inside others, tracks and motion, values at points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.session.feature_table import KEYS, keys_of
from bioloom.session.jobs import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Nested:
    """Which objects lie in which others; columns end in the name of the other layer.

    Attributes
    ----------
    inner : pandas.DataFrame
        ``[frame,] label`` and ``parent_<outer>``, ``overlap_share_<outer>`` …
    outer : pandas.DataFrame
        ``[frame,] label`` and ``child_count_<inner>``, ``child_area_<inner>`` …
    n_inside : int
        How many of the inner objects lie in one of the outer.
    """

    inner: pd.DataFrame
    outer: pd.DataFrame
    n_inside: int


@dataclass(frozen=True)
class NestTask:
    """Find which objects lie in which others.

    Attributes
    ----------
    inner, outer : array
        Label images of the same shape, (y, x) or (z, y, x), with time first if `frame_axis` is 0.
    inner_name, outer_name : str
        What they are called.
    spacing : tuple of float
        Size of a pixel per spatial axis.
    frame_axis : int or None
        0 if the first axis is time.
    frames : tuple of int or None
        The frames to look at; None for all.
    least_share : float
        The share of an inner object, 0…1, that must lie in an outer one.
    table : pandas.DataFrame or None
        Measurements of the inner objects, to be summarised for each outer one.
    summary : str
        How: ``mean``, ``median``, ``std``, ``min``, ``max`` or ``sum``.
    """

    inner: Any
    outer: Any
    inner_name: str
    outer_name: str
    spacing: tuple[float, ...]
    frame_axis: int | None = None
    frames: tuple[int, ...] | None = None
    least_share: float = 0.0
    table: pd.DataFrame | None = None
    summary: str = "mean"

    def run(self, progress: Progress) -> Nested:
        """Relate them.

        Raises
        ------
        InputError
            As of :func:`bioloom.measure.relate`.
        """
        import pandas as pd

        if tuple(self.inner.shape) != tuple(self.outer.shape):
            raise InputError(
                f"{self.inner_name} has the shape {tuple(self.inner.shape)} and {self.outer_name} "
                f"{tuple(self.outer.shape)}. Both must show the same pixels."
            )
        if self.frames is None:
            parts = [self._related(self.inner, self.outer, self.frame_axis, self.table, progress)]
        else:
            parts = []
            for done, frame in enumerate(self.frames):
                progress(done, len(self.frames))
                table = self.table
                if table is not None and "frame" in table:
                    table = table[table["frame"] == frame].drop(columns="frame")
                found = self._related(self.inner[frame], self.outer[frame], None, table, lambda a, b: progress(0, 1))
                for one in found:
                    one.insert(0, "frame", np.full(len(one), frame, np.int64))
                parts.append(found)
        children, parents = (pd.concat(both, ignore_index=True) for both in zip(*parts, strict=True))
        n_inside = int(np.count_nonzero(children["parent"]))
        return Nested(_named(children, self.outer_name), _named(parents, self.inner_name), n_inside)

    def _related(
        self, inner: Any, outer: Any, axis: int | None, table: pd.DataFrame | None, progress: Progress
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        from bioloom.measure import relate

        if table is not None:
            table = table.drop(columns=["index"], errors="ignore")
            # Numbers that name tracks and other objects are nothing to summarise.
            named = [c for c in table.columns if c in (*KEYS, "track", "parent") or str(c).startswith("parent_")]
            kept = [c for c in table.columns if c not in named or str(c).startswith("parent_distance_")]
            names = [str(c) for c in kept if table[c].dtype.kind in "fiub"]
            table = table[[*keys_of(table), *names]]
        found = relate(
            inner, outer, self.spacing, table=table, summaries=(self.summary,), least_share=self.least_share,
            frame_axis=axis, progress=progress,
        )  # fmt: skip
        return found.children, found.parents


@dataclass(frozen=True)
class Tracked:
    """Tracks of objects.

    Attributes
    ----------
    table : pandas.DataFrame
        ``frame, label, track``, with divisions ``parent``, and the columns of :data:`bioloom.measure.MOTION`.
    points : numpy.ndarray
        float64, (n, 2 + axes): track, frame and position in pixels, sorted by track and frame.
    graph : dict
        The parent of each track that has one.
    max_distance : float
        The largest move that was allowed.
    """

    table: pd.DataFrame
    points: NDArray[np.float64]
    graph: dict[int, list[int]]
    max_distance: float

    @property
    def n_tracks(self) -> int:
        """How many tracks there are."""
        return int(self.table["track"].nunique())


@dataclass(frozen=True)
class TrackTask:
    """Find which objects of successive frames are the same, and how they move.

    Attributes
    ----------
    labels : array
        (t, y, x) or (t, z, y, x).
    spacing : tuple of float
        Size of a pixel per spatial axis.
    max_distance : float or None
        How far an object can move from a frame to the next, in the unit of `spacing`; None for the median diameter.
    max_gap : int
        For how many frames an object may be missing.
    divides : bool
        Whether objects divide.
    interval : float
        Time between two frames.
    """

    labels: Any
    spacing: tuple[float, ...]
    max_distance: float | None = None
    max_gap: int = 0
    divides: bool = False
    interval: float = 1.0

    def run(self, progress: Progress) -> Tracked:
        """Track them.

        Raises
        ------
        InputError
            If there are no objects, or as of :func:`bioloom.measure.track_objects`.
        """
        from bioloom.measure import MOTION, lineage_graph, measure, measure_motion, track_objects

        names = ["centroid", "equivalent_diameter_area"]
        table = measure(self.labels, None, self.spacing, names, frame_axis=0, progress=progress)
        if table.empty:
            raise InputError("There is no object to track. Segment the frames first.")
        diameter = table.pop("equivalent_diameter_area")
        limit = float(diameter.median()) if self.max_distance is None else self.max_distance
        division = limit if self.divides else None
        tracked = track_objects(table, limit, max_gap=self.max_gap, division_distance=division, progress=progress)
        moving = measure_motion(tracked, self.interval)
        places = [c for c in table.columns if c.startswith("centroid-")]
        ordered = moving.sort_values(["track", "frame"])
        points = ordered[["track", "frame", *places]].to_numpy(np.float64)
        points[:, 2:] /= self.spacing
        motion = [c for c in moving.columns if c.rpartition("-")[0] in MOTION or c in MOTION]
        kept = ["frame", "label", "track", *(["parent"] if self.divides else []), *motion]
        return Tracked(moving[kept], points, lineage_graph(tracked) if self.divides else {}, limit)


@dataclass(frozen=True)
class PointTask:
    """Measure images at points.

    Attributes
    ----------
    points : numpy.ndarray
        (n, axes) in pixels of the images, along all their axes.
    images : mapping of str to array
        Images of the same shape, by name.
    spacing : tuple of float
        Size of a pixel per spatial axis.
    radius : float
        Of the disk or ball that is measured, in the unit of `spacing`; 0 for the pixel alone.
    frame_axis : int or None
        0 if the first axis is time.
    labels : array or None
        Objects of the same shape.
    labels_name : str
        What they are called.
    """

    points: NDArray[np.float64]
    images: Mapping[str, Any]
    spacing: tuple[float, ...]
    radius: float = 0.0
    frame_axis: int | None = None
    labels: Any = None
    labels_name: str = ""

    def run(self, progress: Progress) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """Measure them.

        Returns
        -------
        points : pandas.DataFrame
            One row per point: intensities and, with `labels`, ``label_<name>``, the object that it lies in.
        counts : pandas.DataFrame or None
            With `labels`: ``[frame,] label, count`` of the objects that have points.

        Raises
        ------
        InputError
            As of :func:`bioloom.measure.measure_points`.
        """
        from bioloom.measure import measure_points

        n_axes = next(iter(self.images.values())).ndim
        if self.points.shape[1] != n_axes:
            raise InputError(
                f"The points have {self.points.shape[1]} axes, but the images {n_axes}. Choose a points layer with as "
                "many axes as the images."
            )
        places = self.points.copy()
        places[:, 0 if self.frame_axis is None else 1 :] *= self.spacing
        image = self.images if len(self.images) > 1 else next(iter(self.images.values()))
        table = measure_points(
            places, image, self.spacing, labels=self.labels, radius=self.radius, frame_axis=self.frame_axis,
            progress=progress,
        )  # fmt: skip
        counts = None
        if self.labels is not None:
            inside = table[table["label"] > 0]
            counts = inside.groupby(keys_of(table)).size().rename("count").reset_index()
            table = table.rename(columns={"label": f"label_{self.labels_name}"})
        kept = [c for c in table.columns if not c.startswith("position-") and c not in ("point", "frame")]
        return table[kept], counts


def counts_for(table: pd.DataFrame, counts: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return how many points the objects of a table have: ``[frame,] label`` and a column of that name.

    Raises
    ------
    InputError
        If only one of both is over time.
    """
    keys = keys_of(counts)
    if keys_of(table) != keys:
        raise InputError("Points and objects are not both over time. Measure the objects again first.")
    found = table[keys].merge(counts.rename(columns={"count": name}), on=keys, how="left")
    found[name] = found[name].fillna(0).astype(np.int64)
    return found


def _named(table: pd.DataFrame, other: str) -> pd.DataFrame:
    """Put the name of the other layer behind the columns."""
    keys: Sequence[str] = keys_of(table)
    return table.rename(columns={c: f"{c}_{other}" for c in table.columns if c not in keys})
