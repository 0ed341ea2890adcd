"""What of the table panel is copied or saved: the rows and columns that are shown, or what another page shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
from qtpy.QtWidgets import QApplication, QFileDialog

from bioloom import tables
from bioloom.session.jobs import JobRunner
from bioloom.widgets._table_statistics import Page

if TYPE_CHECKING:
    from bioloom.widgets._table_view import TablePanel

FILES = "Tables (*.csv *.tsv *.parquet *.h5ad)"


def with_suffix(path: str) -> str:
    """Return the name of a file of a table; without a known ending it becomes one of CSV."""
    return path if path.lower().endswith(tables.SUFFIXES) else f"{path}.csv"


class TableOutput:
    """Copies and saves what a table panel shows.

    Parameters
    ----------
    panel
        The panel.
    deliver
        Runs a callable on the application's thread.
    """

    def __init__(self, panel: TablePanel, deliver: Callable[[Callable[[], object]], None]) -> None:
        self._panel = panel
        self.jobs = JobRunner(deliver)
        self.jobs.failed.connect(lambda name, error: panel.failed.emit(error))

    def part(self, selected: bool = False) -> pd.DataFrame:
        """Return what the page in front shows; of the objects, all rows shown or those of them that are selected."""
        panel, page = self._panel, self._panel.pages.currentWidget()
        if isinstance(page, Page):
            return page.result()
        return panel.view.shown_table(panel.columns.shown(), panel.mask if selected else None)

    def copy(self) -> None:
        """Copy what the page in front shows, for a spreadsheet; of the objects the selected rows, if there are any.

        Raises
        ------
        InputError
            If there are too many cells.
        """
        panel = self._panel
        if panel.pages.currentWidget() is panel.rows:
            places = panel.rows.selected_places()
            text = panel.view.copied(panel.columns.shown(), panel.mask if len(places) else None)
            n = len(places) or len(panel.view.rows)
        else:
            table = self.part()
            text, n = table.to_csv(sep="\t", index=False), len(table)
        QApplication.clipboard().setText(text)
        panel.said.emit(f"{n:,} rows copied.")

    def save(self, path: str, selected: bool = False) -> None:
        """Save what is shown: CSV, TSV, Parquet or AnnData by the end of the name; without one, CSV."""
        part, path, panel = self.part(selected), with_suffix(path), self._panel
        tables.check_table_file(path)
        panel.said.emit("Saving …")
        text = f"{len(part):,} rows and {part.shape[1]} columns saved to {path}."
        self.jobs.start(
            "Saving", lambda progress: tables.save_table(path, part, progress), lambda _: panel.said.emit(text)
        )

    def ask_save(self, selected: bool = False) -> None:
        """Ask for a file, and save what is shown."""
        path, _ = QFileDialog.getSaveFileName(self._panel, "Save the table", "objects.csv", FILES)
        if path:
            self._panel.attempt(lambda: self.save(path, selected))
