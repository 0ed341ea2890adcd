"""The Explore panel: embed, cluster, lasso, and see the objects in the image."""

from __future__ import annotations

from typing import Any

import napari.viewer
import numpy as np
import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QTabWidget

from bioloom import layers
from bioloom.errors import InputError
from bioloom.explore import feature_columns
from bioloom.explore.appearance import Appearance, appearance, are_classes
from bioloom.explore.figure import save_scatter
from bioloom.session.exploring import CLASSES, cluster_table, default_axes, embed_table, plottable
from bioloom.session.feature_table import keys_of, new_column_name
from bioloom.session.selection import Selection
from bioloom.session.worker_process import shared_worker
from bioloom.widgets._base import BioloomWidget
from bioloom.widgets._parts import CheckList, LayerCombo, enable, form, group, narrow_combo, whole_number
from bioloom.widgets._plot import ScatterPlot


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
        self._table = pd.DataFrame()
        self._embedded = False
        self.labels = LayerCombo(viewer, "labels", "The measured objects", prefer_table=True)
        self.columns = CheckList(
            "The measurements to embed and cluster by; position and ids are left out at first", rows=6
        )
        self.all_button = QPushButton("Suggested")
        self.all_button.setToolTip("Check every measurement that describes an object, not where it is")
        self.none_button = QPushButton("None")
        self.none_button.setToolTip("Check nothing")
        pick = QHBoxLayout()
        pick.addWidget(self.all_button)
        pick.addWidget(self.none_button)
        rows, layout = form()
        layout.addRow("Objects", self.labels)
        layout.addRow("Columns", self.columns)
        layout.addRow("", pick)

        self.method = QComboBox()
        self.method.addItems(["UMAP", "PCA"])
        self.method.setToolTip("UMAP keeps neighbours together; PCA keeps the directions of largest variance")
        self.neighbours = whole_number(
            15, 2, 500, "UMAP: how many neighbours shape the map; larger shows coarser structure"
        )
        self.embed_seed = whole_number(0, 0, 2**31 - 1, "Seed of the map; other seeds give other maps of the same data")
        self.embed_button = QPushButton("Embed")
        self.embed_button.setToolTip("Compute the map; it is kept as columns of the table and shown in the plot")
        embed_rows, embed_layout = form()
        embed_layout.addRow("Method", self.method)
        embed_layout.addRow("Neighbours", self.neighbours)
        embed_layout.addRow("Seed", self.embed_seed)
        embed_layout.addRow(self.embed_button)
        self.n_clusters = whole_number(3, 2, 100, "Number of clusters")
        self.cluster_seed = whole_number(0, 0, 2**31 - 1, "Seed of the clustering")
        self.cluster_button = QPushButton("Cluster")
        self.cluster_button.setToolTip("k-means on the checked columns, standardised; kept as a column of the table")
        cluster_rows, cluster_layout = form()
        cluster_layout.addRow("Clusters", self.n_clusters)
        cluster_layout.addRow("Seed", self.cluster_seed)
        cluster_layout.addRow(self.cluster_button)
        tabs = QTabWidget()
        tabs.addTab(rows, "Data")
        tabs.addTab(embed_rows, "Embed")
        tabs.addTab(cluster_rows, "Cluster")

        self.x_box, self.y_box, self.colour_box = (
            narrow_combo(t) for t in ("Horizontal axis", "Vertical axis", "Colour by")
        )
        axes, axes_layout = form()
        axes_layout.addRow("X", self.x_box)
        axes_layout.addRow("Y", self.y_box)
        axes_layout.addRow("Colour", self.colour_box)
        self.plot = ScatterPlot(self._main_thread.send)
        self.plot.setToolTip("")
        self.plot.describe = self._describe
        self.count = QLabel()
        self.count.setWordWrap(True)
        self.class_box = whole_number(
            1, 0, 1000, "The class to put selected objects into; 0 takes them out of their class"
        )
        self.assign_button = QPushButton("Put into class")
        self.assign_button.setToolTip("Put the selected objects into this class")
        self.class_name = QLineEdit("MANUAL_CLASS")
        self.class_name.setToolTip("Name of the new column")
        self.save_classes = QPushButton("Save as column")
        self.save_classes.setToolTip("Add the classes to the table of the layer as a new column")
        self.clear_button = QPushButton("Clear selection")
        self.clear_button.setToolTip(
            "Select nothing, and give the layer its own colours back if nothing else is coloured"
        )
        self.figure_button = QPushButton("Save figure…")
        self.figure_button.setToolTip("Save the plot as PNG, SVG or PDF")
        first, second, third = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.class_box)
        first.addWidget(self.assign_button, stretch=1)
        second.addWidget(self.class_name)
        second.addWidget(self.save_classes, stretch=1)
        third.addWidget(self.clear_button)
        third.addWidget(self.figure_button)
        self.content.addWidget(tabs)
        self.content.addWidget(axes)
        self.content.addWidget(self.plot, stretch=1)
        self.content.addWidget(self.count)
        box = group("Classes")
        for row in (first, second, third):
            box.layout().addLayout(row)
        self.content.addWidget(box)

        self.labels.layer_changed.connect(self._labels_changed)
        self.all_button.clicked.connect(lambda: self.columns.set_checked(set(feature_columns(self._table))))
        self.none_button.clicked.connect(lambda: self.columns.set_checked(set()))
        self.embed_button.clicked.connect(lambda: self.attempt(self.embed))
        self.cluster_button.clicked.connect(lambda: self.attempt(self.cluster))
        self.method.currentTextChanged.connect(lambda text: self.neighbours.setEnabled(text == "UMAP"))
        for chooser in (self.x_box, self.y_box):
            chooser.currentTextChanged.connect(self._plot_points)
        self.colour_box.currentTextChanged.connect(self._colour)
        self.plot.selected.connect(self._select)
        self.plot.point_clicked.connect(self._jump)
        self.assign_button.clicked.connect(self._assign)
        self.save_classes.clicked.connect(lambda: self.attempt(self.keep_classes))
        self.clear_button.clicked.connect(lambda: self._selection.clear() if self._selection else None)
        self.figure_button.clicked.connect(self._ask_figure)
        for keys, step in ((QKeySequence.StandardKey.Undo, "undo"), (QKeySequence.StandardKey.Redo, "redo")):
            shortcut = QShortcut(keys, self.plot)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda step=step: getattr(self._selection, step)() if self._selection else None)
        viewer.dims.events.point.connect(self._frame_changed)
        self.on_close(lambda: viewer.dims.events.point.disconnect(self._frame_changed))
        self.on_close(self.plot.close_jobs)
        self.on_close(self._leave_layer)
        shared_worker().warm_up()
        self._labels_changed(self.labels.layer)

    # -------------------------------------------------------------------------------------------- table
    def _labels_changed(self, layer: Any) -> None:
        self._leave_layer()
        for name in (self.columns, self.x_box, self.y_box, self.colour_box):
            name.blockSignals(True)
            name.clear()
            name.blockSignals(False)
        if layer is not None:
            layer.events.features.connect(self._read_table)
            before = layer

            def unlink() -> None:
                before.events.features.disconnect(self._read_table)
                layers.restore_colours(before)

            self._unlink = unlink
        self._read_table()

    def _leave_layer(self) -> None:
        if self._unlink:
            self._unlink()
            self._unlink = None
        if self._selection is not None:
            self._selection.changed.disconnect(self._colour)
            self._selection = None

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
        for widget in (
            self.embed_button,
            self.cluster_button,
            self.assign_button,
            self.save_classes,
            self.figure_button,
        ):
            enable(widget, measured, "These objects are not measured yet: measure them in the Measure panel")
        if not measured:
            self._table = pd.DataFrame()
            self.plot.hint = "No measured objects.\nMeasure a labels layer in the Measure panel first."
            self.plot.set_points(np.zeros(0), np.zeros(0), ("", ""))
            self.plot.update()
            self.count.setText("")
            return
        old = [self.columns.item(i).text() for i in range(self.columns.count())]
        checked = set(self.columns.checked())
        self._table = layers.features(layer)
        numeric = plottable(self._table)
        suggested = feature_columns(self._table)
        new = [c for c in suggested if c not in old]
        self.columns.set_items(
            [c for c in numeric if c not in keys_of(self._table)],
            (checked & set(numeric)) | (set(new) if not old else set()),
        )
        first, second, colour = default_axes(self._table, suggested)
        self._fill(self.x_box, numeric, first)
        self._fill(self.y_box, numeric, second)
        self._fill(self.colour_box, [CLASSES, *numeric], colour)
        self._plot_points()

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
        self.plot.set_points(self._table[x].to_numpy(float), self._table[y].to_numpy(float), (x, y))
        self._colour()

    def _appearance(self) -> Appearance:
        by = self.colour_box.currentText()
        values = self._selection.classes if by == CLASSES else self._table[by].to_numpy()
        return appearance(values, self._selection.mask, categorical=by == CLASSES or None)

    def _colour(self, text: str = "") -> None:
        """Show classes and selection in the plot and in the labels."""
        selection, layer = self._selection, self.labels.layer
        if selection is None or layer is None or len(selection) != len(self._table):
            return
        look = self._appearance()
        self.plot.set_colours(look.index, look.palette, look.order)
        if look.plain:
            layers.restore_colours(layer)
        else:
            rows = np.arange(len(selection))
            if selection.has_frames:
                rows = np.flatnonzero(selection.frames == layers.current_frame(self.viewer, layer, True))
            layers.colour_objects(layer, selection.labels[rows], look.palette[look.index[rows]])
        n, total = int(selection.mask.sum()), len(selection)
        self.count.setText(
            f"{n} of {total} objects selected." if n else f"{total} objects. Drag around points to select."
        )

    def _frame_changed(self, event: Any = None) -> None:
        if self._selection is not None and self._selection.has_frames:
            self._colour()

    def _select(self, mask: np.ndarray, mode: str) -> None:
        if self._selection is not None:
            self._selection.select(mask, mode)  # type: ignore[arg-type]

    def _jump(self, row: int) -> None:
        selection = self._selection
        frame = int(selection.frames[row]) if selection.has_frames else None
        layers.show_object(self.viewer, self.labels.layer, int(selection.labels[row]), frame)

    def _describe(self, row: int) -> str:
        values = self._table.iloc[row]
        shown = [*keys_of(self._table), self.plot.names[0], self.plot.names[1]]
        if self.colour_box.currentText() in self._table.columns:
            shown.append(self.colour_box.currentText())
        return "\n".join(f"{name}: {values[name]:.5g}" for name in dict.fromkeys(shown))

    # -------------------------------------------------------------------------------------------- classes
    def _assign(self) -> None:
        if self._selection is None or not self._selection.mask.any():
            self.say("Select objects first: drag around points in the plot, or click objects in the image.")
            return
        self.colour_box.setCurrentText(CLASSES)
        n, class_id = int(self._selection.mask.sum()), self.class_box.value()
        self._selection.assign(class_id)
        self._selection.clear()
        self.say(f"{n} objects put into class {class_id}." if class_id else f"{n} objects taken out of their class.")

    def keep_classes(self) -> None:
        """Save the classes as a column of the table; objects that are merely selected become class 1."""
        selection = self._selection
        classes = selection.classes.copy()
        if not classes.any():
            classes[selection.mask] = 1
        if not classes.any():
            raise InputError("No object has a class yet. Select some with the lasso and put them into a class.")
        name = new_column_name(self._table, self.class_name.text().strip() or "MANUAL_CLASS")
        layers.add_columns(self.labels.layer, self._table[keys_of(self._table)].assign(**{name: classes}))
        n_objects, n_classes = int((classes > 0).sum()), len(np.unique(classes[classes > 0]))
        self.say(f"Saved as column ‘{name}’: {n_objects} objects in {n_classes} class(es).")

    # -------------------------------------------------------------------------------------------- analysis
    def embed(self) -> None:
        """Compute a map of the objects in the worker process."""
        table, columns, layer = self._table, self.columns.checked(), self.labels.layer
        method, neighbours, seed = self.method.currentText().lower(), self.neighbours.value(), self.embed_seed.value()

        def show(result: Any) -> None:
            new, names, note = result
            if not self.still_there(layer):
                return
            layers.add_columns(layer, new)
            layers.activate(self.viewer, layer)
            self.x_box.setCurrentText(names[0])
            self.y_box.setCurrentText(names[1])
            self.say(note)

        first = " (the first map of a session takes longer)" if not self._embedded else ""
        self._embedded = True
        self.jobs.start(
            self.method.currentText() + first,
            lambda progress: embed_table(table, columns, method, n_neighbors=neighbours, seed=seed, progress=progress),
            show,
        )

    def cluster(self) -> None:
        """Cluster the objects in the worker process."""
        table, columns, layer = self._table, self.columns.checked(), self.labels.layer
        n_clusters, seed = self.n_clusters.value(), self.cluster_seed.value()

        def show(result: Any) -> None:
            new, name, note = result
            if not self.still_there(layer):
                return
            layers.add_columns(layer, new)
            layers.activate(self.viewer, layer)
            self.colour_box.setCurrentText(name)
            self._colour()
            self.say(note)

        self.jobs.start(
            "Clustering",
            lambda progress: cluster_table(table, columns, n_clusters=n_clusters, seed=seed, progress=progress),
            show,
        )

    # -------------------------------------------------------------------------------------------- figure
    def _ask_figure(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the plot", "plot.png", "Figures (*.png *.svg *.pdf)")
        if path:
            self.attempt(lambda: self.save_figure(path))

    def save_figure(self, path: str) -> None:
        """Save the plot as a figure for publication."""
        by = self.colour_box.currentText()
        column = self._selection.classes if by == CLASSES else self._table[by].to_numpy()
        by_class = by == CLASSES or are_classes(column)
        save_scatter(
            path, self.plot.x, self.plot.y, column.astype(int) if by_class else None,
            x_label=self.plot.names[0], y_label=self.plot.names[1],
            values=None if by_class else column, values_label=by,
        )  # fmt: skip
        self.say(f"Saved to {path}.")
