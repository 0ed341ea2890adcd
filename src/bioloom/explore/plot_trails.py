"""Where tracked objects came from: lines between the positions of a track in the frames before the current one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioloom.errors import InputError


@dataclass(frozen=True)
class Lines:
    """Lines from row to row of a table.

    Attributes
    ----------
    starts, ends : numpy.ndarray
        Rows, strongest lines first.
    strengths : numpy.ndarray
        float32 from 1, for lines that end in the current frame, down to almost 0.
    """

    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    strengths: NDArray[np.float32]


class Trails:
    """The steps of all tracks, sorted once for all frames.

    Parameters
    ----------
    tracks
        Track of each object, whole numbers, shape (n,); 0 and below are no track.
    frames
        Frame of each object, shape (n,).

    Raises
    ------
    InputError
        If the lengths differ.
    """

    def __init__(self, tracks: ArrayLike, frames: ArrayLike) -> None:
        of_track, of_frame = np.asarray(tracks), np.asarray(frames)
        if of_track.ndim != 1 or of_track.shape != of_frame.shape:
            raise InputError(
                f"A track and a frame per object are needed, but the shapes are {of_track.shape} and {of_frame.shape}."
            )
        order = np.lexsort((of_frame, of_track))
        order = order[of_track[order] > 0]
        same = of_track[order[1:]] == of_track[order[:-1]]
        self._starts, self._ends = order[:-1][same], order[1:][same]
        self._arrival = of_frame[self._ends]

    def at(self, frame: int, length: int = 10) -> Lines:
        """Return the steps that led to a frame.

        Parameters
        ----------
        frame
            The current frame.
        length
            Over how many frames, 1 or more, a trail fades.
        """
        age = frame - self._arrival
        kept = np.flatnonzero((age >= 0) & (age < max(length, 1)))
        kept = kept[np.argsort(age[kept], kind="stable")]
        strengths = (1 - age[kept] / max(length, 1)).astype(np.float32)
        return Lines(self._starts[kept].astype(np.intp), self._ends[kept].astype(np.intp), strengths)
