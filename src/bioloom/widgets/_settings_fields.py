"""Fields for numbers, choices, texts and files; each has `get`, `put` and a signal `edited`."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from bioloom.errors import InputError
from bioloom.operations import Parameter

LARGEST = 1_000_000_000
_DECIMALS = 4


def make_field(parameter: Parameter) -> Any:
    """Return the field for one parameter, showing its default."""
    default = None if parameter.required else parameter.default
    if parameter.kind == "boolean":
        field: Any = BoolField()
    elif parameter.kind == "choice":
        field = ChoiceField(parameter.choices)
    elif parameter.kind == "file":
        field = FileField(parameter)
    elif parameter.kind == "text":
        field = TextField(parameter.optional)
    elif parameter.optional:
        field = OptionalNumberField(parameter)
    elif parameter.kind == "integer":
        field = IntegerField(parameter)
    else:
        field = NumberField(parameter)
    if default is not None:
        field.put(default)
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    field.installEventFilter(_WheelGuard(field))
    return field


class BoolField(QCheckBox):
    """Yes or no."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.toggled.connect(lambda on: self.edited.emit())

    def get(self) -> bool:
        """Return the value."""
        return bool(self.isChecked())

    def put(self, value: bool) -> None:
        """Show a value."""
        self.setChecked(bool(value))


class ChoiceField(QComboBox):
    """One of a few words."""

    edited = Signal()

    def __init__(self, choices: tuple[str, ...]) -> None:
        super().__init__()
        for choice in choices:
            self.addItem(str(choice).replace("_", " "), choice)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.currentIndexChanged.connect(lambda index: self.edited.emit())

    def get(self) -> str:
        """Return the value."""
        return self.currentData()

    def put(self, value: str) -> None:
        """Show a value."""
        self.setCurrentIndex(self.findData(value))


class NumberField(QDoubleSpinBox):
    """A number, without needless zeros."""

    edited = Signal()

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        limits = parameter.limits
        # Lengths may be in millimetres, or sigmas an eighth of a pixel.
        self.setDecimals(_DECIMALS)
        low = -LARGEST if limits.minimum is None else limits.minimum
        self.setRange(low, LARGEST if limits.maximum is None else limits.maximum)
        self.setSingleStep(limits.step or 0.5)
        self.setValue(max(low, 0))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(60)
        self.valueChanged.connect(lambda value: self.edited.emit())

    def textFromValue(self, value: float) -> str:
        """Return the number as it is shown."""
        text = self.locale().toString(value, "f", _DECIMALS)
        point = self.locale().decimalPoint()
        return text.rstrip("0").rstrip(point) if point in text else text

    def get(self) -> float:
        """Return the value."""
        return float(self.value())

    def put(self, value: float) -> None:
        """Show a value."""
        self.setValue(float(value))


class IntegerField(QSpinBox):
    """A whole number."""

    edited = Signal()

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        limits = parameter.limits
        low = -LARGEST if limits.minimum is None else limits.minimum
        high = LARGEST if limits.maximum is None else limits.maximum
        self.setRange(int(max(low, -(2**31))), int(min(high, 2**31 - 1)))
        self.setSingleStep(int(limits.step or 1))
        self.setValue(int(max(low, 0)))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(60)
        self.valueChanged.connect(lambda value: self.edited.emit())

    def get(self) -> int:
        """Return the value."""
        return int(self.value())

    def put(self, value: int) -> None:
        """Show a value."""
        self.setValue(int(value))


class TextField(QLineEdit):
    """A text; empty is None if that is allowed."""

    edited = Signal()

    def __init__(self, optional: bool = False) -> None:
        super().__init__()
        self._optional = optional
        self.textChanged.connect(lambda text: self.edited.emit())

    def get(self) -> str | None:
        """Return the value."""
        return None if self._optional and not self.text() else self.text()

    def put(self, value: str | None) -> None:
        """Show a value."""
        self.setText(value or "")
        self.setCursorPosition(0)


class OptionalNumberField(QLineEdit):
    """A number, or nothing, which no spin box can show."""

    edited = Signal()

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self._parameter = parameter
        self.setPlaceholderText("no limit" if parameter.name.startswith(("max", "min")) else "automatic")
        self.textChanged.connect(lambda text: self.edited.emit())

    def get(self) -> float | None:
        """Return the value.

        Raises
        ------
        InputError
            If it is no number.
        """
        text = self.text().strip()
        if not text:
            return None
        try:
            return float(text)
        except ValueError:
            name = self._parameter.name.replace("_", " ")
            raise InputError(f"{name} is {text!r}, but must be a number, or empty.") from None

    def put(self, value: float | None) -> None:
        """Show a value."""
        self.setText("" if value is None else f"{value:.10g}")


class FileField(QWidget):
    """The path of a file."""

    edited = Signal()

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self._title = f"Choose the {parameter.name.replace('_', ' ')}"
        self.line = QLineEdit()
        self.line.setPlaceholderText("a file")
        button = QPushButton("…")
        button.setToolTip(self._title)
        button.setAccessibleName(self._title)
        button.setMaximumWidth(32)
        button.clicked.connect(self._ask)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, stretch=1)
        row.addWidget(button)
        self.setFocusProxy(self.line)
        self.line.textChanged.connect(lambda text: self.edited.emit())

    def _ask(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, self._title, self.line.text(), "Classifiers (*.cl);;All files (*)")
        if path:
            self.line.setText(path)

    def get(self) -> str:
        """Return the value."""
        return self.line.text().strip()

    def put(self, value: str | None) -> None:
        """Show a value."""
        self.line.setText(value or "")


class _WheelGuard(QObject):
    """Lets the wheel scroll the panel, rather than turn a number that happens to lie under the mouse."""

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))
