"""How long a preview waits: from turning a setting to the plane in view that answers it.

``pytest benchmarks/test_process.py --benchmark-only``; the tests with a window need a display and napari.
"""

from __future__ import annotations

import os
import time
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bioloom.recipe.catalogue import get_operation
from bioloom.samples import nuclei_2d
from bioloom.session.processing import preview

pytestmark = pytest.mark.filterwarnings("ignore")

SIDE = 2048
ROUNDS = 7
TURNED = {
    "gaussian_blur": ("sigma", (2.0, 2.5)),
    "threshold_otsu": ("", ()),
    "threshold_constant": ("threshold", (300.0, 320.0)),
    "voronoi_otsu_labeling": ("spot_sigma", (5.5, 6.0)),
}


@pytest.fixture(scope="module")
def image() -> NDArray[Any]:
    return nuclei_2d(shape=(SIDE, SIDE), n_nuclei=1500, seed=1).image


def known(name: str) -> Any:
    try:
        return get_operation(name)
    except Exception:
        pytest.skip(f"there is no {name}")


@pytest.mark.parametrize("name", TURNED)
def test_computing_a_preview(benchmark: Any, image: NDArray[Any], name: str) -> None:
    """Without a window."""
    operation = known(name)
    setting, values = TURNED[name]
    turn = cycle(values) if values else None
    benchmark.group = "computing a preview, 2048²"
    benchmark.pedantic(
        lambda: preview(operation, {operation.arrays[0].name: image}, {setting: next(turn)} if turn else {}, ()),
        rounds=ROUNDS,
        warmup_rounds=2,
    )


@pytest.fixture(scope="module")
def window(image: NDArray[Any]) -> Any:
    """A napari window with the panel."""
    napari = pytest.importorskip("napari")
    if not (os.environ.get("DISPLAY") or os.name == "nt"):
        pytest.skip("needs a display, such as xvfb-run gives")
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1500, 1000)
    layer = viewer.add_image(image, name="image")
    _, panel = viewer.window.add_plugin_dock_widget("napari-bioloom", "Process")
    yield viewer, panel, layer
    viewer.close()


@pytest.mark.parametrize("name", TURNED)
def test_turning_a_setting_to_the_new_preview(benchmark: Any, window: Any, name: str) -> None:
    """Through the panel: the delay after a change, the worker, the layer. Goals: 0.1 s, Voronoi–Otsu 0.5 s."""
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QApplication

    _, panel, layer = window
    known(name)
    setting, values = TURNED[name]
    panel.choose(name, layer)
    panel.preview_box.setChecked(True)
    shown: list[float] = []
    show = panel.preview._show
    # The moment at which the layer has its new pixels.
    panel.preview._show = lambda *args: (show(*args), shown.append(time.perf_counter()))
    turn = cycle(values) if values else None

    def once() -> None:
        shown.clear()
        if turn is None:
            panel.preview.request()
        else:
            panel.settings[setting].value = next(turn)
        end = time.perf_counter() + 20
        while not shown:
            assert time.perf_counter() < end, "a preview"
            QApplication.processEvents()
            time.sleep(0.001)

    try:
        QTest.qWait(500)
        once()
        benchmark.group = "setting turned to preview shown, 2048²"
        benchmark.pedantic(once, setup=lambda: QTest.qWait(200), rounds=ROUNDS, warmup_rounds=2)
    finally:
        del panel.preview._show
        panel.preview_box.setChecked(False)
        QTest.qWait(100)
    if benchmark.stats:
        benchmark.extra_info["median s"] = round(float(np.median(benchmark.stats.stats.data)), 3)
