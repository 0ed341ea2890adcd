"""What `nuclei_accuracy.py` asks of a method: which images to learn from, and which to apply that to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

Array = NDArray[Any]

N_MIXED = 10
"""Pairs of fluorescence images of any size that are learnt from."""


@dataclass(frozen=True)
class Picture:
    """An image with its truth."""

    name: str
    image: Array
    truth: Array

    @property
    def modality(self) -> str:
        """RGB is stained tissue, grey and mostly bright is brightfield."""
        if self.image.ndim == 3:
            return "stained, RGB"
        bright = np.median(self.image) > np.iinfo(self.image.dtype).max / 2
        return "brightfield" if bright else "fluorescence"

    @property
    def kind(self) -> str:
        """The modality and the size."""
        return f"{self.modality}, {self.image.shape[0]}×{self.image.shape[1]}"


@dataclass(frozen=True)
class Task:
    """Learn from the sources with strokes of a seed, apply to the targets."""

    kind: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    seed: int
    first: bool
    mixed: bool = False


def read(folder: Path) -> list[Picture]:
    """Read all images that have a truth."""
    pictures = []
    for path in sorted((folder / "images").glob("*.tif")):
        truth = folder / "labels" / path.name
        if truth.exists():
            pictures.append(Picture(path.stem, tifffile.imread(path), tifffile.imread(truth)))
    if not pictures:
        raise SystemExit(f"{folder} has no images/*.tif with labels/*.tif of the same names.")
    return pictures


def tasks(pictures: list[Picture], seeds: Sequence[int]) -> list[Task]:
    """Return all tasks.

    Within a kind, every two images in turn are the sources and the others the targets; where a kind has but two images,
    one is the source of the other. Across kinds, the sources are two fluorescence images of any size, drawn once, and
    the targets all other fluorescence images. The tasks of the first seed, and the first three across kinds, are those
    that settings are chosen by.
    """
    found = []
    kinds = defaultdict(list)
    for picture in pictures:
        kinds[picture.kind].append(picture.name)
    for kind, names in kinds.items():
        for sources in combinations(names, 1 if len(names) == 2 else 2):
            targets = tuple(n for n in names if n not in sources)
            if targets:
                found += [Task(kind, sources, targets, seed, seed == seeds[0]) for seed in seeds]
    names = [p.name for p in pictures if p.modality == "fluorescence"]
    pairs = list(combinations(names, 2))
    drawn = np.random.default_rng(1).permutation(len(pairs))[:N_MIXED] if len(names) > 2 else []
    for count, number in enumerate(drawn):
        targets = tuple(n for n in names if n not in pairs[number])
        seed = seeds[count % len(seeds)]
        found.append(Task("fluorescence, all sizes", pairs[number], targets, seed, count < 3, mixed=True))
    return found
