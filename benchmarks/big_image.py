"""Memory and time to classify a Zarr image of 16 384 × 16 384 pixels: ``python benchmarks/big_image.py [SIDE]``.

Memory is how far the process's peak rises above what it held before the prediction; the image and the result are on
disk.
"""

from __future__ import annotations

import resource
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import zarr

from bioloom import samples
from bioloom.classify import PRESETS, PixelClassifier

TILE = 2048


def resident() -> int:
    """Return the bytes this process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class Peak:
    """Watches the memory of this process from a thread of its own."""

    def __enter__(self) -> Peak:
        self.before = self.highest = resident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            self.highest = max(self.highest, resident())

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def leave_no_files() -> None:
    """Let the process end in order, with its files removed, where it is stopped from outside, as `timeout` does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def main(side: int = 16_384) -> None:
    sample = samples.nuclei_2d(shape=(TILE, TILE), n_nuclei=1500, seed=1)
    annotation = samples.strokes(sample.labels, n_pixels=5000, seed=0)
    classifier = PixelClassifier(PRESETS["small, medium and large objects"])
    classifier.fit(sample.image, annotation)
    expected = classifier.predict(sample.image)
    with tempfile.TemporaryDirectory() as folder:
        image = zarr.open(f"{folder}/image.zarr", mode="w", shape=(side, side), chunks=(512, 512), dtype=np.uint16)
        for y in range(0, side, TILE):
            for x in range(0, side, TILE):
                image[y : y + TILE, x : x + TILE] = sample.image[: side - y, : side - x]
        out = zarr.open(f"{folder}/classes.zarr", mode="w", shape=image.shape, chunks=(512, 512), dtype=np.uint8)
        with Peak() as peak:
            start = time.perf_counter()
            classifier.predict(image, out=out)
            seconds = time.perf_counter() - start
        inner = (slice(100, TILE - 100), slice(100, TILE - 100))
        assert np.array_equal(out[:TILE, :TILE][inner], expected[inner])
    print(f"{side} x {side}: {seconds:.1f} s, {side * side / seconds / 1e6:.1f} Mpx/s, ", end="")
    print(f"{(peak.highest - peak.before) / 2**20:.0f} MiB more memory at most")


if __name__ == "__main__":
    leave_no_files()
    main(*map(int, sys.argv[1:]))
