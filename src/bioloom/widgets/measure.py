"""The Measure panel: from labels and images to a table."""

from __future__ import annotations

from functools import partial
from typing import Any

import napari.viewer
import pandas as pd
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QMessageBox, QPushButton

from bioloom import layers
from bioloom.errors import InputError
from bioloom.measure import find_property
from bioloom.session.exploring import plottable
from bioloom.session.feature_table import KEYS, lost_columns
from bioloom.session.measuring import Measurement, MeasureTask, run
from bioloom.session.object_session import intensities
from bioloom.widgets._base import BioloomWidget, abandon
from bioloom.widgets._measure_files import TableFiles
from bioloom.widgets._measure_following import FollowEdits
from bioloom.widgets._measure_groups import MeasureGroups
from bioloom.widgets._measure_highlight import Highlight
from bioloom.widgets._measure_map import MapRow
from bioloom.widgets._measure_maps import ObjectMaps
from bioloom.widgets._measure_more import MoreMeasurements
from bioloom.widgets._opening import open_panel
from bioloom.widgets._parts import AxesOptions, CollapsibleGroup, ImageList, LayerCombo, align_labels, enable, form
from bioloom.widgets._pixel_size import PixelSize
from bioloom.widgets._table_view import TablePanel


class MeasureWidget(BioloomWidget):
    """Measure objects and show their table, linked with the image.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._unlink: list[Any] = []
        self._highlight = Highlight(viewer)
        self._make_input()
        self._make_table()
        self.labels.layer_changed.connect(self._labels_changed)
        self.axes.changed.connect(self._show_size)
        self.images.changed.connect(self._show_groups)
        stops = (self.follow_edits.stop, self.maps.stop, self._highlight.stop)
        for action in (*stops, self._leave_layer, self.tables.close_jobs):
            self.on_close(action)
        # Where the whole window is destroyed, nobody waits for what they compute.
        pages = (self.tables.statistics, self.tables.groups, self.tables.correlation)
        for runner in (self.follow_edits.jobs, self.maps.jobs, self.tables.output.jobs, *(page.jobs for page in pages)):
            self.destroyed.connect(partial(abandon, runner))
        self._labels_changed(self.labels.layer)

    def _make_input(self) -> None:
        self.labels = LayerCombo(self.viewer, "labels", "The objects to measure")
        self.labels.choose(layers.likely_objects(self.viewer))
        self.images = ImageList(self.viewer, "Images to measure intensities in; none for size, position and shape only")
        self.axes = AxesOptions(self.viewer)
        self.size = PixelSize()
        self.all_frames = QCheckBox("All frames")
        self.all_frames.setChecked(True)
        self.all_frames.setToolTip("Measure every time point; otherwise the one in view, and keep the rows of others")
        rows, layout = form()
        layout.addRow("Objects", self.labels)
        layout.addRow("Images", self.images)
        scale, scale_layout = form()
        scale_layout.addRow("Pixel size", self.size)
        scale_layout.addRow(self.all_frames)
        self.input = CollapsibleGroup("Input", rows, self.axes, scale, key="measure/input")
        align_labels(self.input)
        self.choice = MeasureGroups()
        self.groups = self.choice.boxes
        self.chosen = CollapsibleGroup("Measurements", self.choice, key="measure/groups")
        self.measure_button = QPushButton("Measure")
        self.measure_button.setToolTip(
            "Measure every object; the table is kept with the labels layer, and its other columns stay"
        )
        self.follow_edits = FollowEdits(self)
        self.more = MoreMeasurements(self)
        buttons = QHBoxLayout()
        buttons.addWidget(self.measure_button, stretch=1)
        buttons.addWidget(self.follow_edits)
        self.content.addWidget(self.input)
        self.content.addWidget(self.chosen)
        self.content.addLayout(buttons)
        self.content.addWidget(self.more)
        self.measure_button.clicked.connect(lambda: self.attempt(self.measure))
        self.choice.changed.connect(self._summarise)

    def _make_table(self) -> None:
        self.tables = TablePanel(self._main_thread.send)
        self.tables.setMinimumHeight(300)
        self.table = self.tables.rows
        self.map = MapRow()
        self.files = TableFiles(self)
        self.load_button, self.save_button = self.files.load_button, self.files.save_button
        self.content.addWidget(self.tables, stretch=1)
        self.content.addWidget(self.map)
        self.content.addWidget(self.files)
        self.maps = ObjectMaps(self, self.map)
        self.tables.map_wanted.connect(lambda column: self.attempt(lambda: self.show_map(column)))
        self.tables.plot_wanted.connect(self._plot)
        self.tables.row_clicked.connect(self._row_clicked)
        self.tables.columns_made.connect(lambda table: self.attempt(lambda: self._keep_columns(table)))
        self.tables.column_renamed.connect(lambda old, new: layers.rename_column(self.labels.layer, old, new))
        self.tables.columns_deleted.connect(lambda names: layers.delete_columns(self.labels.layer, names))
        self.tables.load_wanted.connect(self.files.ask_load)
        self.tables.said.connect(self.say)
        self.tables.failed.connect(self.report)

    # -------------------------------------------------------------------------------------------- input
    def _labels_changed(self, layer: Any) -> None:
        self._leave_layer()
        self.follow_edits.jobs.cancel()
        self.images.follow(layer)
        self.axes.follow(layer, physical=True)
        enable(self.measure_button, layer is not None, "There is no layer of objects: segment an image first")
        enable(self.load_button, layer is not None, "There is no layer of objects that the table could be about")
        if layer is not None:
            layer.events.features.connect(self._features_changed)
            layer.events.scale.connect(self._show_size)
            self._unlink = [
                lambda: layer.events.features.disconnect(self._features_changed),
                lambda: layer.events.scale.disconnect(self._show_size),
                layers.on_edit(layer, self.follow_edits.follow_soon),
            ]
        self._show_size()
        self._show_table()

    def _leave_layer(self) -> None:
        for action in self._unlink:
            action()
        self._unlink = []

    def _show_size(self, event: Any = None) -> None:
        layer = self.labels.layer
        self.axes.follow(layer, physical=True)
        self.all_frames.setVisible(self.axes.has_time)
        if layer is not None:
            try:
                own = layers.image_stack([layer], has_time=self.axes.has_time, physical=self.axes.physical)
            except InputError:
                return  # measuring says so
            self.size.show_size(own.spacing, own.unit)
        self._show_groups()

    def _show_groups(self) -> None:
        layer, images = self.labels.layer, self.images.images
        ndim = 2 if layer is None else layer.ndim - self.axes.has_time
        n_images = sum(3 if layers.is_rgb(image) else 1 for image in images)
        self.choice.set_data(3 if ndim == 3 else 2, n_images)
        self.more.follow()
        self._summarise()

    def _summarise(self) -> None:
        layer = self.labels.layer
        images = ", ".join(image.name for image in self.images.images)
        self.input.set_summary("" if layer is None else f"{layer.name}{f' in {images}' if images else ''}")
        names = [box.text() for box in self.groups.values() if box.isChecked() and box.isEnabled()]
        self.chosen.set_summary(", ".join(names) or "none")

    # -------------------------------------------------------------------------------------------- table and image
    def _features_changed(self, event: Any = None) -> None:
        self._show_table()
        self.maps.renew_soon()

    def _show_table(self) -> None:
        layer = self.labels.layer
        table = layers.features(layer) if layer is not None else None
        measured = table is not None and "label" in table.columns
        enable(self.save_button, measured, "There is no table yet: measure first")
        selection = None
        if measured:
            try:
                selection = layers.selection_of(layer)
            except InputError as error:
                # A table made elsewhere that does not fit; measuring replaces it.
                self.say(str(error))
        self._highlight.follow(layer, selection)
        if selection is None:
            self.map.set_columns([])
            self.tables.show_table(pd.DataFrame())
            return
        self.map.set_columns([name for name in plottable(table) if name not in KEYS])
        self.tables.show_table(table, selection)

    def _row_clicked(self, row: int) -> None:
        layer = self.labels.layer
        if layer is None:
            return
        selection = layers.selection_of(layer)
        frame = int(selection.frames[row]) if selection.has_frames else None
        layers.show_object(self.viewer, layer, int(selection.labels[row]), frame)

    def _keep_columns(self, table: pd.DataFrame) -> None:
        if self.labels.layer is not None:
            layers.add_columns(self.labels.layer, table)

    # -------------------------------------------------------------------------------------------- measuring
    def task(self) -> MeasureTask:
        """Return what the panel says is to be measured.

        Raises
        ------
        InputError
            If there are no objects, nothing is checked, or images and labels do not fit.
        """
        layer = self.labels.layer
        if layer is None:
            raise InputError("There are no objects. Segment an image first, for example with Voronoi–Otsu.")
        options = {"has_time": self.axes.has_time, "physical": self.axes.physical}
        own = layers.image_stack([layer], **options)
        images = self.images.images
        image = intensities(layers.image_stack(images, **options) if images else None, own.channels[0])
        names = self.choice.chosen()
        if not names:
            raise InputError("Nothing to measure is checked. Check at least one group, such as size.")
        if not any(found.n_images for name in names if (found := find_property(name))):
            image = None
        return MeasureTask(own.channels[0], image, self.size.spacing, tuple(names), own.frame_axis, self.frames())

    def frames(self) -> tuple[int, ...] | None:
        """Return the frames to measure, None for all."""
        if self.axes.has_time and not self.all_frames.isChecked():
            return (layers.current_frame(self.viewer, self.labels.layer, True),)
        return None

    def measure(self) -> None:
        """Measure every object and keep the table with the layer."""
        task, layer = self.task(), self.labels.layer
        unit = self.size.unit.text() or ("the unit of the pixel size" if self.size.own else "pixels")
        typed = self.size.own and not self.size.unit.text()
        noted = f"units of {task.spacing} a pixel" if typed else unit.removesuffix("s")
        self.follow_edits.jobs.cancel()

        def show(found: Measurement) -> None:
            if not self.still_there(layer) or not self.may_replace(layer, found.table):
                return
            self.follow_edits.remember(layer, found)
            layers.add_frames(layer, found.table, task.frames)
            layers.note_unit(layer, noted)
            layers.note_use(layer)
            layers.activate(self.viewer, layer)
            frame = f" in frame {task.frames[0]}" if task.frames else ""
            none = " The layer has no objects." if found.table.empty else ""
            self.say(
                f"{len(found.table):,} objects{frame}, {len(found.table.columns)} columns; lengths in {unit}.{none}"
            )

        self.jobs.start("Measuring", lambda progress: run(task, progress), show)

    def may_replace(self, layer: Any, table: pd.DataFrame) -> bool:
        """Ask before columns of a table are lost that is over time where the new one is not, or the reverse."""
        lost = lost_columns(layers.features(layer), table)
        if not lost:
            return True
        over = "over time" if "frame" in table.columns else "not over time"
        names = ", ".join(lost[:5]) + (" …" if len(lost) > 5 else "")
        text = f"The table of {layer.name} has columns that do not fit one that is {over}: {names}. Replace it?"
        if QMessageBox.question(self, "Replace the table?", text) == QMessageBox.StandardButton.Yes:
            return True
        self.say("The table was left as it was. Change ‘First axis is time’ to add to it.")
        return False

    # -------------------------------------------------------------------------------------------- maps and plot
    def show_map(self, column: str) -> None:
        """Show a column as an image over the labels."""
        self.maps.show(column)

    def _plot(self, first: str, second: str) -> None:
        """Show two columns in the plot of the Explore panel."""
        from bioloom.widgets.explore import ExploreWidget

        panel = open_panel(self.viewer, ExploreWidget, "Explore")
        panel.labels.choose(self.labels.layer)
        panel.x_box.setCurrentText(first)
        panel.y_box.setCurrentText(second)

    # -------------------------------------------------------------------------------------------- files
    def save(self, path: str) -> None:
        """Save the whole table: CSV, TSV, Parquet or AnnData by the end of the name; without one, CSV."""
        self.files.save(path)

    def load(self, path: str) -> None:
        """Add the columns of a table made elsewhere; objects that are not measured yet get a table first."""
        self.files.load(path)
