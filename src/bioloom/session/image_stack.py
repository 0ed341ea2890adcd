"""Images as the analysis sees them: channels, frames and pixel sizes, independent of where they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.device import is_dask
from bioloom.errors import InputError
from bioloom.session.live_memory import Kept, LazyChannel


@dataclass(frozen=True)
class ImageStack:
    """One image, possibly of several channels and frames; nothing is loaded before a frame is asked for.

    Attributes
    ----------
    channels : tuple of array
        Each (y, x) or (z, y, x), with time first if `n_frames` is not None; NumPy, Dask or Zarr.
    names : tuple of str
        A name per channel.
    spacing : tuple of float
        Physical size of a pixel per spatial axis.
    unit : str
        Of `spacing`; ``"pixel"`` where there is none.
    n_frames : int or None
        Number of frames, None where there is no axis of time.
    """

    channels: tuple[Any, ...]
    names: tuple[str, ...]
    spacing: tuple[float, ...]
    unit: str
    n_frames: int | None

    def __post_init__(self) -> None:
        shapes = {name: tuple(c.shape) for name, c in zip(self.names, self.channels, strict=True)}
        if len(set(shapes.values())) > 1:
            listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise InputError(f"The channels differ in shape: {listed}. Choose images of the same pixels.")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a frame: (y, x) or (z, y, x)."""
        shape = tuple(self.channels[0].shape)
        return shape if self.n_frames is None else shape[1:]

    @property
    def frame_axis(self) -> int | None:
        """The axis of time in each channel."""
        return None if self.n_frames is None else 0

    def frames(self) -> range:
        """Return the numbers of all frames."""
        return range(1 if self.n_frames is None else self.n_frames)

    def frame(self, index: int) -> NDArray[Any]:
        """Load one frame: (channels, y, x) or (channels, z, y, x)."""
        return np.stack([np.asarray(c if self.n_frames is None else c[index]) for c in self.channels])

    def channels_of(self, index: int, kept: Kept, owner: int) -> tuple[Any, ...]:
        """Return the channels of one frame, each (y, x) or (z, y, x), as they are to be read from.

        Parameters
        ----------
        index
            Number of the frame.
        kept, owner
            Where the chunks of lazy channels are kept, and whose they are; see :class:`LazyChannel`.

        Returns
        -------
        tuple of numpy.ndarray or LazyChannel
            Channels in memory are views; of those of Dask, Zarr and the like only what is asked for is read.
        """
        at = () if self.n_frames is None else (index,)
        return tuple(
            channel[at] if isinstance(channel, np.ndarray) else LazyChannel(channel, name, at, kept, owner, number)
            for number, (name, channel) in enumerate(zip(self.names, self.channels, strict=True))
        )

    def same_pixels(self, other: ImageStack) -> bool:
        """Tell whether another stack shows the very same pixels in memory or on disk, with the same pixel sizes."""
        return (
            self.spacing == other.spacing
            and self.n_frames == other.n_frames
            and len(self.channels) == len(other.channels)
            and all(_same_array(a, b) for a, b in zip(self.channels, other.channels, strict=True))
        )

    def fingerprint(self, index: int) -> int:
        """Return a number that changes when pixels of a frame do, for arrays in memory; others give 0.

        A few thousand pixels spread over the frame are looked at, so that it takes no time.
        """
        seen = 0
        for channel in self.channels:
            if isinstance(channel, np.ndarray):
                frame = channel if self.n_frames is None else channel[index]
                # Odd, so that pixels of every column are looked at where the width is a power of two.
                step = max(1, frame.size // 4096) | 1
                seen = hash((seen, frame.flat[::step].tobytes()))
        return seen

    def matching(self, array: Any, what: str) -> Any:
        """Return an array that has the shape of a channel.

        Raises
        ------
        InputError
            If it has another shape.
        """
        if tuple(array.shape) != tuple(self.channels[0].shape):
            raise InputError(
                f"{what} has the shape {tuple(array.shape)}, but the image {tuple(self.channels[0].shape)}. "
                "Choose layers of the same pixels."
            )
        return array

    def annotated_frames(self, annotation: Any) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the frames that hold annotations, with them."""
        self.matching(annotation, "The annotation")
        for index in self.frames():
            painted = np.asarray(annotation if self.n_frames is None else annotation[index])
            if painted.any():
                yield index, painted


def _same_array(a: Any, b: Any) -> bool:
    """Tell whether two arrays are one, or two views of the same part of one (such as a colour of an RGB image)."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        # Both are alive, so equal addresses are the same memory.
        return bool(a.__array_interface__ == b.__array_interface__)
    if is_dask(a) and is_dask(b):
        # Dask names an array by what it is computed from.
        return bool(a.name == b.name)
    return a is b
