"""Runs a recipe over files: which ones, where to, how it goes, and what became of each."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QProgressBar,
    QPushButton,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bioloom.errors import BioloomError, InputError
from bioloom.recipe import find_files
from bioloom.recipe.batch import BatchResult, FileResult
from bioloom.recipe.catalogue import get_operation
from bioloom.recipe.graph import Recipe
from bioloom.recipe.run_files import REPORT, run_files
from bioloom.session.jobs import JobRunner
from bioloom.widgets._base import MainThread, abandon
from bioloom.widgets._parts import enable, form, whole_number

_FORMATS = (("TIFF", "tif"), ("PNG (8 or 16 bit)", "png"), ("OME-Zarr", "zarr"))
_AXES = (("as the file says", None), ("the first", 0), ("the second", 1), ("the last", -1))
_MOST_JOBS = 64


class BatchDialog(QDialog):
    """Runs a recipe over files, in several processes, without stopping the work in the viewer.

    Parameters
    ----------
    recipe
        What to do.
    spacing
        The proportions of pixels that the steps were made with, where lengths count pixels.
    frame_axis
        The axis of time of the image that the steps were made on.
    parent
        The window.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        spacing: tuple[float, ...] | None = None,
        frame_axis: int | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Run ‘{recipe.name or 'the recipe'}’ over files")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.recipe, self._spacing = recipe, spacing
        self.result_of_run: BatchResult | None = None
        self._files: tuple[Path, ...] = ()
        self._searched = self._not_found = ""
        self.jobs = JobRunner(MainThread(self).send)
        self.destroyed.connect(partial(abandon, self.jobs))
        on = [step for step in recipe.without_corrections().steps if step.enabled]
        steps = " → ".join(get_operation(step.operation).title for step in on)
        lines = [steps, f"Lengths in {'pixels' if recipe.unit == 'pixel' else recipe.unit}."]
        if recipe.corrected:
            lines.append("Corrections by hand are left out: they belong to the image that they were made on.")
        about = QLabel("\n".join(lines))
        about.setWordWrap(True)
        self.images = QLineEdit()
        self.images.setPlaceholderText("files, folders or patterns, separated by ;")
        self.images.setToolTip(
            "TIFF, OME-TIFF, PNG, Zarr and OME-Zarr. A folder stands for all images in it.\n"
            "* stands for anything, ** for subfolders: data/**/*_dapi.tif"
        )
        self.out = QLineEdit()
        self.out.setPlaceholderText("a folder")
        self.out.setToolTip("The folder for the results and the report; it is made if it is not there")
        self.others = {name: self._other(name) for name in recipe.inputs[1:]}
        self.format = QComboBox()
        for title, suffix in _FORMATS:
            self.format.addItem(title, suffix)
        self.format.setToolTip("How images and labels are written; tables become CSV, surfaces PLY")
        self.time = QComboBox()
        for title, axis in _AXES:
            self.time.addItem(title, axis)
        self.time.setToolTip("The axis of time: every frame is processed by itself")
        if frame_axis is not None:
            self.time.setCurrentIndex(self.time.findData(frame_axis))
        cores = os.cpu_count() or 1
        self.n_jobs = whole_number(
            max(1, min(4, cores - 1)), 1, _MOST_JOBS, f"Files computed at the same time; there are {cores} cores"
        )
        self.resume = QCheckBox("Leave out files that are finished")
        self.resume.setToolTip("Go on with a run that was stopped: files with results of the same recipe are kept")
        self.resume.setChecked(True)
        self.blocks = QCheckBox("Block by block")
        self.blocks.setToolTip("For images larger than the memory: every step has to be local. Writes OME-Zarr")
        rows, layout = form()
        layout.addRow("Images", _beside(self.images, self._browse_button()))
        for name, field in self.others.items():
            layout.addRow(name.replace("_", " ").capitalize(), field)
        layout.addRow("Results to", _beside(self.out, self._folder_button()))
        layout.addRow("Written as", self.format)
        layout.addRow("Axis of time", self.time)
        layout.addRow("Processes", self.n_jobs)
        layout.addRow(self.resume)
        layout.addRow(self.blocks)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setVisible(False)
        self.table = QTreeWidget()
        self.table.setHeaderLabels(["File", "Result"])
        self.table.setRootIsDecorated(False)
        self.table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.table.setVisible(False)
        self.run_button = QPushButton("Run")
        self.run_button.setToolTip("Process the files; you can go on working meanwhile")
        self.cancel_button = QPushButton("Close")
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.run_button)
        column = QVBoxLayout(self)
        for part in (about, rows, self.hint, self.bar, self.table):
            column.addWidget(part)
        column.addLayout(buttons)
        self.run_button.clicked.connect(lambda on: self.run())
        self.cancel_button.clicked.connect(lambda on: self._cancel_or_close())
        self.jobs.progressed.connect(self._progressed)
        self.jobs.ended.connect(self._ended)
        self.jobs.failed.connect(self._failed)
        for field in (self.images, self.out, *self.others.values()):
            field.textChanged.connect(lambda text: self._show_state())
        self.blocks.toggled.connect(lambda on: self.format.setEnabled(not on))
        self.resize(520, self.sizeHint().height())
        self._show_state()

    @staticmethod
    def _other(name: str) -> QLineEdit:
        field = QLineEdit()
        field.setPlaceholderText("{stem}_labels.tif, or #1 for the second channel")
        field.setToolTip(
            f"Where the recipe finds ‘{name}’ of each image: a path in which {{stem}} stands for the image's name,\n"
            "or #0, #1, … for a channel of it. Empty if the files have as many channels as the recipe has inputs"
        )
        return field

    def _browse_button(self) -> QToolButton:
        button = QToolButton()
        button.setText("…")
        button.setToolTip("Choose files, or a folder")
        menu = QMenu(button)
        menu.addAction("Files…").triggered.connect(lambda on=False: self._ask_files())
        menu.addAction("Folder…").triggered.connect(lambda on=False: self._ask_images_folder())
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return button

    def _folder_button(self) -> QToolButton:
        button = QToolButton()
        button.setText("…")
        button.setToolTip("Choose the folder for the results")
        button.clicked.connect(lambda on: self._ask_out())
        return button

    def _ask_files(self) -> None:
        kinds = "Images (*.tif *.tiff *.png *.zarr);;All files (*)"
        paths, _ = QFileDialog.getOpenFileNames(self, "Choose images", "", kinds)
        if paths:
            self.images.setText("; ".join(paths))
            self._propose_out(Path(paths[0]).parent)

    def _ask_images_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose the folder with the images")
        if path:
            self.images.setText(path)
            self._propose_out(Path(path))

    def _propose_out(self, folder: Path) -> None:
        if not self.out.text():
            self.out.setText(str(folder / "results"))

    def _ask_out(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose the folder for the results", self.out.text())
        if path:
            self.out.setText(path)

    # -------------------------------------------------------------------------------------------- the choice
    @property
    def files(self) -> tuple[Path, ...]:
        """The images that were found."""
        self._find()
        return self._files

    def _find(self) -> None:
        text = self.images.text().strip()
        if text == self._searched:
            return
        self._searched, self._files = text, ()
        patterns = [str(Path(part.strip()).expanduser()) for part in text.split(";") if part.strip()]
        try:
            self._files = tuple(find_files(patterns)) if patterns else ()
            self._not_found = "" if self._files else "No image was found there."
        except BioloomError as error:
            self._not_found = str(error)

    def _missing(self) -> str:
        if not self.images.text().strip():
            return "Choose the images."
        if not self.files:
            return self._not_found
        if not self.out.text().strip():
            return "Choose the folder for the results."
        out = Path(self.out.text().strip()).expanduser()
        if out.is_file():
            return "The folder for the results is a file. Choose another."
        if out.resolve() in {path.parent.resolve() for path in self.files}:
            return "Choose another folder for the results: here they would be mistaken for images the next time."
        return ""

    def _show_state(self) -> None:
        missing = self._missing()
        n = len(self._files)
        found = f"{n:,} image{'s' * (n != 1)}, from {self._files[0].name} to {self._files[-1].name}." if n else ""
        self.hint.setText(missing or found)
        busy = self.jobs.busy
        enable(self.run_button, not missing and not busy, missing or "It is running")
        self.cancel_button.setText("Cancel" if busy else "Close")
        tip = "Stop; files that are finished stay, and the next run can go on" if busy else "Close this window"
        self.cancel_button.setToolTip(tip)

    # -------------------------------------------------------------------------------------------- running
    def run(self) -> None:
        """Process the files."""
        files, out = self.files, Path(self.out.text().strip()).expanduser()
        inputs = {name: field.text().strip() for name, field in self.others.items() if field.text().strip()}
        options = {
            "inputs": inputs,
            "spacing": self._spacing,
            "frame_axis": self.time.currentData(),
            "jobs": self.n_jobs.value(),
            "resume": self.resume.isChecked(),
            "blocks": self.blocks.isChecked(),
            "file_format": self.format.currentData(),
        }
        self.result_of_run = None
        self.table.clear()
        self.table.setVisible(True)
        self.bar.setVisible(True)
        self.bar.setRange(0, 0)
        self.resize(self.width(), max(self.height(), 560))
        thread = MainThread(self)

        def work(progress: Any) -> BatchResult:
            return run_files(
                self.recipe,
                files,
                out,
                progress=progress,
                on_file=lambda one: thread.send(lambda: self._file_done(one)),
                **options,
            )

        self.jobs.start("Batch", work, self._done)
        self._show_state()

    def _progressed(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def _file_done(self, one: FileResult) -> None:
        if one.error:
            said = one.error
        elif one.kept:
            said = "was there"
        else:
            said = f"{', '.join(path.name for path in one.outputs)}  ({one.seconds:.1f} s)"
        if one.note and not one.error:
            said = f"{one.note} {said}"
        row = QTreeWidgetItem([one.path.name, ("⚠ " if one.error or one.note else "") + said])
        row.setToolTip(0, str(one.path))
        row.setToolTip(1, said)
        self.table.addTopLevelItem(row)
        self.table.scrollToItem(row)

    def _done(self, result: BatchResult) -> None:
        self.result_of_run = result
        folder = Path(self.out.text().strip()).expanduser()
        counts = result.describe().splitlines()[0]
        tables = [f"{path.name} is the table of all images." for path in result.tables]
        self.hint.setText("\n".join([f"{counts}. In {folder}:", *tables, f"{REPORT} is the report."]))

    def _ended(self) -> None:
        self.bar.setVisible(False)
        self._show_state()

    def _failed(self, name: str, error: Exception) -> None:
        self.hint.setText(
            str(error) if isinstance(error, (InputError, BioloomError)) else f"{type(error).__name__}: {error}"
        )

    def _cancel_or_close(self) -> None:
        if not self.jobs.busy:
            self.close()
            return
        self.jobs.cancel()
        self.hint.setText("Stopped. Files that are finished stay; Run goes on with the others.")

    def closeEvent(self, event: Any) -> None:
        """Stop what is running."""
        self.jobs.cancel()
        super().closeEvent(event)


def _beside(field: QWidget, button: QWidget) -> QWidget:
    part = QWidget()
    row = QHBoxLayout(part)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(field, stretch=1)
    row.addWidget(button)
    part.setFocusProxy(field)
    return part
