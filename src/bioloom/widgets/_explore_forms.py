"""What the Explore panel asks before it embeds or clusters: columns, scaling, method, settings, seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from bioloom.errors import InputError
from bioloom.explore.cluster import CLUSTER_METHODS, WITH_NUMBER
from bioloom.explore.embed import NAMES
from bioloom.widgets._parts import CheckList, enable, form, narrow_combo, whole_number

LARGEST_SEED = 2**31 - 1

_SCALINGS = {
    "standard": "standard (mean 0, deviation 1)",
    "robust": "robust (median, quartiles)",
    "log": "logarithm, then standard",
    "none": "as they are",
}
_MISSING = {
    "rows": "leave out the objects",
    "columns": "leave out the columns",
    "median": "replace by the median",
}


def choice(tooltip: str, texts: Mapping[str, str]) -> QComboBox:
    """Make a combo box that shows texts and knows their keys as its data."""
    box = narrow_combo(tooltip)
    for key, text in texts.items():
        box.addItem(text, key)
    return box


def button_row(*buttons: QPushButton) -> QHBoxLayout:
    """Put buttons side by side."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    for button in buttons:
        row.addWidget(button)
    return row


def number(value: float, low: float, high: float, step: float, tooltip: str, special: str = "") -> QDoubleSpinBox:
    """Make a field for a number; `special` is shown instead of the lowest one."""
    field = QDoubleSpinBox()
    field.setRange(low, high)
    field.setSingleStep(step)
    field.setDecimals(3)
    field.setValue(value)
    field.setToolTip(tooltip)
    field.setSpecialValueText(special)
    field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return field


def ended(path: str, suffix: str) -> str:
    """Return the name of a file to save; one without an ending gets this one.

    Raises
    ------
    InputError
        If there is a file of the longer name, which nobody was asked about.
    """
    given = Path(path)
    if given.suffix[1:].isalpha() or given.suffix == suffix:
        return path
    longer = given.with_name(given.name + suffix)
    if longer.exists():
        raise InputError(f"{longer.name} exists already. Choose it by its full name to replace it.")
    return str(longer)


class _MethodForm(QWidget):
    """A method, the settings that it has, and a seed."""

    def __init__(self, methods: Mapping[str, str], tooltip: str) -> None:
        super().__init__()
        rows, self._rows = form()
        self.method = choice(tooltip, methods)
        self._rows.addRow("Method", self.method)
        self._fields: dict[str, tuple[QWidget, tuple[str, ...]]] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow(rows)
        self._lines = layout
        self.method.currentIndexChanged.connect(self._show_fields)

    @property
    def name(self) -> str:
        """The chosen method."""
        return str(self.method.currentData())

    def choose(self, method: str) -> None:
        """Choose a method."""
        self.method.setCurrentIndex(self.method.findData(method))

    def _add(self, key: str, text: str, field: QWidget, methods: tuple[str, ...]) -> None:
        self._rows.addRow(text, field)
        self._fields[key] = field, methods

    def _show_fields(self) -> None:
        for field, methods in self._fields.values():
            self._rows.setRowVisible(field, self.name in methods)

    def options(self) -> dict[str, Any]:
        """Return the settings that the method has."""
        result: dict[str, Any] = {}
        for key, (field, methods) in self._fields.items():
            if self.name in methods:
                value = field.currentData() if isinstance(field, QComboBox) else field.value()  # type: ignore[attr-defined]
                # What says "auto" is left to the method.
                if isinstance(field, QComboBox) or not field.specialValueText() or value != field.minimum():  # type: ignore[attr-defined]
                    result[key] = value
        return result


class DataForm(QWidget):
    """Which columns are used, and how they are made comparable."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = CheckList(
            "The measurements to embed and cluster by; position and ids are left out at first", rows=6
        )
        self.all_button = QPushButton("Suggested")
        self.all_button.setToolTip("Check every measurement that describes an object, not where it is")
        self.none_button = QPushButton("None")
        self.none_button.setToolTip("Check nothing")
        self.scaling = choice("How columns are made comparable", _SCALINGS)
        self.missing = choice("What happens where a value is missing or infinite; the result says how many", _MISSING)
        self.per = narrow_combo("Scale all objects together, or each image by itself, so that staining counts less")
        self.per.addItem("all objects together", "")
        rows, layout = form()
        layout.addRow(self.columns)
        layout.addRow(button_row(self.all_button, self.none_button))
        layout.addRow("Scaling", self.scaling)
        layout.addRow("Scaled", self.per)
        layout.addRow("Missing values", self.missing)
        outer = QFormLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addRow(rows)

    def offer_images(self, columns: list[str]) -> None:
        """Offer to scale by these columns, each of whose values is an image."""
        before = self.per.currentData()
        self.per.clear()
        self.per.addItem("all objects together", "")
        for name in columns:
            self.per.addItem(f"each {name} by itself", name)
        self.per.setCurrentIndex(max(0, self.per.findData(before)))
        enable(self.per, bool(columns), "These objects are of one image: there is nothing to scale apart")

    def options(self) -> dict[str, Any]:
        """Return how columns are made comparable."""
        per = self.per.currentData() or None
        return {"scaling": self.scaling.currentData(), "missing": self.missing.currentData(), "per": per}


class MapForm(_MethodForm):
    """How a map is made, and what is done with it."""

    def __init__(self) -> None:
        super().__init__(NAMES, "UMAP and t-SNE keep neighbours together; PCA keeps the directions of largest variance")
        self.neighbours = whole_number(15, 2, 500, "How many neighbours shape the map; larger shows coarser structure")
        self.seed = whole_number(
            0, 0, LARGEST_SEED, "Seed of the map: UMAP gives another map with each, other methods hardly depend on it"
        )  # fmt: skip
        self._add("n_neighbors", "Neighbours", self.neighbours, ("umap", "isomap"))
        self._add("min_dist", "Distance", number(0.1, 0, 1, 0.05, "How close points may come"), ("umap",))
        self._add("perplexity", "Perplexity", number(30, 1, 1000, 5, "About how many neighbours count"), ("tsne",))
        self._add(
            "n_components", "Dimensions", whole_number(2, 1, 50, "Number of columns that are made"), ("pca", "umap")
        )
        most = whole_number(
            0, 0, 10_000_000, "Fit so many random objects and place the others among them; auto: all, or 5000 with "
            "Isomap and 2000 with MDS"
        )  # fmt: skip
        most.setSpecialValueText("auto")
        self._add("max_fitted", "Objects fitted", most, tuple(NAMES))
        self._rows.addRow("Seed", self.seed)
        self.button = QPushButton("Embed")
        self.button.setToolTip("Compute the map; it is kept as columns of the table and shown in the plot")
        self.save_button = QPushButton("Save map…")
        self.save_button.setToolTip("Save the map that was made last, so that new objects can be placed in it")
        self.place_button = QPushButton("Place in a map…")
        self.place_button.setToolTip("Place these objects in a map that was saved before, perhaps from another image")
        self.loadings = QLabel()
        self.loadings.setWordWrap(True)
        self.loadings.hide()
        self._lines.addRow(self.button)
        self._lines.addRow(button_row(self.save_button, self.place_button))
        self._lines.addRow(self.loadings)
        self._show_fields()
        self.allow_save(False)

    def allow_save(self, on: bool) -> None:
        """Offer to save a map, or say why not."""
        enable(self.save_button, on, "There is no map yet: embed the objects first")


class ClusterForm(_MethodForm):
    """How objects are clustered."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__(CLUSTER_METHODS, "k-means: round clusters; HDBSCAN: dense regions of any shape, and noise")
        self.n_clusters = whole_number(3, 2, 1000, "Number of clusters")
        self._add("n_clusters", "Clusters", self.n_clusters, WITH_NUMBER)
        self._add("min_cluster_size", "Smallest cluster", whole_number(10, 2, 10**6, "Fewer objects are no cluster"),
                  ("hdbscan",))  # fmt: skip
        samples = whole_number(0, 0, 10**6, "How many objects make a region dense; more of them make more noise")
        samples.setSpecialValueText("auto")
        self._add("min_samples", "Dense from", samples, ("hdbscan",))
        linkage = choice(
            "Which distance between groups counts", {k: k for k in ("ward", "average", "complete", "single")}
        )
        self._add("linkage", "Linkage", linkage, ("agglomerative",))
        self._add(
            "bandwidth", "Radius", number(0, 0, 1000, 0.1, "Radius of a hill, in scaled units", "auto"), ("meanshift",)
        )
        self._add("n_neighbors", "Neighbours", whole_number(15, 2, 500, "Neighbours per object in the graph"),
                  ("spectral", "leiden"))  # fmt: skip
        self._add("resolution", "Resolution", number(1, 0.001, 100, 0.1, "More makes more and smaller clusters"),
                  ("leiden",))  # fmt: skip
        self.space = choice(
            "Cluster the measurements checked in the tab ‘Data’, or the map that is plotted",
            {"columns": "the checked columns", "plot": "the two axes of the plot"},
        )
        self._rows.addRow("Cluster by", self.space)
        self.seed = whole_number(0, 0, LARGEST_SEED, "Seed of the clustering; HDBSCAN and agglomerative need none")
        self._rows.addRow("Seed", self.seed)
        self.button = QPushButton("Cluster")
        self.button.setToolTip("Cluster the objects; kept as a column of the table")
        self.suggest_button = QPushButton("How many?")
        self.suggest_button.setToolTip("Compare 2 to 10 clusters by silhouette, elbow and stability over seeds")
        self.repeat_button = QPushButton("Repeat 5 ×")
        self.repeat_button.setToolTip(
            "Cluster with five seeds, and say how alike the results are; a map in the plot is made anew with each.\n"
            "What does not depend on seeds sees another 80 % of the objects in each run"
        )
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.hide()
        self._lines.addRow(self.button)
        self._lines.addRow(button_row(self.suggest_button, self.repeat_button))
        self._lines.addRow(self.told)
        self.method.currentIndexChanged.connect(self._show_buttons)
        self._show_fields()

    def _show_buttons(self) -> None:
        self.suggest_button.setVisible(self.name in ("kmeans", "gmm"))

    def tell(self, text: str) -> None:
        """Show what was found, below the buttons."""
        self.told.setText(text)
        self.told.setVisible(bool(text))
