"""What the Explore panel shows of its objects: the plot, the colours in the image, pictures, and figures of it all."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QFileDialog, QLabel

from bioloom import layers
from bioloom.errors import InputError
from bioloom.explore.appearance import Appearance, Colouring, appearance, colour_by, value_names
from bioloom.explore.axis_scales import grouped_digits
from bioloom.explore.figure import save_scatter
from bioloom.explore.plot_trails import Trails
from bioloom.explore.text_order import has_order
from bioloom.session.exploring import CLASSES, LEARNED, cluster_names
from bioloom.session.exploring_words import with_unit
from bioloom.session.feature_table import keys_of
from bioloom.session.plot_card import ObjectCard, value_text
from bioloom.widgets._explore_analysis import Exploring
from bioloom.widgets._explore_forms import ended
from bioloom.widgets._explore_image import ObjectPictures
from bioloom.widgets._plot import ScatterPlot
from bioloom.widgets._plot_bar import PlotBar

_TRACK_COLUMNS = ("track", "track_id", "TRACK_ID", "track id", "trackid")


class ObjectView:
    """Shows two columns of the objects, coloured by a third, in the plot and in the image.

    Parameters
    ----------
    panel
        The Explore panel.
    plot, bar, count
        The plot, its tools, and the line that says how many objects are selected.
    pictures
        Of the objects.
    """

    def __init__(self, panel: Exploring, plot: ScatterPlot, bar: PlotBar, count: QLabel, pictures: ObjectPictures):
        self._panel, self._plot, self._bar, self._count, self._pictures = panel, plot, bar, count, pictures
        self._known: tuple[Any, Colouring] | None = None
        plot.describe = self._describe
        plot.title_of = self._with_unit
        bar.frame_mode_changed.connect(self._frame_mode_changed)

    def forget(self) -> None:
        """Compute the colours anew: the table changed."""
        self._known = None

    def show_nothing(self) -> None:
        """Empty the plot."""
        self._plot.hint = "No measured objects.\nMeasure a labels layer in the Measure panel first."
        self._plot.set_points(np.zeros(0), np.zeros(0), ("", ""))
        self._pictures.clear()
        self._bar.show_history(False, False)
        self._count.setText("")

    def show_columns(self, x: str, y: str) -> None:
        """Plot two columns of the table."""
        table, plot = self._panel.table, self._plot
        plot.hint = "The table has no objects."
        if x not in table.columns or y not in table.columns:
            return
        xs, ys = table[x].to_numpy(float), table[y].to_numpy(float)
        # A column that came to the table is no reason to leave the view.
        if not (plot.names == (x, y) and _same(plot.x, xs) and _same(plot.y, ys)):
            plot.set_points(xs, ys, (x, y))
        self._follow_tracks()
        self.colour()

    def colour(self) -> None:
        """Show classes and selection in the plot and in the labels."""
        panel, selection = self._panel, self._panel.selection
        if selection is None or len(selection) != len(panel.table):
            return
        look = self._appearance()
        self._plot.set_look(look)
        # In the image only one frame is seen: all of its objects are bright.
        seen = look if self._bar.frame_mode == "all" else appearance(self._coloured(), selection.mask)
        if seen.plain:
            panel.pool.restore()
        else:
            panel.pool.show(seen.index, seen.palette)
        if self._pictures.in_view:
            base = seen.colouring
            plain = base.kind == "classes" and not base.counts[1:].any()
            self._pictures.update(None if plain else base.palette[base.index])
        self._bar.show_history(selection.can_undo, selection.can_redo)
        n, total = look.n_selected, len(selection)
        objects = f"{grouped_digits(total)} object{'s' * (total != 1)}"
        hint = f"{objects}. Drag around points to select." if total else ""
        self._count.setText(f"{grouped_digits(n)} of {objects} selected." if n else hint)

    def _coloured(self) -> Colouring:
        """Return what the objects are coloured by, computed once as long as it is the same."""
        panel, by = self._panel, self._panel.colour_column()
        if by == CLASSES:
            assert panel.selection is not None
            return colour_by(panel.selection.classes, True)
        if self._known is not None and self._known[0] == by:
            return self._known[1]
        column, clusters = panel.table[by], cluster_names(panel.table, by)
        values = column if has_order(column) else column.to_numpy()
        # A classifier may have learned classes of other names.
        named = layers.made_by(panel.pool.layers[0], by).get("class_names", {}) if by == LEARNED else {}
        names = (clusters | named) or value_names(values, by)
        try:
            made = colour_by(values, True if clusters else None, names=names, title=by)
        except InputError as error:
            panel.say(str(error))
            made = colour_by(np.zeros(len(values), np.int64), True, title=by)
        self._known = (by, made)
        return made

    def _appearance(self) -> Appearance:
        panel, mode = self._panel, self._bar.frame_mode
        assert panel.selection is not None
        bright = hidden = None
        if panel.pool.has_frames and mode != "all":
            here = panel.pool.in_view()
            bright, hidden = (None, ~here) if mode == "only" else (here, None)
        return appearance(self._coloured(), panel.selection.mask, bright=bright, hidden=hidden)

    # -------------------------------------------------------------------------------------------- frames
    def _frame_mode_changed(self, mode: str) -> None:
        self._follow_tracks()
        self.frame_changed()
        self.colour()

    def _follow_tracks(self) -> None:
        """Lead trails from row to row of the table as it is now, where they are wanted."""
        model, panel = self._plot.model, self._panel
        model.trails = None
        if self._bar.frame_mode != "trails" or panel.selection is None or not panel.pool.has_frames:
            return
        track = next((c for c in _TRACK_COLUMNS if c in panel.table.columns), None)
        if track is None:
            panel.say("Trails need a column ‘track’ in the table. Track the objects first.")
            return
        tracks = _tracks(panel.table[track].to_numpy(), panel.objects.source)
        model.trails, model.frame = Trails(tracks, panel.table["frame"]), panel.pool.frame()

    def frame_changed(self, event: Any = None) -> None:
        """Follow the frame in view."""
        pool, model = self._panel.pool, self._plot.model
        if self._panel.selection is None or not pool.has_frames or self._bar.frame_mode == "all":
            return
        frame = pool.frame()
        if frame != model.frame or event is None:
            model.frame = frame
            self.colour()

    # -------------------------------------------------------------------------------------------- one object
    def _describe(self, row: int) -> Any:
        panel = self._panel
        if row >= len(panel.table):
            return None
        table, named_by = panel.table, panel.objects.named_by
        shown = [*([named_by] if named_by else []), *keys_of(table), *self._plot.names]
        if panel.colour_column() in table.columns:
            shown.append(panel.colour_column())
        # Column by column: a row of numbers has one type, in which labels are no whole numbers any more.
        lines = [(name, value_text(table[name].iloc[row])) for name in dict.fromkeys(shown)]
        return ObjectCard("", lines, self._pictures.card(row))

    # -------------------------------------------------------------------------------------------- figure
    def ask_figure(self) -> None:
        """Ask for a file and save the plot."""
        path, _ = QFileDialog.getSaveFileName(self._plot, "Save the plot", "plot.png", "Figures (*.png *.svg *.pdf)")
        if path:
            self._panel.attempt(lambda: self.save_figure(path))

    def save_figure(self, path: str) -> None:
        """Save the plot as a figure for publication."""
        colouring, plot, path = self._coloured(), self._plot, ended(path, ".png")
        by_class = colouring.kind == "classes"
        classes = colouring.classes[colouring.index] if by_class else None
        save_scatter(
            path, plot.x, plot.y, classes, class_names=colouring.names,
            x_label=self._with_unit(plot.names[0]), y_label=self._with_unit(plot.names[1]),
            values=None if by_class else self._panel.table[colouring.title].to_numpy(float),
            values_label=self._with_unit(colouring.title),
            kind=plot.model.kind, scales=plot.model.scale_kinds, n_bins=plot.model.n_bins,
            gates={shown.name: shown.gate for shown in plot.gates}, columns=plot.names,
        )  # fmt: skip
        self._panel.say(f"Saved to {path}.")

    def _with_unit(self, column: str) -> str:
        """Name a column as on an axis."""
        panel = self._panel
        if not panel.pool.layers:
            return column
        units = {layers.measured_in(layer) for layer in panel.pool.layers}
        n_axes = panel.pool.layers[0].ndim - panel.pool.has_frames
        return with_unit(column, units.pop() if len(units) == 1 else "", n_axes)


def _tracks(tracks: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Renumber tracks so that those of one layer are not those of another."""
    known = np.nan_to_num(np.asarray(tracks, float), nan=0)
    most = max(int(known.max(initial=0)), 0) + 1
    return np.where(known > 0, known + source * most, 0)


def _same(before: np.ndarray, now: np.ndarray) -> bool:
    return before.shape == now.shape and np.array_equal(before, now, equal_nan=True)
