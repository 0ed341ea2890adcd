"""Which image labels belong to, where several images lie at the same place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bioloom.layers.reading import METADATA_KEY, made_of, of_kind, role

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

_LIGHT = ("additive", "minimum")
"""Ways to blend that let several channels be seen together."""


def root_of(viewer: ViewerModel, layer: Layer) -> Any:
    """Return the layer that one was made from in the end; itself if it was made from none."""
    names = {one.name: one for one in viewer.layers}
    passed = [layer]
    while (before := names.get(_source(passed[-1]))) is not None and before not in passed:
        passed.append(before)
    return passed[-1]


def own_image(viewer: ViewerModel, labels: Labels) -> Image | None:
    """Return the image that labels were made from; None if that cannot be told.

    What Bioloom makes tells where it comes from. Of other labels, such as those of a file, it is the image whose name
    is in theirs: *well 3* for *well 3_nuclei*.
    """
    root: Any = root_of(viewer, labels)
    images = [one for one in of_kind(viewer, "image") if role(one) != "preview"]
    if root in images:
        return root
    named = [one for one in images if not _source(one) and _has_word(labels.name, one.name)]
    return max(named, key=lambda one: len(one.name), default=None)


def beside(viewer: ViewerModel, image: Image, own: Image) -> bool:
    """Tell whether an image shows the same scene as another: made from it, of the same file, or a channel seen with it.

    Images of different files that are not blended are different pictures, which lie on each other only in the viewer.
    """
    root = root_of(viewer, image)
    paths = [getattr(one.source, "path", None) for one in (root, own)]
    return root is own or None in paths or paths[0] == paths[1] or root.blending in _LIGHT


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text) is not None


def _source(layer: Layer) -> str:
    return str(layer.metadata.get(METADATA_KEY, {}).get("source", "")) or made_of(layer)
