"""The Explore panel: embed, cluster, lasso, explain, and see the objects in the image."""

from __future__ import annotations

from typing import Any

import napari.viewer
import numpy as np
import pandas as pd
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton

from bioloom import layers
from bioloom.explore import feature_columns
from bioloom.explore.scaling import is_numeric
from bioloom.session.exploring import CLASSES, default_axes, plottable
from bioloom.session.exploring_words import how_made
from bioloom.session.feature_table import keys_of
from bioloom.session.pooled_selection import PooledSelection
from bioloom.session.selection import Selection
from bioloom.session.worker_process import shared_worker
from bioloom.widgets._base import BioloomWidget
from bioloom.widgets._explore_analysis import Analysis
from bioloom.widgets._explore_classes import ClassForm
from bioloom.widgets._explore_explain import ExplainForm
from bioloom.widgets._explore_forms import ClusterForm, DataForm, MapForm, button_row
from bioloom.widgets._explore_gates import GateForm
from bioloom.widgets._explore_image import ImageLassoForm, ObjectPictures
from bioloom.widgets._explore_objects import ObjectsForm
from bioloom.widgets._explore_pixels import PixelShapForm
from bioloom.widgets._explore_tabs import SnugTabs
from bioloom.widgets._explore_view import ObjectView
from bioloom.widgets._parts import CollapsibleGroup, enable, form, group, narrow_combo
from bioloom.widgets._plot import ScatterPlot
from bioloom.widgets._plot_bar import PlotBar


class ExploreWidget(BioloomWidget):
    """Plot, embed and cluster measured objects, linked with the image.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.pool = layers.ObjectPool(viewer, [])
        self._followed: Any = None
        self.choice = ObjectsForm(viewer)
        self.labels = self.choice.labels
        self.data, self.maps, self.clusters = DataForm(), MapForm(), ClusterForm()
        self.columns, self.embed_button, self.cluster_button = (
            self.data.columns, self.maps.button, self.clusters.button
        )  # fmt: skip
        self.explaining, self.gates, self.pixels = ExplainForm(self, self.data), GateForm(self), PixelShapForm(self)
        self.image_lasso = ImageLassoForm(self)
        self.pictures = ObjectPictures(self, self._main_thread.send)
        self.gallery_group = CollapsibleGroup("Gallery", self.pictures.view, is_open=False)
        self.tabs = SnugTabs()
        for title, part in (
            ("Data", self.data), ("Embed", self.maps), ("Cluster", self.clusters), ("Explain", self.explaining),
            ("Gates", self.gates), ("Pixels", self.pixels),
        ):  # fmt: skip
            self.tabs.addTab(part, title)
        self.x_box, self.y_box, self.colour_box = (
            narrow_combo(t) for t in ("Horizontal axis", "Vertical axis", "Colour by")
        )
        axes, axes_layout = form()
        axes_layout.addRow("X", self.x_box)
        axes_layout.addRow("Y", self.y_box)
        axes_layout.addRow("Colour", self.colour_box)
        self.plot = ScatterPlot(self._main_thread.send)
        self.bar = PlotBar(self.plot)
        self.count = QLabel()
        self.count.setWordWrap(True)
        self.view = ObjectView(self, self.plot, self.bar, self.count, self.pictures)
        self.classes = ClassForm(self)
        self.class_box, self.assign_button, self.save_classes, self.clear_button = (
            self.classes.class_box, self.classes.assign_button, self.classes.save_button, self.classes.clear_button
        )  # fmt: skip
        self.figure_button = QPushButton("Save figure…")
        self.figure_button.setToolTip("Save the plot as PNG, SVG or PDF")
        for part in (self.choice, self.tabs, axes, self.bar):
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
        self._layers_changed()

    def _connect(self) -> None:
        self.choice.changed.connect(self._layers_changed)
        self.data.all_button.clicked.connect(lambda: self.columns.set_checked(set(feature_columns(self.table))))
        self.data.none_button.clicked.connect(lambda: self.columns.set_checked(set()))
        for chooser in (self.x_box, self.y_box):
            chooser.currentTextChanged.connect(self._plot_points)
        self.colour_box.currentTextChanged.connect(self._colour)
        self.colour_box.currentTextChanged.connect(self._tell_origins)
        self.colour_box.currentTextChanged.connect(lambda text: self.explaining.follow())
        self.tabs.currentChanged.connect(lambda number: self.explaining.ranks.follow_classes())
        self.plot.selected.connect(self._select)
        for clicked in (self.plot.point_clicked, self.pictures.view.object_clicked):
            clicked.connect(self.jump)
            clicked.connect(self.explaining.show_object)
        self.plot.gate_drawn.connect(self.gates.note_drawn)
        self.gates.follow_plot(self.plot)
        self.gallery_group.toggled.connect(self._colour)
        self.plot.class_chosen.connect(self.classes.assign)
        self.figure_button.clicked.connect(self.view.ask_figure)
        self.bar.undo_asked.connect(lambda: self._travel("undo"))
        self.bar.redo_asked.connect(lambda: self._travel("redo"))
        self.plot.travel_wanted.connect(self._travel)
        point = self.viewer.dims.events.point
        point.connect(self.view.frame_changed)
        self.on_close(lambda: point.disconnect(self.view.frame_changed))
        self.on_close(self.plot.close_jobs)
        self.on_close(self.pictures.view.close_jobs)
        self.on_close(self.choice.stop)
        self.on_close(self._leave_layers)

    # -------------------------------------------------------------------------------------------- for its parts
    @property
    def objects(self) -> layers.ObjectTable:
        """The table of the objects, and where each of them is."""
        return self.pool.objects

    @property
    def table(self) -> pd.DataFrame:
        """The table of the objects."""
        return self.pool.objects.table

    @property
    def selection(self) -> Selection | PooledSelection | None:
        """The selection of the objects, shared with everything that shows them; None before they are measured."""
        return self.pool.selection

    def keep_columns(self, objects: layers.ObjectTable, new: pd.DataFrame, made: Any = None) -> bool:
        """Add columns that were computed from a table to its layers, if they are still there."""
        if not self.pool.add_columns(objects, new, made):
            if self.still_there(objects.layers[0]):
                self.say("The objects changed meanwhile, so the result was dropped.")
            return False
        if layers.active_layer(self.viewer) not in objects.layers:
            layers.activate(self.viewer, objects.layers[0])
        return True

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

    def units(self) -> set[str]:
        """Return what the lengths of the chosen layers are counted in, as far as that is known."""
        return {layers.measured_in(layer) for layer in self.choice.chosen()} - {""}

    # -------------------------------------------------------------------------------------------- table
    def _layers_changed(self) -> None:
        chosen = tuple(self.choice.chosen())
        if chosen and chosen == self.pool.chosen:
            # Only their names changed.
            self.pool.read_names()
            return
        self._leave_layers()
        self.say("")
        for name in (self.columns, self.x_box, self.y_box, self.colour_box):
            name.blockSignals(True)
            name.clear()
            name.blockSignals(False)
        self.pool = layers.ObjectPool(self.viewer, chosen)
        self.pool.changed.connect(self._read_table)
        self.pool.pixels_changed.connect(self.pictures.forget)
        self._read_table()
        units = {layer.name: layers.measured_in(layer) for layer in chosen}
        if len(self.units()) > 1:
            listed = ", ".join(f"{unit} in {name}" for name, unit in units.items() if unit)
            self.say(f"Sizes cannot be compared: lengths are counted in {listed}. Measure all layers alike.")
        elif self.objects.left_out:
            shown = ", ".join(self.objects.left_out[:6]) + " …" * (len(self.objects.left_out) > 6)
            self.say(f"Left out, because not all layers have them: {shown}")

    def _leave_layers(self) -> None:
        self.image_lasso.stop()
        self.pictures.forget()
        self.explaining.forget()
        self.analysis.forget()
        self._follow_selection(None)
        self.pool.changed.disconnect(self._read_table, missing_ok=True)
        self.pool.close()
        self.plot.model.trails = None

    def _follow_selection(self, selection: Any) -> None:
        if selection is self._followed:
            return
        if self._followed is not None:
            self._followed.changed.disconnect(self._colour, missing_ok=True)
            self._followed.changed.disconnect(self.explaining.follow_selection, missing_ok=True)
        if selection is not None:
            selection.changed.connect(self._colour, unique=True)
            selection.changed.connect(self.explaining.follow_selection, unique=True)
        self._followed = selection

    def _read_table(self) -> None:
        self._follow_selection(self.selection)
        measured = self.selection is not None
        for widget in self._needing_objects():
            enable(widget, measured, "These objects are not measured yet: measure them in the Measure panel")
        self.view.forget()
        if not measured:
            self.view.show_nothing()
            if self.pool.problem:
                self.say(self.pool.problem)
            return
        old = [self.columns.item(i).text() for i in range(self.columns.count())]
        checked = set(self.columns.checked())
        table = self.table
        numeric = plottable(table)
        suggested = feature_columns(table)
        kept = checked & set(numeric)
        # A table of other measurements, of which the user chose none yet.
        if not kept and (checked or not old):
            kept = set(suggested)
        self.columns.set_items([c for c in numeric if c not in keys_of(table) and is_numeric(table[c])], kept)
        named_by = self.objects.named_by
        self.data.offer_images([c for c in dict.fromkeys(("frame", named_by, "layer", "image")) if c in table.columns])
        first, second, colour = default_axes(table, suggested)
        texts = [str(c) for c in table.columns if c != "index" and str(c) not in numeric]
        self._fill(self.x_box, numeric, first)
        self._fill(self.y_box, numeric, second)
        self._fill(self.colour_box, [CLASSES, *numeric, *texts], colour)
        self.explaining.follow()
        self.image_lasso.follow(self.pool.has_frames)
        self.bar.show_frames(self.pool.has_frames)
        self._plot_points()

    def _needing_objects(self) -> tuple[Any, ...]:
        return (
            self.embed_button, self.maps.place_button, self.cluster_button, self.clusters.suggest_button,
            self.clusters.repeat_button, self.assign_button, self.save_classes, self.figure_button,
            self.explaining.ranks.rank_button, self.explaining.train_button, self.explaining.load_button,
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
        self.view.show_columns(self.x_box.currentText(), self.y_box.currentText())
        self._tell_origins()

    def _colour(self, text: str = "") -> None:
        self.view.colour()

    def _tell_origins(self, text: str = "") -> None:
        """Say in the tooltips how the columns that are shown were made."""
        shown = (self.x_box, "Horizontal axis"), (self.y_box, "Vertical axis"), (self.colour_box, "Colour by")
        for box, what in shown:
            made = layers.made_by(self.pool.layers[0], box.currentText()) if self.pool.layers else {}
            box.setToolTip("\n".join(filter(None, (what, how_made(made)))))

    def _select(self, mask: np.ndarray, mode: str) -> None:
        if self.selection is not None:
            self.selection.select(mask, mode)  # type: ignore[arg-type]

    def _travel(self, step: str) -> None:
        if self.selection is not None:
            getattr(self.selection, step)()

    def jump(self, row: int) -> None:
        """Show an object in the image."""
        if self.selection is not None and not self.pool.show_object(row):
            member = self.pool.layers[self.objects.source[row]]
            self.say(f"Label {self.selection.labels[row]} is not in ‘{member.name}’. Measure again.")
