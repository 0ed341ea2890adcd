"""Notices that images come, go or look otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bioloom.layers.reading import of_kind, role

if TYPE_CHECKING:
    from napari.components import ViewerModel

_LOOKS = ("contrast_limits", "colormap", "visible", "data")


class ImageLooks:
    """Calls back when an image of the viewer comes, goes or looks otherwise; previews do not count.

    Parameters
    ----------
    viewer
        The viewer.
    changed
        Called without arguments.
    """

    def __init__(self, viewer: ViewerModel, changed: Callable[[], None]) -> None:
        self._viewer, self._changed = viewer, changed
        self._heard: list[Any] = []
        for emitter in self._comings():
            emitter.connect(self._follow)
        self._hear(self._images())

    def stop(self) -> None:
        """Notice nothing any more."""
        for emitter in self._comings():
            emitter.disconnect(self._follow)
        self._hear([])

    def _comings(self) -> tuple[Any, ...]:
        return self._viewer.layers.events.inserted, self._viewer.layers.events.removed

    def _images(self) -> list[Any]:
        return [one for one in of_kind(self._viewer, "image") if role(one) != "preview"]

    def _follow(self, event: Any = None) -> None:
        before, now = self._heard, self._images()
        self._hear(now)
        if now != before:
            self._changed()

    def _hear(self, images: Sequence[Any]) -> None:
        for some, change in ((self._heard, "disconnect"), (images, "connect")):
            for image in some:
                for name in _LOOKS:
                    getattr(getattr(image.events, name), change)(self._looks_otherwise)
        self._heard = list(images)

    def _looks_otherwise(self, event: Any = None) -> None:
        self._changed()
