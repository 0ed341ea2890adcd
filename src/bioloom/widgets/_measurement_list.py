"""Chooses the measurements that a classifier looks at: by group, by name, by search."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bioloom.measure import Property

_ROWS = 9


class MeasurementList(QWidget):
    """A list of measurements in groups, with check marks."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._default: frozenset[str] = frozenset()
        self._known: tuple[str, ...] = ()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search measurements")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("Show only measurements whose name or description has these words")
        self.tree = QTreeWidget()
        self.tree.setHeaderHidden(True)
        self.tree.setRootIsDecorated(True)
        self.tree.setUniformRowHeights(True)
        self.tree.setIndentation(14)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setToolTip("The measurements that the classifier looks at; Space checks and unchecks")
        self.tree.setAccessibleName("Measurements")
        self.tree.setFixedHeight(_ROWS * (self.fontMetrics().height() + 6))
        self.count = QLabel()
        self.default_button = QPushButton("Suggested")
        self.default_button.setToolTip("Check the measurements that suit most objects")
        self.none_button = QPushButton("None")
        self.none_button.setToolTip("Check nothing")
        row = QHBoxLayout()
        row.addWidget(self.count, stretch=1)
        row.addWidget(self.default_button)
        row.addWidget(self.none_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.search)
        layout.addWidget(self.tree)
        layout.addLayout(row)
        self.search.textChanged.connect(self._filter)
        self.tree.itemChanged.connect(self._item_changed)
        self.default_button.clicked.connect(lambda on: self.set_checked(self._default))
        self.none_button.clicked.connect(lambda on: self.set_checked(()))

    def set_known(self, properties: Collection[Property], default: Collection[str]) -> None:
        """List other measurements; those that stay keep their check marks, new ones have theirs by default."""
        names = tuple(p.name for p in properties)
        if names == self._known:
            return
        before, checked = set(self._known), set(self.checked())
        self._known, self._default = names, frozenset(default)
        self.tree.blockSignals(True)
        self.tree.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        for p in properties:
            if p.group not in groups:
                top = groups[p.group] = QTreeWidgetItem(self.tree, [p.group.capitalize()])
                top.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable
                             | Qt.ItemFlag.ItemIsAutoTristate)  # fmt: skip
                top.setExpanded(True)
            item = QTreeWidgetItem(groups[p.group], [p.name])
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
            unit = f" ({p.unit})" if p.unit else ""
            item.setToolTip(0, f"{p.name}{unit}: {p.description}")
            on = p.name in checked if p.name in before else p.name in self._default
            item.setCheckState(0, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self.tree.blockSignals(False)
        self._filter(self.search.text())
        self._show_count()
        self.changed.emit()

    def checked(self) -> list[str]:
        """Return the names of the measurements that are checked, in the order of the list."""
        return [item.text(0) for item in self._items() if item.checkState(0) == Qt.CheckState.Checked]

    def set_checked(self, names: Collection[str]) -> None:
        """Check exactly these measurements."""
        if set(self.checked()) == set(names) & set(self._known):
            return
        self.tree.blockSignals(True)
        for item in self._items():
            item.setCheckState(0, Qt.CheckState.Checked if item.text(0) in names else Qt.CheckState.Unchecked)
        self.tree.blockSignals(False)
        self._show_count()
        self.changed.emit()

    def _items(self) -> Iterator[QTreeWidgetItem]:
        for i in range(self.tree.topLevelItemCount()):
            top = self.tree.topLevelItem(i)
            for k in range(top.childCount()):
                yield top.child(k)

    def _item_changed(self, item: QTreeWidgetItem, column: int) -> None:
        # A group tells its members, and a member its group: the members alone are counted.
        if item.childCount() == 0:
            self._show_count()
            self.changed.emit()

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        for item in self._items():
            item.setHidden(not all(w in item.toolTip(0).lower() for w in words))
        for i in range(self.tree.topLevelItemCount()):
            top = self.tree.topLevelItem(i)
            top.setHidden(all(top.child(k).isHidden() for k in range(top.childCount())))

    def _show_count(self) -> None:
        self.count.setText(f"{len(self.checked())} of {len(self._known)}")
