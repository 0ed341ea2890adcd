"""The measured objects of one labels layer, or of several layers as one table with one selection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from psygnal import Signal

from bioloom.errors import InputError
from bioloom.layers.colouring import ObjectColours
from bioloom.layers.gallery_pictures import gallery_source, images_of
from bioloom.layers.image_looks import ImageLooks
from bioloom.layers.object_results import save_classes, save_selected
from bioloom.layers.object_table import ObjectTable, objects_of
from bioloom.layers.objects import add_columns, has_table, note_columns, on_click, selection_of, show_object
from bioloom.layers.reading import current_frame, pixels
from bioloom.session.feature_table import keys_of, new_column_name
from bioloom.session.gallery import Gallery
from bioloom.session.image_lasso import Region, Rule, rows_inside
from bioloom.session.pooled_selection import PooledSelection
from bioloom.session.selection import Selection

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels


class ObjectPool:
    """The objects of labels layers in one table, with one selection, shown in the colours of one plot.

    Layers whose objects are not measured are left out until they are.

    Parameters
    ----------
    viewer
        The viewer.
    layers
        Labels layers, each once.

    Attributes
    ----------
    changed : Signal()
        The tables have other rows or columns.
    pixels_changed : Signal()
        Labels were edited, or the images over which they lie came, went or look otherwise.
    chosen : tuple of Labels
        All layers, also those whose objects are not measured.
    objects : ObjectTable
        What there is now.
    selection : Selection or PooledSelection or None
        Of these objects; None while nothing is measured.
    problem : str
        Why there is no selection although there are tables: their rows cannot be told apart.
    """

    changed = Signal()
    pixels_changed = Signal()

    def __init__(self, viewer: ViewerModel, layers: Sequence[Labels]) -> None:
        self._viewer, self.chosen = viewer, tuple(layers)
        self._colours: dict[Any, ObjectColours] = {}
        self._unlink: list[Any] = []
        self._boxes: dict[Any, Any] = {}
        self._adding = False
        self.problem = ""
        self.objects = ObjectTable()
        self.selection: Selection | PooledSelection | None = None
        self._join()
        for layer in self.chosen:
            # What the selection knows of the rows comes first.
            layer.events.features.connect(self._read, position="last")
            for emitter in (layer.events.data, layer.events.paint):
                emitter.connect(self._edited)
        self._looks = ImageLooks(viewer, self.pixels_changed.emit)

    def close(self) -> None:
        """Give the layers their own colours back and follow them no longer."""
        for layer in self.chosen:
            layer.events.features.disconnect(self._read)
            for emitter in (layer.events.data, layer.events.paint):
                emitter.disconnect(self._edited)
        self._looks.stop()
        self._part()

    # ------------------------------------------------------------------------------------------------ table
    @property
    def layers(self) -> tuple[Any, ...]:
        """The layers whose objects are in the table."""
        return self.objects.layers

    def read_names(self) -> None:
        """Name the layers in the table as they are called now."""
        self._read_tables()
        self.changed.emit()

    @property
    def has_frames(self) -> bool:
        """Whether any of the layers is a time series."""
        return self.selection is not None and self.selection.has_frames

    def members(self) -> tuple[Selection, ...]:
        """Return the selection of each layer."""
        if self.selection is None:
            return ()
        return self.selection.members if isinstance(self.selection, PooledSelection) else (self.selection,)

    def add_columns(self, objects: ObjectTable, new: pd.DataFrame, made: Mapping[str, Any] | None = None) -> bool:
        """Add columns to the layers that a table was made of; return whether any of them still has such objects.

        Parameters
        ----------
        objects
            What the columns were computed from.
        new
            Its rows, in the same order: the keys and the new columns.
        made
            How: method, columns, seed and so on; kept with the layers, see :func:`made_by`.
        """
        n_added = 0
        with self._one_change():
            for number, layer in enumerate(objects.layers):
                rows = new.iloc[objects.part(number)] if len(objects.layers) > 1 else new
                if "frame" not in layer.features.columns:
                    rows = rows.drop(columns="frame", errors="ignore")
                keys = keys_of(rows)
                # Measured meanwhile with time, or without: the rows do not mean the same objects any more.
                same = keys == keys_of(layer.features) and not rows.duplicated(keys).any()
                if same and layer in self._viewer.layers:
                    add_columns(layer, rows)
                    note_columns(layer, [str(c) for c in rows.columns if c not in keys], made)
                    n_added += 1
        return n_added > 0

    def _read(self, event: Any = None) -> None:
        if self._adding:
            return
        if self._usable() == self.layers and self._told_apart():
            self._read_tables()
        else:
            self._part()
            self._join()
        self.changed.emit()

    def _told_apart(self) -> bool:
        try:
            return all(selection_of(layer) in self.members() for layer in self.layers)
        except InputError:
            return False

    def _usable(self) -> tuple[Any, ...]:
        return tuple(layer for layer in self.chosen if has_table(layer))

    def _join(self) -> None:
        layers = self._usable()
        try:
            members = [selection_of(layer) for layer in layers]
            self.problem = ""
        except InputError as error:
            self.problem, layers = str(error), ()
        if layers:
            self.selection = members[0] if len(members) == 1 else PooledSelection(members)
            if len(layers) > 1:
                self._unlink = [on_click(layer, self._clicked(number)) for number, layer in enumerate(layers)]
        self._colours = {layer: ObjectColours(self._viewer, layer) for layer in layers}
        self._read_tables()

    def _part(self) -> None:
        for colours in self._colours.values():
            colours.close()
        for unlink in self._unlink:
            unlink()
        if isinstance(self.selection, PooledSelection):
            self.selection.close()
        self._colours, self._unlink, self.selection, self.objects = {}, [], None, ObjectTable()

    def _read_tables(self) -> None:
        self.objects, self._boxes = objects_of(tuple(self._colours)), {}

    @contextmanager
    def _one_change(self) -> Iterator[None]:
        self._adding = True
        try:
            yield
        finally:
            self._adding = False
            self._read()

    def _edited(self, event: Any = None) -> None:
        self._boxes = {}
        self.pixels_changed.emit()

    # ------------------------------------------------------------------------------------------------ image
    def show(self, index: NDArray[np.integer], palette: NDArray[np.uint8]) -> None:
        """Colour the objects in the image: a row of `palette` (RGBA) per row of the table."""
        for number, (colours, member) in enumerate(zip(self._colours.values(), self.members(), strict=True)):
            own = index if len(self._colours) == 1 else index[self.objects.part(number)]
            if len(own) == len(member):
                colours.show(member.labels, member.frames if member.has_frames else None, own, palette)

    def restore(self) -> None:
        """Give the layers their own colours back."""
        for colours in self._colours.values():
            colours.restore()

    def frame(self) -> int:
        """Return the frame in view of the first time series; 0 if there is none."""
        for layer, member in zip(self.layers, self.members(), strict=True):
            if member.has_frames:
                return current_frame(self._viewer, layer, True)
        return 0

    def in_view(self) -> NDArray[np.bool_]:
        """Return which rows are of the frame in view; of layers without time all are."""
        parts = []
        for layer, member in zip(self.layers, self.members(), strict=True):
            here = current_frame(self._viewer, layer, True) if member.has_frames else 0
            parts.append(member.frames == here)
        return np.concatenate(parts) if parts else np.zeros(0, np.bool_)

    def show_object(self, row: int) -> bool:
        """Move the viewer to an object and make its layer the active one; return whether the object is there."""
        selection = self.selection
        if selection is None or not 0 <= row < len(self.objects.source):
            return False
        member = self.members()[self.objects.source[row]]
        frame = int(selection.frames[row]) if member.has_frames else None
        layer = self.layers[self.objects.source[row]]
        return show_object(self._viewer, layer, int(selection.labels[row]), frame)

    def gallery(self) -> Gallery:
        """Return pictures of the objects, from the images over which the layers lie."""
        assert self.selection is not None
        sources = [
            gallery_source(layer, images_of(self._viewer, layer), member.has_frames)
            for layer, member in zip(self.layers, self.members(), strict=True)
        ]
        selection = self.selection
        return Gallery(sources, self.objects.source, selection.frames, selection.labels, self._boxes)

    def select_inside(self, regions: Mapping[Any, Region], *, all_frames: bool = False, rule: Rule = "most") -> int:
        """Select the objects that an outline encloses; return how many are inside.

        Parameters
        ----------
        regions
            The outline on the plane in view of each layer; objects of other layers are outside.
        all_frames
            The same outline in every frame, rather than in the one in view.
        rule
            What of an object must lie inside: ``most`` of it, ``any`` part or the ``whole``.

        Raises
        ------
        InputError
            If time is drawn as an axis of the picture.
        """
        if self.selection is None or not regions:
            return 0
        mask = np.zeros(len(self.selection), np.bool_)
        for number, (layer, member) in enumerate(zip(self.layers, self.members(), strict=True)):
            if layer in regions:
                mask[self.objects.part(number)] = rows_inside(
                    pixels(layer), regions[layer], member, all_frames=all_frames, rule=rule
                )
        self.selection.select(mask, next(iter(regions.values())).mode)
        return int(mask.sum())

    def _clicked(self, number: int) -> Any:
        def clicked(label: int, position: tuple[float, ...], modifiers: set[str]) -> None:
            # A click replaces what is selected, in the other layers too.
            if isinstance(self.selection, PooledSelection) and not {"Shift", "Alt"} & modifiers:
                self.selection.clear_others(number)

        return clicked

    # ------------------------------------------------------------------------------------------------ results
    def save_classes(self, classes: NDArray[np.integer], name: str = "") -> list[Labels]:
        """Add a layer of classes per layer of objects; noise, -1, becomes the class after the largest of all."""
        values = np.asarray(classes)
        values = np.where(values < 0, values.max(initial=0) + 1, values)
        return [
            save_classes(self._viewer, layer, values[self.objects.part(number)], self._name(name, layer))
            for number, layer in enumerate(self.layers)
        ]

    def save_selected(self, name: str = "") -> list[Labels]:
        """Add a labels layer of the selected objects per layer in which any is selected."""
        chosen = [layer for layer, m in zip(self.layers, self.members(), strict=True) if m.mask.any()]
        return [save_selected(self._viewer, layer, self._name(name, layer)) for layer in chosen or self.layers[:1]]

    def new_column(self, wanted: str) -> str:
        """Return a name that no table has yet: the wanted one, or with a number behind it."""
        every = dict.fromkeys([*self.objects.table.columns, *self.objects.left_out])
        return new_column_name(pd.DataFrame(columns=list(every)), wanted)

    def _name(self, name: str, layer: Labels) -> str:
        return f"{name} of {layer.name}" if name and len(self.layers) > 1 else name
