"""What the benchmarks share: an image of many objects, a device, and a way to time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bioloom import device
from bioloom.errors import DeviceError

# So that benchmarks find the modules beside them.
sys.path.insert(0, str(Path(__file__).parent))

Array = NDArray[Any]
SIDE = 2048


@pytest.fixture(scope="session")
def truth() -> Array:
    """10 000 touching or nearly touching ellipses, (2048, 2048)."""
    rng = np.random.default_rng(0)
    labels = np.zeros((SIDE, SIDE), np.uint32)
    step = SIDE / 100
    for i in range(10_000):
        y, x = (np.array(divmod(i, 100)) + 0.5) * step + rng.uniform(-2, 2, 2)
        a, b, angle = rng.uniform(6, 10), rng.uniform(4, 8), rng.uniform(0, np.pi)
        top, left = max(int(y) - 12, 0), max(int(x) - 12, 0)
        yy, xx = np.mgrid[top : min(top + 25, SIDE), left : min(left + 25, SIDE)]
        u = (yy - y) * np.sin(angle) + (xx - x) * np.cos(angle)
        v = (yy - y) * np.cos(angle) - (xx - x) * np.sin(angle)
        labels[yy, xx] = np.where((u / a) ** 2 + (v / b) ** 2 < 1, i + 1, labels[yy, xx])
    assert len(np.unique(labels)) == 10_001
    return labels


@pytest.fixture(scope="session")
def image(truth: Array) -> Array:
    """A noisy fluorescence image of them, uint16."""
    rng = np.random.default_rng(1)
    brightness = rng.uniform(300, 900, int(truth.max()) + 1)
    brightness[0] = 60
    return rng.poisson(ndimage.gaussian_filter(brightness[truth], 1.5)).astype(np.uint16)


@pytest.fixture(scope="session")
def cle() -> Iterator[Any]:
    try:
        device.select("opencl")
    except DeviceError as error:
        pytest.skip(str(error))
    yield device.clesperanto()
    device.select("numpy")


def _timed(
    benchmark: Any, function: Callable[[], Any], amount: float, unit: str, rounds: int = 5, warm: bool = True
) -> Any:
    """Time a function; its first call, which may compile or load, is left out if `warm`."""
    result = benchmark.pedantic(function, rounds=rounds, warmup_rounds=int(warm))
    if benchmark.stats:  # None with --benchmark-disable
        benchmark.extra_info[unit] = round(amount / benchmark.stats.stats.min, 3)
    return result


@pytest.fixture(scope="session")
def timed() -> Callable[..., Any]:
    """Times a function: ``timed(benchmark, function, amount, unit, rounds=5, warm=True)``."""
    return _timed
