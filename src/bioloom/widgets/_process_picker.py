"""Finding an operation: by typing, by category, among the favourites and those used last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bioloom.operations import Operation
from bioloom.session.finding import OperationFinder
from bioloom.widgets import _process_memory as memory
from bioloom.widgets._process_icons import category_icon, icon

_NAME = Qt.ItemDataRole.UserRole
_ROWS = 9
_STAR = QColor("#e69f00")
_ORDER = (
    "Filter/Remove noise", "Filter/Remove background", "Filter/Edges and ridges", "Filter/Enhance",
    "Filter/Neighbourhood", "Filter/Extrema", "Filter/Deconvolution", "Filter/Repair", "Filter/Arithmetic",
    "Filter/Logic and comparison", "Segment/Threshold", "Segment/Binary mask", "Segment/Label",
    "Segment/Process labels", "Measure/Table", "Measure/Maps of labels", "Classify/Apply a classifier",
    "Transform/Crop and resize", "Transform/Move", "Transform/Axes", "Project/Along an axis", "Visualize/Surfaces",
)  # fmt: skip


class OperationPicker(QWidget):
    """Chooses one operation out of hundreds.

    Typing filters: the best match is chosen by Enter, another by the arrow keys or a click. Without a text there is a
    tree of favourites, those used last, and all categories.

    Parameters
    ----------
    operations
        What may be chosen.
    """

    chosen = Signal(object)
    """The operation that the user chose."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        super().__init__()
        self._by_name = {o.name: o for o in operations}
        self._finder = OperationFinder(operations)
        self._operation: Operation | None = None
        self._favourites: set[str] = set()
        self.search = QLineEdit()
        self.search.setPlaceholderText(f"Search {len(operations)} operations")
        self.search.setToolTip(
            "Type a part of a name, such as 'otsu', 'tophat' or 'remove edges'.\n"
            "↑ and ↓ choose, Enter opens; names from ImageJ, clEsperanto and scikit-image are found, too"
        )
        self.search.setClearButtonEnabled(True)
        self._lens = self.search.addAction(icon(self, "search"), QLineEdit.ActionPosition.LeadingPosition)
        self.browse = QToolButton()
        self.browse.setText("Browse")
        self.browse.setCheckable(True)
        self.browse.setArrowType(Qt.ArrowType.RightArrow)
        self.browse.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.browse.setToolTip("Show all operations by category, your favourites and those you used last")
        self.tree = QTreeWidget()
        self.tree.setHeaderHidden(True)
        self.tree.setIndentation(14)
        self.tree.setIconSize(QSize(16, 16))
        self.tree.setUniformRowHeights(True)
        self.tree.setAccessibleName("Operations")
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.picture = QLabel()
        self.title = QLabel()
        self.title.setStyleSheet("font-weight: bold")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.star = QToolButton()
        self.star.setCheckable(True)
        self.star.setAutoRaise(True)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        first = QHBoxLayout()
        first.addWidget(self.search, stretch=1)
        first.addWidget(self.browse)
        second = QHBoxLayout()
        second.setContentsMargins(0, 2, 0, 0)
        second.addWidget(self.picture)
        second.addWidget(self.title, stretch=1)
        second.addWidget(self.star)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(first)
        layout.addWidget(self.tree)
        layout.addLayout(second)
        layout.addWidget(self.summary)
        self.search.textChanged.connect(lambda text: self._fill())
        self.search.returnPressed.connect(self._take_current)
        self.search.installEventFilter(self)
        self.browse.toggled.connect(self._browse_toggled)
        self.tree.itemClicked.connect(self._clicked)
        self.tree.itemActivated.connect(self._clicked)
        self.tree.customContextMenuRequested.connect(self._show_menu)
        self.star.toggled.connect(self._star_toggled)
        self._fill()

    # -------------------------------------------------------------------------------------------- what is chosen
    @property
    def operation(self) -> Operation | None:
        """The operation that is shown as chosen."""
        return self._operation

    def show_operation(self, operation: Operation) -> None:
        """Show an operation as chosen, without a signal."""
        self._operation = operation
        self.picture.setPixmap(category_icon(self, operation.category).pixmap(16, 16))
        self.title.setText(operation.title)
        self.title.setToolTip(" › ".join([*operation.category.split("/"), operation.title]))
        self.summary.setText(operation.summary)
        self._show_star()

    def note_use(self, operation: Operation) -> None:
        """Remember that an operation was applied."""
        memory.note_use(operation.name)
        if not self.search.text():
            self._fill()

    def found(self) -> list[Operation]:
        """Return the operations that fit the text, the best first."""
        return self._finder.find(self.search.text())

    # -------------------------------------------------------------------------------------------- the tree
    def _fill(self) -> None:
        text = self.search.text().strip()
        self.tree.setVisible(bool(text) or self.browse.isChecked())
        if self.tree.isHidden():
            # What is not seen is not written: that would take a moment with every Apply.
            return
        opened = {self._top(i).text(0) for i in range(self.tree.topLevelItemCount()) if self._top(i).isExpanded()}
        self.tree.clear()
        self._favourites = set(memory.favourites())
        if text:
            self._fill_found()
        else:
            self._fill_categories(opened)
        rows = min(_ROWS, max(2, self.tree.topLevelItemCount())) if text else _ROWS
        self.tree.setFixedHeight(rows * max(self.tree.sizeHintForRow(0), 18) + 6)

    def _fill_found(self) -> None:
        found = self.found()
        for operation in found:
            self.tree.addTopLevelItem(self._row(operation, with_category=True))
        if found:
            self.tree.setCurrentItem(self._top(0))
        else:
            nothing = QTreeWidgetItem([f"No operation is called ‘{self.search.text().strip()}’"])
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self.tree.addTopLevelItem(nothing)

    def _fill_categories(self, opened: set[str]) -> None:
        lists = (("Favourites", "favourite", memory.favourites()), ("Used last", "recent", memory.recent()))
        for title, picture, names in lists:
            known = [self._by_name[n] for n in names if n in self._by_name]
            if known:
                self._group(title, icon(self, picture), known, opened)
        there = {o.category for o in self._by_name.values()}
        categories = [c for c in _ORDER if c in there] + sorted(there.difference(_ORDER))
        for category in categories:
            members = sorted(
                (o for o in self._by_name.values() if o.category == category), key=lambda o: o.title.lower()
            )
            row = self._group(category.partition("/")[2] or category, category_icon(self, category), members, opened)
            row.setToolTip(0, category.replace("/", " › "))

    def _group(self, title: str, picture: Any, members: Sequence[Operation], opened: set[str]) -> QTreeWidgetItem:
        row = QTreeWidgetItem([f"{title}  ({len(members)})"])
        row.setIcon(0, picture)
        for operation in members:
            row.addChild(self._row(operation))
        self.tree.addTopLevelItem(row)
        row.setExpanded(any(one.rpartition("  (")[0] == title for one in opened))
        return row

    def _row(self, operation: Operation, with_category: bool = False) -> QTreeWidgetItem:
        star = "★ " if operation.name in self._favourites else ""
        row = QTreeWidgetItem([star + operation.title])
        if with_category:
            row.setIcon(0, category_icon(self, operation.category))
        row.setToolTip(0, f"{operation.summary}\n{operation.category.replace('/', ' › ')}")
        row.setData(0, _NAME, operation.name)
        return row

    def _top(self, index: int) -> QTreeWidgetItem:
        return self.tree.topLevelItem(index)

    def _browse_toggled(self, on: bool) -> None:
        self.browse.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._fill()

    # -------------------------------------------------------------------------------------------- choosing
    def changeEvent(self, event: Any) -> None:
        """Draw the pictures again in the colours of another theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange) and self._operation is not None:
            self._draw()

    def showEvent(self, event: Any) -> None:
        """Draw the pictures in the colours that are known only now."""
        super().showEvent(event)
        self._draw()

    def _draw(self) -> None:
        self._lens.setIcon(icon(self, "search"))
        if self._operation is not None:
            self.picture.setPixmap(category_icon(self, self._operation.category).pixmap(16, 16))
            self._show_star()
        self._fill()

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Let the arrow keys move in the list while a text is typed, and Escape clear it."""
        if watched is self.search and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up) and self.tree.isVisible():
                rows = self.tree.topLevelItemCount()
                row = self.tree.indexOfTopLevelItem(self.tree.currentItem()) if self.tree.currentItem() else -1
                row += 1 if event.key() == Qt.Key.Key_Down else -1
                if rows:
                    self.tree.setCurrentItem(self._top(min(max(row, 0), rows - 1)))
                return True
            if event.key() == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
        return bool(super().eventFilter(watched, event))

    def _take_current(self) -> None:
        if not self.search.text().strip():
            return
        item = self.tree.currentItem()
        if item is not None and item.data(0, _NAME):
            self._take(item.data(0, _NAME))

    def _clicked(self, item: QTreeWidgetItem, column: int = 0) -> None:
        name = item.data(0, _NAME)
        if name:
            self._take(name)
        elif item.childCount():
            item.setExpanded(not item.isExpanded())

    def _take(self, name: str) -> None:
        operation = self._by_name[name]
        self.search.clear()
        if operation is not self._operation:
            self.show_operation(operation)
            self.chosen.emit(operation)

    # -------------------------------------------------------------------------------------------- favourites
    def _show_star(self) -> None:
        on = self._operation is not None and memory.is_favourite(self._operation.name)
        self.star.blockSignals(True)
        self.star.setChecked(on)
        self.star.blockSignals(False)
        self.star.setIcon(icon(self, "favourite", _STAR) if on else icon(self, "not favourite"))
        self.star.setToolTip(
            "Take it off the favourites" if on else "Add it to the favourites, which Browse lists first"
        )
        self.star.setAccessibleName("Favourite")

    def _star_toggled(self, on: bool) -> None:
        if self._operation is not None:
            self.set_favourite(self._operation, on)

    def set_favourite(self, operation: Operation, on: bool) -> None:
        """Make an operation a favourite, or no longer."""
        memory.set_favourite(operation.name, on)
        self._show_star()
        self._fill()

    def _show_menu(self, where: Any) -> None:
        from qtpy.QtWidgets import QMenu

        item = self.tree.itemAt(where)
        name = item.data(0, _NAME) if item is not None else None
        if not name:
            return
        on = memory.is_favourite(name)
        menu = QMenu(self)
        menu.addAction("Take it off the favourites" if on else "Add to the favourites").triggered.connect(
            lambda checked=False: self.set_favourite(self._by_name[name], not on)
        )
        menu.exec(self.tree.viewport().mapToGlobal(where))
