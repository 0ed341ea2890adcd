"""What a chain knows of a layer: how its axes are understood, and which pixels an operation gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bioloom.layers.reading import grey, pixels
from bioloom.layers.surfaces import surface_data

if TYPE_CHECKING:
    from napari.layers import Layer

UNNAMED_UNIT = "unit"
"""What lengths are counted in where a layer has a scale, but does not say of what."""


@dataclass(eq=False)
class Source:
    """A layer that steps begin with.

    Attributes
    ----------
    layer
        The layer.
    has_time
        Whether its first axis is time.
    physical
        Whether lengths are counted in its unit, not in pixels.
    frame
        The only frame that is used, if it is one.
    data, mark
        Its pixels when they were read last, and a checksum of them once they were painted on.
    """

    layer: Any
    has_time: bool
    physical: bool
    frame: int | None
    data: Any = None
    mark: int = 0


@dataclass(frozen=True)
class View:
    """The pixels of a layer as an operation gets them.

    Attributes
    ----------
    layer
        The layer.
    step
        The id of the step that it shows; nothing if it shows none.
    has_time
        Whether the first axis of the pixels is time.
    n_spatial
        The number of the other axes; 0 for a surface.
    spacing
        The size of a pixel that lengths are counted in; None for pixels that are as deep as wide.
    unit
        What lengths are counted in.
    value
        The result of the step; None where it is to be read from the layer.
    """

    layer: Any
    step: str
    has_time: bool
    n_spatial: int
    spacing: tuple[float, ...] | None
    unit: str
    value: Any = None

    @property
    def data(self) -> Any:
        """Pixels, (y, x) or (z, y, x), with time first; or the data of a surface."""
        if self.value is not None:
            return self.value
        if type(self.layer).__name__ == "Surface":
            return surface_data(self.layer)
        data = grey(self.layer) if type(self.layer).__name__ == "Image" else pixels(self.layer)
        # The layer of a step may have axes of one pixel more, so that it is shown beside its source.
        while data.ndim > self.n_spatial + self.has_time:
            data = data[:, 0] if self.has_time else data[0]
        return data

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one point in time."""
        return tuple(int(n) for n in self.data.shape)[int(self.has_time) :]

    def index(self, position: tuple[int, ...]) -> tuple[int, ...]:
        """Return the index of the plane in view among the pixels, from the layer's own."""
        depth = self.n_spatial - 2
        return (position[:1] if self.has_time else ()) + (position[len(position) - depth :] if depth else ())


def layer_kind(layer: Layer) -> str:
    """Return ``image``, ``labels`` or ``surface``, as operations call them."""
    return type(layer).__name__.lower()
