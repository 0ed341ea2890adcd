"""Asks to what a classifier is to be applied, and what to make."""

from __future__ import annotations

import glob
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from bioloom.errors import InputError
from bioloom.recipe import find_files
from bioloom.widgets._parts import enable, form, in_grid

Target = Literal["image", "frames", "layers", "folder"]

OUTPUTS = {
    "classes": ("Classes", "The class of every pixel"),
    "objects": ("Objects", "The connected regions of the class of interest, each with its own label"),
    "probability": ("Probability", "0 to 1, of the class of interest"),
    "uncertainty": ("Uncertainty", "0 to 1: 1 minus the lead of the most probable class over the next"),
}
"""What a pixel classifier can make: title and explanation."""


@dataclass(frozen=True)
class Application:
    """What the user wants a classifier to be applied to.

    Attributes
    ----------
    target : str
        ``"image"`` (the frame in view), ``"frames"`` (all of them), ``"layers"`` or ``"folder"``.
    outputs : tuple of str
        What to make: keys of the outputs that were offered.
    layers : tuple
        The layers that were checked, if these are the target.
    files : tuple of Path
        The images of the folder.
    out : Path or None
        The folder for the results.
    labels : str
        Where the objects of an image are, ``{stem}`` standing for its name; empty if none are needed.
    existing : str
        ``"replace"`` or ``"keep"`` results that are there already.
    """

    target: Target
    outputs: tuple[str, ...]
    layers: tuple[Any, ...] = ()
    files: tuple[Path, ...] = ()
    out: Path | None = None
    labels: str = ""
    existing: Literal["replace", "keep"] = "replace"


class ApplyDialog(QDialog):
    """Chooses target and outputs; the button is disabled, with the reason beside it, until the choice is complete.

    Parameters
    ----------
    image
        What the chosen image is called.
    n_frames
        How many frames it has; None without time.
    others
        Further layers to offer, by name.
    outputs
        What can be made: key to title and explanation.
    checked
        The keys of those that are checked at first.
    with_labels
        Whether files need a file with their objects each.
    parent
        The widget that asks.
    """

    def __init__(
        self,
        image: str,
        n_frames: int | None = None,
        others: Sequence[tuple[str, Any]] = (),
        outputs: Mapping[str, tuple[str, str]] = OUTPUTS,
        checked: Collection[str] = ("classes",),
        *,
        with_labels: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Apply the classifier")
        self._others, self._with_labels = list(others), with_labels
        self._files: tuple[Path, ...] = ()
        self._searched = self._not_found = ""
        several = n_frames is not None and n_frames > 1
        self.targets: dict[Target, QRadioButton] = {
            "image": QRadioButton(f"The frame in view of {image}" if several else f"This image: {image}"),
            "frames": QRadioButton(f"All {n_frames} frames of {image}" if several else "All frames"),
            "layers": QRadioButton("Other layers"),
            "folder": QRadioButton("A folder of image files"),
        }
        for key, why in {
            "frames": "" if several else f"{image} has one frame only",
            "layers": "" if others else "There is no other layer of this kind",
        }.items():
            enable(self.targets[key], not why, why)
        self.layer_list = QListWidget()
        self.layer_list.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.layer_list.setAccessibleName("Layers to apply it to")
        for name, _ in self._others:
            item = QListWidgetItem(name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked)
            self.layer_list.addItem(item)
        self.layer_list.setMaximumHeight(6 * self.fontMetrics().height() + 24)
        self._build_folder()
        self.output_boxes = {key: QCheckBox(title) for key, (title, _) in outputs.items()}
        for key, box in self.output_boxes.items():
            box.setToolTip(outputs[key][1])
            box.setChecked(key in checked)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.apply_button = self.buttons.addButton("Apply", QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for key, part in {"image": None, "frames": None, "layers": self.layer_list, "folder": self._folder}.items():
            layout.addWidget(self.targets[key])
            if part is not None:
                indent = QHBoxLayout()
                indent.setContentsMargins(20, 0, 0, 0)
                indent.addWidget(part)
                layout.addLayout(indent)
        layout.addSpacing(6)
        layout.addWidget(QLabel("Make"))
        layout.addLayout(in_grid(list(self.output_boxes.values()), 2))
        layout.addStretch(1)
        layout.addWidget(self.hint)
        layout.addWidget(self.buttons)
        for button in (*self.targets.values(), *self.output_boxes.values()):
            button.toggled.connect(lambda on: self._show_state())
        self.layer_list.itemChanged.connect(lambda item: self._show_state())
        self.targets["image"].setChecked(True)
        self.resize(420, self.sizeHint().height())

    def _build_folder(self) -> None:
        self._folder, rows = form()
        self.folder = QLineEdit()
        self.folder.setToolTip("The folder with the images")
        self.pattern = QLineEdit("*")
        self.pattern.setToolTip("Which files of it: * stands for anything, ** for subfolders, such as *_dapi.tif")
        self.out = QLineEdit()
        self.out.setToolTip("The folder for the results; it is made if it is not there")
        self.labels = QLineEdit("{stem}_labels.tif")
        self.labels.setToolTip("The file with the objects of each image; {stem} stands for the name of the image")
        self.existing = QComboBox()
        self.existing.addItem("are made again", "replace")
        self.existing.addItem("are kept", "keep")
        self.existing.setToolTip("What to do about results that are in the folder already")
        rows.addRow("Images in", self._with_button(self.folder, "Choose the folder with the images"))
        rows.addRow("Files", self.pattern)
        if self._with_labels:
            rows.addRow("Objects in", self.labels)
        rows.addRow("Results to", self._with_button(self.out, "Choose the folder for the results"))
        rows.addRow("Results that exist", self.existing)
        for field in (self.folder, self.pattern, self.out, self.labels):
            field.textChanged.connect(lambda text: self._show_state())

    def _with_button(self, field: QLineEdit, title: str) -> QWidget:
        part, button = QWidget(), QPushButton("…")
        button.setToolTip(title)
        button.setAccessibleName(title)
        button.setMaximumWidth(32)
        button.clicked.connect(lambda on: self._ask_folder(field, title))
        row = QHBoxLayout(part)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(field, stretch=1)
        row.addWidget(button)
        part.setFocusProxy(field)
        return part

    def _ask_folder(self, field: QLineEdit, title: str) -> None:
        path = QFileDialog.getExistingDirectory(self, title, field.text())
        if path:
            field.setText(path)
            if field is self.folder and not self.out.text():
                self.out.setText(str(Path(path) / "results"))

    # -------------------------------------------------------------------------------------------- the choice
    @property
    def target(self) -> Target:
        """What is chosen to apply it to."""
        return next(key for key, button in self.targets.items() if button.isChecked())

    def application(self) -> Application:
        """Return the choice; complete if the button is enabled."""
        target = self.target
        outputs = tuple(key for key, box in self.output_boxes.items() if box.isChecked())
        if target == "layers":
            return Application(target, outputs, layers=tuple(self._checked_layers()))
        if target == "folder":
            labels = ""
            if self._with_labels:
                labels = str(self._path(self.folder) / self.labels.text().strip())
            return Application(
                target,
                outputs,
                files=self._files,
                out=self._path(self.out),
                labels=labels,
                existing=self.existing.currentData(),
            )
        return Application(target, outputs)

    @classmethod
    def ask(cls, *args: Any, **options: Any) -> Application | None:
        """Show the dialog; return the choice, or None if the user cancelled."""
        dialog = cls(*args, **options)
        try:
            return dialog.application() if dialog.exec() == QDialog.DialogCode.Accepted else None
        finally:
            dialog.deleteLater()

    def _checked_layers(self) -> list[Any]:
        marks = [self.layer_list.item(i).checkState() == Qt.CheckState.Checked for i in range(self.layer_list.count())]
        return [layer for (_, layer), mark in zip(self._others, marks, strict=True) if mark]

    @staticmethod
    def _path(field: QLineEdit) -> Path:
        return Path(field.text().strip()).expanduser()

    def _find_files(self) -> None:
        pattern = self.pattern.text().strip() or "*"
        folder = self._path(self.folder)
        # Brackets in the name of the folder stand for themselves.
        searched = str(folder if pattern == "*" else Path(glob.escape(str(folder))) / pattern)
        if searched != self._searched:
            self._searched = searched
            try:
                self._files = tuple(path for path in find_files([searched]) if path.is_file())
                self._not_found = f"No file in this folder matches {pattern}."
            except InputError as error:
                self._files, self._not_found = (), str(error)

    def _missing(self) -> str:
        """Return what is still to be chosen."""
        target = self.target
        if target == "layers" and not self._checked_layers():
            return "Check at least one layer."
        if target == "folder":
            if not self.folder.text().strip():
                return "Choose the folder with the images."
            if not self._path(self.folder).is_dir():
                return f"There is no folder {self.folder.text().strip()}."
            self._find_files()
            if not self._files:
                return self._not_found
            if self._with_labels and not self.labels.text().strip():
                return "Say where the objects of each image are, such as {stem}_labels.tif."
            if not self.out.text().strip():
                return "Choose the folder for the results."
            if self._path(self.out).resolve() in {path.parent.resolve() for path in self._files}:
                return "Choose another folder for the results: here they would be mistaken for images the next time."
            if self._path(self.out).is_file():
                return "The folder for the results is a file. Choose another."
        if not any(box.isChecked() for box in self.output_boxes.values()):
            return "Check at least one result to make."
        return ""

    def _show_state(self) -> None:
        self.layer_list.setVisible(self.target == "layers")
        if self._folder.isHidden() is (self.target == "folder"):
            self._folder.setVisible(self.target == "folder")
            self.resize(self.width(), max(self.height(), self.sizeHint().height()))
        missing = self._missing()
        ready = ""
        if self.target == "folder" and not missing:
            n = len(self._files)
            ready = f"{n:,} file{'s' * (n != 1)}, from {self._files[0].name} to {self._files[-1].name}."
        self.hint.setText(missing or ready)
        layout = self.layout()
        if layout is not None and self._folder.isVisibleTo(self):
            # A longer hint makes the dialog taller, rather than the fields above it lower.
            needed = layout.totalHeightForWidth(self.width())
            if needed > self.height():
                self.resize(self.width(), needed)
        enable(self.apply_button, not missing, missing)
