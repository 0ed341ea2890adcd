"""The training set of the Pixel classifier panel: which images, each with its annotation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from qtpy.QtCore import QObject, Signal

from bioloom import layers
from bioloom.layers.painted import annotated_images, check_classes, on_paint, on_press, remember_images
from bioloom.session.live_training import Member


@dataclass(eq=False)
class TrainingImage:
    """An image, possibly of several layers, and the layer in which its classes are painted.

    Attributes
    ----------
    images : list of layer
        The channels.
    annotation : layer
        Classes 1, 2, ….
    own : layer
        The one that the annotation was made for; others may be channels beside it.
    has_time : bool
        Whether the first axis is time.
    included : bool
        Whether it is trained on.
    version : int
        Grows with every edit of the annotation.
    counts : dict or None
        Annotated pixels per class, as they were counted last; None where they are not known.
    frames : tuple of int
        The frames that hold annotations, if there is time.
    key : int
        Tells it from the others.
    """

    images: list[Any]
    annotation: Any
    has_time: bool
    included: bool = True
    version: int = 0
    counts: dict[int, int] | None = None
    frames: tuple[int, ...] = ()
    stop: list[Callable[[], None]] = field(default_factory=list, repr=False)
    key: int = field(default_factory=count(1).__next__)
    own: Any = None
    former: tuple[list[Any], int] | None = None

    def __post_init__(self) -> None:
        self.own = self.images[0]

    def choose(self, images: list[Any]) -> None:
        """Take other channels; until something is painted or trained with them, :meth:`leave` takes them back."""
        if images == self.images:
            return
        if self.former is None or self.former[1] != self.version:
            self.former = self.images, self.version
        self.images = images
        self.note()

    def leave(self) -> None:
        """Take back channels that were only ticked on the way to another image."""
        if self.former is not None and self.former[1] == self.version:
            self.images = self.former[0]
            self.note()
        self.former = None

    def note(self) -> None:
        """Note in the annotation which layers it annotates."""
        if layers.role(self.annotation) == "annotation":
            remember_images(self.annotation, self.images)

    @property
    def title(self) -> str:
        """What to call it: the names of its layers."""
        return " + ".join(layer.name for layer in self.images)

    def member(self, physical: bool) -> Member:
        """Return what the session trains on.

        Parameters
        ----------
        physical
            Whether sizes are in the layers' units.

        Raises
        ------
        InputError
            If the layers do not fit together.
        """
        stack = layers.image_stack(self.images, has_time=self.has_time, physical=physical)
        return Member(stack, layers.pixels(self.annotation), self.title, self.version)


class TrainingImages(QObject):
    """The images that are trained on, in the order in which they were annotated."""

    edited = Signal(object)
    """A TrainingImage whose annotation may have been edited."""
    pressed = Signal()
    """A stroke begins."""
    changed = Signal()
    """Images came or went."""

    def __init__(self, parent: QObject, viewer: Any) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.entries: list[TrainingImage] = []
        viewer.layers.events.removed.connect(self._layer_removed)

    def stop(self) -> None:
        """Stop following layers."""
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        for entry in self.entries:
            _release(entry)
        self.entries.clear()

    def of_annotation(self, annotation: Any) -> TrainingImage | None:
        """Return the image that a layer annotates."""
        return next((e for e in self.entries if e.annotation is annotation), None)

    def of_images(self, images: Sequence[Any]) -> TrainingImage | None:
        """Return the image that was annotated last of those that belong to one of these layers."""
        return next((e for e in reversed(self.entries) if e.own in images), None)

    def add(self, images: Sequence[Any], annotation: Any, has_time: bool) -> TrainingImage:
        """Add an image, or choose other channels for one; return it.

        Raises
        ------
        InputError
            If the layer holds objects rather than an annotation.
        """
        entry = self.of_annotation(annotation)
        if entry is not None:
            entry.choose(list(images))
            entry.has_time = has_time
            return entry
        check_classes(annotation)
        entry = TrainingImage(list(images), annotation, has_time)
        entry.note()

        def edited() -> None:
            entry.version += 1
            entry.counts = None
            self.edited.emit(entry)

        entry.stop = [on_paint(self._viewer, annotation, edited), on_press(annotation, self.pressed.emit)]
        self.entries.append(entry)
        self.changed.emit()
        return entry

    def find(self) -> None:
        """Take up the images that were annotated before, such as with a panel that was closed."""
        for images, annotation in annotated_images(self._viewer):
            if self.of_annotation(annotation) is None:
                self.add(images, annotation, layers.time_axis(images[0]) == 0)

    def remove(self, entry: TrainingImage) -> None:
        """Take an image out of the training set; its layers stay."""
        if entry in self.entries:
            self.entries.remove(entry)
            _release(entry)
            self.changed.emit()

    def prune(self, current: TrainingImage | None) -> None:
        """Forget images without annotations, and layers that were looked at in passing, but for the current one."""
        for entry in list(self.entries):
            empty = entry.counts is not None and not entry.counts
            if entry is not current and (empty or layers.role(entry.annotation) != "annotation"):
                self.remove(entry)

    def members(self, physical: bool) -> list[Member]:
        """Return what is trained on.

        Parameters
        ----------
        physical
            Whether sizes are in the layers' units.

        Raises
        ------
        InputError
            If layers do not fit together.
        """
        return [entry.member(physical) for entry in self.entries if entry.included]

    def _layer_removed(self, event: Any) -> None:
        gone = event.value
        for entry in list(self.entries):
            if gone is entry.annotation or gone in entry.images:
                self.remove(entry)


def _release(entry: TrainingImage) -> None:
    for stop in entry.stop:
        stop()
    entry.stop.clear()
