"""The controls of a plot: its kind, the tools, and how axes and points look."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QMenu,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)

from bioloom.explore.axis_scales import SCALE_KINDS
from bioloom.session.plot_drawing import KINDS
from bioloom.widgets._parts import narrow_combo
from bioloom.widgets._plot import ScatterPlot
from bioloom.widgets._plot_icons import plot_icon

_KIND_NAMES = {
    "points": "Scatter",
    "density": "Density",
    "histogram": "Histogram of X",
    "histogram 2D": "2D histogram",
    "box": "Box of Y per class",
    "violin": "Violin of Y per class",
}
_TOOL_TIPS = {
    "lasso": "Lasso: drag around objects",
    "polygon": "Polygon: click its corners; close it by a double-click, Return, or a click on the first corner",
    "rectangle": "Rectangle: drag from corner to corner",
    "ellipse": "Ellipse: drag from corner to corner",
    "brush": "Brush: paint over objects; Ctrl and the wheel change its size",
    "span": "Range: drag from the lowest to the highest value of X",
    "pan": "Move the view; the right button always does",
}
_MODE_TIPS = {
    "replace": "What is drawn replaces the selection",
    "add": "What is drawn is added to the selection; Shift does this at any time",
    "remove": "What is drawn is removed from the selection; Alt does this at any time",
}
FRAME_MODES = {
    "all": "All frames alike",
    "current": "Current frame bright",
    "only": "Current frame only",
    "trails": "Current frame with trails",
}


class PlotBar(QWidget):
    """Two rows of controls for a plot.

    Parameters
    ----------
    plot
        The plot.
    """

    undo_asked = Signal()
    redo_asked = Signal()
    frame_mode_changed = Signal(str)
    """One of FRAME_MODES; what the frames are, only the panel knows."""

    def __init__(self, plot: ScatterPlot) -> None:
        super().__init__()
        self.plot = plot
        self.kind = narrow_combo("What kind of plot")
        for kind in KINDS:
            self.kind.addItem(_KIND_NAMES[kind], kind)
        self._icons: dict[QToolButton, str] = {}
        self.tools = {name: self._button(name, tip, checkable=True) for name, tip in _TOOL_TIPS.items()}
        self.modes = {name: self._button(name, tip, checkable=True) for name, tip in _MODE_TIPS.items()}
        self.undo = self._button("undo", "Take the last change of selection or classes back (Ctrl+Z)")
        self.redo = self._button("redo", "Make it again (Ctrl+Shift+Z)")
        self.home = self._button("home", "See all objects (double-click)")
        self.options = self._button("options", "Axes, points, frames")
        self.options.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._tool_group, self._mode_group = QButtonGroup(self), QButtonGroup(self)
        for group, buttons in ((self._tool_group, self.tools), (self._mode_group, self.modes)):
            # Tab leads to the chosen one, arrows to the others.
            group.buttonToggled.connect(_lead_tab)
            for button in buttons.values():
                group.addButton(button)
                _lead_tab(button, False)
        self.tools["lasso"].setChecked(True)
        self.modes["replace"].setChecked(True)
        self._make_options()

        first, second = QHBoxLayout(), QHBoxLayout()
        for row in (first, second):
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(1)
        first.addWidget(self.kind, stretch=1)
        for button in (self.undo, self.redo, self.home, self.options):
            first.addWidget(button)
        for button in self.tools.values():
            second.addWidget(button)
        second.addStretch(1)
        for button in self.modes.values():
            second.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(first)
        layout.addLayout(second)

        self.kind.currentIndexChanged.connect(lambda: plot.set_kind(self.kind.currentData()))
        for name, button in self.tools.items():
            button.clicked.connect(lambda _=False, name=name: setattr(plot, "tool", name))
        for name, button in self.modes.items():
            button.clicked.connect(lambda _=False, name=name: setattr(plot, "mode", name))
        self.undo.clicked.connect(self.undo_asked)
        self.redo.clicked.connect(self.redo_asked)
        self.home.clicked.connect(plot.show_all)
        plot.tool_changed.connect(self._follow_tool)
        plot.kind_changed.connect(self._follow_plot)
        self._follow_plot()

    def _button(self, icon: str, tip: str, checkable: bool = False) -> QToolButton:
        button = QToolButton()
        button.setToolTip(tip)
        button.setAccessibleName(tip.partition(":")[0])
        button.setCheckable(checkable)
        button.setAutoRaise(True)
        button.setIconSize(QSize(16, 16))
        button.setFixedSize(26, 24)
        # Who clicks goes on in the plot, who came by the keyboard stays.
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: None if button.hasFocus() else self.plot.setFocus())
        # napari's buttons are large and flat: what is chosen must stand out.
        button.setStyleSheet(
            "QToolButton {border: 1px solid transparent; border-radius: 3px; padding: 0px; margin: 0px;}"
            "QToolButton:hover, QToolButton:focus {border-color: #8a8d93;}"
            "QToolButton:checked {background: rgba(86, 180, 233, 110); border-color: #56b4e9;}"
            "QToolButton:checked:focus {border-width: 2px;}"
            "QToolButton::menu-indicator {image: none;}"
        )
        self._icons[button] = icon
        return button

    def _make_options(self) -> None:
        plot, model = self.plot, self.plot.model
        self.x_scale = narrow_combo("How the values of X are laid out", SCALE_KINDS)
        self.y_scale = narrow_combo("How the values of Y are laid out", SCALE_KINDS)
        self.size = QSpinBox()
        self.size.setRange(0, 40)
        self.size.setSpecialValueText("auto")
        self.size.setSuffix(" px")
        self.size.setToolTip("Diameter of the points; auto is smaller the more there are")
        self.alpha = QSlider(Qt.Orientation.Horizontal)
        self.alpha.setRange(2, 100)
        self.alpha.setValue(100)
        self.alpha.setToolTip("Opacity of the points: below 100 %, those below shine through")
        self.bins = QSpinBox()
        self.bins.setRange(0, 500)
        self.bins.setSpecialValueText("auto")
        self.bins.setToolTip("Bins of histograms; auto follows from the spread of the values")
        self.hide_others = QCheckBox("Hide what is not selected")
        self.hide_others.setToolTip("As long as something is selected, show nothing else")
        self.frames = narrow_combo("Which frames of a time-lapse are seen")
        for key, text in FRAME_MODES.items():
            self.frames.addItem(text, key)
        content = QWidget()
        rows = QFormLayout(content)
        for text, field in (
            ("X axis", self.x_scale),
            ("Y axis", self.y_scale),
            ("Point size", self.size),
            ("Opacity", self.alpha),
            ("Bins", self.bins),
            ("Frames", self.frames),
        ):
            rows.addRow(text, field)
        rows.addRow(self.hide_others)
        self._frames_row = (rows.labelForField(self.frames), self.frames)
        menu = QMenu(self)
        action = QWidgetAction(menu)
        action.setDefaultWidget(content)
        menu.addAction(action)
        self.options.setMenu(menu)
        self.show_frames(False)

        def scales() -> None:
            plot.set_scales(self.x_scale.currentText(), self.y_scale.currentText())

        def points() -> None:
            model.point_size = float(self.size.value()) or None
            model.alpha = self.alpha.value() / 100
            plot.refresh()

        def bins() -> None:
            model.n_bins = self.bins.value() or None
            plot.refresh()

        def hide() -> None:
            model.hide(model.hidden_classes, self.hide_others.isChecked())
            plot.refresh()

        self.x_scale.currentIndexChanged.connect(scales)
        self.y_scale.currentIndexChanged.connect(scales)
        self.size.valueChanged.connect(points)
        self.alpha.valueChanged.connect(points)
        self.bins.valueChanged.connect(bins)
        self.hide_others.toggled.connect(hide)
        self.frames.currentIndexChanged.connect(lambda: self.frame_mode_changed.emit(self.frame_mode))

    @property
    def frame_mode(self) -> str:
        """One of FRAME_MODES."""
        return str(self.frames.currentData())

    def show_frames(self, on: bool) -> None:
        """Show the choice of frames, for objects over time; for others all is shown, which is not reported."""
        for part in self._frames_row:
            part.setVisible(on)
        if not on:
            self.frames.blockSignals(True)
            self.frames.setCurrentIndex(0)
            self.frames.blockSignals(False)

    def show_history(self, can_undo: bool, can_redo: bool) -> None:
        """Enable undo and redo."""
        self.undo.setEnabled(can_undo)
        self.redo.setEnabled(can_redo)

    # -------------------------------------------------------------------------------------------- following
    def _follow_tool(self, tool: str) -> None:
        self.tools[tool].setChecked(True)

    def _follow_plot(self) -> None:
        model = self.plot.model
        self.kind.setCurrentIndex(KINDS.index(model.kind))
        _choose(self.x_scale, model.scale_kinds[0])
        _choose(self.y_scale, model.scale_kinds[1])
        self.bins.setEnabled(model.kind.startswith("histogram"))
        self.x_scale.setEnabled(model.kind not in ("box", "violin"))
        for name, button in self.tools.items():
            button.setEnabled(model.kind != "histogram" or name in ("span", "pan") or name == self.plot.tool)

    def changeEvent(self, event: Any) -> None:
        """Draw the icons anew in another theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._draw_icons()

    def showEvent(self, event: Any) -> None:
        """Draw the icons in the colours of the window."""
        super().showEvent(event)
        self._draw_icons()

    def _draw_icons(self) -> None:
        for button, icon in self._icons.items():
            button.setIcon(plot_icon(icon, self))


def _lead_tab(button: QAbstractButton, chosen: bool) -> None:
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus if chosen else Qt.FocusPolicy.NoFocus)


def _choose(box: QComboBox, text: str) -> None:
    box.blockSignals(True)
    box.setCurrentText(text)
    box.blockSignals(False)
