"""The Explore panel: embed, cluster, lasso, explain, and see the objects in the image."""

from __future__ import annotations

from typing import Any

import napari.viewer
import numpy as np
import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QPushButton, QSizePolicy, QTabWidget

from bioloom import layers
from bioloom.errors import InputError
from bioloom.explore import feature_columns
from bioloom.explore.appearance import Appearance, Colouring, appearance, colour_by
from bioloom.explore.figure import save_scatter
from bioloom.explore.plot_trails import Trails
from bioloom.session.exploring import CLASSES, cluster_names, default_axes, plottable
from bioloom.session.feature_table import keys_of
from bioloom.session.plot_card import ObjectCard
from bioloom.session.selection import Selection
from bioloom.session.worker_process import shared_worker
from bioloom.widgets._base import BioloomWidget
from bioloom.widgets._explore_analysis import Analysis
from bioloom.widgets._explore_classes import ClassForm
from bioloom.widgets._explore_explain import ExplainForm
from bioloom.widgets._explore_forms import ClusterForm, DataForm, MapForm, button_row
from bioloom.widgets._explore_gates import GateForm
from bioloom.widgets._explore_image import ImageLassoForm, ObjectPictures
from bioloom.widgets._parts import CollapsibleGroup, LayerCombo, enable, form, group, narrow_combo
from bioloom.widgets._plot import ScatterPlot
from bioloom.widgets._plot_bar import PlotBar

_TRACK_COLUMNS = ("track", "track_id", "TRACK_ID", "track id", "trackid")


class ExploreWidget(BioloomWidget):
    """Plot, embed and cluster measured objects, linked with the image.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._unlink: Any = None
        self._selection: Selection | None = None
        self._colours: layers.ObjectColours | None = None
        self._table = pd.DataFrame()
        self._colouring: tuple[Any, Colouring] | None = None
        self.labels = LayerCombo(viewer, "labels", "The measured objects", prefer_table=True)
        self.data, self.maps, self.clusters = DataForm(), MapForm(), ClusterForm()
        self.columns, self.embed_button, self.cluster_button = (
            self.data.columns, self.maps.button, self.clusters.button
        )  # fmt: skip
        self.explaining, self.gates = ExplainForm(self, self.data), GateForm(self)
        self.image_lasso = ImageLassoForm(self)
        self.pictures = ObjectPictures(self, self._main_thread.send)
        self.gallery_group = CollapsibleGroup("Gallery", self.pictures.view, is_open=False)
        self.tabs = _Tabs()
        for title, part in (
            ("Data", self.data), ("Embed", self.maps), ("Cluster", self.clusters), ("Explain", self.explaining),
            ("Gates", self.gates),
        ):  # fmt: skip
            self.tabs.addTab(part, title)
        self.x_box, self.y_box, self.colour_box = (
            narrow_combo(t) for t in ("Horizontal axis", "Vertical axis", "Colour by")
        )
        axes, axes_layout = form()
        axes_layout.addRow("X", self.x_box)
        axes_layout.addRow("Y", self.y_box)
        axes_layout.addRow("Colour", self.colour_box)
        objects, objects_layout = form()
        objects_layout.addRow("Objects", self.labels)
        self.plot = ScatterPlot(self._main_thread.send)
        self.plot.describe = self._describe
        self.bar = PlotBar(self.plot)
        self.count = QLabel()
        self.count.setWordWrap(True)
        self.classes = ClassForm(self)
        self.class_box, self.assign_button, self.save_classes, self.clear_button = (
            self.classes.class_box, self.classes.assign_button, self.classes.save_button, self.classes.clear_button
        )  # fmt: skip
        self.figure_button = QPushButton("Save figure…")
        self.figure_button.setToolTip("Save the plot as PNG, SVG or PDF")
        for part in (objects, self.tabs, axes, self.bar):
            self.content.addWidget(part)
        self.content.addWidget(self.plot, stretch=1)
        self.content.addWidget(self.count)
        self.content.addWidget(self.image_lasso)
        self.content.addWidget(group("Classes", self.classes))
        self.content.addWidget(self.gallery_group)
        self.content.addLayout(button_row(self.figure_button))
        self.analysis = Analysis(self, self.data, self.maps, self.clusters)
        self._connect()
        shared_worker().warm_up()
        self._labels_changed(self.labels.layer)

    def _connect(self) -> None:
        self.labels.layer_changed.connect(self._labels_changed)
        self.data.all_button.clicked.connect(lambda: self.columns.set_checked(set(feature_columns(self._table))))
        self.data.none_button.clicked.connect(lambda: self.columns.set_checked(set()))
        for chooser in (self.x_box, self.y_box):
            chooser.currentTextChanged.connect(self._plot_points)
        self.colour_box.currentTextChanged.connect(self._colour)
        self.colour_box.currentTextChanged.connect(lambda text: self.explaining.follow())
        self.plot.selected.connect(self._select)
        self.plot.point_clicked.connect(self.jump)
        self.plot.point_clicked.connect(self.explaining.show_object)
        self.plot.gate_drawn.connect(self.gates.note_drawn)
        self.pictures.view.object_clicked.connect(self.jump)
        self.gallery_group.toggled.connect(self._colour)
        self.plot.class_chosen.connect(self.classes.assign)
        self.figure_button.clicked.connect(self._ask_figure)
        self.bar.undo_asked.connect(lambda: self._travel("undo"))
        self.bar.redo_asked.connect(lambda: self._travel("redo"))
        self.bar.frame_mode_changed.connect(self._frame_mode_changed)
        for keys, step in ((QKeySequence.StandardKey.Undo, "undo"), (QKeySequence.StandardKey.Redo, "redo")):
            shortcut = QShortcut(keys, self.plot)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda step=step: self._travel(step))
        point = self.viewer.dims.events.point
        point.connect(self._frame_changed)
        self.on_close(lambda: point.disconnect(self._frame_changed))
        self.on_close(self.plot.close_jobs)
        self.on_close(self.pictures.view.close_jobs)
        self.on_close(self._leave_layer)

    # -------------------------------------------------------------------------------------------- for its parts
    @property
    def table(self) -> pd.DataFrame:
        """The table of the objects."""
        return self._table

    @property
    def layer(self) -> Any:
        """The labels layer, or None."""
        return self.labels.layer

    @property
    def selection(self) -> Selection | None:
        """The selection of the objects, shared with everything that shows them; None before they are measured."""
        return self._selection

    def show_axes(self, x: str, y: str) -> None:
        """Plot two columns."""
        self.x_box.setCurrentText(x)
        self.y_box.setCurrentText(y)

    def plot_column(self, name: str) -> None:
        """Show a column on the vertical axis."""
        self.y_box.setCurrentText(name)

    def show_colour(self, name: str) -> None:
        """Colour plot and image by a column, or by `CLASSES`."""
        if self.colour_box.currentText() == name:
            self._colour()
        self.colour_box.setCurrentText(name)

    def colour_column(self) -> str:
        """Return the name of what is coloured by."""
        return str(self.colour_box.currentText())

    # -------------------------------------------------------------------------------------------- table
    def _labels_changed(self, layer: Any) -> None:
        self._leave_layer()
        for name in (self.columns, self.x_box, self.y_box, self.colour_box):
            name.blockSignals(True)
            name.clear()
            name.blockSignals(False)
        if layer is not None:
            layer.events.features.connect(self._read_table)
            colours = self._colours = layers.ObjectColours(self.viewer, layer)

            for emitter in (layer.events.data, layer.events.paint):
                emitter.connect(self.pictures.forget)

            def unlink() -> None:
                layer.events.features.disconnect(self._read_table)
                for emitter in (layer.events.data, layer.events.paint):
                    emitter.disconnect(self.pictures.forget)
                colours.close()

            self._unlink = unlink
        self._read_table()

    def _leave_layer(self) -> None:
        self.image_lasso.stop()
        self.pictures.forget()
        self.explaining.forget()
        if self._unlink:
            self._unlink()
            self._unlink = self._colours = None
        if self._selection is not None:
            self._selection.changed.disconnect(self._colour)
            self._selection = None
        self.plot.model.trails = None

    def _read_table(self, event: Any = None) -> None:
        layer = self.labels.layer
        measured = layer is not None and layers.has_table(layer)
        if measured and self._selection is None:
            try:
                self._selection = layers.selection_of(layer)
                self._selection.changed.connect(self._colour, unique=True)
            except InputError as error:
                measured = False
                self.say(str(error))
        for widget in self._needing_objects():
            enable(widget, measured, "These objects are not measured yet: measure them in the Measure panel")
        self._colouring = None
        if not measured:
            self._table = pd.DataFrame()
            self.plot.hint = "No measured objects.\nMeasure a labels layer in the Measure panel first."
            self.plot.set_points(np.zeros(0), np.zeros(0), ("", ""))
            self.count.setText("")
            return
        old = [self.columns.item(i).text() for i in range(self.columns.count())]
        checked = set(self.columns.checked())
        self._table = layers.features(layer)
        numeric = plottable(self._table)
        suggested = feature_columns(self._table)
        self.columns.set_items(
            [c for c in numeric if c not in keys_of(self._table)],
            (checked & set(numeric)) | (set() if old else set(suggested)),
        )
        self.data.offer_images([c for c in ("frame", "layer", "image") if c in self._table.columns])
        self.bar.show_frames(self._selection is not None and self._selection.has_frames)
        first, second, colour = default_axes(self._table, suggested)
        texts = [str(c) for c in self._table.columns if c != "index" and str(c) not in numeric]
        self._fill(self.x_box, numeric, first)
        self._fill(self.y_box, numeric, second)
        self._fill(self.colour_box, [CLASSES, *numeric, *texts], colour)
        self.explaining.follow()
        self.image_lasso.follow(self._selection is not None and self._selection.has_frames)
        self._plot_points()

    def _needing_objects(self) -> tuple[Any, ...]:
        return (
            self.embed_button, self.maps.place_button, self.cluster_button, self.clusters.suggest_button,
            self.clusters.repeat_button, self.assign_button, self.save_classes, self.figure_button,
            self.explaining.rank_button, self.explaining.train_button, self.explaining.load_button,
            self.image_lasso.button,
        )  # fmt: skip

    @staticmethod
    def _fill(box: QComboBox, names: list[str], default: str) -> None:
        before = box.currentText()
        box.blockSignals(True)
        box.clear()
        box.addItems(names)
        box.setCurrentText(before if before in names else default)
        box.blockSignals(False)

    # -------------------------------------------------------------------------------------------- plot and image
    def _plot_points(self, text: str = "") -> None:
        x, y = self.x_box.currentText(), self.y_box.currentText()
        if x not in self._table.columns or y not in self._table.columns:
            return
        xs, ys = self._table[x].to_numpy(float), self._table[y].to_numpy(float)
        plot = self.plot
        # A column that came to the table is no reason to leave the view.
        if not (plot.names == (x, y) and _same(plot.x, xs) and _same(plot.y, ys)):
            plot.set_points(xs, ys, (x, y))
        self._colour()

    def _coloured(self) -> Colouring:
        """Return what the objects are coloured by, computed once as long as it is the same."""
        by = self.colour_box.currentText()
        values = self._selection.classes if by == CLASSES else None  # type: ignore[union-attr]
        known = self._colouring
        if values is not None:
            return colour_by(values, True)
        if known is not None and known[0] == by:
            return known[1]
        names = cluster_names(self._table, by)
        made = colour_by(self._table[by].to_numpy(), True if names else None, names=names, title=by)
        self._colouring = (by, made)
        return made

    def _appearance(self) -> Appearance:
        selection, mode = self._selection, self.bar.frame_mode
        assert selection is not None
        bright = hidden = None
        if selection.has_frames and mode != "all":
            here = selection.frames == layers.current_frame(self.viewer, self.layer, True)
            bright, hidden = (None, ~here) if mode == "only" else (here, None)
        return appearance(self._coloured(), selection.mask, bright=bright, hidden=hidden)

    def _colour(self, text: str = "") -> None:
        """Show classes and selection in the plot and in the labels."""
        selection, colours = self._selection, self._colours
        if selection is None or colours is None or len(selection) != len(self._table):
            return
        look = self._appearance()
        self.plot.set_look(look)
        # In the image only one frame is seen: all of its objects are bright.
        seen = look if self.bar.frame_mode == "all" else appearance(self._coloured(), selection.mask)
        if seen.plain:
            colours.restore()
        else:
            colours.show(selection.labels, selection.frames if selection.has_frames else None, seen.index, seen.palette)
        if self.pictures.in_view:
            base = seen.colouring
            plain = base.kind == "classes" and not base.counts[1:].any()
            self.pictures.update(None if plain else base.palette[base.index])
        self.bar.show_history(selection.can_undo, selection.can_redo)
        n, total = look.n_selected, len(selection)
        self.count.setText(
            f"{n} of {total} objects selected." if n else f"{total} objects. Drag around points to select."
        )

    def _frame_mode_changed(self, mode: str) -> None:
        model, selection = self.plot.model, self._selection
        model.trails = None
        if mode == "trails" and selection is not None:
            track = next((c for c in _TRACK_COLUMNS if c in self._table.columns), None)
            if track is None:
                self.say("Trails need a column ‘track’ in the table. Track the objects first.")
            else:
                model.trails = Trails(self._table[track].to_numpy(), selection.frames)
        self._frame_changed()
        self._colour()

    def _frame_changed(self, event: Any = None) -> None:
        selection, mode = self._selection, self.bar.frame_mode
        if selection is None or not selection.has_frames or mode == "all":
            return
        frame = layers.current_frame(self.viewer, self.layer, True)
        if frame != self.plot.model.frame or event is None:
            self.plot.model.frame = frame
            self._colour()

    def _select(self, mask: np.ndarray, mode: str) -> None:
        if self._selection is not None:
            self._selection.select(mask, mode)  # type: ignore[arg-type]

    def _travel(self, step: str) -> None:
        if self._selection is not None:
            getattr(self._selection, step)()

    def jump(self, row: int) -> None:
        """Show an object in the image."""
        selection = self._selection
        if selection is not None and row < len(selection):
            frame = int(selection.frames[row]) if selection.has_frames else None
            layers.show_object(self.viewer, self.labels.layer, int(selection.labels[row]), frame)

    def _describe(self, row: int) -> Any:
        if row >= len(self._table):
            return None
        values = self._table.iloc[row]
        shown = [*keys_of(self._table), self.plot.names[0], self.plot.names[1]]
        if self.colour_box.currentText() in self._table.columns:
            shown.append(self.colour_box.currentText())
        lines = [(name, _text(values[name])) for name in dict.fromkeys(shown)]
        return ObjectCard("", lines, self.pictures.card(row))

    # -------------------------------------------------------------------------------------------- figure
    def _ask_figure(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the plot", "plot.png", "Figures (*.png *.svg *.pdf)")
        if path:
            self.attempt(lambda: self.save_figure(path))

    def save_figure(self, path: str) -> None:
        """Save the plot as a figure for publication."""
        colouring, model = self._coloured(), self.plot.model
        by_class = colouring.kind == "classes"
        classes, names = None, dict(colouring.names)
        if by_class:
            # Noise, -1, becomes the class after the last one.
            noise = int(colouring.classes.max(initial=0)) + 1
            classes = colouring.classes[colouring.index]
            classes = np.where(classes < 0, noise, classes)
            names |= {noise: "noise"}
        save_scatter(
            path, self.plot.x, self.plot.y, classes, class_names=names,
            x_label=self.plot.names[0], y_label=self.plot.names[1],
            values=None if by_class else self._table[colouring.title].to_numpy(float), values_label=colouring.title,
            kind=model.kind, scales=model.scale_kinds, n_bins=model.n_bins,
        )  # fmt: skip
        self.say(f"Saved to {path}.")


class _Tabs(QTabWidget):
    """Tabs that are as high as the one in front, so that the plot gets the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.setUsesScrollButtons(True)
        self.currentChanged.connect(self._fit)

    def _fit(self, number: int) -> None:
        for i in range(self.count()):
            policy = QSizePolicy.Policy.Preferred if i == number else QSizePolicy.Policy.Ignored
            self.widget(i).setSizePolicy(QSizePolicy.Policy.Preferred, policy)
        self.updateGeometry()

    def addTab(self, part: Any, title: str) -> int:
        """Add a tab."""
        number = int(super().addTab(part, title))
        self._fit(self.currentIndex())
        return number


def _same(before: np.ndarray, now: np.ndarray) -> bool:
    return before.shape == now.shape and np.array_equal(before, now, equal_nan=True)


def _text(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float | np.floating) else str(value)
