"""Memory and time to measure Zarr labels of up to 400 million pixels: ``python benchmarks/big_labels.py [MPX …]``.

Labels and image are on disk. Memory is how far the process's peak rises above what it held before; the image of the
first size is also measured in memory, and the tables are compared.
"""

from __future__ import annotations

import sys
import tempfile
import time

import numpy as np
import zarr
from big_image import Peak

from bioloom.measure import measure

CHUNK, CELL, WIDTH = 1000, 20, 10_000
SUMS = (
    "area", "centroid", "bbox", "axis_major_length", "axis_minor_length", "orientation", "intensity_mean",
    "intensity_std", "intensity_min", "intensity_max", "intensity_skewness", "intensity_edge_mean",
    "centroid_weighted", "touching_neighbor_count", "moments_central",
)  # fmt: skip
PIXELS = (*SUMS, "intensity_median", "intensity_mad", "perimeter", "solidity")


def write(folder: str, mpx: int) -> tuple[zarr.Array, zarr.Array]:
    """Write disks of several sizes, numbered over all rows, and a noisy image of them."""
    height = mpx * 1_000_000 // WIDTH
    labels = zarr.open(f"{folder}/labels{mpx}", mode="w", shape=(height, WIDTH), chunks=(CHUNK, CHUNK), dtype=np.uint32)
    image = zarr.open(f"{folder}/image{mpx}", mode="w", shape=(height, WIDTH), chunks=(CHUNK, CHUNK), dtype=np.uint16)
    rng = np.random.default_rng(0)
    grid = np.hypot(*(np.mgrid[:CELL, :CELL] - CELL / 2 + 0.5))
    rows, columns = CHUNK // CELL, WIDTH // CELL
    for y in range(0, height, CHUNK):
        disks = grid < rng.uniform(6, 11, (rows, columns, 1, 1))
        numbers = np.arange(1, rows * columns + 1, dtype=np.uint32).reshape(rows, columns, 1, 1)
        numbers += np.uint32(y // CELL * columns)
        part = np.where(disks, numbers, 0).swapaxes(1, 2).reshape(CHUNK, WIDTH)
        # Disks are shifted, so that they lie across the borders of chunks too; the last are cut off.
        part = np.roll(part, CELL // 2, axis=1)
        part[:, : CELL // 2] = 0
        labels[y : y + CHUNK] = part
        image[y : y + CHUNK] = (300 * (part > 0) + rng.integers(0, 200, part.shape, np.uint16)).astype(np.uint16)
    return labels, image


def main(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for mpx in sizes:
            labels, image = write(folder, mpx)
            for name, properties in (("sums", SUMS), ("sums, ranks, perimeter and hull", PIXELS)):
                measure(np.ones((20, 20), int), np.ones((20, 20), np.uint16), properties=properties)
                with Peak() as memory:
                    start = time.perf_counter()
                    table = measure(labels, image, properties=properties, block_shape=(2000, 2000))
                    seconds = time.perf_counter() - start
                rise = (memory.highest - memory.before) / 1e6
                print(
                    f"{mpx} Mpx, {len(table):,} objects, {len(properties)} measurements ({name}): {seconds:.1f} s, "
                    f"{1e3 * seconds / mpx:.0f} ms per Mpx, memory + {rise:.0f} MB, "
                    f"of which the table is {table.memory_usage().sum() / 1e6:.0f} MB",
                    flush=True,
                )
                if mpx == sizes[0]:
                    whole = measure(labels[:], image[:], properties=properties)
                    for column in whole:
                        scale = np.abs(whole[column]).max()
                        np.testing.assert_allclose(table[column], whole[column], rtol=1e-9, atol=1e-9 * scale)


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [40, 100, 400])
