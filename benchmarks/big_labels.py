"""Memory and time to measure large Zarr labels: ``python benchmarks/big_labels.py [far] [MPX …]``, up to 400 Mpx.

With `far`, what looks farther than the pixels of an object, and what needs its pixels in order, is measured instead.
Labels and image are on disk. Memory is how far the process's peak rises above what it held before; the image of the
first size is also measured in memory, and the tables are compared.
"""

from __future__ import annotations

import sys
import tempfile
import time

import numpy as np
import zarr
from big_image import Peak, leave_no_files

from bioloom.measure import measure

CHUNK, CELL, WIDTH = 1000, 20, 10_000
SUMS = (
    "area", "centroid", "bbox", "axis_major_length", "axis_minor_length", "orientation", "intensity_mean",
    "intensity_std", "intensity_min", "intensity_max", "intensity_skewness", "intensity_edge_mean",
    "centroid_weighted", "touching_neighbor_count", "moments_central",
)  # fmt: skip
PIXELS = (*SUMS, "intensity_median", "intensity_mad", "perimeter", "solidity")
FAR = ("neighbours", "surface_neighbor_count_within=5", "radial", "texture", "colocalisation", "feret_diameter_min")


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


def main(sizes: list[int], far: bool) -> None:
    groups = {"sums": SUMS, "sums, ranks, perimeter and hull": PIXELS}
    if far:
        groups = {"neighbours, rings, texture, colocalisation": FAR}
    with tempfile.TemporaryDirectory() as folder:
        for mpx in sizes:
            labels, image = write(folder, mpx)
            images = {"a": image, "b": image} if far else image
            for name, properties in groups.items():
                small = np.arange(400, dtype=np.uint16).reshape(20, 20)
                measure(small // 200, {"a": small, "b": small} if far else small, properties=properties)
                with Peak() as memory:
                    start = time.perf_counter()
                    table = measure(labels, images, properties=properties, block_shape=(2000, 2000))
                    seconds = time.perf_counter() - start
                rise = (memory.highest - memory.before) / 1e6
                print(
                    f"{mpx} Mpx, {len(table):,} objects, {table.shape[1] - 1} columns ({name}): {seconds:.1f} s, "
                    f"{1e3 * seconds / mpx:.0f} ms per Mpx, memory + {rise:.0f} MB, "
                    f"of which the table is {table.memory_usage().sum() / 1e6:.0f} MB",
                    flush=True,
                )
                if mpx == sizes[0]:
                    whole = measure(
                        labels[:], {c: i[:] for c, i in images.items()} if far else image[:], properties=properties
                    )
                    for column in whole:
                        scale = np.abs(whole[column]).max()
                        np.testing.assert_allclose(
                            table[column], whole[column], rtol=1e-9, atol=1e-9 * scale, err_msg=column
                        )


if __name__ == "__main__":
    leave_no_files()
    arguments = sys.argv[1:]
    main([int(a) for a in arguments if a != "far"] or [40, 100, 400], "far" in arguments)
