"""Maps and clusters of the Explore panel: started by its buttons, computed as jobs, shown in plot and image."""

from __future__ import annotations

from typing import Any, Protocol

import pandas as pd
from qtpy.QtWidgets import QFileDialog

from bioloom import layers
from bioloom.errors import InputError
from bioloom.explore import load_embedding, save_embedding
from bioloom.explore.embedding_model import EmbeddingModel
from bioloom.session.exploring import (
    MANY_FOR_UMAP,
    NewClusters,
    NewMap,
    again,
    can_be_repeated,
    cluster_table,
    embed_table,
    knows_no_chance,
    one_map,
    place_table,
    repeat_clusters,
    stability_made,
    suggest_k,
)
from bioloom.session.pooled_selection import PooledSelection
from bioloom.session.selection import Selection
from bioloom.session.worker_process import shared_worker
from bioloom.widgets._explore_forms import ClusterForm, DataForm, MapForm, ended

_MOST_LOADINGS = 4


class Exploring(Protocol):
    """What the parts of the Explore panel know of it."""

    jobs: Any
    viewer: Any
    plot: Any

    pool: layers.ObjectPool

    @property
    def objects(self) -> layers.ObjectTable:
        """The table of the objects, and where each of them is."""

    @property
    def table(self) -> pd.DataFrame:
        """The table of the objects."""

    @property
    def selection(self) -> Selection | PooledSelection | None:
        """The selection of the objects."""

    def keep_columns(self, objects: layers.ObjectTable, new: pd.DataFrame, made: Any = None) -> bool:
        """Add columns that were computed from a table to its layers, if they are still there."""

    def say(self, text: str) -> None:
        """Show a line of text."""

    def still_there(self, source: Any) -> bool:
        """Tell whether a layer still exists; if not, say that its result was dropped."""

    def attempt(self, action: Any) -> None:
        """Do something; errors become notifications."""

    def show_axes(self, x: str, y: str) -> None:
        """Plot two columns."""

    def plot_column(self, name: str) -> None:
        """Show a column on the vertical axis."""

    def jump(self, row: int) -> None:
        """Show an object in the image."""

    def show_colour(self, name: str) -> None:
        """Colour by a column."""

    def colour_column(self) -> str:
        """Return what is coloured by."""


class Analysis:
    """Embeds and clusters the objects of a panel.

    Parameters
    ----------
    panel
        The Explore panel.
    data, maps, clusters
        What the user chose.
    """

    def __init__(self, panel: Exploring, data: DataForm, maps: MapForm, clusters: ClusterForm) -> None:
        self._panel, self._data, self._maps, self._clusters = panel, data, maps, clusters
        # Up to which kind of UMAP something was compiled, and in which process.
        self._compiled: tuple[int | None, int] = (None, 0)
        self.model: EmbeddingModel | None = None
        maps.button.clicked.connect(lambda: panel.attempt(self.embed))
        maps.save_button.clicked.connect(self._ask_save)
        maps.place_button.clicked.connect(self._ask_place)
        clusters.button.clicked.connect(lambda: panel.attempt(self.cluster))
        clusters.suggest_button.clicked.connect(lambda: panel.attempt(self.suggest))
        clusters.repeat_button.clicked.connect(lambda: panel.attempt(self.repeat))

    def forget(self) -> None:
        """Drop what was told of other objects; the map stays, so that new ones can be placed in it."""
        self._maps.loadings.hide()
        self._clusters.tell("")

    # -------------------------------------------------------------------------------------------- maps
    def embed(self) -> None:
        """Compute a map of the objects."""
        panel, maps = self._panel, self._maps
        objects, columns = panel.objects, self._data.columns.checked()
        method, seed = maps.name, maps.seed.value()
        options = self._data.options() | maps.options()
        kind = (method == "umap") + (method == "umap" and len(objects.table) > MANY_FOR_UMAP)

        def show(result: NewMap) -> None:
            if kind:
                self._compiled = shared_worker().pid, max(kind, self._compiled_kind())
            if not panel.keep_columns(objects, result.table, result.embedding.parameters):
                return
            self.model = result.embedding.model
            maps.allow_save(True)
            _show_loadings(maps, result)
            if len(result.names) > 1:
                panel.show_axes(*result.names[:2])
            panel.say(result.note)

        panel.jobs.start(
            maps.method.currentText() + self._first(kind),
            lambda progress: embed_table(objects.table, columns, method, seed=seed, progress=progress, **options),
            show,
        )

    def _compiled_kind(self) -> int:
        """Return 0, 1 or 2: nothing, UMAP, or UMAP of many objects was compiled in the process that runs now."""
        pid, kind = self._compiled
        return kind if pid is not None and pid == shared_worker().pid else 0

    def _first(self, kind: int) -> str:
        """Say that something is compiled when it is used first."""
        if kind <= self._compiled_kind():
            return ""
        of_many = f" of more than {MANY_FOR_UMAP} objects" if kind > 1 else ""
        return f" (the first{of_many} in a session, or after a cancel, takes longer, as it is compiled)"

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self._maps, "Save the map", "map.npz", "Maps (*.npz)")
        if path:
            self._panel.attempt(lambda: self.save_map(path))

    def save_map(self, path: str) -> None:
        """Save the map that was made or loaded last."""
        if self.model is None:
            raise InputError("There is no map yet. Press ‘Embed’ first.")
        path = ended(path, ".npz")
        save_embedding(self.model, path)
        self._panel.say(f"Map saved to {path}; ‘Place in a map…’ places other objects in it.")

    def _ask_place(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._maps, "Place in a map", "", "Maps (*.npz)")
        if path:
            self._panel.attempt(lambda: self.place_in(path))

    def place_in(self, path: str) -> None:
        """Place the objects in a saved map."""
        panel = self._panel
        model = load_embedding(path)
        objects = panel.objects

        def show(result: Any) -> None:
            new, placement = result
            if not panel.keep_columns(objects, new, model.parameters | {"placed": "in a map made before"}):
                return
            self.model = model
            self._maps.allow_save(True)
            if len(placement.column_names) > 1:
                panel.show_axes(*placement.column_names[:2])
            panel.say(placement.note)

        panel.jobs.start("Placing", lambda progress: place_table(model, objects.table, progress=progress), show)

    # -------------------------------------------------------------------------------------------- clusters
    def _space(self) -> tuple[list[str], dict[str, Any]]:
        """Return the columns to cluster by, and how they are made comparable."""
        if self._clusters.space.currentData() == "plot":
            x, y = self._panel.plot.names
            # A map is clustered as it is drawn, but of two measurements that of larger numbers would decide alone.
            return list(dict.fromkeys((x, y))), {"scaling": "none"} if one_map(x, y) else self._data.options()
        return self._data.columns.checked(), self._data.options()

    def _map_in_view(self) -> dict[str, Any]:
        """Return how the map was made that is clustered, if it is one that can be made again; else nothing."""
        panel = self._panel
        if self._clusters.space.currentData() != "plot":
            return {}
        made = [layers.made_by(panel.pool.layers[0], name) for name in panel.plot.names]
        return made[0] if made[0] == made[1] and can_be_repeated(made[0]) else {}

    def cluster(self) -> None:
        """Cluster the objects."""
        panel, clusters = self._panel, self._clusters
        objects, method, seed = panel.objects, clusters.name, clusters.seed.value()
        columns, options = self._space()
        options |= clusters.options()

        def show(result: NewClusters) -> None:
            if not panel.keep_columns(objects, result.table, result.clustering.parameters):
                return
            panel.show_colour(result.name)
            panel.say(result.note)

        panel.jobs.start(
            clusters.method.currentText(),
            lambda progress: cluster_table(objects.table, columns, method, seed=seed, progress=progress, **options),
            show,
        )

    def suggest(self) -> None:
        """Compare numbers of clusters and take the one of the best silhouette."""
        panel, clusters = self._panel, self._clusters
        objects, method, seed = panel.objects, clusters.name, clusters.seed.value()
        columns, options = self._space()

        def show(result: Any) -> None:
            if not still_shown(panel, objects):
                return
            clusters.n_clusters.setValue(result.by_silhouette)
            lines = ["k: silhouette, stability"]
            lines += [
                f"{int(k)}: {silhouette:.2f}, {stability:.2f}"
                for k, silhouette, stability in result.table[["k", "silhouette", "stability"]].to_numpy()
            ]
            clusters.tell("\n".join(lines))
            panel.say(result.note)

        panel.jobs.start(
            "Comparing numbers of clusters",
            lambda progress: suggest_k(objects.table, columns, method, seed=seed, progress=progress, **options),
            show,
        )

    def repeat(self) -> None:
        """Cluster several times and say how alike the results are."""
        panel, clusters = self._panel, self._clusters
        objects, method, seed = panel.objects, clusters.name, clusters.seed.value()
        table = objects.table
        columns, options = self._space()
        made = self._map_in_view()
        if made:
            columns, options, seed = made["columns"], again(made), made["seed"]
        own = clusters.options()
        n = own.pop("n_clusters", clusters.n_clusters.value())
        options |= {"cluster_options": own, "resample": knows_no_chance(method, made)}

        def show(result: Any) -> None:
            new, name, stability = result
            if not panel.keep_columns(objects, new, stability_made(stability, made)):
                return
            each = ", ".join(f"{k}: {value:.2f}" for k, value in enumerate(stability.clusters, start=1))
            of_each = f"Stability of the clusters (1 is best) – {each}." if each else "No cluster was found."
            if panel.objects.layers == objects.layers:
                clusters.tell(f"{of_each} Of each object: column ‘{name}’.")
            panel.say(stability.note)

        panel.jobs.start(
            "Repeated clustering",
            lambda progress: repeat_clusters(table, columns, method, n, seed=seed, progress=progress, **options),
            show,
        )


def still_shown(panel: Exploring, objects: layers.ObjectTable) -> bool:
    """Tell whether a panel still shows these objects; if not, say that what was found out about them was dropped."""
    if not panel.still_there(objects.layers[0]):
        return False
    if panel.objects.layers == objects.layers:
        return True
    panel.say("Other objects were chosen meanwhile, so the result was dropped.")
    return False


def _show_loadings(maps: MapForm, result: NewMap) -> None:
    loadings, names = result.embedding.loadings, result.embedding.prepared.columns
    maps.loadings.setVisible(loadings is not None)
    if loadings is None:
        return
    lines, variance = [], result.embedding.explained_variance_ratio
    for number, (axis, weights) in enumerate(zip(result.names[:2], loadings.T, strict=False)):
        strongest = sorted(zip(names, weights, strict=True), key=lambda pair: -abs(pair[1]))[:_MOST_LOADINGS]
        share = "" if variance is None else f" ({100 * variance[number]:.0f} % of the variance)"
        lines.append(f"{axis}{share}: " + ", ".join(f"{name} {weight:+.2f}" for name, weight in strongest))
    maps.loadings.setText("\n".join(lines))
    maps.loadings.setToolTip("Loadings: how strongly each measurement goes along with an axis of the map")
