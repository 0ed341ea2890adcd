"""Chooses a layer, and follows the layer list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

from bioloom import layers

_MARGIN = 2


class LayerWatcher:
    """Calls back when layers come, go, move or are renamed."""

    def __init__(self, viewer: Any, callback: Callable[[], None]) -> None:
        self._viewer, self._callback = viewer, callback
        for name in ("inserted", "removed", "reordered"):
            getattr(viewer.layers.events, name).connect(self._changed)
        for layer in viewer.layers:
            layer.events.name.connect(self._changed)

    def _changed(self, event: Any = None) -> None:
        if event is not None and getattr(event, "type", "") == "inserted":
            event.value.events.name.connect(self._changed)
        self._callback()

    def stop(self) -> None:
        for name in ("inserted", "removed", "reordered"):
            getattr(self._viewer.layers.events, name).disconnect(self._changed)
        for layer in self._viewer.layers:
            layer.events.name.disconnect(self._changed)


class LayerCombo(QComboBox):
    """Chooses one image or labels layer; follows the layer list."""

    layer_changed = Signal(object)

    def __init__(
        self,
        viewer: Any,
        kind: layers.Kind,
        tooltip: str,
        *,
        optional: bool = False,
        prefer_table: bool = False,
        wanted_role: str = "",
    ) -> None:
        super().__init__()
        self._tooltip, self._wanted_role = tooltip, wanted_role
        self._viewer, self._kind, self._optional, self._prefer_table = viewer, kind, optional, prefer_table
        self._layers: list[Any] = []
        self._last: Any = None
        self.setToolTip(tooltip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._watcher = LayerWatcher(viewer, self.refresh)
        self.stop = self._watcher.stop
        self.currentIndexChanged.connect(self._emit)
        self.refresh()

    @property
    def kind(self) -> layers.Kind:
        """What it lists."""
        return self._kind

    @property
    def optional(self) -> bool:
        """Whether none may be chosen."""
        return self._optional

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        index = self.currentIndex() - self._optional
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def choose(self, layer: Any) -> None:
        """Choose a layer if it is listed."""
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer) + self._optional)

    def refresh(self) -> None:
        """Read the layer list again and keep the choice where it is still there."""
        before, known = self.layer, self._layers
        self.blockSignals(True)
        self.clear()
        self._layers = [one for one in layers.of_kind(self._viewer, self._kind) if layers.role(one) != "preview"]
        if self._optional:
            self.addItem("none")
        for layer in self._layers:
            self.addItem(layer.name)
            self.setItemData(self.count() - 1, layer.name, Qt.ItemDataRole.ToolTipRole)
        if not self._layers and not self._optional:
            self.setPlaceholderText(f"no {self._kind} layer")
        if before in self._layers:
            self.setCurrentIndex(self._layers.index(before) + self._optional)
        elif self._layers and not self._optional:
            self.setCurrentIndex(self._default())
        elif self._wanted_role:
            # Whoever chose none is not asked again because of a layer that was there.
            new = [layer for layer in self._layers if layer not in known]
            made = [layer for layer in new if layers.role(layer) == self._wanted_role]
            self.setCurrentIndex(1 + self._layers.index(made[0]) if made else 0)
        self.blockSignals(False)
        self._emit()

    def _default(self) -> int:
        """Return the most likely layer: not made for something else, measured if wanted, active, visible, topmost."""
        active = layers.active_layer(self._viewer)

        def likely(layer: Any) -> tuple[bool, ...]:
            measured = self._prefer_table and layers.has_table(layer)
            return layers.role(layer) == "", measured, layer is active, layer.visible

        return max(range(len(self._layers)), key=lambda i: (*likely(self._layers[i]), -i))

    def _emit(self, index: int = 0) -> None:
        if self.layer is not self._last:
            self._last = self.layer
            self.setToolTip(self._tooltip + (f"\nNow: {self.layer.name}" if self.layer is not None else ""))
            self.layer_changed.emit(self.layer)

    def paintEvent(self, event: Any) -> None:
        """Shorten long names in their middle: names of results differ at their ends."""
        option, painter = QStyleOptionComboBox(), QStylePainter(self)
        self.initStyleOption(option)
        if self.currentIndex() < 0:
            option.palette.setBrush(QPalette.ColorRole.ButtonText, option.palette.placeholderText())
            option.currentText = self.placeholderText()
        style, kind = self.style(), QStyle.ComplexControl.CC_ComboBox
        field = style.subControlRect(kind, option, QStyle.SubControl.SC_ComboBoxEditField, self)
        room = field.width() - _MARGIN
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideMiddle, room)
        painter.drawComplexControl(kind, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
