"""Chooses pixel features: by preset, in a grid of filter and sigma, or as text."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from bioloom.classify.feature_set import KINDS, PRESETS, FeatureSet
from bioloom.errors import InputError
from bioloom.widgets._feature_cells import Cell, FeatureCells
from bioloom.widgets._feature_words import cells_of, guesses, preset_of, presets, refusal, without_sigma, word_of
from bioloom.widgets._parts import enable, narrow_combo
from bioloom.widgets._scroll import SidewaysScroll
from bioloom.widgets._theme import eye_icon

_SIGMAS = (0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 25.0)
_MOST_COLUMNS = 11
_CUSTOM = "custom"
_HOVER_MS = 200


class FeatureGrid(QWidget):
    """A feature set that can be edited in three ways; they always say the same."""

    changed = Signal(str)
    """The feature set as text, after the user changed it."""
    preview_requested = Signal(str)
    """A feature to show as an image, such as ``"gaussian_blur=2"``."""
    preview_ended = Signal()
    """The user wants to see no feature any more."""

    def __init__(self) -> None:
        super().__init__()
        self._own_sigmas: set[float] = set()
        self._n_channels, self._n_dim = 1, 2
        self._error = ""
        self._set = FeatureSet.parse(next(iter(PRESETS)))
        self._pointed: Cell | None = None
        self.preset = narrow_combo(
            "Choose by the size of the structures that tell the classes apart", [*PRESETS, _CUSTOM]
        )
        self.cells = FeatureCells()
        self._scroll = SidewaysScroll(self.cells)
        self.text_line = QLineEdit()
        self.text_line.setToolTip(
            "The features as text: name=sigma (or radius), separated by blanks. Edit it, or copy it to another computer"
        )
        self.text_line.setAccessibleName("Features as text")
        self.info = QLabel()
        self.info.setWordWrap(True)
        # As wide as there is room: long names must not widen the panel.
        self.info.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.info.setToolTip("Features take one byte per pixel: so many megabytes for each million pixels")
        self.own_sigma = QDoubleSpinBox()
        self.own_sigma.setDecimals(2)
        self.own_sigma.setRange(0.1, 200)
        self.own_sigma.setValue(4)
        self.own_sigma.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.add_sigma_button = QPushButton("Add size")
        self.add_sigma_button.setToolTip("Add a column for this sigma or radius")
        self.eye = QToolButton()
        self.eye.setCheckable(True)
        self.eye.setText("Preview")
        self.eye.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.eye.setToolTip("Show the feature under the mouse, or at the focus of the keyboard, as an image layer")
        self.more = QToolButton()
        self.more.setCheckable(True)
        self.more.setToolTip("List all filters, or only the usual ones and those that are used")
        tools = QHBoxLayout()
        tools.addWidget(self.own_sigma, stretch=1)
        tools.addWidget(self.add_sigma_button)
        tools.addWidget(self.eye)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.preset)
        layout.addWidget(self._scroll)
        layout.addLayout(tools)
        layout.addWidget(self.text_line)
        foot = QHBoxLayout()
        foot.addWidget(self.info, stretch=1)
        foot.addWidget(self.more)
        layout.addLayout(foot)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_HOVER_MS)
        self._timer.timeout.connect(self._request_preview)
        self.preset.textActivated.connect(self._preset_chosen)
        self.cells.edited.connect(self._cells_edited)
        self.cells.pointed.connect(self._cell_pointed)
        self.text_line.textEdited.connect(self._text_edited)
        self.text_line.editingFinished.connect(self._tidy)
        self.add_sigma_button.clicked.connect(lambda on: self.add_sigma(self.own_sigma.value()))
        self.own_sigma.valueChanged.connect(lambda value: self._show_add())
        self.more.toggled.connect(lambda on: self._show_axes())
        self.eye.toggled.connect(self._eye_toggled)
        self.set_unit("px")
        self.set_text(self._set)

    # -------------------------------------------------------------------------------------------- what is shown
    def features(self) -> FeatureSet:
        """Return the feature set.

        Raises
        ------
        InputError
            If the text is no feature set.
        """
        if self._error:
            raise InputError(self._error)
        return self._set

    def text(self) -> str:
        """Return the feature set as text; see :meth:`features`."""
        return str(self.features())

    def set_text(self, features: FeatureSet | str) -> None:
        """Show another feature set, such as that of a loaded classifier; nothing is emitted.

        Raises
        ------
        InputError
            If it is no feature set.
        """
        self._set = FeatureSet.parse(str(features))
        self._error = ""
        self._show(with_text=True)

    def set_unit(self, unit: str) -> None:
        """Say in which unit sigmas are: ``"px"`` or the unit of the layer, such as ``"µm"``."""
        self.cells.unit = unit
        self.own_sigma.setSuffix(f" {unit}")
        self.own_sigma.setToolTip(f"A sigma or radius of your own, in {unit}")
        self.cells.update()

    def set_channels(self, n_channels: int) -> None:
        """Say of how many channels each feature is computed, for the memory."""
        self._n_channels = max(1, n_channels)
        self._show_info()

    def set_dimensions(self, n_dim: int) -> None:
        """Say of how many spatial axes, 2 or 3, the image has: some filters are for stacks only."""
        self._n_dim = n_dim
        self._show_axes()
        self._show_info()

    def show_importances(self, importances: Mapping[str, float]) -> None:
        """Shade the cells by how much a classifier uses them.

        Parameters
        ----------
        importances
            Share of each feature by its name, such as ``{"gaussian_blur=2": 0.4}``; those of several channels are
            added up; empty for none.
        """
        shares: dict[Cell, float] = {}
        for name, share in importances.items():
            word = name.partition(" of channel ")[0]
            if not refusal(word, 3):
                (cell,) = cells_of(FeatureSet.parse(word))
                shares[cell] = shares.get(cell, 0.0) + share
        self.cells.importances = shares
        self.cells.update()

    def stop_preview(self) -> None:
        """Say that no feature is shown any more, after its layer was removed for example."""
        self.eye.setChecked(False)

    # -------------------------------------------------------------------------------------------- what the user does
    def add_sigma(self, sigma: float) -> None:
        """Add a column for a sigma."""
        self._own_sigmas.add(float(f"{sigma:g}"))
        self._show_axes()

    def _preset_chosen(self, name: str) -> None:
        if name in PRESETS:
            self._take(FeatureSet.parse(name))

    def _cells_edited(self) -> None:
        kept = [(f.kind, f.sigma) for f in self._set.features]
        chosen = [cell for cell in kept if cell in self.cells.checked]
        chosen += [cell for cell in self._all_cells() if cell in self.cells.checked and cell not in kept]
        if not chosen:
            self._error = "No feature is checked. Check at least one, such as gaussian_blur at sigma 2."
            self.text_line.clear()
            self._show_info()
            return
        # Where they are those of a preset, they also come in its order.
        features = FeatureSet.parse(" ".join(map(word_of, chosen)))
        self._take(presets().get(preset_of(features), features))

    def _text_edited(self, text: str) -> None:
        try:
            features = FeatureSet.parse(text)
        except InputError as error:
            self._error = guesses(text) or str(error)
            self._show_info()
            return
        self._take(features, with_text=False)

    def _tidy(self) -> None:
        if not self._error:
            self._show(with_text=True)

    def _take(self, features: FeatureSet, with_text: bool = True) -> None:
        changed = bool(self._error) or features != self._set
        self._set, self._error = features, ""
        self._show(with_text)
        if changed:
            self.changed.emit(str(features))

    # -------------------------------------------------------------------------------------------- preview
    def _eye_toggled(self, on: bool) -> None:
        if on:
            self._cell_pointed(self._pointed or next(iter(cells_of(self._set))))
        else:
            self._timer.stop()
            self.cells.shown = None
            self.cells.update()
            self.preview_ended.emit()

    def _cell_pointed(self, cell: Cell) -> None:
        self._pointed = cell
        if self.eye.isChecked():
            self._timer.start()

    def _request_preview(self) -> None:
        if self._pointed and self._pointed != self.cells.shown and self._pointed not in self.cells.impossible:
            self.cells.shown = self._pointed
            self.cells.update()
            self.preview_requested.emit(word_of(self._pointed))

    # -------------------------------------------------------------------------------------------- inside
    def _all_cells(self) -> list[Cell]:
        cells = self.cells
        places = [(row, column) for row in range(len(cells.kinds)) for column in range(len(cells.sigmas))]
        return [cell for place in places if (cell := cells.cell(*place))]

    def _show(self, with_text: bool) -> None:
        chosen = cells_of(self._set)
        self.cells.checked = set(chosen)
        self._show_axes()
        # Some presets have several names: the one that was chosen stays.
        if presets().get(self.preset.currentText()) != self._set:
            self.preset.setCurrentText(preset_of(self._set) or _CUSTOM)
        if with_text:
            self.text_line.setText(str(self._set))
            self.text_line.setCursorPosition(0)
        self._show_info()

    def _show_axes(self) -> None:
        used = {kind for kind, _ in self.cells.checked}
        needed = {sigma for kind, sigma in self.cells.checked if kind in KINDS and sigma > 0} | self._own_sigmas
        sigmas = sorted({*needed, *_SIGMAS})
        # The usual ones that nobody uses make room; the smallest and the largest first.
        for sigma in (0.3, 0.5, 25.0, 15.0, 7.0, 3.0, 10.0, 5.0, 2.0, 1.0):
            if len(sigmas) > _MOST_COLUMNS and sigma not in needed:
                sigmas.remove(sigma)
        possible = [k for k in KINDS if k in without_sigma() or not refusal(f"{k}=1", self._n_dim)]
        usual = {feature.kind for feature in next(iter(presets().values())).features}
        kinds = [k for k in KINDS if k in used or (k in possible and (k in usual or self.more.isChecked()))]
        cells = [(kind, sigma) for kind in kinds for sigma in sigmas if kind not in without_sigma()]
        impossible = {cell: why for cell in cells if (why := refusal(word_of(cell), self._n_dim))}
        self.cells.set_axes({kind: KINDS[kind] for kind in kinds}, sigmas, set(without_sigma()), impossible)
        hidden = len(set(possible) - set(kinds))
        self.more.setText("Fewer filters" if self.more.isChecked() else f"{hidden} more filters")
        self.more.setVisible(self.more.isChecked() or hidden > 0)
        self._scroll.fit()
        self._show_add()

    def _show_add(self) -> None:
        there = any(abs(self.own_sigma.value() - sigma) < 1e-6 for sigma in self.cells.sigmas)
        enable(self.add_sigma_button, not there, "There is a column for this size already")

    def _show_info(self) -> None:
        error = self._error or refusal(str(self._set), self._n_dim)
        if error:
            # Names may be broken where they have an underscore.
            self.info.setText(error.replace("_", "_\u200b"))
            return
        n = len(self._set.names(self._n_channels))
        channels = f" of {self._n_channels} channels" if self._n_channels > 1 else ""
        # One byte per pixel and feature: that is how they are kept.
        self.info.setText(f"{n} feature{'s' * (n != 1)}{channels}, {n} MB/Mpx")

    def showEvent(self, event: object) -> None:
        """Draw the eye in the colour of the text."""
        super().showEvent(event)
        self.eye.setIcon(eye_icon(self))
        self._scroll.fit()
