"""A real napari viewer, and ways to act on it as a user does."""

import gc
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("napari")

from qtpy.QtCore import QEvent, QPoint, QPointF, QSettings, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication


@pytest.fixture(autouse=True)
def own_settings(tmp_path):
    """Keep what the user of this computer chose apart from the test."""
    where = QSettings.Format.IniFormat, QSettings.Scope.UserScope
    before = Path(QSettings(*where, "napari-bioloom").fileName()).parent
    QSettings.setPath(*where, str(tmp_path))
    yield
    QSettings.setPath(*where, str(before))


@pytest.fixture(autouse=True)
def little_to_search_for_garbage():
    """Leave only what the test makes to be searched for garbage.

    napari does that whenever a layer is removed, through all modules and what its own menus leave behind per viewer:
    half a second in the first test, three seconds in the last one.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def errors(monkeypatch):
    """Collect what is shown to the user as an error."""
    shown = []
    monkeypatch.setattr("bioloom.widgets._base.show_error", shown.append)
    return shown


@pytest.fixture
def cold(monkeypatch):
    """Spend no time on compiling UMAP before it is asked for."""
    from bioloom.session.worker_process import WorkerProcess

    monkeypatch.setattr(WorkerProcess, "warm_up", lambda self, large_tables=False: None)


def make_blobs(n_side=9, pitch=28, seed=0):
    """Round and elongated objects in a grid, their labels with gaps, and which of them are elongated."""
    from skimage.draw import ellipse

    rng = np.random.default_rng(seed)
    labels = np.zeros((n_side * pitch,) * 2, np.int32)
    long_ones = []
    for number in range(n_side**2):
        y, x = (np.array(divmod(number, n_side)) + 0.5) * pitch
        is_long = number % 2 == 1
        radii = (rng.uniform(10, 12), rng.uniform(3.5, 4.5)) if is_long else rng.uniform(6, 7.2, 2)
        place = ellipse(y, x, *radii, shape=labels.shape, rotation=rng.uniform(-0.3, 0.3))
        labels[place] = 10 + 3 * number
        if is_long:
            long_ones.append(10 + 3 * number)
    image = np.where(labels > 0, 120.0, 20.0) + rng.normal(0, 6, labels.shape)
    return labels, image.astype(np.float32), long_ones


@pytest.fixture
def blobs():
    """Return a function that makes round and elongated objects."""
    return make_blobs


class User:
    """Someone at the screen: opens panels, clicks, drags, and waits for what was started."""

    def __init__(self, viewer):
        self.viewer = viewer

    def look(self, seconds=0.05):
        """Let the application work for a moment."""
        end = time.monotonic() + seconds
        while True:
            QApplication.processEvents()
            # Only a running event loop deletes what is to be deleted later; without that, forms of long ago pile up.
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            if time.monotonic() >= end:
                return
            time.sleep(0.005)

    def until(self, condition, what, seconds=300):
        """Wait for something to become true."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            self.look(0.02)

    def wait(self, panel):
        """Wait until the panel's job is done."""
        looking = getattr(panel, "suggesting", panel.jobs)
        self.until(lambda: not panel.jobs.busy and not looking.busy, f"the job of {type(panel).__name__}")
        self.look()

    def open(self, name):
        """Open a panel from the Plugins menu."""
        docked = self.viewer.window.dock_widgets
        if f"{name} (Bioloom)" not in docked:
            self.plugins_menu(name)
        return docked[f"{name} (Bioloom)"]

    def plugins_menu(self, name):
        """Choose a panel in the Plugins menu: it opens, or if it is open, hides or shows again."""
        from napari._app_model import get_app_model

        commands = get_app_model().commands
        # Other versions of napari have other ids for these entries.
        ids = f"napari-bioloom.{name.lower().replace(' ', '_')}", f"napari-bioloom:{name}"
        commands.execute_command(next(i for i in ids if i in commands)).result()
        self.look()

    def clear(self):
        """Remove all layers, and let the window show that: Mesa crashes if others come before it could."""
        self.viewer.layers.clear()
        self.look(0.3)

    def menu(self, command, seconds=0.05):
        """Choose an entry of a menu, and let the application work for a moment."""
        from napari._app_model import get_app_model

        get_app_model().commands.execute_command(f"napari-bioloom.{command}").result()
        self.look(seconds)

    def sample(self, key):
        """Open a sample and return its layers by name."""
        self.viewer.open_sample("napari-bioloom", key)
        self.look()
        return {layer.name: layer for layer in self.viewer.layers}

    def paint(self, layer, label, path):
        """Paint a stroke with the layer's own brush, through its mouse events; `path` is in data coordinates."""
        layer.selected_label = label
        layer.mode = "paint"
        points = [layer.data_to_world(p) for p in path]
        event = _LayerEvent("mouse_press", points[0], list(self.viewer.dims.displayed))
        generators = [g for g in (callback(layer, event) for callback in layer.mouse_drag_callbacks) if g is not None]
        for g in generators:
            next(g, None)
        for point in points[1:]:
            event.type, event.position = "mouse_move", point
            for g in generators:
                next(g, None)
        event.type = "mouse_release"
        for g in generators:
            next(g, None)
        self.look()

    def click_object(self, layer, position, modifiers=()):
        """Click on a position of a labels layer, given in data coordinates, while it is in pan mode."""
        layer.mode = "pan_zoom"
        event = _LayerEvent("mouse_press", layer.data_to_world(position), list(self.viewer.dims.displayed), modifiers)
        for callback in list(layer.mouse_drag_callbacks):
            generator = callback(layer, event)
            if generator is None:
                continue
            next(generator, None)
            event.type = "mouse_release"
            next(generator, None)
            event.type = "mouse_press"
        self.look()

    def drag_on_canvas(self, path, modifiers=Qt.KeyboardModifier.NoModifier):
        """Drag along a path, or click a single point, on napari's canvas; points are world coordinates (y, x)."""
        canvas = self.viewer.window._qt_viewer.canvas
        transform = canvas.view.scene.transform
        points = [QPoint(*(round(float(c)) for c in transform.map([x, y, 0, 1])[:2])) for y, x in path]
        QTest.mouseMove(canvas.native, points[0])
        self.look()
        QTest.mousePress(canvas.native, Qt.MouseButton.LeftButton, modifiers, points[0])
        for point in points[1:]:
            QTest.mouseMove(canvas.native, point)
            self.look(0.02)
        QTest.mouseRelease(canvas.native, Qt.MouseButton.LeftButton, modifiers, points[-1])
        self.look(0.1)

    def drag(self, widget, points, modifiers=Qt.KeyboardModifier.NoModifier):
        """Press, move and release the left mouse button on a widget."""
        kinds = [
            QMouseEvent.Type.MouseButtonPress,
            *[QMouseEvent.Type.MouseMove] * len(points),
            QMouseEvent.Type.MouseButtonRelease,
        ]
        for kind, (x, y) in zip(kinds, [points[0], *points, points[-1]], strict=True):
            where = QPointF(x, y)
            button = Qt.MouseButton.NoButton if kind == QMouseEvent.Type.MouseMove else Qt.MouseButton.LeftButton
            event = QMouseEvent(kind, where, widget.mapToGlobal(where), button, Qt.MouseButton.LeftButton, modifiers)
            QApplication.sendEvent(widget, event)
        self.look()

    def lasso(self, plot, x, y, modifiers=Qt.KeyboardModifier.NoModifier):
        """Drag a lasso closely around points given in data coordinates."""
        left, top = plot.to_screen(np.min(x), np.max(y))
        right, bottom = plot.to_screen(np.max(x), np.min(y))
        m = 1.5
        corners = [(left - m, top - m), (right + m, top - m), (right + m, bottom + m), (left - m, bottom + m)]
        self.drag(plot, corners, modifiers)


class _LayerEvent:
    """What napari hands to a layer's mouse callbacks."""

    def __init__(self, kind, position, displayed, modifiers=()):
        self.type = kind
        self.position = tuple(position)
        self.pos = np.zeros(2)
        self.dims_displayed = displayed
        self.view_direction = None
        self.up_direction = None
        self.modifiers = modifiers
        self.is_dragging = True
        self.button = 1
        self.handled = False


@pytest.fixture
def viewer(make_napari_viewer):
    """Return a viewer in a window of a fixed size."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1500, 1000)
    return viewer


@pytest.fixture
def user(viewer):
    """Return someone who uses the viewer."""
    return User(viewer)


@pytest.fixture(autouse=True, scope="session")
def _npe2_knows_bioloom():
    """The plugin must be found as users find it: through its installed manifest."""
    from npe2 import PluginManager, PluginManifest

    PluginManager.instance().discover()
    assert "napari-bioloom" in PluginManager.instance()
    with pytest.MonkeyPatch.context() as patch:
        # What is installed stays the same, but every viewer would read all manifests again.
        patch.setattr(PluginManifest, "discover", lambda paths=(): iter(()))
        yield
