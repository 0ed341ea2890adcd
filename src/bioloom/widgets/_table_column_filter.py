"""A dialog to filter by one column: a range of numbers, or some of the words."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bioloom.errors import InputError
from bioloom.session.table_filters import ColumnFilter, RangeFilter, ValuesFilter
from bioloom.session.table_histograms import bin_column, bins_of_filter, count, filter_of_bins, states
from bioloom.session.table_view import TableView
from bioloom.widgets._parts import form
from bioloom.widgets._table_histogram import HistogramView

_MOST_LISTED = 500


class ColumnFilterDialog(QDialog):
    """Chooses which values of a column are shown: a range of numbers, or some of the words.

    Parameters
    ----------
    view
        The table view; its filter of the column changes as the dialog does, and is restored by Cancel.
    name
        The column.
    """

    def __init__(self, view: TableView, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Filter {name}")
        self._view, self._name, self._column = view, name, view.columns[name]
        self._before = view.limits.get(name)
        self._binned = bin_column(self._column)
        self.missing = QCheckBox("Rows without a value too")
        self.missing.setToolTip("Keep rows where this column is empty")
        self.histogram = HistogramView()
        layout = QVBoxLayout(self)
        layout.addWidget(self.histogram)
        self.words = QListWidget()
        self.search = QLineEdit()
        self.low, self.high = QLineEdit(), QLineEdit()
        if self._column.is_text:
            self._add_words(layout)
        else:
            self._add_limits(layout)
        values = self._column.codes < 0 if self._column.is_text else np.isnan(self._column.values.astype(np.float64))
        self._some_missing = bool(values.any())
        self.missing.setVisible(self._some_missing)
        layout.addWidget(self.missing)
        self.shown = QLabel()
        layout.addWidget(self.shown)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Reset
            | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        buttons.button(QDialogButtonBox.StandardButton.Reset).setText("Show all")
        buttons.button(QDialogButtonBox.StandardButton.Reset).clicked.connect(self._reset)
        layout.addWidget(buttons)
        self.histogram.bins_chosen.connect(self._choose_bins)
        self.missing.toggled.connect(lambda _: self._apply())
        self._show(self._before)

        view.replaced.connect(self._table_gone)

    def _table_gone(self) -> None:
        """Another table is shown: its filter is no longer this dialog's matter."""
        self.done(QDialog.DialogCode.Rejected)

    def done(self, result: int) -> None:
        """Close, and no longer follow the table."""
        self._view.replaced.disconnect(self._table_gone, missing_ok=True)
        super().done(result)

    def _add_limits(self, layout: QVBoxLayout) -> None:
        rows, fields = form()
        for field, title in ((self.low, "From"), (self.high, "To")):
            field.setToolTip("Included; empty for no limit")
            field.setPlaceholderText("no limit")
            field.textEdited.connect(lambda _: self._apply_limits())
            fields.addRow(title, field)
        layout.addWidget(rows)

    def _add_words(self, layout: QVBoxLayout) -> None:
        column = self._column
        sizes = np.bincount(column.codes[column.codes >= 0], minlength=len(column.words))
        for place in np.argsort(-sizes, kind="stable")[:_MOST_LISTED]:
            item = QListWidgetItem(f"{column.words[place]}  ({sizes[place]:,})")
            item.setData(Qt.ItemDataRole.UserRole, str(column.words[place]))
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked)
            self.words.addItem(item)
        self.search.setPlaceholderText("Search")
        self.search.setToolTip("List only words that contain this")
        self.search.textChanged.connect(self._search)
        layout.addWidget(self.search)
        layout.addWidget(self.words)
        if len(column.words) > _MOST_LISTED:
            layout.addWidget(QLabel(f"The {_MOST_LISTED} most frequent of {len(column.words):,} words"))
        self.words.itemChanged.connect(lambda _: self._apply())

    def _search(self, text: str) -> None:
        for place in range(self.words.count()):
            item = self.words.item(place)
            item.setHidden(text.lower() not in item.data(Qt.ItemDataRole.UserRole).lower())

    def _items(self) -> list[QListWidgetItem]:
        return [self.words.item(place) for place in range(self.words.count())]

    def chosen(self) -> ColumnFilter | None:
        """Return the filter that the fields say; None if all is to be shown."""
        if self._column.is_text:
            items = self._items()
            checked = [i.data(Qt.ItemDataRole.UserRole) for i in items if i.checkState() == Qt.CheckState.Checked]
            missing = self.missing.isChecked() or not self._some_missing
            return None if len(checked) == len(items) and missing else ValuesFilter(checked, missing)
        low, high = (_number(field.text(), none) for field, none in ((self.low, -np.inf), (self.high, np.inf)))
        missing = self.missing.isChecked() or not self._some_missing
        return None if missing and np.isinf([low, high]).all() else RangeFilter(low, high, self.missing.isChecked())

    def _apply_limits(self) -> None:
        # Who asks for a range at first does not ask for rows without a value.
        if self._view.limits.get(self._name) is None:
            self.missing.blockSignals(True)
            self.missing.setChecked(False)
            self.missing.blockSignals(False)
        self._apply()

    def _apply(self) -> None:
        try:
            limit = self.chosen()
        except InputError as error:
            self.shown.setText(str(error))
            return
        self._view.limit(self._name, limit)
        self._tell(limit)

    def _tell(self, limit: ColumnFilter | None) -> None:
        state = states(self._view.kept, np.zeros(self._view.n_rows, bool))
        self.histogram.show_counts(self._binned, count(self._binned, state), bins_of_filter(self._binned, limit))
        self.shown.setText(f"{len(self._view.rows):,} of {self._view.n_rows:,} rows are shown")

    def _show(self, limit: ColumnFilter | None) -> None:
        """Let the fields say a filter."""
        for part in (self.low, self.high, self.missing, self.words):
            part.blockSignals(True)
        self.missing.setChecked(limit is None or limit.missing)
        if isinstance(limit, ValuesFilter) and self._column.is_text:
            for item in self._items():
                on = item.data(Qt.ItemDataRole.UserRole) in limit.values
                item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        elif limit is None:
            for item in self._items():
                item.setCheckState(Qt.CheckState.Checked)
        low, high = (limit.low, limit.high) if isinstance(limit, RangeFilter) else (-np.inf, np.inf)
        self.low.setText("" if np.isinf(low) else f"{low:.10g}")
        self.high.setText("" if np.isinf(high) else f"{high:.10g}")
        for part in (self.low, self.high, self.missing, self.words):
            part.blockSignals(False)
        self._tell(limit)

    def _choose_bins(self, first: int, last: int) -> None:
        limit = None if first < 0 else filter_of_bins(self._column, self._binned, first, last)
        self._view.limit(self._name, limit)
        self._show(limit)

    def _reset(self) -> None:
        self._view.limit(self._name, None)
        self._show(None)

    def reject(self) -> None:
        """Leave the filter as it was before."""
        self._view.limit(self._name, self._before)
        super().reject()


def _number(text: str, none: float) -> float:
    text = text.strip().replace(",", ".")
    if not text:
        return none
    try:
        return float(text)
    except ValueError:
        raise InputError(f"‘{text}’ is not a number.") from None
